"""One pace for several hosts, on a simulated clock: together they use a limit as one host does, and pause together.

The same on the wire: `make bench ONLY=workers`, tests/stories/test_workers.py.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from benchmarks.simulated_api import Bucket, Run, Stray, Takes, simulate
from pipeline.core.api.shared_pace import NEAR_S, Answers, Said, SharedPace, Told
from pipeline.workers.pace_share import PaceShare
from tests.seeds import SOAK, some

SEEDS = [1, 2, 3] if SOAK else [1]


def together(hosts: int, takes: Takes, *, seconds: float = 20.0, **how: float | int) -> Run:
    """A load of so many hosts, whose pace is kept as JSON by a clock of its own."""
    shares, kept = [PaceShare() for _ in range(hosts)], ["{}"]

    def exchange(number: int, now: float) -> float:
        shared = SharedPace.of(json.loads(kept[0]), None)
        share = shares[number]
        said = share.said(now)
        share.take_up(shared.exchange(str(number), said, now + 1e9), said, now)
        kept[0] = json.dumps(shared.as_json())
        return share.again_s

    first, *others = shares
    return simulate(first, takes, seconds=seconds, others=others, exchange=exchange, **how)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("hosts", [2, 4])
@pytest.mark.parametrize(("limit", "saved"), some([(200.0, 200.0), (200.0, 20.0), (1000.0, 1000.0)], 2))
def test_hosts_use_a_limit_up_with_few_refusals(limit: float, saved: float, hosts: int) -> None:
    for seed in SEEDS:
        run = together(hosts, Bucket(limit, saved), latency_s=0.02, seed=seed)
        assert len(run.useful) >= 0.9 * limit * 20
        assert run.limited_share <= 0.05


def test_429s_at_random_do_not_slow_them_down() -> None:
    free = together(3, lambda _: True, latency_s=0.2)
    run = together(3, Stray(0.02, random.Random(1)), latency_s=0.2)  # noqa: S311 (refusals)
    assert len(run.useful) >= 0.7 * len(free.useful)


def test_a_pause_that_one_host_is_asked_for_is_kept_by_all() -> None:
    refused_at: list[float] = []

    def once(now: float) -> bool:
        if now >= 5 and not refused_at:
            refused_at.append(now)
            return False
        return True

    run = together(4, once, seconds=9, latency_s=0.02, retry_after_s=2.0)
    closed = [at for at in run.starts if refused_at[0] + 0.1 < at < refused_at[0] + 1.9]
    assert closed == []
    assert any(at > refused_at[0] + 2 for at in run.starts)


def told(per_second: float = 10.0, *, round_began: float = 0.0, pause_s: float = 0.0) -> Told:
    return Told(round_began, per_second, pause_s, 0.02)


def nothing(round_began: float = float("-inf")) -> Said:
    return Said(round_began, Answers(), Answers(), 0.0)


def test_who_is_not_heard_of_leaves_its_share_to_the_others() -> None:
    shared = SharedPace.of({}, 100.0)
    shared.exchange("a", nothing(), 10.0)
    shared.pace.answered(10.0, 10.0)
    for _ in range(50):
        shared.pace.answered(10.0, 10.0)
    assert shared.exchange("b", nothing(), 10.1).per_second == 50.0
    assert shared.exchange("b", nothing(), 10.1 + NEAR_S).per_second == 100.0


def test_what_was_sent_before_a_round_was_known_is_told_apart() -> None:
    share = PaceShare()
    share.answered(1.0, 0.9)
    share.take_up(told(round_began=7.0), nothing(), 1.0)
    share.answered(1.2, 0.99)
    share.answered(1.2, 1.1)
    share.refused(1.2, 1.1)
    said = share.said(1.3)
    assert said == Said(7.0, Answers(1, 1), Answers(2, 0), 0.0)
    share.answered(1.35, 1.3)
    share.take_up(told(round_began=7.0), said, 1.4)
    assert share.said(1.4) == Said(7.0, Answers(1, 0), Answers(), 0.0)


def test_a_turn_at_a_slower_rate_is_not_waited_for() -> None:
    share = PaceShare()
    share.take_up(told(0.1), nothing(), 0.0)
    assert share.reserve(0.0) == 0.0
    share.take_up(told(100.0), nothing(), 0.1)
    assert share.reserve(0.1) <= 0.01


def many_refused(shared: SharedPace, now: float) -> None:
    shared.exchange("a", Said(shared.pace.round_began, Answers(0, 100), Answers(), 600.0), now)


def test_a_clock_that_was_set_back_begins_anew() -> None:
    shared = SharedPace.of({}, None)
    many_refused(shared, 1000.0)
    assert shared.exchange("a", nothing(), 1001.0).pause_s > 500
    assert shared.exchange("a", nothing(), 400.0).pause_s == 0.0


@pytest.mark.parametrize("change", [lambda kept: kept["pace"].pop("_sure"), lambda kept: kept.update(new=1)])
def test_what_another_version_has_kept_is_read(change: Callable[[dict[str, object]], object]) -> None:
    shared = SharedPace.of({}, None)
    many_refused(shared, 1000.0)
    kept = json.loads(json.dumps(shared.as_json()))
    change(kept)
    assert SharedPace.of(kept, None).exchange("a", nothing(), 1001.0).pause_s > 500
