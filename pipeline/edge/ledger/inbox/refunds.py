"""Refunds of the vendor's reports, which no event tells of, and the payments that reports are compared with."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from pipeline.core.payments.compare_report import OurPayment
from pipeline.core.payments.refund_target import RefundCandidate, RefundTarget
from pipeline.core.payments.vendor_report import ReportRow
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger

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
_CANDIDATES = """
    WITH refund AS (SELECT * FROM refunds WHERE id = ?),
    named AS (
        SELECT payments.target,
            iif(payments.target = 'bill', bill_id, iif(payments.target = 'account', account_id, customer_id))
                AS target_id,
            iif(payments.target = 'bill', NULL, seq) AS of_payment, 1 AS by_id
        FROM refund JOIN payments ON payment_id = reconciliation_id
        WHERE payments.outcome = 'applied' AND payments.currency = refund.currency
        UNION ALL SELECT 'bill', bill_id, NULL, 0 FROM refund JOIN paid_bills ON bill_reference = merchant_reference
        WHERE merchant_reference != '' AND paid_bills.currency = refund.currency
        UNION ALL SELECT 'account', account_id, seq, 0
        FROM refund JOIN payments ON account_reference = merchant_reference
        WHERE payments.target = 'account' AND payments.currency = refund.currency
        UNION ALL SELECT 'customer', customer_id, seq, 0
        FROM refund JOIN payments ON payments.customer_reference = merchant_reference
        WHERE payments.target = 'customer' AND payments.currency = refund.currency
    )
    SELECT target, target_id, max(of_payment),
        iif(target = 'bill',
            (SELECT max(events_minor + differences_minor, coalesce(shown_minor, 0) + fallen_minor)
                FROM paid_bills WHERE bill_id = target_id),
            (SELECT sum(amount_minor) FROM payments WHERE outcome = 'applied' AND payments.target = named.target
                AND currency = (SELECT currency FROM refund)
                AND (named.target = 'account' AND account_id = named.target_id
                    OR named.target = 'customer' AND customer_id = named.target_id)))
        - (SELECT coalesce(sum(amount_minor), 0) FROM refunds
            WHERE refunds.target = named.target AND refunds.target_id = named.target_id),
        max(by_id), min(by_id) = 0
    FROM named GROUP BY target, target_id
"""


class OpenRefund(NamedTuple):
    """A refund of which it is not known what it gives back."""

    refund_id: int
    amount_minor: int


def hidden_identity(identity: str) -> str:
    """What takes the place of a refund's identity once its customer is forgotten: the same refund is still known."""
    return hashlib.sha256(identity.encode()).hexdigest()


class Refunds:
    """Over one connection of the inbox."""

    def __init__(self, inbox: Ledger) -> None:
        self._db = inbox

    def payments_between(self, begins: datetime, ends: datetime) -> Iterator[OurPayment]:
        """Payment events by the time at which they were paid, both ends included."""
        return self._ours(_EVENTS, (begins.isoformat(), ends.isoformat()), is_difference=False)

    def differences_of(self, bill_references: Collection[str]) -> Iterator[OurPayment]:
        """What sweeps found of some bills, and what events took back of it."""
        return self._ours(_DIFFERENCES, (json.dumps(list(bill_references)),), is_difference=True)

    def store(self, report: str, refunds: Sequence[ReportRow], at: datetime) -> int:
        """Store the refunds of a report in one durable step; how many were not known.

        A refund is in a reconciliation report and in a settlement report: where all that identifies it is equal it is
        stored once, and as often as one report has it.

        Args:
            report: SHA-256 of the report.
        """
        seen: Counter[str] = Counter()
        before = self._count()
        with transaction(self._db):
            for row in refunds:
                identity = json.dumps(
                    [
                        *(row.reconciliation_id, row.merchant_reference, row.customer_reference),
                        *(row.currency, row.amount_minor, row.at.isoformat()),
                    ]
                )
                seen[identity] += 1
                self._db.execute(
                    "INSERT INTO refunds (identity, nth, report, line, reconciliation_id, merchant_reference,"
                    " customer_reference, currency, amount_minor, refunded_at, found_at)"
                    " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE NOT EXISTS"
                    " (SELECT 1 FROM refunds WHERE identity IN (?1, ?12) AND nth = ?2)",
                    (
                        *(identity, seen[identity], report, row.line, row.reconciliation_id),
                        *(row.merchant_reference, row.customer_reference, row.currency, row.amount_minor),
                        *(row.at.isoformat(), at.isoformat(timespec="milliseconds")),
                        hidden_identity(identity),
                    ),
                )
        return self._count() - before

    def open(self, after: int, most: int) -> list[OpenRefund]:
        """Refunds of which it is not known what they give back, after one, in order."""
        rows = self._db.execute(
            "SELECT id, amount_minor FROM refunds WHERE target IS NULL AND id > ? ORDER BY id LIMIT ?",
            (after, most),
        )
        return [OpenRefund(*row) for row in rows]

    def candidates(self, refund_id: int) -> list[RefundCandidate]:
        """What was paid in the currency of a refund, and has the payment id or the reference that its report says."""
        return [
            RefundCandidate(
                RefundTarget(kind, target_id), of_payment, left_minor, bool(by_id), bool(by_reference)
            )
            for kind, target_id, of_payment, left_minor, by_id, by_reference in self._db.execute(
                _CANDIDATES, (refund_id,)
            )
        ]

    def matched(self, refund_id: int, target: RefundTarget, of_payment: int | None) -> None:
        """Store what a refund gives back; inside a transaction."""
        self._db.execute(
            "UPDATE refunds SET target = ?, target_id = ?, of_payment = ? WHERE id = ?",
            (*target, of_payment, refund_id),
        )

    def _count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM refunds").fetchone()[0])

    def _ours(
        self, statement: str, values: tuple[object, ...], *, is_difference: bool
    ) -> Iterator[OurPayment]:
        for row in self._db.execute(statement, values):
            facts, at = tuple(row[:7]), datetime.fromisoformat(row[7])
            yield OurPayment._make((*facts, at, is_difference))
