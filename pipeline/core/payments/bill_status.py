"""What is paid of a bill, from the events that were received and from what the API last showed."""

from __future__ import annotations

from enum import StrEnum


class BillStatus(StrEnum):
    """Of a bill, by what is known here; it follows from sums, never from the order in which events arrive."""

    UNPAID = "unpaid"
    PART_PAID = "part_paid"
    PAID = "paid"
    OVERPAID = "overpaid"


def received_total(events_minor: int, shown_minor: int | None, fallen_minor: int, refunded_minor: int) -> int:
    """What was paid before refunds, in minor units: the larger of what events add up to and what the API showed.

    So a payment that a sweep found is not counted again when its event comes later. Whether `amount_paid` falls by a
    refund is not documented. Where it was seen to fall, as much of the fall as was refunded had been paid; where it was
    not, nothing is added. So no money is made up under either answer, and a payment after a refund may be known only by
    its event.

    Args:
        events_minor: sum of the distinct events of the bill.
        shown_minor: the API's `amount_paid` when it was last asked; None: never.
        fallen_minor: by how much it has fallen from one time to the next, in all.
        refunded_minor: sum of the refunds of the bill that are known.
    """
    return max(events_minor, (shown_minor or 0) + min(fallen_minor, refunded_minor))


def bill_status(due_minor: int, paid_minor: int) -> BillStatus:
    """The status of a bill; amounts in minor units, `due_minor` above zero."""
    if paid_minor <= 0:
        return BillStatus.UNPAID
    if paid_minor < due_minor:
        return BillStatus.PART_PAID
    return BillStatus.PAID if paid_minor == due_minor else BillStatus.OVERPAID
