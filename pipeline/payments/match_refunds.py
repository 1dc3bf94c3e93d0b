"""Matches refunds of the vendor's reports to what they give back. Only while the run's lock is held."""

from __future__ import annotations

from datetime import datetime

from pipeline.core.payments.refund_target import refund_target
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.payments import PaymentBook
from pipeline.edge.ledger.inbox.refunds import Refunds

MOST = 1000
"""Refunds of one durable step: the receiver waits no longer than that for the inbox."""


def match_refunds(inbox: Ledger, now: datetime) -> int:
    """Match each refund whose payment has become known, the oldest first; how many. Raises DiskFull, LedgerBusy.

    Args:
        now: UTC.
    """
    refunds, book, matched, after = Refunds(inbox), PaymentBook(inbox), 0, 0
    while some := refunds.open(after, MOST):
        after = some[-1].refund_id
        with book.together():
            for each in some:
                found = refund_target(each.amount_minor, refunds.candidates(each.refund_id))
                if found is None:
                    continue
                refunds.matched(each.refund_id, found.target, found.of_payment)
                if found.target.kind == "bill":
                    book.refunded(found.target.target_id, now)
                matched += 1
    return matched
