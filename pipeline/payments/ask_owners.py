"""Asks the API what is paid of an owner's bills, where a payment names only the owner: one of them must explain it.

Payments are matched first, and only then it is stored what the API shows: what a payment explains is no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pipeline.core.payments.matching import BillPayments, LoadedBill, Owner, match_payment
from pipeline.core.payments.payment_outcomes import PaymentOutcome
from pipeline.core.payments.shown_bill import ShownBill, shown_bill
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.payments import OpenPayment, PaidBill, PaymentBook
from pipeline.edge.ledger.inbox.questions import DueOwner, Questions
from pipeline.edge.ledger.loaded_bills import LoadedBills
from pipeline.errors import BillferryError
from pipeline.load.look_up import LookedUp

LookUp = Callable[[Sequence[str]], LookedUp]
"""Asks the API about bills by their references."""

OWNERS = 100
"""Owners of one step."""
MOST_BILLS = 500
"""An owner with more bills is not asked about: no payment could be told from the others."""
MOST_PAYMENTS = 100
"""Payments of one owner that are matched at once."""
BELIEVED = timedelta(days=1)
"""After so long an owner is asked about again, for what is paid may show by then."""
AGAIN_AFTER = timedelta(minutes=15)
"""After so long the API is asked again when it could not answer."""
NOT_ANSWERED = "not_answered"
"""Mark: when the API last could not answer."""


class OwnersAsked(NamedTuple):
    """What asking came to."""

    matched: int
    """Payments that were matched to a bill."""
    stopped: BillferryError | None
    """Why the API could not be asked about the others."""


@dataclass(frozen=True, slots=True)
class _Question:
    """An owner, its bills, and what is known of them."""

    due: DueOwner
    owner: Owner
    bills: Sequence[LoadedBill]
    known: Mapping[str, PaidBill]

    @property
    def references(self) -> list[str]:
        """Bills of which something may have been paid that is not known."""
        return [
            bill.bill_reference
            for bill in self.bills
            if (known := self.known.get(bill.bill_id)) is None or not known.is_over
        ]


class OwnerQuestions:
    """Asks about owners of unmatched payments. Not for several threads at once."""

    def __init__(self, inbox: Ledger, ledger: Ledger, look_up: LookUp) -> None:
        self._book = PaymentBook(inbox)
        self._questions = Questions(inbox)
        self._loaded = LoadedBills(ledger)
        self._look_up = look_up

    def ask(self, now: datetime) -> OwnersAsked:
        """Ask about every owner where something has changed, or a day has passed. `now` in UTC.

        Each owner's payments and bills are settled in one durable step. Raises DiskFull, LedgerBusy.
        """
        failed = self._questions.mark(NOT_ANSWERED)
        if failed is not None and now < datetime.fromisoformat(failed) + AGAIN_AFTER:
            return OwnersAsked(0, None)
        progress, matched, after, stopped, all_answered = self._loaded.progress(), 0, "", None, True
        while stopped is None and (
            due := self._questions.due_owners(progress, now - BELIEVED, after, OWNERS)
        ):
            after = due[-1].owner_id
            asked = [question for each in due if (question := self._question(each)) is not None]
            references = [reference for question in asked for reference in question.references]
            found = self._look_up(references) if references else LookedUp({}, None)
            stopped = found.stopped
            answered = [question for question in asked if found.answers.keys() >= {*question.references}]
            all_answered &= len(answered) == len(asked)
            unanswered = {question.due for question in asked} - {question.due for question in answered}
            with self._book.together():
                for question in answered:
                    matched += self._settle(question, found.answers, now)
                for each in due:
                    if each not in unanswered:
                        self._questions.asked(each, progress, now)
        if not all_answered or failed is not None:
            with self._book.together():
                self._questions.set_mark(
                    NOT_ANSWERED, None if all_answered else now.isoformat("T", "seconds")
                )
        return OwnersAsked(matched, stopped)

    def _question(self, due: DueOwner) -> _Question | None:
        """What to ask about an owner; None where asking cannot help."""
        kind = "account" if due.is_account else "customer"
        owner = self._loaded.owners(kind, {due.owner_id}).get(due.owner_id)
        if owner is None:
            return None
        bills = self._loaded.of_owner(owner, MOST_BILLS + 1)
        if not 0 < len(bills) <= MOST_BILLS:
            return None
        return _Question(due, owner, bills, self._book.paid_of([bill.bill_id for bill in bills]))

    def _settle(
        self, question: _Question, answers: Mapping[str, Mapping[str, Any] | None], now: datetime
    ) -> int:
        """Match an owner's payments by what the API shows, then store what it shows; how many were matched.

        Matching one may make another one clear, so all are tried again until none is matched any more.
        """
        paid: list[BillPayments] = []
        looked: list[tuple[LoadedBill, ShownBill]] = []
        for bill in question.bills:
            known = question.known.get(bill.bill_id)
            events_minor = 0 if known is None else known.events_minor
            if bill.bill_reference in answers:
                shown = shown_bill(answers[bill.bill_reference], bill)
                if isinstance(shown, ShownBill):
                    looked.append((bill, shown))
                    paid.append(BillPayments(bill, events_minor, shown.paid_minor))
            elif known is not None:
                paid.append(
                    BillPayments(bill, events_minor, max(known.received_minor, known.shown_minor or 0))
                )
        if not paid:
            return 0
        left = self._book.unmatched_of(
            question.due.owner_id, is_account=question.due.is_account, most=MOST_PAYMENTS
        )
        matched = 0
        while (found := self._match_each(left, question.owner, paid, now)) != left:
            matched += len(left) - len(found)
            left = found
        for bill, shown in looked:
            self._book.looked_at(bill, shown.paid_minor, shown.status, now)
        return matched

    def _match_each(
        self, payments: Sequence[OpenPayment], owner: Owner, paid: list[BillPayments], now: datetime
    ) -> list[OpenPayment]:
        """Match each payment that can be told; those that cannot. `paid` is kept up to date."""
        left: list[OpenPayment] = []
        for payment in payments:
            match = match_payment(payment.event, None, owner, paid)
            self._book.rematch(payment.seq, match, now)
            if match.outcome is PaymentOutcome.UNMATCHED:
                left.append(payment)
            elif match.bill is not None and match.target == "bill":
                minor = payment.event.amount_minor or 0
                paid[:] = [
                    each._replace(events_minor=each.events_minor + minor) if each.bill == match.bill else each
                    for each in paid
                ]
        return left
