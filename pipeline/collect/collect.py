"""What has settled at a source is matched to its feed, fetched whole, and landed under its SHA-256.

Nothing here decides what is loaded, and nothing is moved: the run does that once outcomes are durable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from pipeline.collect.companions import Companions
from pipeline.collect.feed_of_file import HEAD_BYTES, Matching, match_file
from pipeline.collect.model import (
    Collected,
    Found,
    RememberedFile,
    Sighting,
    Troubled,
    Unmatched,
    Waiting,
    odd_sightings,
)
from pipeline.core.csv_structure import PACKED, WORKBOOKS, ZIP
from pipeline.core.file_stages import LandedFile, Listing, RemoteFile, SourceName
from pipeline.core.mapping.file_names import is_ignored, match_name
from pipeline.core.names import SIDECAR_ENDING, is_unfinished, shown_name
from pipeline.core.rules.control_totals import MAX_SIDECAR_BYTES
from pipeline.core.whole_source import concerns_whole_source
from pipeline.edge.local.landing import land_blocks
from pipeline.errors import (
    BillferryError,
    FileRefused,
    FileTooLarge,
    SourceInterrupted,
)

ATTEMPTS = 3
"""Fetches of one file in one run, the first included."""
RETRY_S = 600
"""No attempt starts later than this after the first; how long one may take is bounded by its progress."""
MAX_WORKBOOK_BYTES = 1 << 20
"""A workbook of this size or less may be a corrected rejects file: only the whole of it tells."""
MAX_UNMATCHED_READ = 1_000
"""Files whose name fits no feed may be rejects files, so their first bytes are read; but each costs some round trips,
and somebody may have put any number of them there."""
CLOCK_SLACK_S = 0.05
"""Our clock may be slewed while we wait; a file must not miss its run by a millisecond."""

UNMATCHED = "file name matches no feed and no ignore pattern"
SAVE_AS_CSV = (
    "if it is a corrected rejects file, save it as CSV: it is not taken as a packed file, as a workbook of more than"
    " 1 MiB, or with macros"
)
"""Said of unmatched files that begin as they do."""

T = TypeVar("T")
Place = Literal["archive", "quarantine"]
Progress = Callable[[int], None]


class Source(Protocol):
    """Where files come from: an SFTP server or a drop folder. Every method may raise SourceError.

    SourceInterrupted concerns one file, and the next call connects afresh; any other SourceUnreachable, a refused
    login and a wrong host key concern the whole source. One that broke too often is unreachable, until it is closed.
    """

    @property
    def name(self) -> SourceName: ...
    @property
    def where(self) -> str:
        """For messages: the server without user, or the folder."""

    @property
    def settle_s(self) -> float: ...
    @property
    def done_marker(self) -> str | None: ...
    def list(self) -> Listing:
        """Regular files with usable names; everything else as oddities."""

    def put_back(self, aside: Sequence[bytes]) -> None:
        """Give files that a move has left aside their names back, as far as those are free. Not without the lock."""

    def read_head(self, remote: RemoteFile, size_bytes: int) -> bytes:
        """The first bytes, to tell what it is."""

    def blocks(self, remote: RemoteFile) -> Iterator[bytes]:
        """The whole file; SourceFileUnsettled when it is not, to the end, what was listed."""

    def move(self, remote: RemoteFile, place: Place, as_name: str) -> str | None:
        """Move it there without overwriting; None when that folder is not configured. Moving twice is no error."""

    def upload(self, local: Path, folder: str, name: str) -> None:
        """Put a report into a folder below the reports folder, replacing an earlier one whole."""

    def upload_payments(self, local: Path, name: str) -> None:
        """Put a payments file, or its control file, into the folder for them, replacing an earlier one whole."""

    def close(self) -> None: ...


def collect(
    source: Source,
    matching: Matching,
    sightings: Mapping[str, Sighting],
    *,
    clock: Callable[[], datetime],
    wait: Callable[[float], None] | None,
    put_back: bool = False,
) -> Collected:
    """List a source, wait `settle_s` where something still grows, list it again, and sort what is there.

    `sightings`: what the ledger remembers of the source, by name. `clock`: UTC. `wait` sleeps that many seconds, or
    raises when the run is to stop; without it there is one listing, for callers that come again anyway. `put_back`:
    first give files their names back that a killed run left aside.

    Raises SourceError where the whole source is concerned; trouble with one file is in `Collected.troubled`.
    """
    now = first_listed_at = clock()
    seen, listing = list_files(source, sightings, now)
    if put_back and listing.aside:
        source.put_back(listing.aside)
        seen, listing = list_files(source, sightings, now)
    if wait and any(_is_settling(sighting, source, now) for sighting in seen):
        left_s = source.settle_s - (clock() - first_listed_at).total_seconds()
        wait(max(0.0, left_s) + CLOCK_SLACK_S)
        now = clock()
        seen, listing = list_files(source, {sighting.name: sighting for sighting in seen}, now)
    return _classify(source, matching, seen, listing, now)


def list_files(
    source: Source, sightings: Mapping[str, Sighting], now: datetime
) -> tuple[list[Sighting], Listing]:
    """What is there now, remembering since when each file has had its size and time; and the listing itself."""
    listing = _retried(source.list)
    seen = []
    for file in listing.files:
        before = sightings.get(file.name)
        if before is None or (before.size_bytes, before.modified_at) != (file.size_bytes, file.modified_at):
            before = Sighting(source.name, file.name, file.size_bytes, file.modified_at, now)
        seen.append(before)
    return seen, listing


def land(
    found: Found, source: Source, landing: Path, *, max_file_bytes: int, progress: Progress | None = None
) -> LandedFile:
    """Fetch a file whole into the landing folder, under its SHA-256; one that broke on its way is fetched again, a
    few times.

    `max_file_bytes`: counted while it is fetched too, since a listing may be wrong. `progress` is called with the
    bytes so far, and 0 when an attempt begins.

    Raises:
        FileTooLarge: before or while it is fetched.
        SourceFileUnsettled: it is not what was listed any more.
        SourceInterrupted: this file cannot be fetched now; other SourceErrors: the source is gone.
        DiskFull: no room here.
    """
    remote = found.remote
    if remote.size_bytes > max_file_bytes:
        raise FileTooLarge(source=source.where, name=shown_name(remote.name), limit_bytes=max_file_bytes)
    landed = _retried(lambda: land_blocks(source.blocks(remote), landing, progress=progress))
    control = _retried(lambda: control_of(found.companions, remote.name, source))
    return LandedFile(
        sha256=landed.sha256,
        path=landed.path,
        name=remote.name,
        name_parts=dict(found.name_parts),
        size_bytes=landed.size_bytes,
        origin=remote.source,
        feed=found.feed,
        rejects_of=found.rejects_of,
        control=control,
    )


def control_of(companions: Sequence[RemoteFile], name: str, source: Source) -> bytes | None:
    """The control file of a bill file, whole as it was listed, or enough of it to see that it is too large; None
    without one.
    """
    for remote in companions:
        if remote.name == name + SIDECAR_ENDING:
            if remote.size_bytes > MAX_SIDECAR_BYTES:
                return source.read_head(remote, MAX_SIDECAR_BYTES + 1)
            return b"".join(source.blocks(remote))
    return None


def _retried(work: Callable[[], T]) -> T:
    """Call `work` again when its connection broke, bounded in number and time.

    Only after a connection that had served us: one that broke at once will do so again.
    """
    import tenacity  # noqa: PLC0415 (files that are named need no second attempt)

    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, SourceInterrupted) and error.got_somewhere
        ),
        stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_after_delay(RETRY_S),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
        reraise=True,
    )
    return again(work)


def _is_settling(sighting: Sighting, source: Source, now: datetime) -> bool:
    """Whether its size and time changed less than `settle_s` ago. Not asked where a done marker says it is whole."""
    if source.done_marker is not None or is_unfinished(sighting.name) or sighting.sha256 is not None:
        return False
    return (now - sighting.first_seen_at).total_seconds() < source.settle_s


def _waits_to_settle(
    remote: RemoteFile, what: str, moving: Sighting, source: Source, now: datetime
) -> Waiting:
    """`what` is the file itself or its control file, for the reason."""
    left_s = source.settle_s - (now - moving.first_seen_at).total_seconds()
    return Waiting(remote, f"{what} has not been unchanged for {source.settle_s:g} s", left_s + CLOCK_SLACK_S)


def _classify(
    source: Source, matching: Matching, seen: Sequence[Sighting], listing: Listing, now: datetime
) -> Collected:
    """Each file of a listing into exactly one list of `Collected`; bytes are read only where its name does not tell."""
    by_name = {sighting.name: sighting for sighting in seen}
    companions = Companions({sighting.name: sighting.remote for sighting in seen}, source.done_marker)
    found: list[Found] = []
    known: list[RememberedFile] = []
    unmatched = [
        Unmatched(odd.name, odd.problem)
        for odd in sorted(listing.oddities, key=lambda odd: odd.name)
        if not is_unfinished(odd.name) and not is_ignored(odd.name, matching.ignore)
    ]
    waiting: list[Waiting] = []
    troubled: list[Troubled] = []
    ignored: list[str] = []
    looked_into = 0
    for sighting in sorted(seen, key=lambda sighting: sighting.name):
        remote = sighting.remote
        if is_unfinished(remote.name) or companions.is_one(remote.name):
            continue
        if is_ignored(remote.name, matching.ignore):
            ignored.append(remote.name)
        elif sighting.sha256 is not None:
            known.append(
                RememberedFile(remote, sighting.sha256, sighting.finished, companions.of(remote.name))
            )
        elif missing := companions.missing(remote.name):
            waiting.append(Waiting(remote, missing))
        elif _is_settling(sighting, source, now):
            waiting.append(_waits_to_settle(remote, "it", sighting, source, now))
        elif looked_into >= MAX_UNMATCHED_READ and _is_unmatched(remote.name, matching):
            reason = f"{UNMATCHED}; {MAX_UNMATCHED_READ} such files were opened, this one was not"
            unmatched.append(Unmatched(remote.name, reason, remote.size_bytes))
        else:
            looked_into += _is_unmatched(remote.name, matching)
            match _match(source, matching, remote, companions):
                case Found() as file if wait := _waits_for_control(file, by_name, source, now):
                    waiting.append(wait)
                case Found() as file:
                    found.append(file)
                case Unmatched() as file:
                    unmatched.append(file)
                case Troubled() as file:
                    troubled.append(file)
    found.sort(key=lambda file: (file.name_parts.get("date", ""), file.remote.name))
    return Collected(
        found=tuple(found),
        known=tuple(known),
        unmatched=tuple(unmatched),
        waiting=tuple(waiting),
        troubled=tuple(troubled),
        ignored=tuple(ignored),
        notes=listing.notes,
        cut=listing.cut,
        sightings=(*seen, *odd_sightings(source.name, listing, by_name, now)),
        again_in_s=min((each.ripe_in_s for each in waiting if each.ripe_in_s is not None), default=None),
    )


def _is_unmatched(name: str, matching: Matching) -> bool:
    """Whether the name alone matches no feed. A name that matches two is refused later, with its reason."""
    try:
        return match_name(name, matching.feeds) is None
    except FileRefused:
        return False


def _waits_for_control(
    found: Found, seen: Mapping[str, Sighting], source: Source, now: datetime
) -> Waiting | None:
    """A bill file waits for the file in which its totals stand, if any; a corrected rejects file has none."""
    control = found.feed.control
    if control is None or control.kind != "sidecar" or found.rejects_of is not None:
        return None
    beside = seen.get(found.remote.name + SIDECAR_ENDING)
    if beside is None:
        return Waiting(found.remote, "its control file is missing") if control.required else None
    return (
        _waits_to_settle(found.remote, "its control file", beside, source, now)
        if _is_settling(beside, source, now)
        else None
    )


def _match(
    source: Source, matching: Matching, remote: RemoteFile, companions: Companions
) -> Found | Unmatched | Troubled:
    """Which feed a settled file belongs to, by its name or, for corrected rejects, by its first bytes."""
    try:
        head = _retried(lambda: source.read_head(remote, HEAD_BYTES))
        if head.startswith(WORKBOOKS) and remote.size_bytes <= MAX_WORKBOOK_BYTES:
            head = _retried(lambda: source.read_head(remote, MAX_WORKBOOK_BYTES))
        matched = match_file(remote.name, head, matching)
    except BillferryError as error:
        if concerns_whole_source(error):
            raise
        return Troubled(remote, error)
    if matched is None:
        reason = f"{UNMATCHED}; {SAVE_AS_CSV}" if head.startswith(PACKED) else UNMATCHED
        return Unmatched(remote.name, reason, remote.size_bytes)
    beside, is_zip = companions.of(remote.name), head.startswith(ZIP)
    return Found(remote, matched.feed, matched.name_parts, matched.rejects_of, beside, may_be_archive=is_zip)
