"""What a run does for its work_dir once its files are done: the page over all files, retention, the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pipeline.edge.ledger.chains import Chains
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.errors import BillferryError
from pipeline.run.chain_reports import ReportRenewer
from pipeline.run.clock_check import Timekeeper
from pipeline.run.month_pages import refresh_month_pages
from pipeline.run.retention import forget_old
from pipeline.run.stored_documents import StoredDocuments
from pipeline.run.work_dir import is_overview_due, refresh_overview
from schemas.settings import Settings


class Upkeep(Protocol):
    """The end of a run; of a dry run there is none (`read_only.NoUpkeep`)."""

    def renew_reports(self) -> int:
        """Write the reports of originals again whose chain has changed; how many."""

    def write_overview(self, *, worked: bool) -> None:
        """Bring the page over all files up to date."""

    def put_documents(self) -> None:
        """Put into the store what is owed to it."""

    def forget_old(self) -> None:
        """Retention: forget what is older than the config wants it kept."""

    def clock_trouble(self) -> BillferryError | None:
        """Remember the time that this run had, or tell what is wrong with it."""


@dataclass(frozen=True, slots=True)
class WorkDirUpkeep:
    """Only while the lock is held."""

    settings: Settings
    ledger: Ledger
    clock: Timekeeper
    api_key: Callable[[], str]
    line: Callable[[str], None]
    """Prints a line for people."""
    renewer: ReportRenewer
    documents: StoredDocuments

    def renew_reports(self) -> int:
        """Before the sources get what they are owed: the new reports are among that. Raises DiskFull."""
        return self.renewer.renew()

    def write_overview(self, *, worked: bool) -> None:
        """Bring the pages of months and over all files up to date; `worked`: there is news of a file or a late feed.

        Raises DiskFull.
        """
        files = Files(self.ledger)
        if worked or is_overview_due(self.settings, files):
            chains = Chains(self.ledger).all()
            refresh_month_pages(self.settings, chains)  # the page over all files leads to them
            refresh_overview(self.settings, self.ledger, chains, self.clock.now())

    def put_documents(self) -> None:
        """Put into the store what is owed to it, and remove there what is old or superseded."""
        self.documents.note_earlier()
        self.documents.withdraw_superseded()
        self.documents.put_owed()

    def forget_old(self) -> None:
        """Forget what is older than `retention` says, once the time is confirmed; one request at most."""
        forgotten = forget_old(self.settings, self.ledger, self.clock, self.api_key)
        if forgotten is not None:
            self.line(str(forgotten))

    def clock_trouble(self) -> BillferryError | None:
        """Remember a time that is confirmed; else what to report of one that is wrong, or holds retention up."""
        return self.clock.at_the_end()
