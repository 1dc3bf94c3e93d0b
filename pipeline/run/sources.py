"""The places that bill files come from, and what the ledger remembers of each: what was seen, what is owed.

Without a ledger nothing is known; in a dry run nothing new is remembered, owed or paid.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.collect.collect import Source
from pipeline.collect.model import Sighting, sighting_of, sighting_row
from pipeline.core.files import SOURCES, RemoteFile, SourceName
from pipeline.edge.ledger import Files
from pipeline.report import REPORT_NAMES
from pipeline.run.handover import Place, owe, owe_reports, pay
from pipeline.run.progress import Ui
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class SourceRegistry:
    """`known` is what there is to read, `memory` the same where it may be changed."""

    settings: Settings
    known: Files | None
    memory: Files | None

    def opened(self, names: Collection[SourceName] = SOURCES) -> Iterator[Source]:
        """The sources, as far as configured and named."""
        if self.settings.sftp is not None and "sftp" in names:
            from pipeline.edge.sftp.source import SftpSource  # noqa: PLC0415 (paramiko takes 0.2 s to import)

            yield SftpSource(self.settings.sftp)
        if self.settings.drop is not None and "drop" in names:
            from pipeline.edge.local import DropFolder  # noqa: PLC0415

            yield DropFolder(self.settings.drop)

    # -- what was seen there --

    def sightings(self, source: SourceName) -> dict[str, Sighting]:
        """What earlier runs saw, by name."""
        rows = self.known.sightings(source) if self.known else []
        return {row["name"]: sighting_of(source, row) for row in rows}

    def remember(self, source: SourceName, seen: Iterable[Sighting]) -> None:
        """What is there now takes the place of what was seen before."""
        if self.memory is not None:
            self.memory.remember_sightings(source, map(sighting_row, seen))

    def remember_fetched(self, remote: RemoteFile, sha256: str) -> None:
        if self.memory is not None:
            self.memory.remember_fetched(remote.source, remote.name, sha256)

    def of(self, sha256: str) -> tuple[RemoteFile, ...]:
        """Where a file that was fetched earlier still stands, as far as the last look showed."""
        return tuple(
            sighting.remote
            for source in SOURCES
            for sighting in self.sightings(source).values()
            if sighting.sha256 == sha256
        )

    # -- what is owed there --

    def owe(self, sha256: str, remotes: Sequence[RemoteFile], place: Place, report: str | None) -> None:
        """Nothing is owed where nothing would be done: what stays at its source for good costs no write per run."""
        if self.memory is None:
            return
        sftp, drop = self.settings.sftp, self.settings.drop
        for number, remote in enumerate(remotes):
            uploads = report if number == 0 and remote.source == "sftp" and sftp and sftp.reports else None
            section = sftp if remote.source == "sftp" else drop
            if uploads or (section is not None and getattr(section, place) is not None):
                owe(self.memory, sha256, [remote], place, uploads)

    def owe_archiving(self, files: Iterable[tuple[str, Sequence[RemoteFile]]]) -> None:
        """Owe the archive finished files that still stand at their source."""
        if self.memory is None:
            return
        with self.memory.together():
            for sha256, remotes in files:
                self.owe(sha256, remotes, "archive", None)

    def owe_reports(self, sha256: str, name: str, report: str) -> None:
        """Owe the server the reports of a file that does not stand there any more."""
        if (
            self.memory is not None
            and self.settings.sftp is not None
            and self.settings.sftp.reports is not None
        ):
            owe_reports(self.memory, sha256, name, "sftp", report)

    def owed_reports(self) -> list[SourceName]:
        """Sources that are owed reports of files that do not stand there any more."""
        if self.memory is None:
            return []
        owed = self.memory.pending_handovers
        return [name for name in SOURCES if any(debt.place == "reports" for debt in owed(name))]

    def owed_of(self, sha256: str) -> list[SourceName]:
        """Sources that are owed a move or reports of that file."""
        if self.memory is None:
            return []
        owed = self.memory.pending_handovers
        return [name for name in SOURCES if any(debt.sha256 == sha256 for debt in owed(name))]

    def pay(self, source: Source, reports: Path, ui: Ui) -> None:
        """Upload and move what is owed to a source. Raises SourceError when it cannot be reached."""
        if self.memory is not None:
            uploads = self.settings.sftp.upload if self.settings.sftp else []
            names = [name for kind in uploads for name in REPORT_NAMES[kind]]
            pay(self.memory, source, reports, names, ui.warn)
