"""Counts and exact sums per currency and outcome, and the balance law.

Sums are Python integers: a 64-bit sum wraps silently.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.core.outcomes import Outcome

UNREADABLE_CURRENCY = "?"


@dataclass(slots=True)
class Totals:
    """Records and minor units by currency and outcome.

    `unreadable` counts records whose amount could not be read; they are in `records`, outside the sums.
    """

    records: dict[str, dict[Outcome, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    amounts_minor: dict[str, dict[Outcome, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    unreadable: dict[str, dict[Outcome, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )

    def add(
        self, currency: str | None, outcome: Outcome, *, records: int, amount_minor: int, unreadable: int = 0
    ) -> None:
        """Count a group of records; `currency` None is unreadable."""
        name = currency or UNREADABLE_CURRENCY
        self.records[name][outcome] += records
        self.amounts_minor[name][outcome] += amount_minor
        if unreadable:
            self.unreadable[name][outcome] += unreadable

    @property
    def amount_unreadable(self) -> int:
        """Records without a readable amount, in all currencies."""
        return sum(sum(by_outcome.values()) for by_outcome in self.unreadable.values())

    @property
    def total_records(self) -> int:
        return sum(sum(by_outcome.values()) for by_outcome in self.records.values())

    def count(self, outcome: Outcome) -> int:
        """Records of one outcome in all currencies."""
        return sum(by_outcome.get(outcome, 0) for by_outcome in self.records.values())


def imbalances(counted: Mapping[str, tuple[int, int]], totals: Totals) -> Iterable[str]:
    """Differences between what the file holds and what its outcomes add up to; none when it balances.

    `counted` is (records, minor units) per currency, taken from the input independently of the outcomes.
    """
    for currency in sorted({*counted, *totals.records}):
        records, amount = counted.get(currency, (0, 0))
        outcome_records = sum(totals.records.get(currency, {}).values())
        outcome_amount = sum(totals.amounts_minor.get(currency, {}).values())
        if records != outcome_records:
            yield f"{currency}: {records} records in the file, {outcome_records} in the outcomes"
        if amount != outcome_amount:
            yield f"{currency}: {amount} minor units in the file, {outcome_amount} in the outcomes"
