"""Finds payments that no event told of: asks the API about open bills, the oldest first, and goes on where it ended.

What is found is a difference; an event that comes later explains it and is not added to it. Bills are taken in steps,
each durable, so that neither memory nor what a stop costs depends on how many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pipeline.core.payments.matching import LoadedBill
from pipeline.core.payments.payment_outcomes import UNKNOWN_CURRENCY
from pipeline.core.payments.shown_bill import VOIDED, BillTrouble, ShownBill, shown_bill
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.payments import PaidBill, PaymentBook
from pipeline.edge.ledger.inbox.questions import Questions
from pipeline.edge.ledger.loaded_bills import START, BillPlace, LoadedBills
from pipeline.errors import BillferryError
from pipeline.payments.ask_owners import LookUp

STEP = 500
"""Loaded bills of one durable step."""
MOST_SHOWN = 100
"""Bills in trouble that are kept to be shown; all are counted."""
CURSOR = "sweep"
"""Mark: the last bill that a sweep which was cut short has passed."""


class TroubledBill(NamedTuple):
    """A bill of which the API does not say what is paid."""

    bill_reference: str
    trouble: BillTrouble


@dataclass(slots=True)
class Swept:
    """What a sweep came to. Amounts are minor units."""

    asked: int = 0
    found: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Currency → bills with payments that no event told of, and their sum."""
    voided: int = 0
    shows_less: int = 0
    """Bills of which the API shows less than events told, less refunds: something else was given back."""
    unclear: int = 0
    """Bills with a difference that an unmatched payment of their owner may explain."""
    unanswered: int = 0
    troubles: Counter[BillTrouble] = field(default_factory=Counter)
    troubled: list[TroubledBill] = field(default_factory=list)
    """The first of them."""
    left: int = 0
    """Loaded bills that were not gone through."""
    stopped: BillferryError | None = None


class BillSweep:
    """One sweep. Only while the run's lock is held; not for several threads at once."""

    def __init__(self, inbox: Ledger, ledger: Ledger, look_up: LookUp) -> None:
        self._book = PaymentBook(inbox)
        self._questions = Questions(inbox)
        self._loaded = LoadedBills(ledger)
        self._look_up = look_up
        self._swept = Swept()

    def sweep(self, now: datetime, older_than: timedelta, limit: int | None) -> Swept:
        """Ask about bills that are not known to be paid or voided, from where the last sweep was cut short.

        Args:
            now: UTC.
            older_than: only bills that were loaded, and last asked about, longer ago.
            limit: at most so many bills are asked about; None: all.

        Raises DiskFull, LedgerBusy.
        """
        swept, before = self._swept, now - older_than
        self._loaded.make_indexes()
        place = _place(self._questions.mark(CURSOR))
        while swept.stopped is None and (limit is None or swept.asked < limit):
            step = self._loaded.after(place, rfc3339(before), STEP)
            if not step:
                place = START
                break
            to_ask = self._open(step, before)
            if limit is not None and len(to_ask) > limit - swept.asked:
                to_ask = to_ask[: limit - swept.asked]
                last = to_ask[-1].bill_id
                step = step[: next(at for at, each in enumerate(step) if each.bill_id == last) + 1]
            if self._ask(to_ask, now):
                place = step[-1]
                with self._book.together():
                    self._questions.set_mark(CURSOR, f"{place.file_id} {place.record}")
        if place == START and swept.stopped is None:
            with self._book.together():
                self._questions.set_mark(CURSOR, None)
        else:
            swept.left = self._loaded.count_after(place, rfc3339(before))
        return swept

    def _open(self, step: Sequence[BillPlace], before: datetime) -> list[LoadedBill]:
        """Bills of a step of which something may have been paid that is not known, in order."""
        known = self._book.paid_of({each.bill_id for each in step})
        ids = dict.fromkeys(
            each.bill_id
            for each in step
            if (bill := known.get(each.bill_id)) is None
            or not (
                bill.is_over
                or (bill.looked_at is not None and datetime.fromisoformat(bill.looked_at) > before)
            )
        )
        bills = self._loaded.by_ids(ids)
        return [bills[bill_id] for bill_id in ids]

    def _ask(self, bills: Sequence[LoadedBill], now: datetime) -> bool:
        """Ask about some bills and store what the API shows; whether all of them could be asked about."""
        if not bills:
            return True
        found = self._look_up([bill.bill_reference for bill in bills])
        known = self._book.paid_of([bill.bill_id for bill in bills])
        with self._book.together():
            for bill in bills:
                if bill.bill_reference in found.answers:
                    self._store(bill, found.answers[bill.bill_reference], known.get(bill.bill_id), now)
                elif found.stopped is None:
                    self._swept.unanswered += 1
        self._swept.stopped = found.stopped
        return found.stopped is None

    def _store(
        self, bill: LoadedBill, answer: Mapping[str, Any] | None, known: PaidBill | None, now: datetime
    ) -> None:
        swept, shown = self._swept, shown_bill(answer, bill)
        swept.asked += 1
        if not isinstance(shown, ShownBill):
            swept.troubles[shown] += 1
            if len(swept.troubled) < MOST_SHOWN:
                swept.troubled.append(TroubledBill(bill.bill_reference, shown))
            return
        swept.voided += shown.status == VOIDED
        swept.shows_less += known is not None and shown.paid_minor < known.events_minor - known.refunded_minor
        found_minor = self._book.looked_at(bill, shown.paid_minor, shown.status, now)
        if found_minor > 0:
            currency = bill.currency or UNKNOWN_CURRENCY
            bills, minor = swept.found.get(currency, (0, 0))
            swept.found[currency] = (bills + 1, minor + found_minor)
        elif shown.paid_minor > (known.received_minor if known is not None else 0):
            swept.unclear += 1


def _place(mark: str | None) -> BillPlace:
    if mark is None:
        return START
    file_id, record = mark.split()
    return BillPlace(int(file_id), int(record), "")
