"""What collecting from a source comes to: each file in exactly one of these, and what the next run must remember."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.core.file_stages import Listing, RemoteFile, SourceName
from pipeline.errors import BillferryError
from schemas.feed import Feed


@dataclass(frozen=True, slots=True)
class Sighting:
    """What an earlier run remembers of a file. `sha256` only once a run has begun to work on it: it needs no fetch."""

    source: SourceName
    name: str
    size_bytes: int
    modified_at: datetime
    first_seen_at: datetime
    sha256: str | None = None
    finished: bool = False

    @property
    def remote(self) -> RemoteFile:
        """The file as its source describes it, for fetching and moving."""
        return RemoteFile(self.source, self.name, self.size_bytes, self.modified_at, self.first_seen_at)


@dataclass(frozen=True, slots=True)
class Found:
    """A settled bill file of a feed; sidecar and done marker move along with it."""

    remote: RemoteFile
    feed: Feed
    name_parts: Mapping[str, str]
    rejects_of: str | None = None
    companions: tuple[RemoteFile, ...] = ()
    may_be_archive: bool = True
    """Whether bill files with dates of their own may be inside, which only the whole of it tells."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What a file's name, or the file it came back from, says about reading it."""

    feed: Feed
    name_parts: Mapping[str, str]
    rejects_of: str | None = None


@dataclass(frozen=True, slots=True)
class RememberedFile:
    """A file that was worked on before and is still, or again, at its source with the same size and time."""

    remote: RemoteFile
    sha256: str
    finished: bool
    companions: tuple[RemoteFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A file that fits no feed and no `ignore` pattern, or an entry of the folder that is never taken."""

    name: str
    reason: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that is not, or not certainly, complete; it is for a later run."""

    remote: RemoteFile
    reason: str
    ripe_in_s: float | None = None
    """After so long it may be taken if it stands still; None where time alone does not tell."""


@dataclass(frozen=True, slots=True)
class Troubled:
    """A file that is refused or cannot be read now; the others go on."""

    remote: RemoteFile
    error: BillferryError


@dataclass(frozen=True, slots=True)
class Collected:
    """Every file of one source, each in exactly one list. `sightings` is what the next run must be given.

    `again_in_s`: after so long the first of the files that still move may be taken; None when none does.
    """

    found: tuple[Found, ...] = ()
    known: tuple[RememberedFile, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    troubled: tuple[Troubled, ...] = ()
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cut: str | None = None
    """Why the listing is not all that is there, where it is not."""
    sightings: tuple[Sighting, ...] = ()
    again_in_s: float | None = None


def odd_sightings(
    source: SourceName, listing: Listing, seen: Container[str], now: datetime
) -> Iterator[Sighting]:
    """Entries that are never taken, remembered so that `status` can tell of them. No file is of their size and time."""
    never = datetime.fromtimestamp(0, UTC)
    for name in sorted({odd.name for odd in listing.oddities if odd.name not in seen}):
        yield Sighting(source, name, -1, never, now)


def sighting_of(source: SourceName, row: Mapping[str, object]) -> Sighting:
    """A sighting as the ledger remembers it."""
    return Sighting(
        source=source,
        name=str(row["name"]),
        size_bytes=int(str(row["size_bytes"])),
        modified_at=datetime.fromisoformat(str(row["modified_at"])),
        first_seen_at=datetime.fromisoformat(str(row["first_seen_at"])),
        sha256=str(row["sha256"]) if row["sha256"] else None,
        finished=bool(row["finished"]),
    )


def sighting_row(sighting: Sighting) -> dict[str, object]:
    """A sighting as `ledger.files` stores it: times as RFC 3339."""
    return {
        "name": sighting.name,
        "size_bytes": sighting.size_bytes,
        "modified_at": sighting.modified_at.isoformat(),
        "first_seen_at": sighting.first_seen_at.isoformat(),
        "sha256": sighting.sha256,
    }
