"""A ledger of citypower's test environment, and what one writes into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.api.intents import Intent
from pipeline.edge.ledger.database import Ledger, open_ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.sends import Sends

AT = "2026-11-20T06:00:00Z"


def opened(path: Path, **changes: Any) -> Ledger:
    facts: dict[str, Any] = {"merchant": "citypower", "environment": "test"}
    return open_ledger(path, **facts | changes)


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


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with closing(opened(path)) as connection:
        yield connection


@pytest.fixture
def files(ledger: Ledger) -> Files:
    return Files(ledger)


@pytest.fixture
def sends(ledger: Ledger, files: Files) -> Sends:
    """With file 1 landed, since intents hang on it."""
    land(files)
    return Sends(ledger)
