"""One run, told in order; the only file that knows every stage.

Unfinished files first, then what the sources show, one file after another: check, load, report, and only then
touch the source. A dry run is the same without the load, the moves and the ledger's changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from pipeline.collect import Source, collect, concerns_whole_source, land, land_named
from pipeline.core.collected import Collected, Found, Known
from pipeline.core.files import CheckedFile, LandedFile, Refusal, RemoteFile
from pipeline.core.outcomes import FileState, Outcome
from pipeline.desk import Desk, Options
from pipeline.edge.billing import BillingApi
from pipeline.edge.config import Config
from pipeline.edge.ledger import FileRow, GroupCommit, Sends
from pipeline.errors import (
    BillferryError,
    DiskFull,
    FileRefused,
    FileTooLarge,
    LandedCopyGone,
    LedgerDamaged,
    SourceError,
    Stopped,
)
from pipeline.handover import Place, owe, pay
from pipeline.load import LoadJob, LoadResult, load
from pipeline.progress import Ui, check_interruptibly
from pipeline.report import (
    REPORT_NAMES,
    FileReport,
    Outcomes,
    describe,
    facts_of,
    nothing_sent,
    refused_unread,
    without_report,
    write_report,
)
from pipeline.signals import stoppable
from schemas.results import FileFacts, RefusalFacts, RequestCounts, RunResult

log = structlog.get_logger()

Work = tuple[LandedFile, tuple[RemoteFile, ...]]
"""A landed file, and what moves at its source when it is finished: itself and what belongs to it."""

ENDS_THE_RUN = (Stopped, DiskFull, LedgerDamaged)
"""Errors after which no other file can be worked on."""


def run_pass(config: Config, ui: Ui, options: Options) -> RunResult:
    """One pass over everything: unfinished files, then SFTP and drop folder."""
    with Desk.opened(config, ui, options) as desk:
        run = _Run(desk)
        return run.result_of(run.everything)


def load_named_files(config: Config, paths: Sequence[Path], ui: Ui, options: Options) -> RunResult:
    """The same for files named on the command line, which are left where they are."""
    with Desk.opened(config, ui, options) as desk:
        run = _Run(desk)
        return run.result_of(partial(run.named, paths))


def retry_files(config: Config, names: Sequence[str], ui: Ui, options: Options) -> RunResult:
    """Send refused records of finished files again, under their next generation. `all` names every file.

    Raises UsageError when a name fits no file, or more than one.
    """
    with Desk.opened(config, ui, options) as desk:
        run = _Run(desk)
        return run.result_of(partial(run.retry, desk.rows_named(names)))


class _Run:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._reports: list[FileReport] = []
        self._done: set[str] = set()
        """SHA-256s worked on in this run: a file is not loaded twice because two sources show it."""
        self._api_stopped: BillferryError | None = None

    # -- the order of a run --

    def result_of(self, work: Callable[[], None]) -> RunResult:
        """Do the work as far as it goes; what can be said of it, also when the run is stopped."""
        with stoppable():
            try:
                work()
            except ENDS_THE_RUN as error:
                self._desk.fail(error)
        return self._desk.result(self._reports)

    def everything(self) -> None:
        desk = self._desk
        for row in desk.unfinished():
            self._guarded(row.name, partial(self._resume, row))
        sources: list[Source] = []
        work: list[Work] = []
        try:
            for source in desk.sources():
                sources.append(source)
                self._reaching(partial(self._collect, source, work))
            work.sort(key=lambda item: (item[0].name_parts.get("date", ""), item[0].name))
            for landed, remotes in work:
                self._guarded(landed.name, partial(self._file, landed, remotes))
            for source in sources:
                self._reaching(partial(self._hand_over, source))
        finally:
            for source in sources:
                source.close()

    def named(self, paths: Sequence[Path]) -> None:
        for path in paths:
            self._guarded(path.name, partial(self._named_file, path))

    def _named_file(self, path: Path) -> None:
        desk = self._desk
        landed = land_named(
            path,
            desk.matching(),
            desk.landing,
            max_file_bytes=desk.settings.limits.max_file_bytes,
            max_record_bytes=desk.settings.limits.max_record_bytes,
            feed=desk.options.feed,
        )
        self._file(landed, ())

    def retry(self, rows: Sequence[FileRow]) -> None:
        for row in rows:
            count = self._desk.take_up_refused(row)
            self._desk.ui.line(f"{row.name}: {count} refused records to send again")
            if count:
                self._guarded(row.name, partial(self._resume, row))

    # -- sources --

    def _reaching(self, work: Callable[[], None]) -> None:
        """One source's trouble does not stop the others."""
        try:
            work()
        except SourceError as error:
            self._desk.fail(error)

    def _collect(self, source: Source, work: list[Work]) -> None:
        """Look, remember what was seen, land what is new."""
        desk = self._desk
        seen = collect(source, desk.matching(), desk.sightings(source.name), clock=desk.now, wait=time.sleep)
        desk.remember_sightings(source.name, seen.sightings)
        self._tell(source, seen)
        for known in seen.known:
            self._guarded(known.remote.name, partial(self._known, known, source, work))
        for found in seen.found:
            self._guarded(found.remote.name, partial(self._found, found, source, work))

    def _known(self, known: Known, source: Source, work: list[Work]) -> None:
        """A file that was fetched before: its move is still owed, or it is not finished."""
        desk = self._desk
        remotes = (known.remote, *known.companions)
        row = desk.row(known.sha256)
        if row is None or row.finished:
            desk.debts(partial(owe, sha256=known.sha256, files=remotes, place="archive", report=None))
        elif known.sha256 not in self._done:
            landed = desk.landed_from(row)
            if landed.path.exists():
                work.append((landed, remotes))
            else:
                again = Found(
                    known.remote, landed.feed, landed.name_parts, landed.rejects_of, known.companions
                )
                self._found(again, source, work)

    def _found(self, found: Found, source: Source, work: list[Work]) -> None:
        """A new file: fetch it."""
        desk = self._desk
        remote = found.remote
        with desk.ui.stage(f"fetch {remote.name}", remote.size_bytes) as progress:
            landed = land(
                found,
                source,
                desk.landing,
                max_file_bytes=desk.settings.limits.max_file_bytes,
                progress=progress,
            )
        desk.remember_fetched(remote, landed.sha256)
        work.append((landed, (remote, *found.companions)))

    def _tell(self, source: Source, seen: Collected) -> None:
        desk = self._desk
        for unmatched in seen.unmatched:
            facts = FileFacts(name=unmatched.remote.name, size_bytes=unmatched.remote.size_bytes)
            self._say(without_report(facts, FileState.UNMATCHED, run=desk.facts(), notes=[unmatched.reason]))
        for troubled in seen.troubled:
            self._trouble(troubled.remote.name, troubled.error)
        for waiting in seen.waiting:
            desk.ui.line(f"{waiting.remote.name}: left for the next run ({waiting.reason})")
        for oddity in seen.oddities:
            desk.warn(oddity)
        log.info("collected", source=source.name, found=len(seen.found), waiting=len(seen.waiting))

    def _hand_over(self, source: Source) -> None:
        desk = self._desk
        uploads = desk.settings.sftp.upload if desk.settings.sftp else []
        names = [name for kind in uploads for name in REPORT_NAMES[kind]]
        desk.debts(partial(pay, source=source, reports=desk.reports, uploads=names, warn=desk.warn))

    # -- one file --

    def _guarded(self, name: str, work: Callable[[], None]) -> None:
        """One file's trouble never stops the next; even a bug shows its trace and leaves the others alone."""
        try:
            work()
        except ENDS_THE_RUN:
            raise
        except BillferryError as error:
            if concerns_whole_source(error):
                raise
            self._trouble(name, error)
        except Exception as error:  # noqa: BLE001 (told with its trace, exit 70)
            self._desk.bug(name, error)
            self._reports.append(
                without_report(FileFacts(name=name), FileState.UNFINISHED, run=self._desk.facts())
            )

    def _trouble(self, name: str, error: BillferryError) -> None:
        """A file that is refused before it is read, or that cannot be worked on now."""
        desk = self._desk
        facts = FileFacts(name=name)
        if isinstance(error, FileTooLarge):
            refusal = RefusalFacts(code="file.too_large", message=str(error))
            self._say(without_report(facts, FileState.REFUSED, run=desk.facts(), refusal=refusal))
            return
        if isinstance(error, FileRefused):
            self._say(refused_unread(name, error, run=desk.facts()))
            return
        desk.fail(error)
        self._reports.append(
            without_report(facts, FileState.UNFINISHED, run=desk.facts(), notes=[str(error)])
        )

    def _resume(self, row: FileRow) -> None:
        landed = self._desk.landed_from(row)
        if landed.path.exists():
            self._file(landed, ())
        elif not self._desk.remotes_of(row.sha256):
            raise LandedCopyGone(where=landed.path.parent, name=row.name)

    def _file(self, landed: LandedFile, remotes: tuple[RemoteFile, ...]) -> None:
        """Check, load and report one landed file, then owe its source the move."""
        desk = self._desk
        row = desk.row(landed.sha256)
        if row is not None and row.finished and not desk.options.force and not desk.is_back(landed, row):
            self._already_loaded(landed, row, remotes)
            return
        if landed.sha256 in self._done:
            desk.ui.line(f"{landed.name}: the same bytes as a file above that is not finished")
            return
        self._done.add(landed.sha256)
        remotes = remotes or desk.remotes_of(landed.sha256)
        self._say(self._worked(landed, desk.take_up(landed), remotes))

    def _worked(self, landed: LandedFile, file_id: int | None, remotes: Sequence[RemoteFile]) -> FileReport:
        desk = self._desk
        checked = check_interruptibly(
            landed,
            landed.path.parent,
            desk.ui,
            limits=desk.settings.limits,
            loaded_there=desk.loaded_by(landed.rejects_of) if landed.rejects_of else (),
        )
        checked = self._within_its_rejects(checked)
        outcomes: Outcomes = nothing_sent
        requests, notes = RequestCounts(), list[str]()
        if file_id is not None and checked.refusal is None:
            if self._api_stopped is None:
                result = self._load(checked, file_id)
                requests, notes = result.requests, list(result.notes)
                self._heed(result)
            outcomes = desk.outcomes(file_id)
        report = write_report(
            checked, outcomes, folder=desk.reports, run=desk.facts(), requests=requests, notes=notes
        )
        desk.finish(file_id, report, remotes, _place_after(report))
        return report

    def _within_its_rejects(self, checked: CheckedFile) -> CheckedFile:
        """Refuse a corrected rejects file that holds more than was rejected: totals would not add up any more."""
        source = checked.landed.rejects_of
        if source is None or checked.refusal is not None:
            return checked
        records, rejected = checked.totals.count(Outcome.NOT_ATTEMPTED), self._desk.rejected_by(source)
        if records <= rejected:
            return checked
        problem = f"it holds {records} good records, and {rejected} were rejected in {source}"
        remedy = "keep one row per rejected record; new records belong into a file of their own"
        return replace(checked, refusal=Refusal("file.more_than_rejected", f"{problem}; {remedy}"))

    def _load(self, checked: CheckedFile, file_id: int) -> LoadResult:
        desk = self._desk
        to_send = desk.left_to_send(checked, file_id)
        writer, reader = desk.connection(), desk.reader()
        sent = 0
        with reader as reading, desk.ui.stage(f"load {checked.landed.name}", to_send) as progress:

            def advance(count: int) -> None:
                nonlocal sent
                sent += count
                progress(sent)

            return load(
                LoadJob(
                    checked=checked,
                    file_id=file_id,
                    settings=desk.settings,
                    sender=BillingApi(desk.settings.api, desk.api_key()),
                    commits=GroupCommit(writer, str(desk.ledger_path)),
                    memory=Sends(writer),
                    reader=Sends(reading),
                    pace=desk.pace,
                    watermark=desk.watermark(checked.landed, file_id),
                    past_dated=desk.is_past_dated(checked.landed),
                    limit=desk.options.limit,
                    progress=advance,
                )
            )

    def _heed(self, result: LoadResult) -> None:
        """A stop of the load is one of the run: the API is gone, refuses us, or somebody wants us to end."""
        if result.stopped is None:
            return
        self._desk.fail(result.stopped)
        self._api_stopped = result.stopped

    def _already_loaded(self, landed: LandedFile, row: FileRow, remotes: tuple[RemoteFile, ...]) -> None:
        desk = self._desk
        notes = [f"these bytes finished on {row.finished_at} as {row.name}; nothing was sent"]
        if desk.feed_changed(landed, row):
            notes.append(
                "the feed has changed since then; billferry load --force sends the file under the new one"
            )
        self._say(without_report(facts_of(landed), FileState.ALREADY_LOADED, run=desk.facts(), notes=notes))
        desk.debts(partial(owe, sha256=landed.sha256, files=remotes, place="archive", report=None))

    def _say(self, report: FileReport) -> None:
        self._reports.append(report)
        for text in describe(report):
            self._desk.ui.line(text)
        log.info("file", state=report.summary.state, sha256=report.summary.file.sha256)


def _place_after(report: FileReport) -> Place | None:
    """Where a file goes at its source; nowhere while anything of it is open."""
    match FileState(report.summary.state):
        case FileState.UNFINISHED:
            return None
        case FileState.REFUSED:
            return "quarantine"
        case _:
            return "archive"
