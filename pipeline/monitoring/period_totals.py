"""What became of all records of a period, by currency and outcome, every chain counted once. Read only.

A chain counts on the day of its original. Where days of loading are asked for, each part of it counts on the day on
which a file loaded it: what an original loaded, and what it did not load, on the original's; what a correction loaded,
on the correction's. Both ways every record counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any

from pipeline.core.days import Days, day_in
from pipeline.core.outcomes import Outcome
from pipeline.core.totals import UNREADABLE_CURRENCY
from pipeline.core.values.amount_parts import part_of
from pipeline.core.values.amount_text import plain
from pipeline.edge.ledger.chains import Chain, Chains
from pipeline.edge.ledger.counted import Counted
from pipeline.edge.ledger.database import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.inbox.paid_by_file import PaidByFile, PaidSum
from pipeline.errors import UsageError
from schemas.settings import Settings
from schemas.totals import CurrencyTotals, DayKind, Grouping, GroupTotals, PaidTotals, Part, TotalsResult

TOTAL, OPEN, WRITTEN_OFF = "total", "open", "written_off"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which chains are meant, and by which of their days."""

    days: Days
    date: DayKind = "landed"
    feeds: frozenset[str] = frozenset()
    """Empty: all."""


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


def counting_day(row: FileRow, kind: DayKind, zone: tzinfo) -> date:
    """The day on which a file counts."""
    if kind == "file" and (named := row.name_parts.get("date")):
        return date.fromisoformat(named)
    if kind == "loaded" and row.finished_at is not None:
        return day_in(row.finished_at, zone)
    return day_in(row.landed_at, zone)


def selected(chains: Iterable[Chain], which: Selection, zone: tzinfo) -> Iterator[Portion]:
    """The portions that a selection is about. A correction belongs to the feed of its original; reports of payments
    are of none, for there are no records in them.
    """
    for chain in chains:
        if chain.original.is_report:
            continue
        if which.feeds and chain.original.feed not in which.feeds:
            continue
        for portion in portions_of(chain, which.date, zone):
            if portion.day in which.days:
                yield portion


def portions_of(chain: Chain, kind: DayKind, zone: tzinfo) -> Iterator[Portion]:
    """The parts of a chain: of its original, with what nothing loaded, and of each correction that loaded some."""
    original, found = chain.original, chain.by_outcome
    for taken in chain.corrected.values():
        found = {name: each.plus(taken.get(name, Counted()), sign=-1) for name, each in found.items()}
    day = counting_day(original, kind, zone)
    yield Portion(chain, original, original, day, found, chain.open, chain.written_off)
    for row in chain.corrections:
        if row.id in chain.corrected:
            listed = row if kind == "loaded" else original
            yield Portion(chain, row, listed, counting_day(listed, kind, zone), chain.corrected[row.id])


def period_totals(
    ledger: Ledger | None,
    settings: Settings,
    which: Selection,
    by: Grouping | None,
    *,
    as_of: datetime,
    paid: PaidByFile | None = None,
) -> TotalsResult:
    """The totals of a selection; `paid` as of `totals_of`.

    Raises UsageError: neither the config nor the ledger knows one of its feeds.
    """
    chains = Chains(ledger).all() if ledger is not None else []
    require_feeds(which.feeds, settings, chains)
    portions = list(selected(chains, which, settings.zone))
    return totals_of(portions, settings, which, by, as_of=as_of, paid=paid)


def totals_of(
    portions: list[Portion],
    settings: Settings,
    which: Selection,
    by: Grouping | None,
    *,
    as_of: datetime,
    paid: PaidByFile | None = None,
) -> TotalsResult:
    """What some portions add up to.

    Args:
        paid: what is paid of each file's bills; None: payments are not configured.
    """
    whole, groups = _Sums(paid), dict[tuple[str, ...], _Sums]()
    for portion in portions:
        whole.add(portion)
        if by is not None and by != "currency":
            groups.setdefault(_KEYS[by](portion), _Sums(paid)).add(portion)
    currencies = whole.currencies()
    made = [sums.group(key) for key, sums in sorted(groups.items())]
    if by == "currency":
        made = [
            GroupTotals(name=each.currency or "", files=whole.files_in(each.currency), currencies=[each])
            for each in currencies
        ]
    listed = {portion.listed.id: portion.listed for portion in portions}
    originals = {portion.chain.original.id for portion in portions}
    corrections = {row.id for portion in portions for row in portion.chain.corrections}
    return TotalsResult(
        **selection_facts(settings, which, as_of),
        by=by,
        files=len(originals),
        corrections=len(corrections),
        unread=[row.name for row in listed.values() if row.summary is None],
        currencies=currencies,
        groups=made,
        page=None,
        exit_status=0,
    )


def selection_facts(settings: Settings, which: Selection, as_of: datetime) -> dict[str, Any]:
    """The fields of `SelectionFacts`, as every document about a selection begins."""
    return {
        "merchant": settings.merchant,
        "environment": settings.environment,
        "timezone": settings.timezone,
        "as_of": as_of,
        "first_day": which.days.first,
        "last_day": which.days.last,
        "date": which.date,
        "feeds": sorted(which.feeds),
    }


def require_feeds(feeds: frozenset[str], settings: Settings, chains: Iterable[Chain]) -> None:
    """Raises UsageError: neither the config nor the ledger knows one of these feeds."""
    known = {feed.name for feed in settings.feeds} | {chain.original.feed for chain in chains}
    if unknown := sorted(feeds - known):
        raise UsageError(
            problem=f"unknown feed {unknown[0]!r}", remedy=f"known feeds: {', '.join(sorted(known))}"
        )


_KEYS: dict[Grouping, Callable[[Portion], tuple[str, ...]]] = {
    "day": lambda portion: (portion.day.isoformat(),),
    "feed": lambda portion: (portion.chain.original.feed,),
    "model": lambda portion: (portion.chain.model,),
    "file": lambda portion: (portion.listed.name, portion.listed.sha256, portion.listed.state),
}


@dataclass(slots=True)
class _Sum:
    records: int = 0
    amount_minor: int = 0
    unreadable: int = 0

    def part(self, currency: str | None) -> Part:
        """As JSON has it."""
        return part_of(currency, self.records, self.amount_minor, self.unreadable)


class _Sums:
    """Sums by currency and outcome, with `total`, `open` and `written_off` beside the outcomes."""

    def __init__(self, paid: PaidByFile | None) -> None:
        self._paid = paid
        self._billed: Counter[str] = Counter()
        self._paid_sums: dict[str, PaidSum] = {}
        self._sums: dict[str | None, dict[str, _Sum]] = {}
        self._files: dict[str | None, set[int]] = {}
        self._listed: set[int] = set()

    def add(self, portion: Portion) -> None:
        """Count one portion."""
        self._listed.add(portion.listed.id)
        for name, counted in portion.by_outcome.items():
            self._count(name, counted, portion)
            self._count(TOTAL, counted, portion)
        self._count(OPEN, portion.open, portion)
        self._count(WRITTEN_OFF, portion.written_off, portion)
        if self._paid is not None and portion.chain.model == "bill":
            self._billed.update(portion.by_outcome.get(Outcome.CREATED, Counted()).amounts_minor)
            for currency, more in self._paid.get(portion.row.id, {}).items():
                before = self._paid_sums.get(currency, PaidSum(0, 0, 0))
                self._paid_sums[currency] = PaidSum(*(a + b for a, b in zip(before, more, strict=True)))

    def _payments(self, currency: str | None) -> PaidTotals | None:
        """Of bills alone: what of a balance is paid, the next balance says."""
        if currency is None or currency not in self._billed:
            return None
        billed_minor, paid = self._billed[currency], self._paid_sums.get(currency, PaidSum(0, 0, 0))
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

    def _count(self, name: str, counted: Counted, portion: Portion) -> None:
        for currency in counted.records_in.keys() | counted.amounts_minor.keys():
            parts = (counted.records_in, counted.amounts_minor, counted.unreadable_in)
            self._plus(currency, name, portion, tuple(part.get(currency, 0) for part in parts))
        apart = counted.records - sum(counted.records_in.values())
        unreadable = counted.unreadable - sum(counted.unreadable_in.values())
        if apart or unreadable:
            self._plus(None, name, portion, (apart, 0, unreadable))

    def _plus(self, currency: str | None, name: str, portion: Portion, figures: tuple[int, ...]) -> None:
        """`figures`: records, minor units, records whose amount is unknown."""
        if not any(figures):
            return
        self._files.setdefault(currency, set()).add(portion.listed.id)
        one = self._sums.setdefault(currency, {}).setdefault(name, _Sum())
        records, amount_minor, unreadable = figures
        one.records += records
        one.amount_minor += amount_minor
        one.unreadable += unreadable

    def files_in(self, currency: str | None) -> int:
        """How many files have records of a currency."""
        return len(self._files.get(currency, ()))

    def group(self, key: tuple[str, ...]) -> GroupTotals:
        """A group by its key: its name and, of a file, SHA-256 and state."""
        name, sha256, state = (*key, None, None)[:3]
        return GroupTotals(
            name=name or "", sha256=sha256, state=state, files=len(self._listed), currencies=self.currencies()
        )

    def currencies(self) -> list[CurrencyTotals]:
        """By code, what is unknown last; outcomes in their own order."""
        return [
            CurrencyTotals(
                currency=currency,
                total=sums.get(TOTAL, _Sum()).part(currency),
                outcomes={
                    outcome.value: sums[outcome].part(currency) for outcome in Outcome if outcome in sums
                },
                open=sums.get(OPEN, _Sum()).part(currency),
                written_off=sums.get(WRITTEN_OFF, _Sum()).part(currency),
                payments=self._payments(currency),
            )
            for currency, sums in sorted(self._sums.items(), key=lambda each: _unknown_last(each[0]))
        ]


def _unknown_last(currency: str | None) -> tuple[int, str]:
    if currency is None:
        return 2, ""
    return int(currency == UNREADABLE_CURRENCY), currency
