"""Which payment is in which payments file: decided in one durable step for a whole file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pipeline.edge.ledger.database import transaction

_PAYMENT = """
    SELECT payments.seq AS row_seq, event_id, payment_id, obligation_id, paid_at, received_at, source,
        {kind} AS kind,
        payments.customer_reference, payments.account_reference, payments.bill_reference,
        customer_id, account_id, payments.bill_id, payments.currency, amount_minor,
        due_minor AS bill_amount_due_minor, events_minor + differences_minor AS bill_paid_total_minor,
        file_id, record, outcome, codes
    FROM payments JOIN deliveries USING (seq) LEFT JOIN paid_bills ON paid_bills.bill_id = payments.bill_id
"""
_FIRST = _PAYMENT.format(
    kind="iif(coalesce(told_as, outcome) = 'conflict'"
    " AND (codes = 'payment.amount_differs' OR payments.bill_id NOT NULL), 'conflict', 'payment')"
)
"""What contradicts its bill is not posted: what the API shows as paid of that bill is, once a sweep has found it."""
_LATE = _PAYMENT.format(kind="'late_match'")
_MONEY = "('applied', 'unmatched', 'conflict', 'waiting')"
_DIFFERENCES = """
    SELECT id AS row_seq, found_at AS received_at, 'sweep' AS source, 'difference' AS kind,
        customer_reference, account_reference, bill_reference, bill_id, differences.currency, amount_minor,
        due_minor AS bill_amount_due_minor, events_minor + differences_minor AS bill_paid_total_minor,
        file_id, record, 'applied' AS outcome, '' AS codes
    FROM differences JOIN paid_bills USING (bill_id)
"""


class PaymentsFileRow(NamedTuple):
    """A payments file that was written."""

    seq: int
    name: str
    made_at: str
    records: int
    amounts_minor: dict[str, int]
    sha256: str
    handed_over_at: str | None


class Exports:
    """Payments files over one connection of the inbox. Not for several threads at once."""

    def __init__(self, inbox: sqlite3.Connection) -> None:
        self._db = inbox

    def pending_rows(self) -> list[dict[str, Any]]:
        """Rows of the next file: payments, late matches, differences, each in order."""
        return [
            *self._rows(f"{_FIRST} WHERE exported_in IS NULL AND outcome IN {_MONEY} ORDER BY seq"),
            *self._rows(
                f"{_LATE} WHERE told_as IN ('waiting', 'unmatched') AND repeated_in IS NULL"
                " AND outcome IN ('applied', 'conflict') ORDER BY seq"
            ),
            *self._rows(f"{_DIFFERENCES} WHERE exported_in IS NULL ORDER BY id"),
        ]

    def rows_of(self, seq: int) -> list[dict[str, Any]]:
        """Rows of a file that was written, as they are known now."""
        return [
            *self._rows(f"{_FIRST} WHERE exported_in = ? ORDER BY seq", seq),
            *self._rows(f"{_LATE} WHERE repeated_in = ? ORDER BY seq", seq),
            *self._rows(f"{_DIFFERENCES} WHERE exported_in = ? ORDER BY id", seq),
        ]

    def next_seq(self) -> int:
        """The number of the next file."""
        return int(self._db.execute("SELECT coalesce(max(seq), 0) + 1 FROM exports").fetchone()[0])

    def assign(self, file: PaymentsFileRow, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store a file, and for each of its rows that it is in this one; one durable step.

        Raises IntegrityError and changes nothing where a row is in a file already.
        """
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO exports (seq, name, made_at, records, amounts, sha256) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(file.seq, file.name, file.made_at, file.records),
                    json.dumps(file.amounts_minor),
                    file.sha256,
                ),
            )
            for row in rows:
                if row["kind"] == "difference":
                    statement = "UPDATE differences SET exported_in = ? WHERE id = ? AND exported_in IS NULL"
                elif row["kind"] == "late_match":
                    statement = "UPDATE payments SET repeated_in = ? WHERE seq = ? AND repeated_in IS NULL"
                else:
                    statement = (
                        "UPDATE payments SET exported_in = ?, told_as = outcome"
                        " WHERE seq = ? AND exported_in IS NULL"
                    )
                if self._db.execute(statement, (file.seq, row["row_seq"])).rowcount != 1:
                    raise sqlite3.IntegrityError("a payment is in two files")

    def all(self) -> list[PaymentsFileRow]:
        """Every file, the oldest first."""
        return self._files("")

    def pending(self) -> list[PaymentsFileRow]:
        """Files that are not handed over yet, the oldest first."""
        return self._files("WHERE handed_over_at IS NULL")

    def last_made_at(self) -> datetime | None:
        """When the last file was written."""
        (last,) = self._db.execute("SELECT max(made_at) FROM exports").fetchone()
        return None if last is None else datetime.fromisoformat(last)

    def handed_over(self, seq: int, at: datetime) -> None:
        """Store that a file is where the merchant takes it from."""
        with transaction(self._db):
            self._db.execute(
                "UPDATE exports SET handed_over_at = ? WHERE seq = ?", (at.isoformat("T", "seconds"), seq)
            )

    def rewritten(self, seq: int, sha256: str) -> None:
        """Store the SHA-256 of a file that was written again."""
        with transaction(self._db):
            self._db.execute("UPDATE exports SET sha256 = ? WHERE seq = ?", (sha256, seq))

    def _rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        return [dict(row) for row in self._db.execute(statement, values)]

    def _files(self, condition: str) -> list[PaymentsFileRow]:
        rows = self._db.execute(
            "SELECT seq, name, made_at, records, amounts, sha256, handed_over_at FROM exports"  # noqa: S608 (ours)
            f" {condition} ORDER BY seq"
        )
        return [
            PaymentsFileRow(seq, name, made_at, records, json.loads(amounts), sha256, handed_over_at)
            for seq, name, made_at, records, amounts, sha256, handed_over_at in rows
        ]
