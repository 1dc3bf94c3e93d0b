"""A ledger of citypower's test environment, and what one writes into it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pipeline.core.api.intents import Intent
from pipeline.edge.ledger.database import SqliteLedger, open_sqlite_ledger
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.postgres.address import PostgresAddress
from pipeline.edge.ledger.postgres.opening import open_postgres_ledger
from pipeline.edge.ledger.sends import Sends
from tests.servers.postgres import shared_server

INTEGRITY = (sqlite3.IntegrityError, psycopg.IntegrityError)
"""What a statement raises that breaks a rule of its table: a bug."""
AT = "2026-11-20T06:00:00Z"


def opened(path: Path, **changes: Any) -> SqliteLedger:
    facts: dict[str, Any] = {"merchant": "citypower", "environment": "test"}
    return open_sqlite_ledger(path, **facts | changes)


def land(files: Files, sha256: str = "a" * 64, **changes: Any) -> FileRow:
    facts: dict[str, Any] = {
        "sha256": sha256,
        "name": "bills.csv",
        "source": "drop",
        "feed": "bills",
        "feed_print": "p1",
        "name_parts": {"date": "2026-11-20"},
        "rejects_of": None,
        "size_bytes": 10,
        "at": AT,
    }
    return files.land(**facts | changes)


INTENT = Intent(
    kind="bill",
    reference="B1",
    file_id=1,
    record=1,
    method="POST",
    path="/billing/bills",
    body=b'{"amount_due":1}',
    key="k",
    content="c",
    generation=0,
    customer_reference="C1",
    account_reference=None,
    balance_before=None,
    watermark=None,
    first_sent_at=AT,
)


def intent(reference: str = "B1", **changes: Any) -> Intent:
    return replace(INTENT, reference=reference, **changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Over both databases, but for tests of SQLite's file: these ask for its `path`, or for a `SqliteLedger`."""
    if "ledger" in metafunc.fixturenames:
        is_of_file = metafunc.function.__annotations__.get("ledger") == "SqliteLedger"
        alone = is_of_file or "path" in metafunc.function.__annotations__
        metafunc.parametrize("ledger", ["sqlite"] if alone else ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def ledger(request: pytest.FixtureRequest, path: Path) -> Iterator[Ledger]:
    if request.param == "postgres":
        address = PostgresAddress(shared_server().new_ledger())
        opening: Ledger = open_postgres_ledger(address, merchant="citypower", environment="test")
    else:
        opening = opened(path)
    with closing(opening) as connection:
        yield connection


@pytest.fixture
def files(ledger: Ledger) -> Files:
    return Files(ledger)


@pytest.fixture
def sends(ledger: Ledger, files: Files) -> Sends:
    """With file 1 landed, since intents hang on it."""
    land(files)
    return Sends(ledger)
