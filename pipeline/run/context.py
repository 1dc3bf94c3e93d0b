"""The work desk of one run: its work_dir, ledger, clock and sources, and what a dry run leaves out.

Whether this is a dry run is decided here once: then there is no writable ledger, landing is a temporary folder,
and nothing is owed to a source. No stage asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import structlog

from pipeline.collect.matching import Matching
from pipeline.core.api.rate_limiter import Pace
from pipeline.core.files import CheckedFile, LandedFile, RemoteFile, SourceName
from pipeline.core.outcomes import REJECTS, FileState, Outcome
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.config import Config, api_key, feed_print, same_feed
from pipeline.edge.disk import private_folder, scratch_folder
from pipeline.edge.ledger import Decisions, FileRow, Files, Ledger, Lineage, Sends, single_file_named
from pipeline.edge.local.landing import land_control, landed_control, staging
from pipeline.edge.local.lock import held_folder, only_run
from pipeline.edge.log import masked_trace
from pipeline.edge.reader.corrected_rejects import sheet_as_text
from pipeline.errors import (
    EX_BUG,
    EX_OK,
    BillferryError,
    ConfigError,
    LandedCopyForgotten,
    WorkDirGone,
    severity,
)
from pipeline.load import count_to_send
from pipeline.report import FileReport, Outcomes, run_result
from pipeline.run.balance_files import BalanceFiles, balance_files, recognised
from pipeline.run.clock_check import Timekeeper
from pipeline.run.handover import Place
from pipeline.run.progress import Ui
from pipeline.run.retention import forget_old
from pipeline.run.sources import SourceRegistry
from pipeline.run.work_dir import (
    DRY_RUN,
    existing_ledger,
    ledger_path,
    open_for,
    refresh_overview,
    sweep_leftovers,
)
from schemas.feed import Feed
from schemas.results import RunFacts, RunResult
from schemas.settings import Settings

log = structlog.get_logger()


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for beside the config."""

    dry_run: bool = False
    force: bool = False
    limit: int | None = None
    feed: Feed | None = None
    wait_s: float = 0.0
    reports_only: bool = False
    """Reports are written again and nothing is sent: no key is needed."""
    clock: Callable[[], datetime] = utc_now
    """In UTC."""


@dataclass(slots=True)
class RunContext:
    """Everything around the stages. Use `RunContext.opened`."""

    config: Config
    ui: Ui
    options: Options
    landing: Path
    ledger: Ledger | None
    pace: Pace
    in_place: Callable[[], bool]
    """Whether work_dir is still the folder that the run began with."""
    run_id: str = field(default_factory=lambda: str(uuid4()))
    started_at: datetime = field(init=False)
    status: int = EX_OK
    _key: str | None = None
    _clock: Timekeeper | None = None

    def __post_init__(self) -> None:
        self.started_at = self.now()

    @classmethod
    @contextmanager
    def opened(cls, config: Config, ui: Ui, options: Options) -> Iterator[RunContext]:
        """A desk with the lock held (unless dry). Raises AnotherRun, LedgerOfAnother, LedgerDamaged, ConfigError."""
        work_dir = config.settings.work_dir
        pace = Pace(config.settings.api.requests_per_second)
        private_folder(work_dir, close=True)
        if options.dry_run:
            with (
                scratch_folder(DRY_RUN, work_dir) as landing,
                held_folder(landing),
                existing_ledger(config.settings) as ledger,
            ):
                yield cls(config, ui, options, landing, ledger, pace, landing.is_dir)
            return
        with only_run(work_dir / "lock", wait_s=options.wait_s) as in_place:
            # A wrong key is told before anything is fetched.
            key = None if options.reports_only else api_key(config.settings)
            sweep_leftovers(work_dir)
            with closing(open_for(config.settings, read_only=False)) as ledger:
                desk = cls(config, ui, options, work_dir / "landing", ledger, pace, in_place, _key=key)
                desk.recognise_ledger()
                yield desk

    # -- places --

    @property
    def settings(self) -> Settings:
        return self.config.settings

    @property
    def reports(self) -> Path:
        return self.settings.work_dir / "reports"

    @property
    def ledger_path(self) -> Path:
        return ledger_path(self.settings)

    @property
    def places(self) -> SourceRegistry:
        """Where files come from, and what the ledger remembers of them there."""
        known = self._files if self.ledger else None
        return SourceRegistry(self.settings, known, None if self.options.dry_run else known)

    def require_work_dir(self) -> None:
        """Whatever goes wrong once work_dir is gone, goes wrong because of that. Raises WorkDirGone."""
        if not self.in_place():
            raise WorkDirGone(where=self.settings.work_dir)

    @property
    def decisions(self) -> Decisions | None:
        """What people decided about held files; None where there is no ledger."""
        return Decisions(self.ledger) if self.ledger else None

    # -- what is said --

    def now(self) -> datetime:
        return self.options.clock()

    def facts(self) -> RunFacts:
        return RunFacts(
            id=self.run_id,
            started_at=self.started_at,
            finished_at=self.now(),
            merchant=self.settings.merchant,
            environment=self.settings.environment,
            dry_run=self.options.dry_run,
        )

    def fail(self, error: BillferryError) -> None:
        """Tell an error in one line; the worst one is the run's exit status."""
        log.info("error", code=error.code, exit_status=error.exit_status)
        self.ui.warn(str(error))
        self.status = max(self.status, error.exit_status, key=severity)

    def warn(self, text: str) -> None:
        """Tell something that does not change the exit status."""
        self.ui.warn(text)

    def bug(self, name: str, error: BaseException) -> None:
        """Tell a bug with its trace."""
        self.ui.warn(f"{name}: a bug in billferry; the other files go on. Please report this trace:")
        self.ui.warn(masked_trace(error))
        self.status = max(self.status, EX_BUG, key=severity)

    def result(self, reports: Sequence[FileReport]) -> RunResult:
        return run_result(self.run_id, reports, at_least=self.status)

    # -- matching --

    def matching(self) -> Matching:
        feeds, ignore = self.settings.feeds, self.settings.ignore
        return Matching(feeds, ignore, self._feed_of_rejects, self._sheet_as_text)

    def _sheet_as_text(self, content: bytes) -> bytes | None:
        with staging(self.landing) as folder:
            return sheet_as_text(content, folder)

    def _feed_of_rejects(self, reject_source: str) -> tuple[Feed, dict[str, str]] | None:
        row = self._files.by_short_name(reject_source) if self.ledger else None
        feed = self._feed_named(row.feed) if row else None
        return (feed, row.name_parts) if row and feed else None

    def rejected_by(self, short_name: str) -> int:
        """How many records of the file of that short name stand in its rejects.csv."""
        row = self._files.by_short_name(short_name) if self.ledger else None
        records = (row.summary or {}).get("records", {}) if row else {}
        return sum(records.get(outcome, 0) for outcome in REJECTS)

    def _feed_named(self, name: str) -> Feed | None:
        return next((feed for feed in self.settings.feeds if feed.name == name), None)

    # -- the ledger's files --

    def row(self, sha256: str) -> FileRow | None:
        return self._files.by_sha256(sha256) if self.ledger else None

    def unfinished(self) -> list[FileRow]:
        return [] if self.options.dry_run or not self.ledger else self._files.unfinished()

    def rows_named(self, names: Sequence[str]) -> list[FileRow]:
        """Ledger rows by file name or first digits of the SHA-256; `all` is every finished file. Raises UsageError."""
        if list(names) == ["all"]:
            return [row for row in self._files.all() if row.finished]
        return [single_file_named(name, self._files.named(name)) for name in names]

    def take_up_refused(self, row: FileRow) -> int:
        """Make a finished file's refused records open again; how many there are. Raises LandedCopyForgotten."""
        if not row.finished or not (row.summary or {}).get("records", {}).get(Outcome.REFUSED):
            return 0
        if not self.landed_from(row).path.exists():
            raise LandedCopyForgotten(name=row.name)
        return self._files.take_up_refused(row.id)

    def kept_outcomes(self, file_id: int) -> int:
        return self._files.kept_outcomes(file_id)

    def landed_from(self, row: FileRow) -> LandedFile:
        """The landed file of a ledger row, under its feed as it is now. Raises ConfigError when that is gone."""
        feed = self._feed_named(row.feed)
        if feed is None:
            raise ConfigError(
                where=f"feeds: {row.feed}",
                problem=f"the feed is missing from the config, but {row.name} is not finished",
                remedy="restore the feed until the file is finished",
            )
        origin: SourceName = "sftp" if row.source == "sftp" else "drop" if row.source == "drop" else "named"
        path = self.settings.work_dir / "landing" / row.sha256 / "content"
        return LandedFile(
            row.sha256,
            path,
            row.name,
            row.name_parts,
            row.size_bytes,
            origin,
            feed,
            row.rejects_of,
            control=landed_control(path),
        )

    def with_its_totals(self, landed: LandedFile) -> LandedFile:
        """A file that is being loaded keeps the control file it was confirmed with; any other brings its own."""
        if self.options.dry_run:
            return landed
        row = self.row(landed.sha256)
        if row is not None and row.is_open:
            return replace(landed, control=landed_control(landed.path) or landed.control)
        land_control(landed.path, landed.control)
        return landed

    def feed_changed(self, landed: LandedFile, row: FileRow) -> bool:
        return not same_feed(row.feed_print, landed.feed)

    def take_up(self, landed: LandedFile) -> int | None:
        """The ledger's id of a file that is worked on now; None in a dry run."""
        if self.options.dry_run:
            return None
        before, balances = self.row(landed.sha256), self.balances
        afresh = before is not None and (self.options.force or balances.is_back(landed, before))
        row = self._files.land(
            sha256=landed.sha256,
            name=landed.name,
            source=landed.origin,
            feed=landed.feed.name,
            feed_print=feed_print(landed.feed),
            name_parts=landed.name_parts,
            rejects_of=landed.rejects_of,
            size_bytes=landed.size_bytes,
            at=rfc3339(self.now()),
            as_of=balances.day_of(landed, before),
        )
        if afresh:
            came_back = not landed.name_parts.get("date")
            self._files.start_afresh(row.id, at=rfc3339(self.now()), came_back=came_back)
            Decisions(self._db).forget_gate(row.id)
        return row.id

    def finish(
        self, file_id: int | None, report: FileReport, remotes: Sequence[RemoteFile], place: Place | None
    ) -> None:
        """Remember a file's state after its report stands, and in the same step that its source is owed the move."""
        if file_id is None:
            return
        summary = report.summary
        with self._files.together():
            self._files.finish(
                file_id, state=summary.state, at=self.clock.stamp(), summary=summary.model_dump_json()
            )
            if summary.file.sha256 is None or report.folder is None:
                return
            is_held = FileState(summary.state) is FileState.HELD
            if place is None and not is_held:
                return
            if remotes and place is not None:
                self.places.owe(summary.file.sha256, remotes, place, report.folder.name)
            elif self._came_by(summary.file.sha256) == "sftp":
                self.places.owe_reports(summary.file.sha256, summary.file.name, report.folder.name)

    def _came_by(self, sha256: str) -> str | None:
        row = self.row(sha256)
        return row.source if row else None

    def write_overview(self, *, worked: bool) -> None:
        """Bring the page over all files up to date; a dry run leaves it as it is."""
        if not self.options.dry_run:
            refresh_overview(self.settings, self._files, worked=worked)

    def forget_old(self) -> None:
        """Retention, after a run; a dry run forgets nothing."""
        if not self.options.dry_run:
            forgotten = forget_old(self.settings, self._db, self.clock, self.api_key)
            if forgotten is not None:
                self.ui.line(str(forgotten))

    def mind_the_clock(self) -> None:
        """At the end of a run: remember a time that is confirmed, say of one that is wrong, or holds retention up."""
        if not self.options.dry_run and (trouble := self.clock.at_the_end()) is not None:
            self.fail(trouble)

    @property
    def clock(self) -> Timekeeper:
        """What is known of the time in this run."""
        if self._clock is None:
            self._clock = Timekeeper(self.now, self._db, self.settings.zone)
        return self._clock

    # -- loading --

    def connection(self) -> Ledger:
        return self._db

    def reader(self) -> AbstractContextManager[Ledger]:
        """A second connection, for reading while the load writes."""
        return closing(open_for(self.settings, read_only=True))

    def outcomes(self, file_id: int) -> Outcomes:
        sends = Sends(self._db)
        return lambda records: sends.outcomes(file_id, records)

    def left_to_send(self, checked: CheckedFile, file_id: int) -> int:
        """Accepted records without a final outcome."""
        return count_to_send(checked.records) - self.settled(file_id)

    def settled(self, file_id: int) -> int:
        """Records whose outcome is final."""
        return Sends(self._db).settled_records(file_id).len()

    def api_key(self) -> str:
        return self._key or api_key(self.settings)

    @property
    def lineage(self) -> Lineage:
        return Lineage(self._db, self.settings.work_dir)

    @property
    def balances(self) -> BalanceFiles:
        return balance_files(self.ledger, self.settings, self.options.clock, forced=self.options.force)

    def recognise_ledger(self) -> None:
        """See whether the ledger is the one that worked here last; tell when it may be behind."""
        if (told := recognised(self.lineage, self.settings, self.now())) is not None:
            self.warn(f"{self.ledger_path}: {told}")

    @property
    def _db(self) -> Ledger:
        if self.ledger is None:
            raise RuntimeError("there is no ledger in this run")
        return self.ledger

    @property
    def _files(self) -> Files:
        return Files(self._db)
