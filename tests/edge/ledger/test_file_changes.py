"""Whatever a chain is made of, a change of it gives its files a new number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_changes import FileChanges
from tests.edge.ledger.conftest import opened

SUMS = "VALUES (1, 'rejected', 'ZAR', NULL, NULL, NULL, 0, 1, 0, 1, 0, 0, 0, 0)"
DECISION = (
    "INSERT INTO decisions (sha256, word, at, user_name, host, feed_print, totals, holds, accept_changes)"
    " VALUES ('s1', 'refuse', '', '', '', '', '', '', 0)"
)


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    """Two files, of which nothing has been looked at."""
    with closing(opened(path)) as ledger:
        ledger.executemany(
            "INSERT INTO files (id, sha256, name, source, feed, feed_print, name_parts, size_bytes, state, landed_at)"
            " VALUES (?1, 's' || ?1, 'n', 'drop', 'f', 'p', '{}', 1, 'landed', '')",
            [(1,), (2,)],
        )
        yield ledger


CHANGES = {
    "a file lands": "INSERT INTO files SELECT 3, 's3' AS sha256, name, source, feed, feed_print, name_parts,"
    " rejects_of, size_bytes, state, landed_at, finished_at, summary, as_of, landing, came_back, copied_print"
    " FROM files WHERE id = 1",
    "a file is finished": "UPDATE files SET state = 'loaded' WHERE id = 1",
    "its rejects are counted": f"INSERT INTO chain_sums {SUMS}",
    "they are counted again": "DELETE FROM chain_sums",
    "records are written off": "INSERT INTO write_offs VALUES (1, 1, '', '', '', '', 1)",
    "why they were is removed": "UPDATE write_offs SET why = 'removed'",
    "all of it is written off": "INSERT OR IGNORE INTO written_off VALUES (1, 0, 1)",
    "that counts no more": "DELETE FROM written_off WHERE record = 0",
    "a person decides": DECISION,
    "the decision is taken up": "UPDATE decisions SET fate = 'taken'",
}


def test_each_change_is_found_once_and_nothing_else_is(ledger: Ledger) -> None:
    changes = FileChanges(ledger)
    assert changes.since(0) == [1, 2]
    for what, statement in CHANGES.items():
        _, seen = changes.last()
        assert changes.since(seen) == []
        ledger.execute(statement)
        assert changes.since(seen) == [3 if what == "a file lands" else 1], what
        assert changes.last()[1] > seen, what


def test_a_file_that_changed_last_changes_again_under_a_higher_number(ledger: Ledger) -> None:
    changes, numbers = FileChanges(ledger), list[int]()
    for _ in range(3):
        ledger.execute("UPDATE files SET state = 'held' WHERE id = 2")
        numbers.append(changes.last()[1])
    assert sorted(set(numbers)) == numbers
    assert changes.since(numbers[0]) == [2]


def test_a_decision_about_a_file_that_is_not_known_is_no_change(ledger: Ledger) -> None:
    _, seen = FileChanges(ledger).last()
    ledger.execute(DECISION.replace("'s1'", "'s9'"))
    assert FileChanges(ledger).since(seen) == []
