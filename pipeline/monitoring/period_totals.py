"""What became of all records of a period, by currency and outcome, every chain counted once. Read only.

A chain counts on the day of its original. Where days of loading are asked for, each part of it counts on the day on
which a file loaded it: what an original loaded, and what it did not load, on the original's; what a correction loaded,
on the correction's. Both ways every record counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from pipeline.core.days import Days, day_in
from pipeline.edge.ledger.chains import Chain, Chains
from pipeline.edge.ledger.counted import Counted
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.inbox.paid_by_file import PaidByFile
from pipeline.errors import UsageError
from pipeline.monitoring.portion_sums import CurrencySums, Portion, counts_more
from schemas.settings import Settings
from schemas.totals import DayKind, Grouping, GroupTotals, TotalsResult


@dataclass(frozen=True, slots=True)
class Selection:
    """Which chains are meant, and by which of their days."""

    days: Days
    date: DayKind = "landed"
    feeds: frozenset[str] = frozenset()
    """Empty: all."""


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
    portions: Iterable[Portion],
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
    sums = PeriodSums(() if by is None else (by,))
    for portion in portions:
        sums.count(portion)
    return sums.result(settings, which, by, as_of=as_of, paid=paid)


class PeriodSums:
    """What portions add up to, whole and by group; one that is counted may be taken away again."""

    def __init__(self, groupings: Iterable[Grouping]) -> None:
        """`groupings`: what groups may be asked for."""
        self._whole = CurrencySums()
        self._groups: dict[Grouping, dict[tuple[str, ...], CurrencySums]] = {
            by: {} for by in groupings if by != "currency"
        }
        self._originals: Counter[int] = Counter()
        self._corrections: Counter[int] = Counter()
        self._unread: dict[int, str] = {}

    def count(self, portion: Portion, *, times: int = 1) -> None:
        """Count one portion; `times` -1: take it away again, as it was."""
        self._whole.count(portion, times)
        for by, groups in self._groups.items():
            key = _KEYS[by](portion)
            if key not in groups:
                groups[key] = CurrencySums()
            groups[key].count(portion, times)
            if groups[key].is_empty:
                del groups[key]
        counts_more(self._originals, portion.chain.original.id, times)
        for row in portion.chain.corrections:
            counts_more(self._corrections, row.id, times)
        if portion.listed.summary is None:
            if self._whole.lists(portion.listed):
                self._unread[portion.listed.id] = portion.listed.name
            else:
                self._unread.pop(portion.listed.id, None)

    def groups(self, by: Grouping, paid: PaidByFile | None) -> list[GroupTotals]:
        """The groups by their keys; `paid` as of `totals_of`."""
        if by == "currency":
            return [
                GroupTotals(
                    name=each.currency or "", files=self._whole.files_in(each.currency), currencies=[each]
                )
                for each in self._whole.currencies(paid)
            ]
        return [sums.group(key, paid) for key, sums in sorted(self._groups[by].items())]

    def result(
        self,
        settings: Settings,
        which: Selection,
        by: Grouping | None,
        *,
        as_of: datetime,
        paid: PaidByFile | None,
    ) -> TotalsResult:
        """As a document. Arguments as of `totals_of`."""
        return TotalsResult(
            **selection_facts(settings, which, as_of),
            by=by,
            files=len(self._originals),
            corrections=len(self._corrections),
            unread=[self._unread[each] for each in sorted(self._unread)],
            currencies=self._whole.currencies(paid),
            groups=[] if by is None else self.groups(by, paid),
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
