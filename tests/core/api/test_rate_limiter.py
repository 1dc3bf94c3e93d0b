"""The pace: a random 429 costs its own request only; a true limit is used up with few refusals.

On a simulated clock (benchmarks/simulated_api.py): 64 slots, and APIs with limits of every kind. The same on the wire:
tests/load/test_pace_and_fairness.py. Figures of all cases: docs/reliability.md.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

import pytest

from benchmarks.simulated_api import Bucket, FixedWindow, Shared, SlidingWindow, Stray, Takes, simulate
from pipeline.core.api.rate_limiter import FIRST_STARTS, IDLE_S, NOTICE_S, Pace
from tests.seeds import SOAK, some

SEEDS = [1, 2, 3]


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - nothing secret


def always(_: float) -> bool:
    return True


def once_refused(at_s: float) -> Takes:
    """Takes everything but one request."""
    refused: list[float] = []

    def takes(now: float) -> bool:
        if now >= at_s and not refused:
            refused.append(now)
            return False
        return True

    return takes


# -- chance --------------------------------------------------------------------------------------------------


@cache
def useful_without_429s(latency_s: float) -> int:
    return len(simulate(Pace(), always, seconds=20, latency_s=latency_s).useful)


@pytest.mark.slow
@pytest.mark.parametrize("latency_s", [0.01, 0.2])
@pytest.mark.parametrize(
    ("share", "at_least"), some([(0.001, 0.7), (0.005, 0.7), (0.01, 0.7), (0.02, 0.7), (0.05, 0.5)], 2)
)
def test_429s_at_random_leave_most_of_the_rate(share: float, at_least: float, latency_s: float) -> None:
    """Of the rate that goes without them; 20 s with the start, three seeds each with SOAK."""
    without = useful_without_429s(latency_s)
    for seed in SEEDS if SOAK else SEEDS[:1]:
        run = simulate(Pace(), Stray(share, seeded(seed)), seconds=20, latency_s=latency_s, seed=seed)
        assert len(run.useful) >= at_least * without, seed


@pytest.mark.parametrize("at_s", [0.03, 0.5, 10.0])
def test_one_stray_429_costs_nearly_nothing(at_s: float) -> None:
    """A run that does 1 000/s."""
    run = simulate(Pace(), once_refused(at_s), workers=50, seconds=15, latency_s=0.05)
    assert len(run.limited) == 1
    assert len(run.useful) >= 1000 * (15 - 0.7)


def test_chance_is_told_from_a_limit_below_it() -> None:
    """2 % at random, and a limit of 500/s."""
    for seed in SEEDS:
        api = Stray(0.02, seeded(seed), Bucket(500, 500))
        run = simulate(Pace(), api, seconds=60, seed=seed)
        assert len(run.useful) >= 0.7 * 500 * 60
        assert run.limited_share <= 0.07


# -- limits --------------------------------------------------------------------------------------------------

SAVING: dict[str, tuple[Callable[[float], Takes], float]] = {
    "saves a second": (lambda limit: Bucket(limit, limit), 1.0),
    "halved": (lambda limit: Bucket(limit, limit, ((30.0, limit / 2),)), 0.75),
    "doubled": (lambda limit: Bucket(limit, limit, ((30.0, limit * 2),)), 1.5),
}


@pytest.mark.parametrize("kind", SAVING)
@pytest.mark.parametrize("limit", [50, 500])
def test_a_limit_is_used_to_nine_tenths_with_few_refusals(limit: float, kind: str) -> None:
    api, of_it = SAVING[kind]
    for seed in SEEDS:
        run = simulate(Pace(), api(limit), seed=seed)
        assert len(run.useful) >= 0.9 * of_it * limit * 60, seed
        assert run.limited_share <= 0.05, seed


def test_what_another_client_leaves_is_used() -> None:
    """It takes half, at random moments, and does not slow down."""
    for seed in SEEDS:
        api = Shared(Bucket(500, 500), 250, seeded(seed))
        run = simulate(Pace(), api, seed=seed)
        assert len(run.useful) >= 0.9 * (500 * 60 - api.taken_by_others)
        assert run.limited_share <= 0.05


@pytest.mark.parametrize(
    "api",
    [
        Bucket(5, 5),
        Bucket(50, 6),
        Bucket(500, 51),
        Bucket(5, 1),
        FixedWindow(50),
        SlidingWindow(500),
    ],
    ids=["5/s", "50/s, a tenth", "500/s, a tenth", "5/s, strict", "50 in each second", "500 in any second"],
)
def test_few_or_unsaved_requests_are_used_to_eight_tenths(api: Bucket | FixedWindow | SlidingWindow) -> None:
    run = simulate(Pace(), api)
    assert len(run.useful) >= 0.8 * api.per_second * 60
    assert run.limited_share <= 0.07


@pytest.mark.parametrize("limit", [5, 50, 500])
def test_a_limit_with_retry_after_is_used_as_well(limit: float) -> None:
    run = simulate(Pace(), Bucket(limit, limit), latency_s=0.05, retry_after_s=1.0)
    assert len(run.useful) >= (0.8 if limit == 5 else 0.9) * limit * 60
    assert run.limited_share <= 0.06


# -- the start, and what we are told -------------------------------------------------------------------------


def test_the_slow_start_costs_less_than_half_a_second() -> None:
    run = simulate(Pace(), always, workers=50, seconds=5, latency_s=0.05)
    assert len(run.useful) >= 1000 * (5 - 0.5)


def test_the_first_requests_do_not_all_go_at_once() -> None:
    run = simulate(Pace(), always, workers=1000, seconds=0.04, latency_s=0.05)
    assert FIRST_STARTS <= len(run.starts) <= 2 * FIRST_STARTS


@pytest.mark.parametrize("per_second", [0.5, 1.0, 7.5, 50.0, 400.0])
@pytest.mark.parametrize("takes", [always, once_refused(3.0)])
def test_a_limit_of_our_own_is_never_exceeded(per_second: float, takes: Takes) -> None:
    run = simulate(Pace(per_second), takes, seconds=20, latency_s=0.05)
    for first, start in enumerate(run.starts):
        within_a_second = sum(start <= at < start + 1 for at in run.starts[first : first + 500])
        assert within_a_second <= per_second * 1.05 + 1
    if takes is always:
        assert len(run.starts) >= per_second * 20 * 0.98


def test_our_own_limit_holds_beside_a_stricter_one_of_the_api() -> None:
    run = simulate(Pace(200.0), Bucket(50, 50), seconds=30)
    assert len(run.useful) >= 0.9 * 50 * 30
    assert run.limited_share <= 0.05


def test_everybody_waits_while_the_api_asks_for_a_pause() -> None:
    run = simulate(Pace(), once_refused(1.0), seconds=12, latency_s=0.05, retry_after_s=7.0)
    told = run.limited[0]
    assert [at for at in run.starts if told < at < told + 6.99] == []
    assert run.useful_between(told + 7, told + 9) > 100


def test_nobody_but_the_refused_one_waits_where_no_pause_is_asked_for() -> None:
    run = simulate(Pace(), once_refused(1.0), seconds=3, latency_s=0.05)
    told = run.limited[0]
    assert len([at for at in run.starts if told < at < told + 0.5]) > 400


def test_a_longer_pause_counts_and_a_shorter_one_does_not_open_the_gate() -> None:
    pace = Pace()
    assert pace.reserve(10.0) == 0
    pace.refused(10.1, 10.0, 5.0)
    pace.refused(10.2, 10.0, 1.0)
    assert pace.reserve(15.05) > 0
    assert pace.reserve(15.1) == 0
    pace.refused(15.2, 15.1, 30.0)
    assert pace.reserve(45.15) > 0
    assert pace.reserve(45.2) == 0


def test_who_waits_is_asked_back_soon_enough_to_hear_of_a_change() -> None:
    pace = Pace()
    pace.reserve(0.0)
    pace.refused(0.1, 0.0, 300.0)
    assert 0 < pace.reserve(0.2) <= NOTICE_S


def test_waiting_costs_few_questions() -> None:
    run = simulate(Pace(), Bucket(5, 5), seconds=20)
    assert run.asked < 20 * 40


def test_a_pause_between_two_files_does_not_lower_the_rate() -> None:
    api = Bucket(100, 100)
    pace, now = Pace(), 0.0

    def load(seconds: float) -> int:
        nonlocal now
        useful, until = 0, now + seconds
        while now < until:
            if pace.reserve(now) == 0:
                if api(now):
                    pace.answered(now + 0.005, now)
                    useful += 1
                else:
                    pace.refused(now + 0.005, now)
            now += 0.001
        return useful

    load(30)
    now += 100 * IDLE_S
    assert load(20) >= 100 * 20 * 0.9
