"""Hand-over: once a file's outcomes and reports are durable, its reports go to the source and the file is moved.

The source is touched last and nothing is deleted. What is owed stands in the ledger; what fails is a warning, and
the next run tries again. A failed move is never a reason to load again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, cast

from pipeline.collect.collect import Source
from pipeline.core.file_stages import SOURCES, RemoteFile, SourceName
from pipeline.core.names import moved_name
from pipeline.core.truncate import truncate_messages
from pipeline.core.whole_source import concerns_whole_source
from pipeline.edge.ledger.file_rows import FileRow, Handover
from pipeline.errors import BillferryError, SourceFileGone, SourceFileUnsettled
from pipeline.report.folders import REPORT_NAMES
from schemas.settings import Settings

Place = Literal["archive", "quarantine"]
NEVER = "1970-01-01T00:00:00+00:00"
"""No file is of that time: what is owed without a move names none at the source."""


class Debts(Protocol):
    """The ledger's hand-overs."""

    def add_handover(
        self,
        *,
        sha256: str,
        source: str,
        name: str,
        size_bytes: int,
        modified_at: str,
        place: str,
        report: str | None,
    ) -> None:
        """Owe a move to `place`, and an upload where `report` names a report folder. Owed twice is owed once."""

    def pending_handovers(self, source: str) -> Sequence[Handover]:
        """What is owed to that source, the oldest first."""

    def remove_handover(self, handover_id: int, *, stays: bool) -> None:
        """Nothing is owed any more; `stays`: the file is still where it was at its source."""

    def by_sha256(self, sha256: str) -> FileRow | None:
        """The file with these bytes."""

    def together(self) -> AbstractContextManager[None]:
        """Several steps as one durable step."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """What one run owes the sources of its config; where `debts` remember nothing, nothing is owed or done."""

    settings: Settings
    debts: Debts

    def owe(self, sha256: str, remotes: Sequence[RemoteFile], place: Place, report: str | None) -> None:
        """Owe the moves of a file and what belongs to it, and the upload of its `report` folder.

        Nothing is owed where nothing would be done: what stays at its source for good costs no write per run.
        """
        sftp, drop = self.settings.sftp, self.settings.drop
        for number, remote in enumerate(remotes):
            uploads = report if number == 0 and remote.source == "sftp" and sftp and sftp.reports else None
            section = sftp if remote.source == "sftp" else drop
            if uploads or (section is not None and getattr(section, place) is not None):
                owe(self.debts, sha256, [remote], place, uploads)

    def owe_archiving(self, files: Iterable[tuple[str, Sequence[RemoteFile]]]) -> None:
        """Owe the archive finished files (by SHA-256) that are still at their source."""
        with self.debts.together():
            for sha256, remotes in files:
                self.owe(sha256, remotes, "archive", None)

    def owe_reports(self, sha256: str, name: str, report: str) -> None:
        """Owe the SFTP server the reports of a file that is not there any more."""
        if self.settings.sftp is not None and self.settings.sftp.reports is not None:
            owe_reports(self.debts, sha256, name, "sftp", report)

    def owed_reports(self) -> list[SourceName]:
        """Sources that are owed reports of files that are not there any more."""
        return [
            name
            for name in SOURCES
            if any(debt.place == "reports" for debt in self.debts.pending_handovers(name))
        ]

    def owed_of(self, sha256: str) -> list[SourceName]:
        """Sources that are owed a move or reports of that file."""
        return [
            name
            for name in SOURCES
            if any(debt.sha256 == sha256 for debt in self.debts.pending_handovers(name))
        ]

    def reported_to(self, source: SourceName) -> list[FileRow]:
        """Files whose reports are owed to a source."""
        rows = [
            self.debts.by_sha256(debt.sha256)
            for debt in self.debts.pending_handovers(source)
            if debt.report is not None
        ]
        return [row for row in rows if row is not None]

    def pay(
        self, source: Source, reports: Path, warn: Callable[[str], None], lacking: Collection[str] = ()
    ) -> None:
        """Upload from `reports` and move what is owed to a source. Raises SourceError when it is out of reach.

        `lacking`: SHA-256s of files whose reports are not here; what is owed of these waits.
        """
        uploads = self.settings.sftp.upload if self.settings.sftp else []
        names = [name for kind in uploads for name in REPORT_NAMES[kind]]
        pay(self.debts, source, reports, names, warn, kept=self._kept, lacking=lacking)

    def _kept(self, sha256: str) -> Sequence[str]:
        """Reports of a file that are not uploaded: rejects of an encrypted one, unless its feed allows that.

        Whether it came encrypted is known from its own report: its feed may be another one now, or gone.
        """
        row = self.debts.by_sha256(sha256)
        if row is None or not (row.summary or {}).get("file", {}).get("encrypted"):
            return ()
        pgp = next((feed.pgp for feed in self.settings.feeds if feed.name == row.feed), None)
        return () if pgp is not None and pgp.upload_rejects else REPORT_NAMES["rejects"]


def owe(debts: Debts, sha256: str, files: Iterable[RemoteFile], place: Place, report: str | None) -> None:
    """Owe the move of a file and of what belongs to it; the reports go along with the first."""
    for number, remote in enumerate(files):
        debts.add_handover(
            sha256=sha256,
            source=remote.source,
            name=remote.name,
            size_bytes=remote.size_bytes,
            modified_at=remote.modified_at.isoformat(),
            place=place,
            report=report if number == 0 else None,
        )


def owe_reports(debts: Debts, sha256: str, name: str, source: SourceName, report: str) -> None:
    """Owe the upload of a report alone: its file has been moved already."""
    debts.add_handover(
        sha256=sha256,
        source=source,
        name=name,
        size_bytes=0,
        modified_at=NEVER,
        place="reports",
        report=report,
    )


def pay(
    debts: Debts,
    source: Source,
    reports: Path,
    uploads: Sequence[str],
    warn: Callable[[str], None],
    *,
    kept: Callable[[str], Collection[str]] = lambda _: (),
    lacking: Collection[str] = (),
) -> None:
    """Upload and move all that is owed to a source.

    Args:
        uploads: names of report files.
        kept: from the SHA-256 of a file, which of its reports are not uploaded.
        lacking: SHA-256s of files of which nothing is done now.

    Raises the source's error when the whole source cannot be reached; troubles of one file are warnings.
    """
    troubles: list[str] = []
    try:
        for debt in debts.pending_handovers(source.name):
            if debt.sha256 in lacking:
                continue
            stay_here = kept(debt.sha256)
            names = [name for name in uploads if name not in stay_here]
            if trouble := _pay_one(debts, debt, source, reports, names):
                troubles.append(trouble)
    finally:
        for text in truncate_messages(troubles):
            warn(text)


def _pay_one(
    debts: Debts, debt: Handover, source: Source, reports: Path, uploads: Sequence[str]
) -> str | None:
    """What went wrong, if anything did."""
    stays, trouble = True, None
    try:
        for name in uploads if debt.report is not None else ():
            local = reports / str(debt.report) / name
            if local.exists():
                source.upload(local, str(debt.report), name)
        if debt.place != "reports":
            as_name = moved_name(debt.name, debt.sha256)
            stays = source.move(_remote(debt, source.name), cast(Place, debt.place), as_name) is None
    except (SourceFileUnsettled, SourceFileGone) as gone:
        stays = False
        trouble = f"{gone}; Billferry will not move it any more"
    except BillferryError as error:
        if concerns_whole_source(error):
            raise
        what = "upload" if debt.place == "reports" else "move"
        return f"{error}; the {what} will be tried again by the next run"
    debts.remove_handover(debt.id, stays=stays)
    return trouble


def _remote(debt: Handover, source: SourceName) -> RemoteFile:
    """The file as it was when the move began to be owed: another one of its name is not moved."""
    modified_at = datetime.fromisoformat(debt.modified_at)
    return RemoteFile(source, debt.name, debt.size_bytes, modified_at, first_seen_at=modified_at)
