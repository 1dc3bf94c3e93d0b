"""Records and their money, added up by currency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counted:
    """Records, and their money where that is known: minor units by currency; `unreadable` have no known amount.

    `records_in` and `unreadable_in` are the same by currency. Of a file with several currencies that a version reported
    which did not count them apart, `records_in` has fewer: the currency of the rest is not known.
    """

    records: int = 0
    amounts_minor: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0
    records_in: dict[str, int] = field(default_factory=dict)
    unreadable_in: dict[str, int] = field(default_factory=dict)

    def add(self, records: int, currency: str, amount_minor: int, unreadable: int = 0) -> None:
        """Add records of one currency, or take some away."""
        self.records += records
        self.unreadable += unreadable
        for parts, number in zip(self._parts(), (amount_minor, records, unreadable), strict=True):
            parts[currency] = parts.get(currency, 0) + number

    def plus(self, other: Counted, *, sign: int = 1) -> Counted:
        """The sum of both; with `sign` -1, this one without the other."""
        both = Counted(
            self.records + sign * other.records, unreadable=self.unreadable + sign * other.unreadable
        )
        for parts, mine, others in zip(both._parts(), self._parts(), other._parts(), strict=True):
            parts |= {name: mine.get(name, 0) + sign * others.get(name, 0) for name in mine | others}
        return both

    def known(self) -> Counted:
        """The same without currencies of which nothing is left."""
        left = Counted(self.records, unreadable=self.unreadable)
        for parts, mine in zip(left._parts(), self._parts(), strict=True):
            parts |= {name: mine[name] for name in sorted(mine) if mine[name]}
        return left

    def _parts(self) -> tuple[dict[str, int], ...]:
        return self.amounts_minor, self.records_in, self.unreadable_in


def added(some: Iterable[Counted]) -> Counted:
    """The sum of some counts."""
    total = Counted()
    for each in some:
        total = total.plus(each)
    return total
