"""What the page adds up over all files, kept while it is served: a look reads what has changed since the last one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Lock
from typing import TYPE_CHECKING

from pipeline.edge.ledger.database import snapshot
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.paid_by_file import PaidByFile
from pipeline.edge.ledger.known_chains import KnownChains
from pipeline.run.month_sums import MonthSums, month_counted_in
from pipeline.run.overview_sums import OverviewSums, OverviewTally
from schemas.settings import Settings

if TYPE_CHECKING:
    from pipeline.report.html.month_page import MonthTotals


@dataclass(slots=True)
class _Kept:
    chains: KnownChains = field(default_factory=KnownChains)
    overview: OverviewTally = field(default_factory=OverviewTally)
    months: dict[date, MonthSums] = field(default_factory=dict)


@dataclass(slots=True)
class LedgerSums:
    """Sums of one ledger, as of the moment at which somebody asks. For several threads: one looks at a time."""

    settings: Settings
    _lock: Lock = field(default_factory=Lock)
    _kept: _Kept = field(default_factory=_Kept)

    def overview(self, ledger: Ledger) -> OverviewSums:
        """What the page over all files adds up."""
        with self._lock:
            return self._look(ledger).overview.sums()

    def month(
        self, ledger: Ledger, month: date, *, as_of: datetime, paid: PaidByFile | None, most: int
    ) -> MonthTotals:
        """The totals of the month whose first day that is; other arguments as of `MonthSums.totals`."""
        with self._lock:
            sums = self._look(ledger).months.get(month) or MonthSums(month)
            return sums.totals(self.settings, as_of=as_of, paid=paid, most=most)

    def mark(self, ledger: Ledger) -> object:
        """Another one whenever the sums may have changed."""
        with self._lock:
            return self._look(ledger).chains.mark

    def _look(self, ledger: Ledger) -> _Kept:
        kept, self._kept = self._kept, _Kept()  # what a look leaves behind that fails is not used
        with snapshot(ledger):
            changes = list(kept.chains.look(ledger))
        zone = self.settings.zone
        for chain in (before for before, _ in changes if before is not None):
            kept.overview.take_away(chain)
            if (month := month_counted_in(chain, zone)) is not None:
                kept.months[month].take_away(chain, zone)
        for chain in (now for _, now in changes if now is not None):
            kept.overview.count(chain)
            if (month := month_counted_in(chain, zone)) is not None:
                if month not in kept.months:
                    kept.months[month] = MonthSums(month)
                kept.months[month].count(chain, zone)
        self._kept = kept
        return kept
