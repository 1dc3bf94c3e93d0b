"""One run, told in order.

Unfinished files first, then what the sources show, one file after another: check, load, report, and only then
touch the source. A dry run is the same without the load, the moves and the ledger's changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog

from pipeline.collect.collect import Source, collect, control_of, land, land_named
from pipeline.collect.model import Collected, Found, RememberedFile
from pipeline.core.files import SOURCES, LandedFile, RemoteFile, SourceName
from pipeline.core.names import label_of_path
from pipeline.core.truncate import truncate_messages
from pipeline.edge.config import Config
from pipeline.edge.ledger import FileRow
from pipeline.errors import (
    ENDS_THE_RUN,
    EX_OK,
    BillferryError,
    LandedCopyForgotten,
    ListingCut,
    SourceError,
    Stopped,
    WorkDirGone,
)
from pipeline.monitoring.run_history import HeartbeatMonitor, RunHistory, monitored
from pipeline.run.context import Options, RunContext
from pipeline.run.process_file import FileProcessor
from pipeline.run.progress import Ui
from pipeline.signals import stoppable
from schemas.results import RunResult

log = structlog.get_logger()

Work = tuple[LandedFile, tuple[RemoteFile, ...]]
"""A landed file, and what moves at its source when it is finished: itself and what belongs to it."""


def run_pass(config: Config, ui: Ui, options: Options) -> RunResult:
    """One pass over everything: unfinished files, then SFTP and drop folder."""
    monitor = HeartbeatMonitor(config.settings, ui.warn)
    if options.dry_run:
        with RunContext.opened(config, ui, options) as desk:
            return Run(desk).everything()
    with monitored(monitor) as ended, RunContext.opened(config, ui, options) as desk:
        monitor.tell_start()
        return ended(Run(desk).everything())


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
    """
    with RunContext.opened(config, ui, options) as desk:
        run = Run(desk, wait=None, elsewhere=elsewhere)
        work = run.upkeep if source is None else partial(run.one_place, source)
        return Passed(run.result_of(work), run.again_in_s, run.out_of_reach, run.api_stopped)


def load_named_files(config: Config, paths: Sequence[Path], ui: Ui, options: Options) -> RunResult:
    """The same for files named on the command line, which are left where they are."""
    with RunContext.opened(config, ui, options) as desk:
        run = Run(desk)
        return run.result_of(partial(run.named, paths))


def retry_files(config: Config, names: Sequence[str], ui: Ui, options: Options) -> RunResult:
    """Send refused records of finished files again, under their next generation. `all` names every file.

    Raises UsageError when a name fits no file, or more than one.
    """
    with RunContext.opened(config, ui, options) as desk:
        run = Run(desk)
        return run.result_of(partial(run.retry, desk.rows_named(names)))


def rewrite_reports(config: Config, name: str, ui: Ui, options: Options) -> RunResult:
    """Write a file's reports again, from our copy and the ledger: no request, and nothing at a source.

    Raises UsageError when the name fits no file or more than one; LandedCopyForgotten, ReportGone when what they
    would be written from is not there any more.
    """
    with RunContext.opened(config, ui, replace(options, reports_only=True)) as desk:
        files = FileProcessor(desk)
        with stoppable():
            files.rewrite(desk.rows_named([name])[0])
        return desk.result(files.reports).model_copy(update={"exit_status": desk.status})


class Run:
    """The work of one run, at one desk."""

    def __init__(
        self, desk: RunContext, wait: Callable[[float], None] | None = time.sleep, elsewhere: int = EX_OK
    ) -> None:
        self._desk = desk
        self._wait = wait
        self._files = FileProcessor(desk)
        remembered = None if desk.options.dry_run else desk.ledger
        self._diary = RunHistory(desk.settings, remembered, desk.warn, elsewhere)
        self.out_of_reach: SourceError | None = None
        self.again_in_s: float | None = None
        self._endings: set[type[BillferryError]] = set()

    @property
    def api_stopped(self) -> BillferryError | None:
        return self._files.api_stopped

    # -- the order of a run --

    def result_of(self, work: Callable[[], None]) -> RunResult:
        """Do the work as far as it goes; what can be said of it, also when the run is stopped."""
        desk = self._desk
        self._diary.begin(desk.run_id, desk.started_at)
        log.info("run.started", run=desk.run_id, dry_run=desk.options.dry_run)
        for step in (work, self._overview):
            try:
                with stoppable():
                    step()
            except ENDS_THE_RUN as error:
                self._ended_by(error)
        try:
            desk.mind_the_clock()
            result = desk.result(self._files.reports)
            self._diary.end(result, desk.now())
        except ENDS_THE_RUN as error:
            self._ended_by(error)
            result = desk.result(self._files.reports)
        log.info("run.ended", run=desk.run_id, files=len(result.files), exit_status=result.exit_status)
        return result

    def _ended_by(self, error: BillferryError) -> None:
        """Tell what ended the run; a disk that refuses one file after another is told once."""
        if not isinstance(error, Stopped) and not self._desk.in_place():
            error = WorkDirGone(where=self._desk.settings.work_dir)
        if type(error) not in self._endings:
            self._endings.add(type(error))
            self._desk.fail(error)

    def _overview(self) -> None:
        self._desk.write_overview(worked=bool(self._files.done))

    def everything(self) -> RunResult:
        return self.result_of(self._all_places)

    def _all_places(self) -> None:
        self.unfinished()
        self.sources(SOURCES)
        self._desk.forget_old()
        self._late()

    def upkeep(self) -> None:
        """What no source shows."""
        self.unfinished()
        self._desk.forget_old()
        self._late()

    def one_place(self, name: SourceName) -> None:
        self.sources((name,))
        self._late()

    def _late(self) -> None:
        for late in self._diary.late(self._desk.now()):
            self._desk.fail(late)

    def unfinished(self) -> None:
        for row in self._desk.unfinished():
            self._files.guarded(row.name, partial(self._files.resume, row))

    def sources(self, names: Collection[SourceName]) -> None:
        desk = self._desk
        sources: list[Source] = []
        work: list[Work] = []
        try:
            for source in desk.places.opened(names):
                sources.append(source)
                self._reaching(partial(self._collect, source, work))
            work.sort(key=lambda item: (item[0].name_parts.get("date", ""), item[0].name))
            for landed, remotes in work:
                self._files.guarded(landed.name, partial(self._files.work_on, landed, remotes))
            for source in sources:
                self._reaching(partial(self._hand_over, source))
        finally:
            for source in sources:
                source.close()

    def named(self, paths: Sequence[Path]) -> None:
        for path in paths:
            self._files.guarded(label_of_path(path.name), partial(self._named_file, path))

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
        self._landed(landed)
        self._files.work_on(landed, ())

    def retry(self, rows: Sequence[FileRow]) -> None:
        for row in rows:
            try:
                count = self._desk.take_up_refused(row)
            except LandedCopyForgotten as forgotten:
                self._desk.fail(forgotten)
                continue
            self._desk.ui.line(f"{row.name}: {count} refused records to send again")
            if count:
                self._files.guarded(row.name, partial(self._files.resume, row))
        self._hand_over_to(self._desk.places.owed_reports())

    def decided(self, row: FileRow) -> None:
        """Go on with a file that a person has decided about, here and at its source."""
        self._files.guarded(row.name, partial(self._files.resume, row))
        self._hand_over_to(self._desk.places.owed_of(row.sha256))

    def _hand_over_to(self, names: Collection[SourceName]) -> None:
        for source in self._desk.places.opened(names) if names else ():
            self._reaching(partial(self._hand_over, source))
            source.close()

    # -- sources --

    def _reaching(self, work: Callable[[], None]) -> None:
        """One source's trouble, a bug at its door included, does not stop the others, nor what they have brought."""
        try:
            work()
        except ENDS_THE_RUN:
            raise
        except SourceError as error:
            self._desk.fail(error)
            self.out_of_reach = error
        except BillferryError as error:
            self._desk.fail(error)
        except Exception as error:  # noqa: BLE001 (told with its trace, exit 70)
            self._desk.require_work_dir()
            self._desk.bug("a source", error)

    def _collect(self, source: Source, work: list[Work]) -> None:
        """Look, remember what was seen, land what is new."""
        desk = self._desk
        seen = collect(
            source,
            desk.matching(),
            desk.places.sightings(source.name),
            clock=desk.now,
            wait=self._wait,
            put_back=not desk.options.dry_run,
        )
        self.again_in_s = seen.again_in_s
        desk.places.remember(source.name, seen.sightings)
        self._tell(source, seen)
        desk.places.owe_archiving(
            (one.sha256, (one.remote, *one.companions)) for one in seen.known if one.finished
        )
        try:
            for known in seen.known:
                if not known.finished:
                    self._files.guarded(known.remote.name, partial(self._known, known, source, work))
            for found in seen.found:
                self._files.guarded(found.remote.name, partial(self._found, found, source, work))
        finally:
            source.close()  # nothing is asked of it while files load, and its patience starts afresh

    def _known(self, known: RememberedFile, source: Source, work: list[Work]) -> None:
        """A file that was fetched before and is not finished."""
        desk = self._desk
        remotes = (known.remote, *known.companions)
        row = desk.row(known.sha256)
        if row is not None and known.sha256 not in self._files.done:
            landed = desk.landed_from(row)
            if landed.path.exists():
                control = control_of(known.companions, known.remote.name, source)
                work.append((replace(landed, control=control), remotes))
            else:
                again = Found(
                    known.remote, landed.feed, landed.name_parts, landed.rejects_of, known.companions
                )
                self._found(again, source, work)

    def _found(self, found: Found, source: Source, work: list[Work]) -> None:
        """A new file: fetch it."""
        desk = self._desk
        remote = found.remote
        with desk.ui.stage("fetch", remote.name, remote.size_bytes, "bytes") as progress:
            landed = land(
                found,
                source,
                desk.landing,
                max_file_bytes=desk.settings.limits.max_file_bytes,
                progress=progress,
            )
        desk.places.remember_fetched(remote, landed.sha256)
        self._landed(landed)
        work.append((landed, (remote, *found.companions)))

    def _landed(self, landed: LandedFile) -> None:
        log.info("landed", file=landed.name, sha256=landed.sha256, size_bytes=landed.size_bytes)
        if landed.rejects_of is None:
            self._diary.arrived(landed.feed.name, self._desk.now())

    def _tell(self, source: Source, seen: Collected) -> None:
        desk = self._desk
        self._files.say_unmatched(seen.unmatched)
        for troubled in seen.troubled:
            self._files.trouble(troubled.remote.name, troubled.error)
        told = [each for each in seen.waiting if self._wait or each.ripe_in_s is None]
        for text in truncate_messages(
            [f"{each.remote.name}: left for the next run ({each.reason})" for each in told]
        ):
            desk.ui.line(text)
        for text in truncate_messages(seen.notes):
            desk.warn(text)
        if seen.cut is not None:
            desk.fail(ListingCut(source=source.where, problem=seen.cut))
        log.info("collected", source=source.name, found=len(seen.found), waiting=len(seen.waiting))

    def _hand_over(self, source: Source) -> None:
        self._desk.places.pay(source, self._desk.reports, self._desk.ui)
