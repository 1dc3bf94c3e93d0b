"""Which bill, account or customer a payment is for: decided by ids alone, and never guessed.

An event of a bill's payment may name the bill, or only its owner: the documentation disagrees with itself. Where it
names an owner with several bills, the API is asked what is paid of each, and one of them must explain the payment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pipeline.core.payments.events import Event, EventKind
from pipeline.core.payments.payment_outcomes import PaymentOutcome

Target = Literal["bill", "account", "customer"]

OTHER_CURRENCY = "payment.currency_differs"
OTHER_OWNER = "payment.owner_differs"
OTHER_AMOUNT = "payment.amount_differs"
NOT_KNOWN = "payment.bill_unknown"
SEVERAL_BILLS = "payment.several_bills"
NO_BILL_EXPLAINS = "payment.no_bill_explains"


class LoadedBill(NamedTuple):
    """A bill that was loaded, as the ledger has it. Ids are the API's, amounts minor units."""

    bill_id: str
    bill_reference: str
    customer_id: str | None
    account_id: str | None
    customer_reference: str | None
    account_reference: str | None
    currency: str | None
    due_minor: int | None
    """None where it is not known any more, or not yet."""
    file_id: int
    record: int
    is_settled: bool
    """Whether its file is finished, so that everything about it is known."""


class Owner(NamedTuple):
    """An account or customer that the ledger knows."""

    kind: Literal["account", "customer"]
    owner_id: str
    reference: str
    customer_reference: str | None
    currency: str | None
    has_balance: bool
    """Whether a balance of it was set from a file."""


class BillPayments(NamedTuple):
    """What is known of the payments of one bill, in minor units."""

    bill: LoadedBill
    events_minor: int
    """Sum of its applied events."""
    shown_minor: int | None
    """What the API shows as paid; None: it was not asked."""


@dataclass(frozen=True, slots=True)
class PaymentMatch:
    """What became of a payment."""

    outcome: PaymentOutcome
    code: str = ""
    target: Target | None = None
    bill: LoadedBill | None = None
    owner: Owner | None = None
    ask: bool = False
    """Whether the API has to be asked about the owner's bills first."""


def match_payment(
    event: Event, bill: LoadedBill | None, owner: Owner | None, bills_of_owner: Sequence[BillPayments]
) -> PaymentMatch:
    """What a payment is for, as far as the ledger shows.

    Args:
        event: a payment.
        bill: the bill that it names, where it is known.
        owner: the account or, where it names none, the customer that it names.
        bills_of_owner: bills that were loaded for that owner. Those with `shown_minor` were asked about just now.
    """
    if event.kind is not EventKind.PAYMENT:
        raise ValueError("only payments are matched")
    if event.bill_id is not None:
        return _to_named_bill(event, bill)
    if owner is None:
        return PaymentMatch(PaymentOutcome.WAITING, NOT_KNOWN)
    if not bills_of_owner:
        return _to_owner(event, owner)
    if any(each.shown_minor is None for each in bills_of_owner):
        return PaymentMatch(PaymentOutcome.UNMATCHED, SEVERAL_BILLS, owner=owner, ask=True)
    return _to_one_of(event, owner, bills_of_owner)


def _to_named_bill(event: Event, bill: LoadedBill | None) -> PaymentMatch:
    if bill is None or not bill.is_settled:
        return PaymentMatch(PaymentOutcome.WAITING, NOT_KNOWN)
    if bill.currency is not None and bill.currency != event.currency:
        return PaymentMatch(PaymentOutcome.CONFLICT, OTHER_CURRENCY, bill=bill)
    named = ((event.account_id, bill.account_id), (event.customer_id, bill.customer_id))
    if any(said is not None and known is not None and said != known for said, known in named):
        return PaymentMatch(PaymentOutcome.CONFLICT, OTHER_OWNER, bill=bill)
    return PaymentMatch(PaymentOutcome.APPLIED, target="bill", bill=bill)


def _to_owner(event: Event, owner: Owner) -> PaymentMatch:
    """A payment of a balance. An owner of which nothing was loaded may get its first bill yet."""
    if not owner.has_balance:
        return PaymentMatch(PaymentOutcome.WAITING, NOT_KNOWN, owner=owner)
    if owner.currency is not None and owner.currency != event.currency:
        return PaymentMatch(PaymentOutcome.CONFLICT, OTHER_CURRENCY, owner=owner)
    return PaymentMatch(PaymentOutcome.APPLIED, target=owner.kind, owner=owner)


def _to_one_of(event: Event, owner: Owner, bills: Sequence[BillPayments]) -> PaymentMatch:
    """The one bill of which exactly this amount is paid that no event accounts for; else the one with at least it."""
    amount_minor = event.amount_minor or 0
    left = {
        each.bill: (each.shown_minor or 0) - each.events_minor
        for each in bills
        if each.bill.currency in {None, event.currency}
    }
    for fits in (
        [bill for bill, minor in left.items() if minor == amount_minor],
        [bill for bill, minor in left.items() if minor >= amount_minor],
    ):
        if len(fits) == 1:
            return PaymentMatch(PaymentOutcome.APPLIED, target="bill", bill=fits[0], owner=owner)
        if fits:
            return PaymentMatch(PaymentOutcome.UNMATCHED, SEVERAL_BILLS, owner=owner)
    if owner.has_balance:
        return _to_owner(event, owner)
    return PaymentMatch(PaymentOutcome.UNMATCHED, NO_BILL_EXPLAINS, owner=owner)
