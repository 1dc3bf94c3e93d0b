"""How far a load is said to be."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from pipeline.edge.ledger.files import Files
from pipeline.run.load_watch import LoadWatch
from tests.edge.ledger.conftest import land, opened
from tests.load.test_planner import bill, write


def test_a_load_that_begins_again_counts_its_file_once(tmp_path: Path) -> None:
    records = write(tmp_path / "r", [bill(f"C{n}", None, f"B{n}", amount_minor=5) for n in range(3)])
    with closing(opened(tmp_path / "ledger.sqlite")) as ledger:
        watch = LoadWatch(ledger, land(Files(ledger)).id, records, lambda: datetime.now(UTC))
        for _ in range(2):
            watch.begin()
        watch.follow(2, {"ZAR": 10})
        (note,) = watch.note(retried=1)
    load = note.load
    assert (load.settled, load.total, load.settled_minor, load.total_minor) == (
        2,
        3,
        {"ZAR": 10},
        {"ZAR": 15},
    )
