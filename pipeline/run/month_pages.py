"""Totals of any days for `totals`, and the pages of the months beside `index.html`, written by runs and by `totals`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.edge.clock import utc_now
from pipeline.edge.ledger.chains import Chain, Chains
from pipeline.edge.ledger.inbox.paid_by_file import PaidByFile
from pipeline.edge.local.lock import only_run
from pipeline.errors import AnotherRun
from pipeline.monitoring.payments_standing import paid_as_known
from pipeline.monitoring.period_totals import Selection, period_totals
from pipeline.report.folders import month_page_name
from pipeline.run.month_sums import MonthSums, month_counted_in
from pipeline.run.work_dir import existing_ledger, refresh_overview
from schemas.settings import Settings
from schemas.totals import Grouping, TotalsResult

if TYPE_CHECKING:
    from pipeline.report.html.month_page import MonthTotals


def totals_and_page(
    settings: Settings, which: Selection, by: Grouping | None, *, as_of: datetime, with_page: bool
) -> TotalsResult:
    """The totals of a selection; `page` is that of the month, where `with_page` asks for it and no run is at work.

    Raises:
        UsageError: an unknown feed. LedgerDamaged, LedgerOfAnother, LedgerOutdated: as opening it for reading does.
        DiskFull: no room for the page.
    """
    with existing_ledger(settings) as ledger:
        paid = paid_as_known(settings)
        document = period_totals(ledger, settings, which, by, as_of=as_of, paid=paid)
        if ledger is None or not with_page or which.days.first is None:
            return document
        if not settings.work_dir.is_dir():  # of a ledger that hosts share, on one that has not run
            return document
        try:
            with only_run(settings.work_dir / "lock"):
                is_new = not (settings.work_dir / "reports" / month_page_name(which.days.first)).exists()
                chains = Chains(ledger).all()
                path = _write(settings, chains, which.days.first, as_of, paid)
                if is_new:  # the page over all files leads to it
                    refresh_overview(settings, ledger, chains, as_of)
        except AnotherRun:  # it writes the page at its end, if anything changed
            return document
    return document.model_copy(update={"page": str(path)})


def refresh_month_pages(settings: Settings, all_chains: Sequence[Chain]) -> None:
    """Write the pages of the months in which anything has changed since they were written. Only while the lock is held.

    A month changes with the files that landed in it, with their corrections whenever these come, and with write-offs.
    A page notes what it was made from, so that no clock is asked. Raises DiskFull.
    """
    from pipeline.report.html.month_page import is_made_from  # noqa: PLC0415 (an idle run needs no templates)

    by_month: dict[date, list[Chain]] = {}
    for chain in all_chains:
        if (month := month_counted_in(chain, settings.zone)) is not None:
            by_month.setdefault(month, []).append(chain)
    now, paid = utc_now(), paid_as_known(settings)
    for month, chains in by_month.items():
        page = settings.work_dir / "reports" / month_page_name(month)
        if not is_made_from(page, _print_of(chains, paid)):
            _write(settings, chains, month, now, paid)


def _print_of(chains: Sequence[Chain], paid: PaidByFile | None) -> str:
    """A hash of all by which the totals of these chains can change."""
    rows = [row for chain in chains for row in (chain.original, *chain.corrections)]
    parts = [
        *((row.sha256, row.state, row.landed_at, row.finished_at) for row in rows),
        *((chain.open, chain.written_off) for chain in chains),
        None if paid is None else [paid.get(row.id) for row in rows],
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def month_totals(
    settings: Settings, chains: Iterable[Chain], month: date, as_of: datetime, paid: PaidByFile | None
) -> MonthTotals:
    """The totals of a month. `chains`: of the month, and perhaps of others; `month` is its first day."""
    sums = MonthSums(month)
    for chain in chains:
        if month_counted_in(chain, settings.zone) == month:
            sums.count(chain, settings.zone)
    return sums.totals(settings, as_of=as_of, paid=paid)


def _write(
    settings: Settings, chains: Sequence[Chain], month: date, as_of: datetime, paid: PaidByFile | None
) -> Path:
    """`chains`: as of `month_totals`."""
    from pipeline.report.html.month_page import write_month_page  # noqa: PLC0415 (an idle run needs no templates)

    mine = [chain for chain in chains if month_counted_in(chain, settings.zone) == month]
    return write_month_page(
        month_totals(settings, mine, month, as_of, paid),
        settings.work_dir / "reports",
        made_from=_print_of(mine, paid),
    )
