"""What a refund of the vendor's report gives back: decided by the payment's id and the reference, and never guessed.

The report may name a payment that never came here. Counting its refund would make a customer owe what was never taken
off, so only what is known to be paid is given back; a refund of anything else waits until its payment is known.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple


class RefundTarget(NamedTuple):
    """What a refunded payment was applied to, and the API's id of it."""

    kind: Literal["bill", "account", "customer"]
    target_id: str


class RefundCandidate(NamedTuple):
    """What a refund may give back, by what was paid in its currency."""

    target: RefundTarget
    of_payment: int | None
    """A payment of it in the inbox; None for a bill."""
    left_minor: int
    """What is known to be paid of it, or was ever shown as paid by the API, less its refunds that are known; minor
    units.
    """
    by_id: bool
    """A payment of it has the id that the report says."""
    by_reference: bool
    """It has the reference that the report says."""


def refund_target(amount_minor: int, candidates: Collection[RefundCandidate]) -> RefundCandidate | None:
    """The one that the refund can be of; None where it can be of none, or of several.

    The report's id may or may not be that of the payment (undocumented), so where no payment has it, the reference
    alone decides.

    Args:
        amount_minor: of the refund, above zero.
        candidates: each target once.
    """
    by_id = [each for each in candidates if each.by_id]
    for some in ([each for each in by_id if each.by_reference], by_id or candidates):
        paid = [each for each in some if each.left_minor >= amount_minor]
        if len(paid) == 1:
            return paid[0]
    return None
