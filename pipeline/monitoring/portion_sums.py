"""Portions of chains, and their sums by currency and outcome.

A portion that is counted may be taken away again, as it was: the sums are then those of the others, to the unit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from pipeline.core.outcomes import FileState, Outcome
from pipeline.core.totals import UNREADABLE_CURRENCY
from pipeline.core.values.amount_parts import part_of
from pipeline.core.values.amount_text import plain
from pipeline.edge.ledger.chains import Chain
from pipeline.edge.ledger.counted import Counted
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.inbox.paid_by_file import PaidByFile, PaidSum
from schemas.totals import CurrencyTotals, GroupTotals, PaidTotals, Part

_OPEN, _WRITTEN_OFF, _WITH_FILE, _BILLED = "open", "written_off", "refused_with_file", "billed"
"""Of sums that are kept beside those of the outcomes, which add up to the total."""
K = TypeVar("K")


def counts_more(counter: Counter[K], key: K, times: int) -> None:
    """Count a key so many times more; one that is counted no more is not kept."""
    counter[key] += times
    if not counter[key]:
        del counter[key]


@dataclass(frozen=True, slots=True)
class Portion:
    """Records of a chain that one of its files loaded, or that none did; they count on one day."""

    chain: Chain
    row: FileRow
    """Of the original: also what nothing loaded."""
    listed: FileRow
    """The file that they are listed under."""
    day: date
    by_outcome: Mapping[str, Counted]
    open: Counted = field(default_factory=Counted)
    written_off: Counted = field(default_factory=Counted)


@dataclass(slots=True)
class _Sum:
    parts: int = 0
    """How many were added."""
    records: int = 0
    amount_minor: int = 0
    unreadable: int = 0

    def add(self, records: int, amount_minor: int, unreadable: int, times: int) -> None:
        """Add these figures, or with `times` -1 take them away again."""
        self.parts += times
        self.records += times * records
        self.amount_minor += times * amount_minor
        self.unreadable += times * unreadable

    def part(self, currency: str | None) -> Part:
        """As JSON has it."""
        return part_of(currency, self.records, self.amount_minor, self.unreadable)


class CurrencySums:
    """Sums by currency and outcome, with `open`, `written_off` and `refused_with_file` beside the outcomes."""

    def __init__(self) -> None:
        self._sums: dict[str | None, dict[str, _Sum]] = {}
        self._files: dict[str | None, Counter[int]] = {}
        self._listed: Counter[int] = Counter()
        self._bills: Counter[int] = Counter()
        """Ids of the files of which bills may be paid."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is counted."""
        return not self._listed

    def lists(self, row: FileRow) -> bool:
        """Whether a portion is counted that is listed under a file."""
        return row.id in self._listed

    def count(self, portion: Portion, times: int) -> None:
        """Count a portion; `times` -1: take it away again, as it was."""
        counts_more(self._listed, portion.listed.id, times)
        for name, counted in portion.by_outcome.items():
            self._count(name, counted, portion, times)
        self._count(_OPEN, portion.open, portion, times)
        self._count(_WRITTEN_OFF, portion.written_off, portion, times)
        if portion.row.state == FileState.REFUSED:
            left = portion.by_outcome.get(Outcome.NOT_ATTEMPTED, Counted())
            self._count(_WITH_FILE, left, portion, times)
        if portion.chain.model == "bill":
            counts_more(self._bills, portion.row.id, times)
            created = portion.by_outcome.get(Outcome.CREATED, Counted()).amounts_minor
            for currency, minor in created.items():
                self._plus(currency, _BILLED, portion, (0, minor, 0), times)

    def _count(self, name: str, counted: Counted, portion: Portion, times: int) -> None:
        records_in, amounts, unreadable_in = counted.records_in, counted.amounts_minor, counted.unreadable_in
        for currency in records_in.keys() | amounts.keys() if records_in or amounts else ():
            figures = records_in.get(currency, 0), amounts.get(currency, 0), unreadable_in.get(currency, 0)
            self._plus(currency, name, portion, figures, times)
        apart = counted.records - sum(records_in.values())
        unreadable = counted.unreadable - sum(unreadable_in.values())
        if apart or unreadable:
            self._plus(None, name, portion, (apart, 0, unreadable), times)

    def _plus(
        self, currency: str | None, name: str, portion: Portion, figures: tuple[int, int, int], times: int
    ) -> None:
        """`figures`: records, minor units, records whose amount is unknown."""
        if not any(figures):
            return
        if currency not in self._sums:
            self._sums[currency], self._files[currency] = {}, Counter()
        counts_more(self._files[currency], portion.listed.id, times)
        sums = self._sums[currency]
        if (one := sums.get(name)) is None:
            one = sums[name] = _Sum()
        one.add(*figures, times)
        if not one.parts:
            del sums[name]
        if not sums:
            del self._sums[currency], self._files[currency]

    def files_in(self, currency: str | None) -> int:
        """How many files have records of a currency."""
        return len(self._files.get(currency, ()))

    def group(self, key: tuple[str, ...], paid: PaidByFile | None) -> GroupTotals:
        """A group by its key: its name and, of a file, SHA-256 and state."""
        name, sha256, state = (*key, None, None)[:3]
        return GroupTotals(
            name=name or "",
            sha256=sha256,
            state=state,
            files=len(self._listed),
            currencies=self.currencies(paid),
        )

    def currencies(self, paid: PaidByFile | None) -> list[CurrencyTotals]:
        """By code, what is unknown last; outcomes in their own order. `paid`: as of `period_totals.totals_of`."""
        paid_sums = None if paid is None else self._paid(paid)
        return [
            CurrencyTotals(
                currency=currency,
                total=_total(sums).part(currency),
                outcomes={
                    outcome.value: sums[outcome].part(currency) for outcome in Outcome if outcome in sums
                },
                open=sums.get(_OPEN, _Sum()).part(currency),
                written_off=sums.get(_WRITTEN_OFF, _Sum()).part(currency),
                refused_with_file=sums.get(_WITH_FILE, _Sum()).part(currency),
                payments=None if paid_sums is None else _payments(currency, sums, paid_sums),
            )
            for currency, sums in sorted(self._sums.items(), key=lambda each: _unknown_last(each[0]))
        ]

    def _paid(self, paid: PaidByFile) -> dict[str, PaidSum]:
        found: dict[str, PaidSum] = {}
        for file_id in self._bills.keys() & paid.keys():
            for currency, more in paid[file_id].items():
                before = found.get(currency, PaidSum(0, 0, 0))
                found[currency] = PaidSum(*(a + b for a, b in zip(before, more, strict=True)))
        return found


def _total(sums: Mapping[str, _Sum]) -> _Sum:
    """Of all outcomes."""
    total = _Sum()
    for outcome in Outcome:
        if outcome in sums:
            one = sums[outcome]
            total.add(one.records, one.amount_minor, one.unreadable, 1)
    return total


def _payments(
    currency: str | None, sums: Mapping[str, _Sum], paid_sums: Mapping[str, PaidSum]
) -> PaidTotals | None:
    """Of bills alone: what of a balance is paid, the next balance says."""
    if currency is None or _BILLED not in sums:
        return None
    billed_minor, paid = sums[_BILLED].amount_minor, paid_sums.get(currency, PaidSum(0, 0, 0))
    open_minor = max(billed_minor - paid.paid_minor + paid.overpaid_minor, 0)
    return PaidTotals(
        billed_minor=billed_minor,
        billed=plain(currency, billed_minor),
        bills_paid=paid.bills,
        paid_minor=paid.paid_minor,
        paid=plain(currency, paid.paid_minor),
        open_minor=open_minor,
        open=plain(currency, open_minor),
    )


def _unknown_last(currency: str | None) -> tuple[int, str]:
    if currency is None:
        return 2, ""
    return int(currency == UNREADABLE_CURRENCY), currency
