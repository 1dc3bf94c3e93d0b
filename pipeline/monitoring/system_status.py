"""How things stand: what the ledger and the drop folder show, for `status` and the metrics file. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.core.file_stages import SOURCES, Listing
from pipeline.core.mapping.file_names import is_ignored
from pipeline.core.names import is_unfinished
from pipeline.core.outcomes import FileState, Outcome
from pipeline.core.release_decisions import Decision
from pipeline.edge.ledger.chains import Chain, Chains
from pipeline.edge.ledger.decisions import Decisions
from pipeline.edge.ledger.documents import Documents
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.postgres.parts import LoadParts, SeenWorker
from pipeline.edge.ledger.runs import RunRow, Runs
from pipeline.edge.ledger.uploads import DroppedFile, Uploads
from pipeline.edge.local import DropFolder
from pipeline.errors import BillferryError
from pipeline.monitoring.late_feeds import LateFeed, late_feeds
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """How things stand at one moment."""

    files: Sequence[FileRow]
    """Oldest first."""
    last_run: RunRow | None
    last_finished: RunRow | None
    records_in_doubt: int
    requests_in_doubt: int
    in_doubt_since: str | None
    """When the oldest request in doubt was first sent."""
    owed: Mapping[str, int]
    """Moves and uploads owed, by source."""
    waiting: Mapping[str, Sequence[str]]
    """Names that no run has taken: in the drop folder now, on the SFTP server when it was last looked at."""
    late: Sequence[LateFeed]
    arrivals: Mapping[str, datetime]
    decided: Mapping[str, Decision]
    """SHA-256 → what a person decided about a held file, as far as no run has taken it up."""
    dropped: Mapping[str, DroppedFile]
    """SHA-256 → who dropped a file on the page last, and when."""
    chains: Sequence[Chain]
    """Originals with their corrections, oldest first."""
    workers: Sequence[SeenWorker] = ()
    """Of a ledger that hosts share: who helps with loads, by name."""
    leader: str | None = None
    """The process whose run is at work; empty: none is, None: the ledger does not know."""
    owed_to_store: Mapping[str, int] = field(default_factory=dict)
    """Host → how many documents it has still to put into the store."""

    @property
    def unfinished(self) -> list[FileRow]:
        """Files that the next run goes on with."""
        return [row for row in self.files if row.is_open and not row.held]

    @property
    def held(self) -> list[FileRow]:
        """Files that wait for a person, or, where one has released them, for the next run."""
        return [row for row in self.files if row.held]

    def states(self) -> Counter[str]:
        """How many files are in each state."""
        return Counter(state_of(row) for row in self.files)


def system_status(settings: Settings, ledger: Ledger | None, now: datetime) -> SystemStatus:
    """Look at the ledger and into the drop folder; nothing is changed, and no network is used.

    Args:
        ledger: None before the first run.
        now: in UTC; decides which feeds are late.
    """
    if ledger is None:
        waiting = waiting_names(settings, None)
        return SystemStatus((), None, None, 0, 0, None, {}, waiting, (), {}, {}, {}, ())
    files, runs = Files(ledger), Runs(ledger)
    requests_in_doubt, in_doubt_since = files.unsettled_requests()
    rows = files.all()
    return SystemStatus(
        files=rows,
        chains=Chains(ledger).all(rows),
        last_run=runs.last(),
        last_finished=runs.last_finished(),
        records_in_doubt=files.count_outcomes(Outcome.IN_DOUBT),
        requests_in_doubt=requests_in_doubt,
        in_doubt_since=in_doubt_since,
        owed={source: len(files.pending_handovers(source)) for source in SOURCES},
        waiting=waiting_names(settings, files),
        late=late_now(settings, ledger, now),
        arrivals=runs.arrivals(),
        decided=Decisions(ledger).all_pending(),
        dropped=Uploads(ledger).newest_by_file(),
        workers=LoadParts(ledger).workers() if ledger.is_shared else (),
        leader=LoadParts(ledger).leader() if ledger.is_shared else None,
        owed_to_store=Counter(each.host for each in Documents(ledger).owed()),
    )


def late_now(settings: Settings, ledger: Ledger, now: datetime) -> list[LateFeed]:
    """Feeds whose hour has passed without a file, from the first whole day on that the hour is known; `now` in UTC."""
    runs = Runs(ledger)
    return late_feeds(settings.feeds, runs.arrivals(), now, settings.zone, since=runs.expected_since())


def state_of(row: FileRow) -> str:
    """A file that was landed and not finished is one that a run works on now, or that a killed run left."""
    return FileState.UNFINISHED if row.state == "landed" else row.state


def waiting_names(settings: Settings, files: Files | None) -> dict[str, list[str]]:
    """Names by source, sorted, without those that are ignored or not whole yet.

    The SFTP server is not asked: that needs a log-in, and `status` is to work while the server does not.
    """
    fetched = {
        (source, row["name"], row["size_bytes"], row["modified_at"])
        for source in SOURCES
        for row in (files.sightings(source) if files else [])
        if row["sha256"]
    }
    waiting: dict[str, list[str]] = {}
    if settings.sftp is not None and files is not None:
        waiting["sftp"] = sorted(row["name"] for row in files.sightings("sftp") if not row["sha256"])
    drop = settings.drop
    if drop is not None and drop.folder.is_dir():
        try:
            listing = DropFolder(drop).list()
        except (BillferryError, OSError):
            listing = Listing(())
        new = (
            file.name
            for file in listing.files
            if ("drop", file.name, file.size_bytes, file.modified_at.isoformat()) not in fetched
        )
        waiting["drop"] = sorted({*new, *(odd.name for odd in listing.oddities)})
    return {
        source: [name for name in names if not is_unfinished(name) and not is_ignored(name, settings.ignore)]
        for source, names in waiting.items()
    }
