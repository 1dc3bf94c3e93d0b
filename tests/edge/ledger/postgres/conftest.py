"""A ledger in PostgreSQL, and two hosts that have it open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.postgres.address import PostgresAddress
from pipeline.edge.ledger.postgres.opening import open_postgres_ledger
from tests.servers.postgres import shared_server

Two = tuple[Ledger, Ledger]


@pytest.fixture
def two() -> Iterator[Two]:
    """Connections of two hosts to one ledger."""
    address = PostgresAddress(shared_server().new_ledger())
    with (
        closing(open_postgres_ledger(address, merchant="citypower", environment="test")) as one,
        closing(open_postgres_ledger(address, merchant="citypower", environment="test")) as other,
    ):
        yield one, other
