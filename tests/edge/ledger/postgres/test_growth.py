"""A group of changes costs the same however much the ledger holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from pipeline.core.api.intents import Entity
from pipeline.core.api.ledger_changes import CloseIntent, OpenIntent, StoreOutcome, UpsertEntity
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.postgres.address import PostgresAddress
from pipeline.edge.ledger.postgres.opening import open_postgres_ledger
from pipeline.edge.ledger.writes import write
from tests.edge.ledger.conftest import intent, land
from tests.servers.postgres import shared_server

GROUP = 64
WRITTEN = ("intents", "entities", "outcomes")


@pytest.fixture
def database() -> Iterator[Ledger]:
    address = PostgresAddress(shared_server().new_ledger())
    with closing(open_postgres_ledger(address, merchant="citypower", environment="test")) as opened:
        yield opened


def load(ledger: Ledger, file: int, groups: range) -> None:
    """Bills, each with a customer of its own, as a load writes them."""
    for group in groups:
        opened = [
            intent(f"B{number}", file_id=file, record=number + 1, customer_reference=f"C{number}")
            for number in range(group * GROUP, (group + 1) * GROUP)
        ]
        with transaction(ledger):
            write(ledger, map(OpenIntent, opened))
        with transaction(ledger):
            for each in opened:
                known = (
                    Entity("customer", each.customer_reference, f"bcus_{each.record}"),
                    Entity("bill", each.reference, f"bill_{each.record}"),
                )
                outcome = RecordOutcome(each.record, Outcome.CREATED)
                write(
                    ledger,
                    [
                        *map(UpsertEntity, known),
                        StoreOutcome(file, each.reference, outcome),
                        CloseIntent(each),
                    ],
                )


def rows_read_in_whole_tables(ledger: Ledger) -> int:
    """By the server's statistics, which a connection hands over now and then."""
    ledger.execute("SELECT pg_stat_force_next_flush()")
    ledger.execute("SELECT pg_stat_clear_snapshot()")
    time.sleep(0.1)
    rows = ledger.execute(
        "SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname IN (?, ?, ?)", WRITTEN
    )
    return int(rows.fetchone()[0])


def test_no_group_reads_a_whole_table(database: Ledger) -> None:
    file = land(Files(database)).id
    load(database, file, range(4))
    before = rows_read_in_whole_tables(database)
    load(database, file, range(4, 12))
    assert rows_read_in_whole_tables(database) - before == 0
