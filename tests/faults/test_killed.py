"""The client is killed, by the API itself or at random moments, and started again until it is done."""

from __future__ import annotations

import os
import time
from random import Random

import pytest

from pipeline.sandbox import faults, seeded
from pipeline.sandbox.faults import Scripted, Window
from pipeline.sandbox.seeded import Seeded
from pipeline.sandbox.switches import Switches
from tests.faults.conftest import Open
from tests.faults.files import rows
from tests.faults.rig import KILLED, Killer, Rig, finish
from tests.seeds import SOAK, cases
from tests.world import first, posts

WINDOWS = [
    Window.BEFORE_RECEIPT,
    Window.AFTER_RECEIPT,
    Window.AFTER_CUSTOMER,
    Window.AFTER_ACCOUNT,
    Window.AFTER_BILL,
    Window.AFTER_REPLY,
]
SWITCHES = {
    "both defences": Switches(),
    "keys alone": Switches(allow_duplicate_references=True),
    "references alone": Switches(ignore_idempotency_keys=True),
}

SEED = int(os.environ.get("SOAK_SEED") or 3)


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.value)
def test_a_client_killed_by_the_api_at_its_first_middle_and_last_record_settles(
    open_rig: Open, window: Window
) -> None:
    """Each record opens a customer and an account of its own, so that every window comes.

    Without SOAK in all windows at the middle one, and in the one behind which a bill could double at all three.
    """
    rig = open_rig(max_in_flight=4)
    killer = Killer()
    file = rig.drop_rows("bill", [f"C{n},Name {n},A{n},B{n},ZAR,{n + 1}.10,2030-01-01," for n in range(31)])
    everywhere = SOAK or window is Window.AFTER_BILL
    for reference in ("B0", "B15", "B30") if everywhere else ("B15",):
        rig.api.faults = Scripted({first(posts(reference)): faults.callback(killer.kill, window)})
        assert killer.run(rig) == KILLED
    rig.run_until_done(rounds=2)
    assert rig.audit() == []
    assert rig.outcomes(file) == ["created"] * 31


def kill_until_done(rig: Rig, random: Random, kills: int, records: int) -> int:
    """Starts runs and kills each; returns how many were killed before one ended by itself.

    Most die while they send, spread so that all kills fit into the file; every fifth while it starts, checks or
    looks at what is in doubt.
    """
    for killed in range(kills):
        before = rig.api.count()
        client = rig.start("run")
        if killed % 5 == 4:
            time.sleep(random.uniform(0.3, 1.5))
        else:
            until = before + random.randint(1, 2 * records // kills)
            while client.poll() is None and rig.api.count() < until:
                time.sleep(0.002)
            time.sleep(random.uniform(0, 0.02))
        client.kill()
        if finish(client) != KILLED:
            return killed
    return kills


@pytest.mark.parametrize("defences", SWITCHES if SOAK else ["both defences"])
def test_killed_at_random_moments_among_mixed_faults_nothing_is_lost_or_doubled(
    open_rig: Open, defences: str
) -> None:
    """600 bills, 10 % faults, 6 kills (with SOAK 500 among 50 000 bills)."""
    mix = seeded.HONEST if defences == "keys alone" else seeded.PASSING
    chosen = Seeded(SEED, 0.1, mix, slow_s=0.5)
    rig = open_rig(SWITCHES[defences], chosen, max_in_flight=32, max_retry_s=20)
    files, kills, records = (25, 20, 2000) if SOAK else (1, 6, 600)
    killed = 0
    for number in range(files):
        file = rig.drop_rows("bill", rows("bill", records, SEED + number, prefix=f"f{number}-"), str(number))
        killed += kill_until_done(rig, Random(SEED + number), kills, records)  # noqa: S311 - nothing secret
        rig.run_until_done()
        assert set(rig.outcomes(file)) == {"created"}, chosen
    assert rig.audit() == [], (killed, chosen)
    assert killed >= (400 if SOAK else 4), f"the runs were too fast to be killed: {killed}"


def test_bills_among_faults_and_stray_429s_are_done_within_a_minute_though_killed_five_times(
    open_rig: Open,
) -> None:
    """10 % of the requests meet a fault, a fifth of those is a 429 for no reason. The time is that of all runs."""
    count = cases(800, soak=1500)
    mix = (*seeded.PASSING, *["429"] * (len(seeded.PASSING) // 4))
    chosen = Seeded(SEED, 0.1, mix, slow_s=0.5)
    rig = open_rig(None, chosen, max_in_flight=32, max_retry_s=20)
    file = rig.drop_rows("bill", rows("bill", count, SEED))
    began = time.monotonic()
    killed = kill_until_done(rig, Random(SEED), 5, count)  # noqa: S311 - nothing secret
    rig.run_until_done()
    took_s = time.monotonic() - began
    assert set(rig.outcomes(file)) == {"created"}, chosen
    assert rig.audit() == [], (killed, chosen)
    assert (killed, chosen.struck["429"] >= count / 100) == (5, True), chosen.struck
    assert took_s < 60
