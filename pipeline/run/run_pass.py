"""The order of one run: unfinished files first, then what the sources show, then hand-over, retention, late feeds.

Each file is checked, loaded and reported before the next, and its source is touched only then. A dry run takes the
same way; what it is handed leaves out the load, the moves and the ledger's changes (`opening`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.collect.collect import Source
from pipeline.core.file_stages import SOURCES, SourceName
from pipeline.core.names import label_of_path
from pipeline.edge.config import Config
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.log import get_logger
from pipeline.errors import (
    ENDS_THE_RUN,
    EX_OK,
    BillferryError,
    LandedCopyForgotten,
    NotInStoreYet,
    ReportGone,
    SourceError,
    Stopped,
    StoreDamaged,
    WorkDirGone,
)
from pipeline.monitoring.audit_log import NamedFile
from pipeline.monitoring.heartbeat_monitor import HeartbeatMonitor, monitored
from pipeline.monitoring.notifications import Notifier
from pipeline.report.run_lines import first_line, last_line
from pipeline.run.context import Options
from pipeline.run.opening import OpenRun, open_run
from pipeline.run.ui import Ui
from pipeline.signals import stoppable
from schemas.results import RunResult

log = get_logger()


def run_everything(config: Config, ui: Ui, options: Options) -> RunResult:
    """One pass over everything: unfinished files, then SFTP and drop folder. Raises as `open_run`.

    The config's monitor and its `notify` are told how it ends; of a dry run they hear nothing.
    """
    monitor = HeartbeatMonitor(config.settings, ui.warn, silent=options.dry_run)
    notifier = Notifier(config, ui.warn, silent=options.dry_run, clock=options.clock)
    with monitored(monitor, notifier) as ended, open_run(config, ui, options, "run") as opened:
        monitor.tell_start()
        return ended(Run(opened).everything())


@dataclass(frozen=True, slots=True)
class Passed:
    """What a pass over some places came to, and what those who look again and again must know."""

    result: RunResult
    again_in_s: float | None
    """After so long the first file that still moves may be taken."""
    out_of_reach: SourceError | None
    """Why a source could not be looked at, or files not be moved there."""
    api_stopped: BillferryError | None
    """Why the API cannot be used now; no file can be loaded until it can."""


def pass_over(
    config: Config, ui: Ui, options: Options, source: SourceName | None, elsewhere: int = EX_OK
) -> Passed:
    """One pass over one source, without waiting for files that move; None: over unfinished files alone.

    `elsewhere` is the exit status of what is known to be wrong at other places: it is remembered of the pass, too.
    Raises as `open_run`.
    """
    with open_run(config, ui, options, "watch", elsewhere=elsewhere) as opened:
        run = Run(opened, wait=None, one_of_many=True)
        work = run.upkeep if source is None else partial(run.one_place, source)
        return Passed(
            run.result_of(work), opened.collecting.again_in_s, run.out_of_reach, opened.loading.stopped
        )


def load_named_files(config: Config, paths: Sequence[Path], ui: Ui, options: Options) -> RunResult:
    """The same for files named on the command line, which are left where they are. Raises as `open_run`."""
    with open_run(config, ui, options, "load") as opened:
        run = Run(opened)
        return run.result_of(partial(run.named, paths))


def retry_files(config: Config, names: Sequence[str], ui: Ui, options: Options) -> RunResult:
    """Send refused records of finished files again, under their next generation. `all` names every file.

    Raises UsageError when a name fits no file, or more than one; and as `open_run`.
    """
    with open_run(config, ui, options, "retry") as opened:
        run = Run(opened)
        return run.result_of(partial(run.retry, opened.files.rows_named(names)))


def export_payments(config: Config, ui: Ui, options: Options) -> RunResult:
    """Write a file of all payments that are in none yet, and hand it over. Raises as `open_run`."""
    with open_run(config, ui, options, "payments export", needs_key=False) as opened:
        run = Run(opened, one_of_many=True)
        return run.result_of(run.payments_file)


def rewrite_reports(config: Config, name: str, ui: Ui, options: Options) -> RunResult:
    """Write a file's reports again, from our copy and the ledger: no request, and nothing at a source.

    Raises UsageError when the name fits no file or more than one; LandedCopyForgotten, ReportGone when what they
    would be written from is not there any more; and as `open_run`.
    """
    with open_run(config, ui, options, "report", needs_key=False) as opened:
        with stoppable():
            row = opened.files.rows_named([name])[0]
            opened.documents.owe_again(row, opened.processor.rewrite(row))
            opened.upkeep.put_documents()
        result = opened.context.result(opened.reports.said)
        return result.model_copy(update={"exit_status": opened.context.status})


class Run:
    """The work of one open run."""

    def __init__(
        self,
        opened: OpenRun,
        wait: Callable[[float], None] | None = time.sleep,
        *,
        one_of_many: bool = False,
    ) -> None:
        """Of an open run.

        Args:
            wait: sleeps so many seconds between two looks at a source, until its files stand still; None: one look.
            one_of_many: looks follow each other every minute, so that a line is news only where there was a file;
                or the work is about no bill file.
        """
        self._one_of_many = one_of_many
        self._run = opened
        self._context = opened.context
        self._now = opened.context.options.clock
        self._wait = wait
        self.out_of_reach: SourceError | None = None
        self._renewed = self._is_late = False
        self._endings: set[type[BillferryError]] = set()

    # -- the order of a run --

    def result_of(self, work: Callable[[], None]) -> RunResult:
        """Do the work as far as it goes; what can be said of it, also when the run is stopped."""
        context, history, said = self._context, self._run.history, self._run.reports.said
        history.begin(context.run_id, context.started_at)
        if not self._one_of_many:
            dry_run = context.options.dry_run
            context.ui.log_line(first_line(context.run_id, context.settings, dry_run=dry_run))
        log.info("run.started", run=context.run_id, dry_run=context.options.dry_run)
        for step in (work, self.renew, self._run.upkeep.put_documents, self._overview):
            try:
                with stoppable():
                    step()
            except ENDS_THE_RUN as error:
                self._ended_by(error)
        try:
            if (trouble := self._run.upkeep.clock_trouble()) is not None:
                context.fail(trouble)
            result = context.result(said)
            history.end(result, self._now())
        except ENDS_THE_RUN as error:
            self._ended_by(error)
            result = context.result(said)
        if result.files or not self._one_of_many:
            say = context.ui.log_line if len(result.files) == 1 else context.ui.line
            say(last_line(result, context.reports))
        log.info("run.ended", run=context.run_id, files=len(result.files), exit_status=result.exit_status)
        return result

    def _ended_by(self, error: BillferryError) -> None:
        """Report what ended the run; a disk that refuses one file after another is reported once."""
        if not isinstance(error, Stopped) and not self._context.in_place():
            error = WorkDirGone(where=self._context.settings.work_dir)
        if type(error) not in self._endings:
            self._endings.add(type(error))
            self._context.fail(error)

    def renew(self) -> None:
        """Write the reports again whose chain has changed; before the hand-over, for they are a part of it."""
        self._renewed |= self._run.upkeep.renew_reports() > 0

    def _overview(self) -> None:
        """The page over all files; also after a stop, so that it shows what came of the run."""
        worked = bool(self._run.processor.done) or self._renewed or self._is_late
        worked |= self._run.payments.has_news()
        self._run.upkeep.write_overview(worked=worked)

    def everything(self) -> RunResult:
        """A whole run, and its result."""
        return self.result_of(self._all_places)

    def _all_places(self) -> None:
        """Unfinished files come first: what they left in doubt is settled before anything new is sent."""
        self._run.payments.settle()
        self.unfinished()
        self.sources(SOURCES)
        self._run.upkeep.forget_old()
        self._late()

    def upkeep(self) -> None:
        """Files known to the ledger but no longer present at any source; retention."""
        self._run.payments.settle()
        self.unfinished()
        self._run.upkeep.forget_old()
        self._late()

    def one_place(self, name: SourceName) -> None:
        """What one source shows."""
        self.sources((name,))
        self._late()

    def _late(self) -> None:
        """Report feeds that have had no file by their hour, and payments that came and need a person: a failed run,
        though nothing went wrong here.
        """
        for late in self._run.history.late(self._now()):
            self._context.fail(late)
            self._is_late = True
        self._payments_to_check()

    def _payments_to_check(self) -> None:
        if (to_check := self._run.payments.news_to_check()) is not None:
            self._context.fail(to_check)

    def unfinished(self) -> None:
        """Go on with files that an earlier run did not finish."""
        for row in self._run.files.unfinished():
            self._resume(row)

    def _resume(self, row: FileRow) -> None:
        """Go on with a file of the ledger, whatever becomes of it."""
        self._run.reports.guarded(row.name, partial(self._run.processor.resume, row))

    def sources(self, names: Collection[SourceName]) -> None:
        """Work on what is new at the sources of those names, by date and name, while the next is fetched; then hand
        over.
        """
        collecting, sources = self._run.collecting, self._run.sources.opened(names)
        try:
            for source in sources:
                self._reaching(partial(collecting.look, source, self._wait))
            for landed, remotes in collecting.in_order(self._reaching):
                self._run.reports.guarded(landed.name, partial(self._run.processor.work_on, landed, remotes))
                if isinstance(self._run.loading.stopped, Stopped):
                    collecting.stop_fetching()
            collecting.end_fetching()
            self.renew()
            collecting.owe_archives()
            self._payments()
            for source in sources:
                self._reaching(partial(self._hand_over, source))
        finally:
            collecting.end_fetching()
            for source in sources:
                source.close()

    def _payments(self) -> None:
        """What was received meanwhile, and payments of bills that are known by now."""
        self._run.payments.settle(may_ask=self._run.loading.stopped is None)
        self._note("written", self._run.payments.export())

    def payments_file(self) -> None:
        """Write a payments file now, and hand it over."""
        self._run.payments.settle()
        self._note("written", self._run.payments.export(now_due=True))
        for source in self._run.sources.opened(SOURCES):
            if self._run.payments.is_owed_to(source):
                self._reaching(partial(self._hand_over_payments, source))
            source.close()
        self._payments_to_check()

    def _hand_over_payments(self, source: Source) -> None:
        """Raises SourceError."""
        self._note("handed over", self._run.payments.hand_over(source))

    def _note(self, what: str, payments_files: Sequence[NamedFile]) -> None:
        """In the audit trail: which payments files were written or handed over."""
        if payments_files:
            self._run.history.done(payments_files, {"payments": what})

    def named(self, paths: Sequence[Path]) -> None:
        """Work on files named on the command line."""
        for path in paths:
            self._run.reports.guarded(label_of_path(path.name), partial(self._named_file, path))

    def _named_file(self, path: Path) -> None:
        for landed in self._run.collecting.named(path):
            self._run.reports.guarded(landed.name, partial(self._run.processor.work_on, landed, ()))

    def retry(self, rows: Sequence[FileRow]) -> None:
        """Send the refused records of finished files again, and hand over their new reports."""
        for row in rows:
            try:
                count = self._run.files.take_up_refused(row)
            except (LandedCopyForgotten, ReportGone) as forgotten:
                self._context.fail(forgotten)
                continue
            self._context.ui.line(f"{row.name}: {count} refused records to send again")
            if count:
                self._resume(row)
        self._hand_over_to(self._run.handovers.owed_reports())

    def hand_over_owed(self, sha256: str) -> None:
        """Pay what is owed of one file, at its source."""
        self._hand_over_to(self._run.handovers.owed_of(sha256))

    def decided(self, row: FileRow) -> None:
        """Go on with a file that a person has decided about, here and at its source."""
        self._resume(row)
        self.hand_over_owed(row.sha256)

    def _hand_over_to(self, names: Collection[SourceName]) -> None:
        """Pay what is owed to the sources of those names, without looking at what they show."""
        for source in self._run.sources.opened(names) if names else ():
            self._reaching(partial(self._hand_over, source))
            source.close()

    def _hand_over(self, source: Source) -> None:
        """Upload reports and move files. Raises SourceError; StoreError: the store that has some of them is away."""
        lacking = set()
        for row in self._run.handovers.reported_to(source.name):
            try:
                self._run.documents.bring_report(row)
            except (NotInStoreYet, StoreDamaged) as error:
                self._context.fail(error)
                lacking.add(row.sha256)
        self._run.handovers.pay(source, self._context.reports, self._context.ui.warn, lacking)
        self._hand_over_payments(source)

    def _reaching(self, work: Callable[[], None]) -> None:
        """One source's trouble, a bug at its door included, does not stop the others, nor what they have brought."""
        try:
            work()
        except ENDS_THE_RUN:
            raise
        except SourceError as error:
            self._context.fail(error)
            self.out_of_reach = error
        except BillferryError as error:
            self._context.fail(error)
        except Exception as error:  # noqa: BLE001 (told with its trace, exit 70)
            self._context.require_work_dir()
            self._context.bug("a source", error)
