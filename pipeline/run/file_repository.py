"""What is remembered of bill files: the protocol that stages work with, and its writable implementation.

Which implementation a run is handed decides whether it is a dry run: `LedgerFiles` here, or `read_only.ReadOnlyFiles`,
which answers every step that would change something by leaving it out. No stage asks which one it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast, get_args

from pipeline.core.api.watermarks import Recency
from pipeline.core.file_stages import LandedFile, Refusal, RemoteFile, SourceName
from pipeline.core.outcomes import REJECTS, FileState, Outcome
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.config import feed_print, same_feed
from pipeline.edge.ledger.decisions import Decisions
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FINISHED_STATES, FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.lineage import Lineage
from pipeline.edge.ledger.lookup_by_name import single_file_named
from pipeline.edge.local.landing import land_control, landed_control
from pipeline.edge.reader.kept_records import discard_kept, is_at_hand, kept_folder
from pipeline.errors import ConfigError, LandedCopyForgotten, ReportGone
from pipeline.monitoring.audit_log import AuditLog
from pipeline.report.folders import belongs_to_another_file, report_folder
from pipeline.report.summary import FileReport
from pipeline.run.balance_files import BalanceFiles
from pipeline.run.clock_check import Timekeeper
from pipeline.run.handover import HandOver, Place
from pipeline.run.stored_documents import StoredDocuments
from schemas.feed import Feed
from schemas.settings import Settings

if TYPE_CHECKING:  # it needs polars, which a run without files does not import
    from pipeline.core.values.amount_spread import Spread

REDACTED_UNDER_ANOTHER_FEED = (
    "billferry forget removed its landed copy, and its feed has changed since; restore the feed first"
)
NO_FILE = 0
"""The id that no file of a ledger has."""


@dataclass(frozen=True, slots=True)
class MetFile:
    """A landed file as it is met in a run, with what the ledger knows of its bytes."""

    landed: LandedFile
    row: FileRow | None
    """None: its bytes are new."""
    is_back: bool
    """Its balances come back, byte for byte, after others were set: they are news."""


@dataclass(frozen=True, slots=True)
class FileInWork:
    """A file that is worked on now. `file_id` is the ledger's, or NO_FILE where it does not know the file."""

    landed: LandedFile
    file_id: int
    news: Recency
    """What its balances are as news; bills are none."""
    dated_ahead: Refusal | None
    """Why it may not be loaded as it is dated."""
    row: FileRow | None
    """As it was taken up."""


class FileRepository(Protocol):
    """The files of one run. The first group reads alone; the second changes what is remembered, or leaves that out."""

    @property
    def ledger(self) -> Ledger:
        """For what is read straight from its tables: outcomes, decisions, corrections."""

    @property
    def balances(self) -> BalanceFiles:
        """Which balance files are news in this run, and of which day they are."""

    def row(self, sha256: str) -> FileRow | None:
        """What the ledger knows of the file with these bytes; None: nothing."""

    def rows_named(self, names: Sequence[str]) -> list[FileRow]:
        """Files as a user named them. Raises UsageError when a name fits none, or more than one."""

    def landed_from(self, row: FileRow) -> LandedFile:
        """Our copy of a file that the ledger knows, from the store if it is not here; it may be gone.

        Raises ConfigError: its feed is. And as `StoredDocuments.bring_original`.
        """

    def named_apart(self, landed: LandedFile) -> LandedFile:
        """The file with so many digits of its SHA-256 in the name of its reports that no other has it."""

    def feed_of_rejects(self, reject_source: str) -> tuple[Feed, dict[str, str]] | None:
        """Feed and name parts of the file that a `reject_source` names. Raises FileRefused: of several."""

    def rejected_by(self, short_name: str) -> int:
        """How many records the rejects file of that file holds."""

    def unfinished(self) -> list[FileRow]:
        """Files that must be worked on before anything new."""

    def keeps_waiting(self, row: FileRow) -> bool:
        """Whether a file that is held, and about which nothing has changed, is not checked again."""

    def meet(self, landed: LandedFile) -> MetFile:
        """Look a landed file up by its bytes. Nothing is changed yet: it may turn out to be loaded already."""

    def take_up(self, met: MetFile) -> FileInWork:
        """Begin to work on a file: from here on a kill leaves it unfinished, and the next run goes on."""

    def take_up_refused(self, row: FileRow) -> int:
        """Open the refused records of a finished file again, for `retry`; how many there are."""

    def finish(
        self,
        work: FileInWork,
        spreads: Sequence[Spread],
        report: FileReport,
        remotes: Sequence[RemoteFile],
    ) -> None:
        """What became of a file. Called once its report is in place, because what is remembered here ends the work on
        it.

        Args:
            spreads: its amounts as they were loaded, which later files of the feed are compared with.
            remotes: what is to be moved at its source; empty where nothing of it is there.
        """

    def reaffirm(self, landed: LandedFile, row: FileRow) -> None:
        """The same balances came under a later date, and were not loaded again."""


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """What both implementations read alike."""

    ledger: Ledger
    settings: Settings
    reports: Path
    """Of this run; two files whose folders there would have one name are told apart."""
    balances: BalanceFiles

    @property
    def _files(self) -> Files:
        return Files(self.ledger)

    def row(self, sha256: str) -> FileRow | None:
        """What the ledger knows of these bytes."""
        return self._files.by_sha256(sha256)

    def rows_named(self, names: Sequence[str]) -> list[FileRow]:
        """Ledger rows by file name or first digits of the SHA-256; `all` is every finished file. Raises UsageError."""
        if list(names) == ["all"]:
            return [row for row in self._files.all() if row.finished]
        return [single_file_named(name, self._files.named(name)) for name in names]

    def landed_from(self, row: FileRow) -> LandedFile:
        """The landed file of a ledger row, under its feed as it is now. Raises ConfigError when that is gone; and as
        `StoredDocuments.bring_original`.
        """
        feed = self._feed_named(row.feed)
        if feed is None:
            raise ConfigError(
                where=f"feeds: {row.feed}",
                problem=f"the feed is missing from the config, but {row.name} is not finished",
                remedy="restore the feed until the file is finished",
            )
        StoredDocuments(self.settings, self.ledger).bring_original(row)
        origin = cast(SourceName, row.source if row.source in get_args(SourceName) else "named")
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

    def named_apart(self, landed: LandedFile) -> LandedFile:
        """With so many digits in the name of its reports that they are no other file's."""
        landed = replace(landed, digits=self._files.digits_of(landed.sha256))
        taken = belongs_to_another_file(report_folder(self.reports, landed), landed.sha256)
        return replace(landed, digits=len(landed.sha256)) if taken else landed

    def feed_of_rejects(self, reject_source: str) -> tuple[Feed, dict[str, str]] | None:
        """Feed and name parts of the file that a corrected rejects file came from; None: it is not known here."""
        row = self._files.by_short_name(reject_source)
        feed = self._feed_named(row.feed) if row else None
        return (feed, row.name_parts) if row and feed else None

    def rejected_by(self, short_name: str) -> int:
        """How many records of the file of that short name its rejects.csv contains."""
        row = self._files.by_short_name(short_name)
        records = (row.summary or {}).get("records", {}) if row else {}
        return sum(records.get(outcome, 0) for outcome in REJECTS)

    def remember_landed(self, landed: LandedFile, at: str, *, as_of: str | None) -> FileRow:
        """The ledger's row of a file that has landed: new, or taken up again. `at` and `as_of` as in `Files.land`."""
        return self._files.land(
            sha256=landed.sha256,
            name=landed.name,
            source=landed.origin,
            feed=landed.feed.name,
            feed_print=feed_print(landed.feed),
            name_parts=landed.name_parts,
            rejects_of=landed.rejects_of,
            size_bytes=landed.size_bytes,
            at=at,
            as_of=as_of,
        )

    def _feed_named(self, name: str) -> Feed | None:
        """The feed as the config has it now; None: it was taken out."""
        return next((feed for feed in self.settings.feeds if feed.name == name), None)

    def _met(self, landed: LandedFile) -> MetFile:
        row = self.row(landed.sha256)
        return MetFile(landed, row, row is not None and self.balances.is_back(landed, row))


@dataclass(frozen=True, slots=True)
class LedgerFiles(KnownFiles):
    """The repository of a run that holds the lock: every method is one durable step of the ledger, or several."""

    handovers: HandOver
    clock: Timekeeper
    audit: AuditLog
    force: bool
    documents: StoredDocuments

    def unfinished(self) -> list[FileRow]:
        """Files that a run must take up first, in landing order."""
        return self._files.unfinished()

    def keeps_waiting(self, row: FileRow) -> bool:
        """Whether the file is held: a person has been shown why, so it need not be checked again."""
        return row.held

    def meet(self, landed: LandedFile) -> MetFile:
        """What the ledger knows of a landed file's bytes, before anything is done about it."""
        return self._met(landed)

    def take_up(self, met: MetFile) -> FileInWork:
        """Remember that a file is worked on now; one that is forced, or is back as news, starts afresh.

        A file that is being loaded keeps the control file that it was confirmed with; any other brings its own.
        """
        before, at = met.row, rfc3339(self.clock.now())
        landed = self.named_apart(self._with_its_totals(met))
        self.audit.take_up()
        row = self.remember_landed(landed, at, as_of=self.balances.day_of(landed, before))
        if before is not None and (self.force or met.is_back):
            came_back = not landed.name_parts.get("date")
            changed = feed_changed(landed, before)
            self._files.start_afresh(row.id, at=at, came_back=came_back, feed_changed=changed)
            Decisions(self.ledger).forget_gate(row.id)
            discard_kept(landed.path)
            row = self.row(landed.sha256) or row
        return FileInWork(
            landed,
            row.id,
            self.balances.news(landed, row),
            self.balances.refusal(landed, row.as_of),
            row,
        )

    def take_up_refused(self, row: FileRow) -> int:
        """Make a finished file's refused records open again; how many. Raises LandedCopyForgotten, ReportGone."""
        if not row.finished or not (row.summary or {}).get("records", {}).get(Outcome.REFUSED):
            return 0
        landed = self.landed_from(row)
        if not is_at_hand(landed.path):
            raise LandedCopyForgotten(name=row.name)
        if kept_folder(landed.path) is not None and feed_changed(landed, row):
            raise ReportGone(name=row.name, problem=REDACTED_UNDER_ANOTHER_FEED)
        return self._files.take_up_refused(row.id)

    def finish(
        self,
        work: FileInWork,
        spreads: Sequence[Spread],
        report: FileReport,
        remotes: Sequence[RemoteFile],
    ) -> None:
        """Remember a file's state after its report stands, and in the same step that its source is owed the move.

        A feed is new no more once a file of it is loaded, and later files are compared with it: whole files alone.
        """
        summary, at = report.summary, self.clock.stamp()
        records, landed = summary.records, work.landed
        if summary.state in FINISHED_STATES and records.created + records.updated + records.unchanged:
            Decisions(self.ledger).loaded(
                work.file_id,
                landed.feed.name,
                spreads if landed.rejects_of is None else (),
                at=rfc3339(self.clock.now()),
            )
        self.documents.note_original(work.file_id, landed.sha256)
        self.documents.note_report(work.file_id, report.folder)
        with self._files.together():
            self._files.finish(work.file_id, state=summary.state, at=at, summary=summary.model_dump_json())
            self._owe(work.landed.sha256, report, remotes)
            self.audit.became(summary)
        self.documents.put_owed()

    def _owe(self, sha256: str, report: FileReport, remotes: Sequence[RemoteFile]) -> None:
        """Owe the source the move of the file, or the reports alone.

        A held file stays where it is, but its report is wanted there; one that came by SFTP in an earlier run, and
        has been moved since, gets new reports as well.
        """
        summary, place = report.summary, _place_after(report)
        if report.folder is None or (place is None and FileState(summary.state) is not FileState.HELD):
            return
        if remotes and place is not None:
            self.handovers.owe(sha256, remotes, place, report.folder.name)
            return
        row = self.row(sha256)
        if row is not None and row.source == "sftp":
            self.handovers.owe_reports(sha256, summary.file.name, report.folder.name)

    def reaffirm(self, landed: LandedFile, row: FileRow) -> None:
        """Loaded balances came again under a later date: remember that, so that nothing older is taken for news. The
        original, which is here again, is noted, too.
        """
        self.documents.note_original(row.id, landed.sha256)
        if (day := self.balances.reaffirm(landed, row)) is not None:
            Lineage(self.ledger, self.settings.work_dir).advance(day)

    def _with_its_totals(self, met: MetFile) -> LandedFile:
        """The file with the control file that counts, which is kept beside our copy."""
        landed = met.landed
        if met.row is not None and met.row.is_open:
            return replace(landed, control=landed_control(landed.path) or landed.control)
        land_control(landed.path, landed.control)
        return landed


def feed_changed(landed: LandedFile, row: FileRow) -> bool:
    """Whether a file's feed reads it otherwise than when the ledger last saw it."""
    return not same_feed(row.feed_print, landed.feed)


def _place_after(report: FileReport) -> Place | None:
    """Where a file goes at its source; nowhere while anything of it is open."""
    match FileState(report.summary.state):
        case FileState.UNFINISHED | FileState.HELD:
            return None
        case FileState.REFUSED:
            return "quarantine"
        case _:
            return "archive"
