"""Settles deliveries: reads each body, finds repetitions, and matches payments to what was loaded.

Nothing is asked of the API here. Only while the run's lock is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.core.payments.events import Event, EventKind, read_event
from pipeline.core.payments.matching import (
    OTHER_AMOUNT,
    BillPayments,
    LoadedBill,
    Owner,
    PaymentMatch,
    match_payment,
)
from pipeline.core.payments.payment_outcomes import PaymentOutcome
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.payments import PaymentBook
from pipeline.edge.ledger.inbox.questions import Questions
from pipeline.edge.ledger.loaded_bills import LoadedBills

GROUP = 500
"""Deliveries of one durable step: the receiver waits no longer than that for the inbox."""

MATCHED = "matched"
"""Mark: how far loads had come when waiting payments were last matched."""


@dataclass(slots=True)
class _Known:
    """What the ledger knows of the ids in some events."""

    bills: dict[str, LoadedBill] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)


class EventMatcher:
    """Matches what the inbox has, with what the ledger has. Not for several threads at once."""

    def __init__(self, inbox: Ledger, ledger: Ledger) -> None:
        self._book = PaymentBook(inbox)
        self._loaded = LoadedBills(ledger)
        self._questions = Questions(inbox)

    def settle_new(self, now: datetime) -> int:
        """Settle every delivery that is not settled yet; how many there were. `now` in UTC."""
        count = 0
        while new := self._book.new_deliveries(GROUP):
            events = [(each.seq, read_event(each.body)) for each in new]
            known = self._known([event for _, event in events])
            with self._book.together():
                for seq, event in events:
                    self._book.settle(seq, event, self._outcome(event, known), now)
            count += len(new)
        return count

    def match_again(self, now: datetime) -> None:
        """Match payments whose bill has become known; nothing is done where no bill can have become known."""
        progress = self._loaded.progress()
        if self._questions.mark(MATCHED) == progress:
            return
        after = 0
        while some := self._book.open_payments(after, GROUP):
            after = some[-1].seq
            known = self._known([each.event for each in some])
            with self._book.together():
                for each in some:
                    match = self._matched(each.event, known)
                    # What the API was asked about an owner stays until it is asked again.
                    if match.outcome is not each.outcome:
                        self._book.rematch(each.seq, match, now)
        with self._book.together():
            self._questions.set_mark(MATCHED, progress)

    def _known(self, events: Sequence[Event]) -> _Known:
        """Look up everything that some events name, at once."""
        payments = [event for event in events if event.kind is EventKind.PAYMENT]
        known = _Known(self._loaded.by_ids({event.bill_id for event in payments if event.bill_id}))
        for kind in ("account", "customer"):
            ids = {getattr(event, f"{kind}_id") for event in payments if event.bill_id is None}
            known.owners |= self._loaded.owners(kind, ids - {None})
        return known

    def _outcome(self, event: Event, known: _Known) -> PaymentMatch:
        """What a new delivery comes to. Inside the step that stores those before it: they may be its repetition."""
        if event.kind is EventKind.OTHER:
            return PaymentMatch(PaymentOutcome.IGNORED)
        if event.kind is EventKind.UNREADABLE or event.payment_id is None or event.obligation_id is None:
            return PaymentMatch(PaymentOutcome.UNREADABLE, code="payment.unreadable")
        first = self._book.amount_of(event.payment_id, event.obligation_id)
        if first is not None:
            if first == (event.currency, event.amount_minor):
                return PaymentMatch(PaymentOutcome.DUPLICATE)
            return PaymentMatch(PaymentOutcome.CONFLICT, code=OTHER_AMOUNT)
        return self._matched(event, known)

    def _matched(self, event: Event, known: _Known) -> PaymentMatch:
        bill = known.bills.get(event.bill_id or "")
        owner = known.owners.get(event.account_id or event.customer_id or "")
        bills: list[BillPayments] = []
        if event.bill_id is None and owner is not None:
            # Which of them it is only the API knows: that there is one is enough here.
            bills = [BillPayments(each, 0, None) for each in self._loaded.of_owner(owner, 1)]
        return match_payment(event, bill, owner, bills)
