"""Payments within a run: matched before files are loaded and after, written into payments files, handed over.

Without `payments` in the config, and in a dry run, nothing of it happens (`NoPayments`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from pipeline.collect.collect import Source
from pipeline.core.how_many import how_many
from pipeline.core.payments.export_schedule import is_export_due
from pipeline.core.payments.payment_outcomes import OPEN_IN_WORDS
from pipeline.core.payments.vendor_report import ReportText
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.exports import Exports
from pipeline.edge.ledger.inbox.payments import PaymentBook
from pipeline.edge.ledger.inbox.views import InboxViews, ToCheck
from pipeline.edge.ledger.loaded_bills import LoadedBills
from pipeline.errors import PaymentsToCheck, Stopped
from pipeline.load.paid_since import PaymentGuard
from pipeline.monitoring.audit_log import NamedFile
from pipeline.payments.ask_owners import LookUp, OwnerQuestions
from pipeline.payments.export import CONTROL, PaymentsExporter
from pipeline.payments.known_payments import InboxKnownPayments
from pipeline.payments.match_events import EventMatcher
from pipeline.payments.match_refunds import match_refunds
from pipeline.payments.match_report import ReportMatch, ReportMatcher
from pipeline.payments.sweep import BillSweep, Swept
from schemas.feed import Feed
from schemas.settings import Payments, Settings


class PaymentsStage(Protocol):
    """What a run does about payments."""

    def settle(self, *, may_ask: bool = True) -> None:
        """Settle what was received. Raises DiskFull, LedgerBusy, Stopped.

        Args:
            may_ask: the API may be asked which bill a payment is for.
        """

    def guard(self, feed: Feed, /) -> AbstractContextManager[PaymentGuard | None]:
        """What a load of that feed knows of payments while the block lasts."""

    def sweep(self, older_than: timedelta, limit: int | None, /) -> Swept:
        """Ask the API about open bills. Raises DiskFull, LedgerBusy."""

    def match_report(self, text: ReportText, sha256: str, /) -> ReportMatch | None:
        """Compare a report of the vendor, after what was received is settled; `sha256`: of the report. None: nothing
        may be changed. Raises DiskFull, LedgerBusy.
        """

    def news_to_check(self) -> PaymentsToCheck | None:
        """What a person should look at that was not there before this run; None: nothing."""

    def has_news(self) -> bool:
        """Whether this run has settled deliveries, so that pages show other figures."""

    def export(self, *, now_due: bool = False) -> Sequence[NamedFile]:
        """Write a payments file where one is due (`now_due`: in any case). Raises DiskFull, LedgerBusy."""

    def is_owed_to(self, source: Source, /) -> bool:
        """Whether a payments file waits to be handed over to a source."""

    def hand_over(self, source: Source, /) -> Sequence[NamedFile]:
        """Upload payments files that are not handed over yet. Raises SourceError."""


class NoPayments:
    """Payments are not configured, or nothing may be changed."""

    def settle(self, *, may_ask: bool = True) -> None:
        """Nothing is received."""

    def guard(self, _: Feed, /) -> AbstractContextManager[PaymentGuard | None]:
        """Nothing is known."""
        return nullcontext()

    def sweep(self, _: timedelta, __: int | None) -> Swept:
        """Nothing is asked."""
        return Swept()

    def match_report(self, _: ReportText, __: str) -> None:
        """Nothing is compared."""

    def news_to_check(self) -> PaymentsToCheck | None:
        """Nothing was received."""
        return None

    def has_news(self) -> bool:
        """Nothing is settled."""
        return False

    def export(self, *, now_due: bool = False) -> Sequence[NamedFile]:  # noqa: ARG002
        """Nothing is written."""
        return ()

    def is_owed_to(self, _: Source) -> bool:
        """Nothing is."""
        return False

    def hand_over(self, _: Source) -> Sequence[NamedFile]:
        """Nothing is handed over."""
        return ()


@dataclass(frozen=True, slots=True)
class InboxPayments:
    """Over the inbox. Only while the run's lock is held."""

    settings: Settings
    payments: Payments
    inbox: Ledger
    ledger: Ledger
    clock: Callable[[], datetime]
    line: Callable[[str], None]
    """Prints a line for people."""
    reader: Callable[[], AbstractContextManager[Ledger]]
    """Another connection of the ledger, for reading while a load writes."""
    warn: Callable[[str], None]
    look_up: LookUp | None
    """None: the API cannot be asked in this run."""
    _before: list[ToCheck] = field(default_factory=list)
    """What a person should look at, before this run settled anything."""

    @contextmanager
    def guard(self, feed: Feed, /) -> Iterator[PaymentGuard | None]:
        """Bills are never replaced, so that their loads need to know nothing.

        An account may have become known by the file before: payments that wait for it are matched first.
        """
        if feed.model == "bill":
            yield None
            return
        self.settle(may_ask=False)
        with self.reader() as reading:
            yield PaymentGuard(
                InboxKnownPayments(self.inbox, reading, self.clock),
                self.settings.zone,
                feed.net_payments,
                newest_file=Exports(self.inbox).next_seq() - 1,
                opened_at=self.clock(),
            )

    def settle(self, *, may_ask: bool = True) -> None:
        """Settle new deliveries, payments whose bill has become known, and those that only the API's answers match.

        An API that cannot be asked is a warning: those payments stay unmatched until it can.
        """
        if not self._before:
            self._before.append(InboxViews(self.inbox).to_check())
        if PaymentBook(self.inbox).has_new():
            LoadedBills(self.ledger).make_indexes()
        matcher = EventMatcher(self.inbox, self.ledger)
        count = matcher.settle_new(self.clock())
        matcher.match_again(self.clock())
        if count:
            self.line(f"payments: {how_many(count, 'payment event')} read")
        if self.look_up is not None and may_ask:
            self._ask(self.look_up)
        if refunds := match_refunds(self.inbox, self.clock()):
            self.line(f"payments: {how_many(refunds, 'refund')} matched")

    def _ask(self, look_up: LookUp) -> None:
        """Ask the API about payments that name no bill. Raises Stopped."""
        asked = OwnerQuestions(self.inbox, self.ledger, look_up).ask(self.clock())
        if asked.matched:
            self.line(f"payments: {how_many(asked.matched, 'payment')} matched by asking the API")
        if isinstance(asked.stopped, Stopped):
            raise asked.stopped
        if asked.stopped is not None:
            self.warn(f"payments that name no bill stay unmatched for now: {asked.stopped}")

    def sweep(self, older_than: timedelta, limit: int | None) -> Swept:
        """Find payments that no event told of."""
        if self.look_up is None:
            raise RuntimeError("a sweep needs the API")
        return BillSweep(self.inbox, self.ledger, self.look_up).sweep(self.clock(), older_than, limit)

    def match_report(self, text: ReportText, sha256: str) -> ReportMatch:
        """Compare a report with what is known here, and store its refunds."""
        self.settle(may_ask=False)
        found = ReportMatcher(self.inbox).match(text, sha256, self.clock())
        match_refunds(self.inbox, self.clock())
        return found

    def news_to_check(self) -> PaymentsToCheck | None:
        """What a person should look at that was not there before this run; None: nothing."""
        counts = InboxViews(self.inbox).news_to_check(self._before[0]) if self._before else {}
        told = [f"{counts[each]} {words}" for each, words in OPEN_IN_WORDS.items() if each in counts]
        return PaymentsToCheck(what=", ".join(told)) if told else None

    def has_news(self) -> bool:
        """Whether this run has settled deliveries, so that pages show other figures."""
        return bool(self._before) and InboxViews(self.inbox).to_check().newest > self._before[0].newest

    def export(self, *, now_due: bool = False) -> Sequence[NamedFile]:
        """Finish files that a killed run left, and write the next one."""
        exporter = self._exporter
        exporter.recover()
        last = Exports(self.inbox).last_made_at()
        due = now_due or is_export_due(self.payments.export, last, self.clock(), self.settings.zone)
        file = exporter.write(self.clock()) if due else None
        if file is not None:
            self.line(f"{file.name}: {how_many(file.records, 'row')} written")
        elif now_due:
            self.line("no payments to export")
        if self._remote is None:
            for written in Exports(self.inbox).pending():
                Exports(self.inbox).handed_over(written.seq, self.clock())
        return () if file is None else [(file.name, file.sha256)]

    def is_owed_to(self, source: Source) -> bool:
        """Whether the SFTP server lacks a file."""
        return source.name == "sftp" and self._remote is not None and bool(Exports(self.inbox).pending())

    def hand_over(self, source: Source) -> Sequence[NamedFile]:
        """The control file last, so that who waits for it finds its file whole."""
        if not self.is_owed_to(source):
            return ()
        exports, handed = Exports(self.inbox), list[NamedFile]()
        for file in exports.pending():
            for name in (file.name, file.name + CONTROL):
                source.upload_payments(self._folder / name, name)
            exports.handed_over(file.seq, self.clock())
            handed.append((file.name, file.sha256))
            self.line(f"{file.name}: handed over to {source.where}")
        return handed

    @property
    def _remote(self) -> str | None:
        return self.settings.sftp.payments if self.settings.sftp is not None else None

    @property
    def _folder(self) -> Path:
        return self.settings.work_dir / "payments"

    @property
    def _exporter(self) -> PaymentsExporter:
        columns = self.payments.columns
        return PaymentsExporter(
            self.inbox,
            self.ledger,
            self._folder,
            self.settings.merchant,
            self.settings.zone,
            {str(column): name for column, name in columns.items()} if columns else None,
        )
