"""Which payment is in which payments file: decided in one durable step for a whole file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.explained import posted_once

_PAYMENT = """
    SELECT payments.seq AS row_seq, event_id, payment_id, obligation_id, paid_at, received_at, source,
        {kind} AS kind,
        payments.customer_reference, payments.account_reference, payments.bill_reference,
        customer_id, account_id, payments.bill_id, payments.currency, amount_minor,
        due_minor AS bill_amount_due_minor, paid_minor AS bill_paid_total_minor,
        file_id, record, outcome, codes, 'payments' AS stored_in
    FROM payments JOIN deliveries USING (seq) LEFT JOIN paid_bills ON paid_bills.bill_id = payments.bill_id
"""
_FIRST = _PAYMENT.format(
    kind="iif(told_as = 'explained', 'explained', iif(coalesce(told_as, outcome) = 'conflict'"
    " AND (codes = 'payment.amount_differs' OR payments.bill_id NOT NULL), 'conflict', 'payment'))"
)
"""What contradicts its bill is not posted: what the API shows as paid of that bill is, once a sweep has found it."""
_LATE = _PAYMENT.format(kind="iif(told_as = 'explained' AND outcome != 'conflict', 'payment', 'late_match')")
"""What is not posted yet is now."""
_MONEY = "('applied', 'unmatched', 'conflict', 'waiting')"
_DIFFERENCES = """
    SELECT id AS row_seq, found_at AS received_at, 'sweep' AS source, 'difference' AS kind,
        customer_reference, account_reference, bill_reference, bill_id, differences.currency, amount_minor,
        due_minor AS bill_amount_due_minor, paid_minor AS bill_paid_total_minor,
        file_id, record, 'applied' AS outcome, '' AS codes, 'differences' AS stored_in
    FROM differences JOIN paid_bills USING (bill_id)
"""
_REFUND = """
    SELECT refunds.id AS row_seq, iif(reconciliation_id GLOB '*[^A-Za-z0-9_-]*', NULL, reconciliation_id) AS event_id,
        refunded_at AS paid_at, found_at AS received_at, 'report' AS source, {kind} AS kind,
        coalesce(paid_bills.customer_reference, payments.customer_reference) AS customer_reference,
        coalesce(paid_bills.account_reference, payments.account_reference) AS account_reference,
        paid_bills.bill_reference, payments.customer_id, payments.account_id, paid_bills.bill_id,
        refunds.currency, -refunds.amount_minor AS amount_minor,
        due_minor AS bill_amount_due_minor, paid_minor AS bill_paid_total_minor, file_id, record,
        iif(refunds.target IS NULL, 'unmatched', 'applied') AS outcome,
        iif(refunds.target IS NULL, 'refund.payment_unknown', '') AS codes, 'refunds' AS stored_in
    FROM refunds LEFT JOIN paid_bills ON refunds.target = 'bill' AND paid_bills.bill_id = refunds.target_id
        LEFT JOIN payments ON payments.seq = of_payment
"""
"""What the vendor's report says of ids is text from outside: only what is an id is told."""
_FIRST_REFUND, _LATE_REFUND = _REFUND.format(kind="'refund'"), _REFUND.format(kind="'late_match'")


class PaymentsFileRow(NamedTuple):
    """A payments file that was written."""

    seq: int
    name: str
    made_at: str
    records: int
    amounts_minor: dict[str, int]
    sha256: str
    handed_over_at: str | None


_ASSIGN = {
    ("payments", False): "UPDATE payments SET exported_in = :file, told_as = :told_as"
    " WHERE seq = :row AND exported_in IS NULL",
    ("payments", True): "UPDATE payments SET repeated_in = :file WHERE seq = :row AND repeated_in IS NULL",
    (
        "differences",
        False,
    ): "UPDATE differences SET exported_in = :file WHERE id = :row AND exported_in IS NULL",
    ("refunds", False): "UPDATE refunds SET exported_in = :file, told_as = :told_as"
    " WHERE id = :row AND exported_in IS NULL",
    ("refunds", True): "UPDATE refunds SET repeated_in = :file WHERE id = :row AND repeated_in IS NULL",
}
"""Table of a row, and whether it was in an earlier file → the step that stores in which file it is."""


class Exports:
    """Payments files over one connection of the inbox. Not for several threads at once."""

    def __init__(self, inbox: Ledger) -> None:
        self._db = inbox

    def pending_rows(self) -> list[dict[str, Any]]:
        """Rows of the next file: payments, late matches, differences, refunds, each in order."""
        return [
            *posted_once(
                self._db,
                [
                    *self._rows(f"{_FIRST} WHERE exported_in IS NULL AND outcome IN {_MONEY} ORDER BY seq"),
                    *self._second(
                        f"{_LATE} WHERE told_as IN ('waiting', 'unmatched', 'explained') AND repeated_in IS NULL"
                        " AND (outcome IN ('applied', 'conflict') OR told_as = 'explained') ORDER BY seq"
                    ),
                ],
            ),
            *self._rows(f"{_DIFFERENCES} WHERE exported_in IS NULL ORDER BY id"),
            *self._rows(f"{_FIRST_REFUND} WHERE refunds.exported_in IS NULL ORDER BY refunds.id"),
            *self._second(
                f"{_LATE_REFUND} WHERE refunds.told_as = 'unmatched' AND refunds.repeated_in IS NULL"
                " AND refunds.target IS NOT NULL ORDER BY refunds.id"
            ),
        ]

    def rows_of(self, seq: int) -> list[dict[str, Any]]:
        """Rows of a file that was written, as they are known now."""
        return [
            *self._rows(f"{_FIRST} WHERE exported_in = ? ORDER BY seq", seq),
            *self._rows(f"{_LATE} WHERE repeated_in = ? ORDER BY seq", seq),
            *self._rows(f"{_DIFFERENCES} WHERE exported_in = ? ORDER BY id", seq),
            *self._rows(f"{_FIRST_REFUND} WHERE refunds.exported_in = ? ORDER BY refunds.id", seq),
            *self._rows(f"{_LATE_REFUND} WHERE refunds.repeated_in = ? ORDER BY refunds.id", seq),
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
                statement = _ASSIGN[row["stored_in"], row.get("is_second", False)]
                told_as = row["kind"] if row["kind"] == "explained" else row["outcome"]
                values = {"file": file.seq, "row": row["row_seq"], "told_as": told_as}
                if self._db.execute(statement, values).rowcount != 1:
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

    def _second(self, statement: str) -> list[dict[str, Any]]:
        """Rows of what is in an earlier file."""
        return [{**row, "is_second": True} for row in self._rows(statement)]

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
