"""Several runs are started at once on one folder."""

from __future__ import annotations

import time

from pipeline.sandbox.switches import Switches
from tests.faults.conftest import Open
from tests.faults.rig import KILLED
from tests.seeds import cases

COUNT = cases(5, soak=10)


def test_one_works_and_the_others_end_with_4_at_once(open_rig: Open) -> None:
    """Slow requests keep the one at work for longer than so many interpreters take to start."""
    rig = open_rig(Switches(latency_s=0.25), max_in_flight=1, timeout_s=5)
    file = rig.drop_rows("bill", [f"C1,Name,A1,B{number},ZAR,1.00,2030-01-01," for number in range(60)])
    started_s = time.monotonic()
    runs = [rig.start("run") for _ in range(COUNT)]
    ended_s: dict[int, float] = {}
    while len(ended_s) < COUNT - 1 and time.monotonic() - started_s < 14:
        for number, run in enumerate(runs):
            if number not in ended_s and run.poll() is not None:
                ended_s[number] = time.monotonic() - started_s
        time.sleep(0.01)
    refused = [run for run in runs if run.poll() is not None]
    assert [run.returncode for run in refused] == [4] * (COUNT - 1)
    # Starting that many interpreters on a busy core takes longer than a second; none may wait for the lock beyond that.
    assert max(ended_s.values()) - min(ended_s.values()) < 6
    said = [run.communicate()[1] for run in refused]
    assert all("another run is active" in text for text in said)
    (worker,) = (run for run in runs if run not in refused)
    assert worker.poll() is None
    worker.kill()  # and its lock blocks nobody
    worker.communicate()
    assert worker.returncode == KILLED
    rig.api.switches = Switches()
    rig.run_until_done(rounds=1)
    assert rig.audit() == []
    assert rig.outcomes(file) == ["created"] * 60
