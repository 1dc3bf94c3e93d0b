"""A ledger of many files, written by SQL alone: what thousands of loads would leave."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from pipeline.core.outcomes import Outcome
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.ledger.database import open_sqlite_ledger

AMOUNT_MINOR = 12_345
FIRST = datetime(2026, 11, 1, tzinfo=UTC)


def make_ledger(path: Path, *, files: int, records: int, one_by_one: bool = False) -> None:
    """So many files of November 2026 with so many records each, all created, ZAR 123.45 each.

    Args:
        one_by_one: the records themselves are there as well, for `export`.
    """
    parts = dict.fromkeys(Outcome, 0) | {"total": records, "created": records}
    money = dict.fromkeys(Outcome, 0) | {"total": records * AMOUNT_MINOR, "created": records * AMOUNT_MINOR}
    with closing(open_sqlite_ledger(path, merchant="citypower", environment="test")) as ledger:
        ledger.execute("BEGIN")
        for number in range(1, files + 1):
            at = rfc3339(FIRST + timedelta(days=30 * (number - 1) / files))
            name = f"n{number}_bills_2026-11-01.csv"
            summary = {
                "file": {"name": name, "model": "bill"},
                "records": parts,
                "amounts_minor": {"ZAR": money},
                "records_by_currency": {"ZAR": parts},
                "unreadable_by_currency": {},
                "notes": ["a column is ignored"] * 20,
            }
            ledger.execute(
                "INSERT INTO files (id, sha256, name, source, feed, feed_print, name_parts, size_bytes, state,"
                " landed_at, finished_at, summary, landing) VALUES (?,?,?,'drop',?,'p','{}',1,'loaded',?,?,?,?)",
                (
                    *(number, sha256(name.encode()).hexdigest(), name, f"feed{number % 7}"),
                    *(at, at, json.dumps(summary), number),
                ),
            )
            if one_by_one:
                ledger.executemany(
                    "INSERT INTO outcomes (file_id, record, outcome, reference, customer_id, account_id, bill_id)"
                    " VALUES (?1, ?2, 'created', 'INV-' || ?2, 'bcus_' || ?2, 'bacc_' || ?2, 'bill_' || ?2)",
                    ((number, record) for record in range(1, records + 1)),
                )
                ledger.executemany(
                    "INSERT INTO accepted VALUES (?1, ?2, ?2, ?2 + 1, NULL, 'CUST-' || ?2, 'ACC-' || ?2, 'ZAR', ?3,"
                    " '2026-11-01', '2026-11-30', 1793491200)",
                    ((number, record, AMOUNT_MINOR) for record in range(1, records + 1)),
                )
        ledger.execute("COMMIT")
