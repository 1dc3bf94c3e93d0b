"""What the page of a month adds up; a chain that is counted may be taken away again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from heapq import nsmallest
from typing import TYPE_CHECKING

from pipeline.core.days import month_of
from pipeline.edge.ledger.chains import Chain
from pipeline.edge.ledger.inbox.paid_by_file import PaidByFile
from pipeline.monitoring.period_totals import PeriodSums, Selection, counting_day, portions_of
from pipeline.report.html.wording import tone
from schemas.settings import Settings
from schemas.totals import DayKind

if TYPE_CHECKING:
    from pipeline.report.html.month_page import MonthTotals

_DAY: DayKind = "landed"
"""A chain counts on the day on which its original landed."""


def month_counted_in(chain: Chain, zone: tzinfo) -> date | None:
    """The first day of the month that a chain counts in; None of a report of payments, which has no records."""
    return None if chain.original.is_report else counting_day(chain.original, _DAY, zone).replace(day=1)


class MonthSums:
    """Counts the chains of one month."""

    def __init__(self, month: date) -> None:
        """`month`: its first day."""
        self._month = month
        self._sums = PeriodSums(("day", "model", "feed"))
        self._chains: dict[int, Chain] = {}
        self._order: dict[int, tuple[bool, str, str]] = {}
        """Id of each original → its place in a list of which not all is shown: first those that need somebody."""

    def count(self, chain: Chain, zone: tzinfo) -> None:
        """Count a chain of the month."""
        file = chain.original
        is_closed = chain.total.records > 0 and not chain.open.records
        self._chains[file.id] = chain
        self._order[file.id] = tone(file.state, is_closed=is_closed) == "good", file.name, file.sha256
        self._count(chain, zone, 1)

    def take_away(self, chain: Chain, zone: tzinfo) -> None:
        """Count a chain no more; it is as it was when it was counted."""
        del self._chains[chain.original.id], self._order[chain.original.id]
        self._count(chain, zone, -1)

    def _count(self, chain: Chain, zone: tzinfo, times: int) -> None:
        for portion in portions_of(chain, _DAY, zone):
            self._sums.count(portion, times=times)

    def totals(
        self, settings: Settings, *, as_of: datetime, paid: PaidByFile | None, most: int | None = None
    ) -> MonthTotals:
        """The totals of the month.

        Args:
            paid: as of `period_totals.totals_of`.
            most: so many files are listed, those first that need somebody; None: all.
        """
        from pipeline.report.html.month_page import MonthTotals  # noqa: PLC0415 (an idle run needs no templates)

        by_file = PeriodSums(("file",))
        listed = self._listed(most)
        for chain in listed:
            for portion in portions_of(chain, _DAY, settings.zone):
                by_file.count(portion)
        files = {chain.original.sha256: chain.original for chain in listed}
        return MonthTotals(
            by_day=self._sums.result(
                settings, Selection(month_of(self._month)), "day", as_of=as_of, paid=paid
            ),
            models=self._sums.groups("model", paid),
            feeds=self._sums.groups("feed", paid),
            files=[(files[group.sha256], group) for group in by_file.groups("file", paid) if group.sha256],
            files_left_out=len(self._chains) - len(listed),
        )

    def _listed(self, most: int | None) -> Sequence[Chain]:
        if most is None:
            return list(self._chains.values())
        return [self._chains[each] for each in nsmallest(most, self._order, key=self._order.__getitem__)]
