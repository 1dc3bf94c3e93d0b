"""What becomes of each delivery: exactly one outcome, so that per currency all received money is accounted for.

`received = applied + duplicate + unmatched + conflict + unreadable + waiting + ignored + dismissed`, in deliveries
and in minor units. What has no readable currency counts under `?`, without an amount.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.errors import UnbalancedReport

UNKNOWN_CURRENCY = "?"


class PaymentOutcome(StrEnum):
    """What became of a delivery."""

    APPLIED = "applied"
    """It is known which bill, account or customer it pays."""
    DUPLICATE = "duplicate"
    """The same payment of the same obligation was received before."""
    UNMATCHED = "unmatched"
    """It names an owner with several bills, or with none that explains it: a person must look."""
    CONFLICT = "conflict"
    """It contradicts what is known: another currency than its bill's, or another amount than the first time."""
    UNREADABLE = "unreadable"
    WAITING = "waiting"
    """Nothing that it names is known here yet; it is matched once its bill is."""
    IGNORED = "ignored"
    """An event of another type."""
    DISMISSED = "dismissed"
    """It was unmatched, waiting, in conflict or unreadable, and a person has settled it elsewhere."""


OPEN_IN_WORDS: dict[str, str] = {
    PaymentOutcome.UNMATCHED: "unmatched",
    PaymentOutcome.CONFLICT: "in conflict",
    PaymentOutcome.UNREADABLE: "unreadable",
    PaymentOutcome.WAITING: "waiting for their bill",
}
"""Outcomes of payments that may need a person, as people are told of them; the most urgent first."""


@dataclass(slots=True)
class PaymentTally:
    """Deliveries by currency and outcome. Asserts that nothing is lost (`check`)."""

    received: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Currency → deliveries, minor units, as they were counted at the door."""
    by_outcome: dict[str, dict[PaymentOutcome, tuple[int, int]]] = field(default_factory=dict)
    """Currency → outcome → deliveries, minor units."""

    def check(self) -> None:
        """Raises UnbalancedReport: what was received is not what outcomes add up to."""
        for currency in {*self.received, *self.by_outcome}:
            parts = self.by_outcome.get(currency, {}).values()
            added = (sum(count for count, _ in parts), sum(amount for _, amount in parts))
            if added != self.received.get(currency, (0, 0)):
                received = self.received.get(currency, (0, 0))
                problem = f"{received} received, {added} accounted for (deliveries, minor units)"
                raise UnbalancedReport(name=f"payments in {currency}", problem=problem)
