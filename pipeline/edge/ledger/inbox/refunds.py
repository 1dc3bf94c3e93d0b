"""Refunds of the vendor's reports, which no event tells of, and the payments that reports are compared with."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from pipeline.core.payments.compare_report import OurPayment
from pipeline.core.payments.vendor_report import ReportRow
from pipeline.edge.ledger.database import transaction

_EVENTS = """
    SELECT payments.seq, payment_id, bill_reference, account_reference, customer_reference, currency, amount_minor,
        coalesce(paid_at, received_at) AS at
    FROM payments JOIN deliveries USING (seq)
    WHERE outcome IN ('applied', 'unmatched', 'conflict', 'waiting') AND codes != 'payment.amount_differs'
        AND julianday(at) BETWEEN julianday(?) AND julianday(?) ORDER BY payments.seq
"""
_DIFFERENCES = """
    SELECT id, NULL, bill_reference, account_reference, customer_reference, differences.currency, amount_minor,
        found_at
    FROM differences JOIN paid_bills USING (bill_id)
    WHERE bill_reference IN (SELECT value FROM json_each(?)) ORDER BY id
"""


class RefundTarget(NamedTuple):
    """What a refunded payment was applied to: `bill`, `account` or `customer`, and the API's id."""

    kind: str
    target_id: str


class Refunds:
    """Over one connection of the inbox."""

    def __init__(self, inbox: sqlite3.Connection) -> None:
        self._db = inbox

    def payments_between(self, begins: datetime, ends: datetime) -> Iterator[OurPayment]:
        """Payment events by the time at which they were paid, both ends included."""
        return self._ours(_EVENTS, (begins.isoformat(), ends.isoformat()), is_difference=False)

    def differences_of(self, bill_references: Collection[str]) -> Iterator[OurPayment]:
        """What sweeps found of some bills, and what events took back of it."""
        return self._ours(_DIFFERENCES, (json.dumps(list(bill_references)),), is_difference=True)

    def bill_named(self, reference: str) -> RefundTarget | None:
        """A bill that was paid or asked about, by its reference."""
        row = self._db.execute(
            "SELECT bill_id FROM paid_bills WHERE bill_reference = ?", (reference,)
        ).fetchone()
        return None if row is None else RefundTarget("bill", row[0])

    def store(
        self, report: str, refunds: Sequence[tuple[ReportRow, RefundTarget | None]], at: datetime
    ) -> int:
        """Store the refunds of a report in one durable step; how many were not known.

        A refund is in a reconciliation report and in a settlement report: where all that identifies it is equal it is
        stored once, and as often as one report has it.

        Args:
            report: SHA-256 of the report.
        """
        seen: Counter[str] = Counter()
        before = self._count()
        with transaction(self._db):
            for row, target in refunds:
                identity = json.dumps(
                    [
                        *(row.reconciliation_id, row.merchant_reference, row.customer_reference),
                        *(row.currency, row.amount_minor, row.at.isoformat()),
                    ]
                )
                seen[identity] += 1
                self._db.execute(
                    "INSERT OR IGNORE INTO refunds (identity, nth, report, line, reconciliation_id,"
                    " merchant_reference, customer_reference, currency, amount_minor, target, target_id,"
                    " refunded_at, found_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(identity, seen[identity], report, row.line, row.reconciliation_id),
                        *(row.merchant_reference, row.customer_reference, row.currency, row.amount_minor),
                        *(target or (None, None)),
                        *(row.at.isoformat("T", "seconds"), at.isoformat("T", "seconds")),
                    ),
                )
        return self._count() - before

    def _count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM refunds").fetchone()[0])

    def _ours(
        self, statement: str, values: tuple[object, ...], *, is_difference: bool
    ) -> Iterator[OurPayment]:
        for row in self._db.execute(statement, values):
            facts, at = tuple(row[:7]), datetime.fromisoformat(row[7])
            yield OurPayment._make((*facts, at, is_difference))
