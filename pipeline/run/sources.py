"""Where bill files come from: the SFTP server and the drop folder of the config, and what was seen there before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.collect.collect import Source
from pipeline.collect.model import Sighting, sighting_of
from pipeline.core.file_stages import SOURCES, RemoteFile, SourceName
from schemas.settings import Settings


class Sightings(Protocol):
    """What the ledger remembers of the files that sources showed."""

    def sightings(self, source: str) -> Sequence[Mapping[str, Any]]:
        """Rows with name, size_bytes, modified_at, first_seen_at, sha256 and finished, of one source."""

    def remember_sightings(self, source: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put what a source shows now in the place of what it showed before."""

    def remember_fetched(self, source: str, name: str, sha256: str) -> None:
        """That file has been landed under this SHA-256, and need not be fetched again."""

    def remember_archive(self, sha256: str, members: Sequence[str]) -> None:
        """Those bill files, by their SHA-256s, are in an archive, and have landed."""

    def archive_members(self, sha256: str) -> Sequence[tuple[str, str | None]]:
        """SHA-256 and state of the bill files in an archive; no state where no run has begun to work on one."""


@dataclass(frozen=True, slots=True)
class SourceRegistry:
    """The sources of one config. Opening one connects to nothing yet; whoever opens it closes it."""

    settings: Settings
    memory: Sightings

    def opened(self, names: Collection[SourceName] = SOURCES) -> list[Source]:
        """The sources, as far as configured and named, in the order in which they are looked at."""
        found: list[Source] = []
        if self.settings.sftp is not None and "sftp" in names:
            from pipeline.edge.sftp.source import SftpSource  # noqa: PLC0415 (paramiko takes 0.2 s to import)

            found.append(SftpSource(self.settings.sftp))
        if self.settings.drop is not None and "drop" in names:
            from pipeline.edge.local import DropFolder  # noqa: PLC0415

            found.append(DropFolder(self.settings.drop))
        return found

    def second(self, name: SourceName) -> Source | None:
        """A second connection to a source; None where that is no faster, as for a folder."""
        return self.opened((name,))[0] if name == "sftp" else None

    def sightings(self, source: SourceName) -> dict[str, Sighting]:
        """What earlier runs saw there, by name."""
        return {row["name"]: sighting_of(source, row) for row in self.memory.sightings(source)}

    def of(self, sha256: str) -> tuple[RemoteFile, ...]:
        """Where a file that was fetched earlier still is, as far as the last look showed."""
        return tuple(
            sighting.remote
            for source in SOURCES
            for sighting in self.sightings(source).values()
            if sighting.sha256 == sha256
        )
