"""What a load writes at once goes to the server together: all of it or nothing, and nothing of it into its log."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from pipeline.core.api.ledger_changes import Change, OpenIntent, StoreOutcome
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.group import GroupCommit
from pipeline.edge.ledger.postgres.address import PostgresAddress
from pipeline.edge.ledger.postgres.opening import open_postgres_ledger
from pipeline.edge.ledger.postgres.parts import Lease, LoadParts
from pipeline.edge.ledger.sends import Sends
from pipeline.errors import DiskFull, LeaseLost, LedgerBusy
from tests.edge.ledger.conftest import intent, land
from tests.edge.ledger.postgres.conftest import Two
from tests.servers.postgres import database_of, shared_server

BODY = b'{"name":"Thandi Nkosi","note":"100% \'sure\' \\\\ Zo\xc3\xab"}'


def commit(ledger: Ledger, lease: Lease | None = None) -> Exception | None:
    """Open an intent and conclude another record, under a lease or behind the lock of writers."""
    parts = LoadParts(ledger)
    may_write: Callable[[], None] | None = None if lease is None else lambda: parts.hold_fast(lease)
    changes: list[Change] = [
        OpenIntent(intent("B-1", file_id=1, body=BODY)),
        StoreOutcome(1, "B-2", RecordOutcome(2, Outcome.CREATED)),
    ]
    return GroupCommit(ledger, "here", may_write=may_write).commit([changes], all_wait=True)


def leased(ledger: Ledger) -> Lease:
    parts = LoadParts(ledger)
    parts.add(land(Files(ledger)).id, {}, b"")
    lease = parts.lease("one", 60.0)
    assert lease is not None
    return lease


def held(ledger: Ledger) -> tuple[int, int]:
    return len(Sends(ledger).open_intents()), Sends(ledger).settled_records(1).len()


def test_a_group_is_written_whole_and_as_it_is(two: Two) -> None:
    ledger, other = two
    assert commit(ledger, leased(ledger)) is None
    assert held(other) == (1, 1)
    assert [bytes(each.body) for each in Sends(other).open_intents()] == [BODY]


def test_what_fails_at_the_end_leaves_nothing_of_the_group_and_the_next_goes_on(two: Two) -> None:
    ledger, other = two
    lease = leased(ledger)
    refused = GroupCommit(ledger, "here", may_write=lambda: LoadParts(ledger).hold_fast(lease)).commit(
        [
            [StoreOutcome(1, "B-2", RecordOutcome(2, Outcome.CREATED))],
            [OpenIntent(intent("B-1", file_id=99))],
        ],
        all_wait=True,
    )
    assert isinstance(refused, psycopg.Error), "there is no such file"
    assert not isinstance(refused, DiskFull)
    assert held(other) == (0, 0)
    assert not ledger.in_transaction
    assert commit(ledger, lease) is None
    assert held(other) == (1, 1)


@pytest.mark.parametrize("trouble", ["lease", "lock"])
def test_what_is_refused_shows_no_value_of_a_record_in_the_servers_log(two: Two, trouble: str) -> None:
    ledger, other = two
    lease = leased(ledger)
    if trouble == "lease":
        LoadParts(other).withdraw()
        refused = commit(ledger, lease)
        assert isinstance(refused, LeaseLost)
        assert refused.facts["part"] == lease.part
    else:
        ledger.execute("SELECT set_config('lock_timeout', '100ms', false)")
        other.execute("BEGIN IMMEDIATE")
        assert isinstance(commit(ledger), LedgerBusy)
        other.execute("ROLLBACK")
    assert held(other) == (0, 0)
    log = (shared_server().folder / "log").read_text(encoding="utf-8")
    assert ("hold_fast" if trouble == "lease" else "lock timeout") in log
    assert "Thandi" not in log


def test_text_is_what_it_is_whatever_the_encoding_of_the_database() -> None:
    server = shared_server()
    database = database_of(server.new_database())
    server.execute(f"DROP DATABASE {database}", "postgres")
    server.execute(f"CREATE DATABASE {database} ENCODING 'LATIN1' TEMPLATE template0", "postgres")
    address = PostgresAddress(server.url(database))
    with closing(open_postgres_ledger(address, merchant="citypower", environment="test")) as ledger:
        assert commit(ledger, leased(ledger)) is None
        assert [bytes(each.body) for each in Sends(ledger).open_intents()] == [BODY]
