"""The work_dir of a merchant: what stands where in it, private to its owner, and cleared of what killed runs left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.edge.disk import private_folder, remove, remove_tree
from pipeline.edge.ledger.chains import Chain
from pipeline.edge.ledger.decisions import Decisions
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.place import ledger_place, may_be_there, open_merchants_ledger
from pipeline.edge.local.landing import remove_half_landed
from pipeline.edge.local.lock import only_run, remove_abandoned
from pipeline.errors import LedgerOutdated
from pipeline.monitoring.payments_standing import paid_as_known, payments_standing
from pipeline.monitoring.system_status import late_now
from pipeline.report.folders import OVERVIEW, half_written
from pipeline.run.overview_sums import OverviewSums, overview_sums
from schemas.settings import Settings

if TYPE_CHECKING:
    from pipeline.report.html.index_page import OverviewFacts

DRY_RUN = "dry-run-"
BROUGHT = "brought-"
"""How the folders begin, below work_dir, of what is not brought whole from the store yet."""
MAKING_WAIT_S = 30.0
"""How long another run may take to make the ledger that is not there yet."""


def sweep_leftovers(work_dir: Path) -> None:
    """Remove what killed runs left half written: landings, reports, scratch folders of dry runs.

    Only while the lock is held; a dry run holds none, but its own folder.
    """
    remove_half_landed(work_dir / "landing")
    for left in half_written(work_dir / "reports"):
        if left.is_dir():
            remove_tree(left)
        else:
            remove(left)
    remove_abandoned(DRY_RUN, work_dir)
    remove_abandoned(BROUGHT, work_dir)


@contextmanager
def existing_ledger(settings: Settings) -> Iterator[Ledger | None]:
    """The merchant's ledger for reading, None before the first run. Raises LedgerOfAnother, LedgerDamaged, and
    LedgerOutdated where an earlier version wrote it."""
    if not may_be_there(ledger_place(settings)):
        yield None
        return
    try:
        opened = open_merchants_ledger(settings, read_only=True)
    except LedgerOutdated as error:
        if error.facts["version"] != 0:
            raise
        yield None  # somebody is just making it
        return
    with closing(opened) as ledger:
        yield ledger


@contextmanager
def ledger_to_write(settings: Settings) -> Iterator[Ledger]:
    """The merchant's ledger for a step or two, while a run may hold the lock; made if there is none.

    Raises:
        DiskFull, LedgerBusy, LedgerOfAnother, LedgerDamaged: before the block begins; AnotherRun: while there is no
            ledger yet, another run makes one.
    """
    private_folder(settings.work_dir, close=True)
    is_there = may_be_there(ledger_place(settings))
    with nullcontext() if is_there else only_run(settings.work_dir / "lock", wait_s=MAKING_WAIT_S):
        opened = open_merchants_ledger(settings)
    with closing(opened) as ledger:
        yield ledger


def is_overview_due(settings: Settings, files: Files) -> bool:
    """Whether a killed run did not get to the page over all files."""
    return _is_older(settings.work_dir / "reports" / OVERVIEW, files.last_finished())


def refresh_overview(settings: Settings, ledger: Ledger, chains: Iterable[Chain], now: datetime) -> None:
    """Write the page over all files, as of `now` (UTC). Only while the lock is held. Raises DiskFull.

    `chains` are all of the ledger's.
    """
    from pipeline.report.html.index_page import MAX_FILES_ON_PAGE, write_overview  # noqa: PLC0415 (an idle run needs none)

    facts = overview_facts(settings, ledger, overview_sums(chains), now, most=MAX_FILES_ON_PAGE)
    write_overview(facts, settings.work_dir / "reports")


def overview_facts(
    settings: Settings, ledger: Ledger, sums: OverviewSums, now: datetime, *, most: int
) -> OverviewFacts:
    """What the page over all files tells of, with at most so many of them."""
    from pipeline.report.html.index_page import OverviewFacts  # noqa: PLC0415 (an idle run needs none)

    files = Files(ledger)
    return OverviewFacts(
        files=_on_page(files.newest(most), sums.need_somebody, most),
        total=files.count(),
        merchant=settings.merchant,
        environment=settings.environment,
        timezone=settings.timezone,
        as_of=now,
        to_correct=sums.to_correct,
        to_correct_money=sums.to_correct_money,
        refused=sums.refused,
        states=sums.states,
        decided=len(Decisions(ledger).all_pending().keys() & sums.held),
        loaded=sums.loaded,
        late=[
            f"feed {late.feed}, due {late.due_at:%Y-%m-%d} by {late.due_at:%H:%M}"
            for late in late_now(settings, ledger, now)
        ],
        paid=_paid(settings, sums.billed),
        payments_to_check=_payments_to_check(settings),
    )


def _paid(settings: Settings, billed: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Currency, what all bills come to that files created, and what of it is paid; minor units."""
    paid = paid_as_known(settings)
    if paid is None:
        return []
    sums: Counter[str] = Counter()
    for by_currency in paid.values():
        sums.update({currency: each.paid_minor for currency, each in by_currency.items()})
    return [(currency, minor, sums[currency]) for currency, minor in sorted(billed.items())]


def _payments_to_check(settings: Settings) -> int:
    standing = payments_standing(settings)
    opened = standing.inbox.open if standing is not None else {}
    return sum(opened.get(each, 0) for each in ("unmatched", "conflict"))


def _on_page(newest: Sequence[FileRow], need_somebody: Sequence[FileRow], most: int) -> list[FileRow]:
    """The newest files, and older ones that need somebody in place of the oldest of them; newest first."""
    oldest = newest[-1].id if len(newest) == most else 0
    older = [row for row in need_somebody if row.id < oldest]
    return [*newest[: max(0, most - len(older))], *older[:most]]


def _is_older(page: Path, last: str | None) -> bool:
    """Whether a file was finished after the page was written, so that a killed run did not get to it."""
    if last is None:
        return False
    return not page.exists() or page.stat().st_mtime < datetime.fromisoformat(last).timestamp()
