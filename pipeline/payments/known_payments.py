"""What is known of the payments of accounts and customers at this moment, for loads that set their balances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from pipeline.core.payments.unposted import KnownPayment
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.payments import PaymentBook, applied_to
from pipeline.payments.match_events import EventMatcher


class InboxKnownPayments:
    """A `load.paid_since.KnownPayments` over the inbox. Deliveries that came meanwhile are settled before each look."""

    def __init__(self, inbox: Ledger, reading: Ledger, clock: Callable[[], datetime]) -> None:
        """`reading` is a connection of the ledger that nobody else uses meanwhile; `clock` in UTC."""
        self._inbox = inbox
        self._book = PaymentBook(inbox)
        self._matcher = EventMatcher(inbox, reading)
        self._clock = clock

    def of(self, kind: str, entity_id: str) -> Sequence[KnownPayment]:
        """The payments that are applied to an account or a customer, in the order of the inbox."""
        if self._book.has_new():
            self._matcher.settle_new(self._clock())
        return applied_to(self._inbox, kind, [entity_id]).get(entity_id, [])
