"""A run is remembered from its start to its end, and old ones are forgotten."""

from __future__ import annotations

from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.runs import KEPT_RUNS, Runs
from tests.edge.ledger.conftest import AT

LATER = "2026-11-21T06:00:00Z"


def test_a_run_that_ended_is_the_last_one_with_how_it_ended(ledger: Ledger) -> None:
    runs = Runs(ledger)
    runs.end(runs.begin("one", at=AT), at=LATER, exit_status=1, states={"loaded": 2})
    last = runs.last()
    assert last is not None
    assert (last.run_id, last.finished_at, last.exit_status, last.states) == ("one", LATER, 1, {"loaded": 2})
    runs.begin("two", at=LATER)
    begun, finished = runs.last(), runs.last_finished()
    assert begun is not None
    assert finished is not None
    assert (begun.run_id, begun.finished_at, finished.run_id) == ("two", None, "one")


def test_the_newest_thousand_runs_are_kept(ledger: Ledger) -> None:
    runs = Runs(ledger)
    for number in range(KEPT_RUNS + 2):
        runs.begin(str(number), at=AT)
    assert KEPT_RUNS == 1000
    kept = ledger.execute("SELECT min(id), count(*) FROM runs").fetchone()
    assert tuple(kept) == (3, KEPT_RUNS)
