"""What SQLite leaves behind of data that was removed: free pages, and its log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.personal_data import PersonalData
from pipeline.errors import LedgerBusy

PLANTED = "Nomvula Dlamini"
DETAILS = f'{{"name": "{PLANTED}", "note": "{"x" * 3000}"}}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with closing(open_sqlite_ledger(path, merchant="citypower", environment="test")) as opened:
        opened.execute("PRAGMA secure_delete = OFF")
        for number in range(20):
            opened.execute(
                "INSERT INTO entities (kind, reference, id, owner, details) VALUES ('account', ?, ?, 'C-17', ?)",
                (f"A-{number}", f"acc_{number}", DETAILS),
            )
        yield opened


def on_disk(path: Path) -> bool:
    """Whether the planted name is in any file of the ledger, as bytes."""
    return any(PLANTED.encode() in each.read_bytes() for each in path.parent.glob("ledger.sqlite*"))


def test_free_pages_that_an_earlier_version_left_are_overwritten(ledger: Ledger, path: Path) -> None:
    ledger.execute("DELETE FROM entities")
    ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert on_disk(path), "what is deleted stays on the disk"
    PersonalData(ledger, "C-17").overwrite()
    assert not on_disk(path)


def test_the_log_is_emptied_even_while_somebody_has_the_ledger_open(ledger: Ledger, path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT count(*) FROM entities").fetchone()
        data = PersonalData(ledger, "C-17")
        data.remove()
        assert on_disk(path)
        data.overwrite()
        assert not on_disk(path)
        assert path.with_name("ledger.sqlite-wal").stat().st_size == 0
    assert ledger.execute("SELECT DISTINCT details FROM entities").fetchall()[0][0] == "{}"


def test_a_program_that_reads_at_the_same_time_is_told_of(ledger: Ledger, path: Path) -> None:
    ledger.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM entities").fetchone()
        data = PersonalData(ledger, "C-17")
        data.remove()
        with pytest.raises(LedgerBusy):
            data.overwrite()
        other.execute("COMMIT")
        data.overwrite()
    assert not on_disk(path)


def test_others_keep_their_details(ledger: Ledger, path: Path) -> None:
    ledger.execute(
        "INSERT INTO entities (kind, reference, id, details) VALUES ('customer', 'C-1', 'c', '{\"a\": 1}')"
    )
    PersonalData(ledger, "C-17").remove()
    assert ledger.execute("SELECT details FROM entities WHERE reference = 'C-1'").fetchone()[0] == '{"a": 1}'
