"""What an answer about a bill says of its payments."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from pipeline.core.payments.events import MAX_AMOUNT_MINOR
from pipeline.core.payments.matching import LoadedBill

VOIDED = "voided"
PAID = "paid"


class BillTrouble(StrEnum):
    """Why an answer about a bill says nothing of its payments."""

    MISSING = "missing"
    """The API holds no bill of that reference."""
    ANOTHER_BILL = "another_bill"
    """The API holds another bill of that reference."""
    OTHER_CURRENCY = "other_currency"
    UNREADABLE = "unreadable"
    """`amount_paid` is absent, or not an amount."""


class ShownBill(NamedTuple):
    """What the API shows of a bill."""

    paid_minor: int
    status: str | None


def shown_bill(answer: Mapping[str, Any] | None, bill: LoadedBill) -> ShownBill | BillTrouble:
    """What the API's answer says of a loaded bill; None is the answer that there is nothing.

    Source: `amount_paid` and `status` of a bill, billing-api.md.
    """
    if answer is None:
        return BillTrouble.MISSING
    if answer.get("id") != bill.bill_id:
        return BillTrouble.ANOTHER_BILL
    paid, status = answer.get("amount_paid"), answer.get("status")
    if type(paid) is not int or not 0 <= paid <= MAX_AMOUNT_MINOR:
        return BillTrouble.UNREADABLE
    if bill.currency is not None and answer.get("currency") != bill.currency:
        return BillTrouble.OTHER_CURRENCY
    return ShownBill(paid, status if isinstance(status, str) else None)


def is_over(due_minor: int | None, paid_minor: int, status: str | None) -> bool:
    """Whether nothing more will be paid of a bill, by what is known here. Amounts in minor units.

    Args:
        due_minor: None where it is not known any more.
        status: as the API last showed it; None: it was not asked.
    """
    return status in {PAID, VOIDED} or (due_minor is not None and paid_minor >= due_minor)
