"""What is paid of a bill, from the events that were received and from what the API last showed."""

from __future__ import annotations

from enum import StrEnum


class BillStatus(StrEnum):
    """Of a bill, by what is known here; it follows from sums, never from the order in which events arrive."""

    UNPAID = "unpaid"
    PART_PAID = "part_paid"
    PAID = "paid"
    OVERPAID = "overpaid"


def paid_total(events_minor: int, shown_minor: int | None) -> int:
    """What is paid, in minor units: the larger of what events add up to and what the API showed.

    So a payment that a sweep found is not counted again when its event comes later.

    Args:
        events_minor: sum of the distinct events of the bill.
        shown_minor: the API's `amount_paid` when it was last asked; None: never.
    """
    return max(events_minor, shown_minor or 0)


def bill_status(due_minor: int, paid_minor: int) -> BillStatus:
    """The status of a bill; amounts in minor units, `due_minor` above zero."""
    if paid_minor <= 0:
        return BillStatus.UNPAID
    if paid_minor < due_minor:
        return BillStatus.PART_PAID
    return BillStatus.PAID if paid_minor == due_minor else BillStatus.OVERPAID
