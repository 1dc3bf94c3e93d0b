"""What a dry run is handed instead of what can write: the same answers, and no change of anything.

`opening` hands these out; the ledger's connection below them could not write either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.core.api.watermarks import Recency
from pipeline.core.file_stages import LandedFile, RemoteFile
from pipeline.core.release_decisions import Decision, Fate, Person
from pipeline.core.rules.earlier_amounts import Past
from pipeline.edge.ledger.decisions import Decisions, Gate
from pipeline.edge.ledger.file_rows import FileRow, Handover
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.loads_under_way import StopAsked
from pipeline.errors import BillferryError, FeedLate
from pipeline.monitoring.audit_log import NamedFile
from pipeline.report.results import nothing_sent
from pipeline.report.summary import FileReport
from pipeline.run.corrections import Correcting
from pipeline.run.file_repository import NO_FILE, FileInWork, KnownFiles, MetFile
from pipeline.run.load_stage import Loaded
from pipeline.run.release_gate import GatedFile
from schemas.results import RunResult

if TYPE_CHECKING:  # it needs polars, which a run without files does not import
    from pipeline.core.values.amount_spread import Spread


@dataclass(frozen=True, slots=True)
class ReadOnlyFiles(KnownFiles):
    """The repository of a dry run: nothing is taken up, finished or owed, and what is held is checked again.

    It says of each file what a run would.
    """

    def unfinished(self) -> list[FileRow]:
        """None: their landed copies are a run's business."""
        return []

    def keeps_waiting(self, row: FileRow) -> bool:  # noqa: ARG002
        """Never: nobody has been shown what this run would say."""
        return False

    def meet(self, landed: LandedFile) -> MetFile:
        """As in a run."""
        return self._met(landed)

    def take_up(self, met: MetFile) -> FileInWork:
        """As the file is dated now; a file that a run has begun may keep another day."""
        landed = self.named_apart(met.landed)
        ahead = self.balances.refusal(landed, self.balances.day_of(landed, None))
        return FileInWork(landed, met.row.id if met.row else NO_FILE, Recency(""), ahead, met.row)

    def take_up_refused(self, row: FileRow) -> int:  # noqa: ARG002
        """None: nothing is sent."""
        return 0

    def finish(
        self,
        work: FileInWork,
        spreads: Sequence[Spread],
        report: FileReport,
        remotes: Sequence[RemoteFile],
    ) -> None:
        """Nothing became of the file."""

    def reaffirm(self, landed: LandedFile, row: FileRow) -> None:
        """Nothing is remembered."""


@dataclass(frozen=True, slots=True)
class ReadOnlyMemory:
    """What the ledger remembers of sources, without changes: sightings stay as they are, nothing is owed or paid."""

    files: Files

    def sightings(self, source: str) -> list[dict[str, Any]]:
        """What earlier runs saw there."""
        return self.files.sightings(source)

    def remember_sightings(self, source: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Not remembered."""

    def remember_fetched(self, source: str, name: str, sha256: str) -> None:
        """Not remembered."""

    def remember_archive(self, sha256: str, members: Sequence[str]) -> None:
        """Not remembered."""

    def archive_members(self, sha256: str) -> Sequence[tuple[str, str | None]]:
        """As runs left them."""
        return self.files.archive_members(sha256)

    def add_handover(self, **_: object) -> None:
        """Not owed."""

    def pending_handovers(self, source: str) -> Sequence[Handover]:  # noqa: ARG002
        """Nothing that this run would do."""
        return ()

    def by_sha256(self, sha256: str) -> FileRow | None:
        """The file with these bytes."""
        return self.files.by_sha256(sha256)

    def remove_handover(self, handover_id: int, *, stays: bool) -> None:
        """Never called: nothing is owed."""

    def together(self) -> AbstractContextManager[None]:
        """No step, so none to be joined."""
        return nullcontext()


@dataclass(frozen=True, slots=True)
class ReadOnlyDecisions:
    """What people decided about held files, without changes: a decision is not taken up, a gate not set."""

    decisions: Decisions
    held_in_copy: frozenset[int] = frozenset()
    """Files that are held in a copy of the ledger which no run has recognised as one yet."""

    def pending(self, sha256: str) -> Decision | None:
        """The decision that a run would take up."""
        return self.decisions.pending(sha256)

    def settled(self, sha256: str) -> list[tuple[Decision, Fate]]:
        """Earlier decisions, oldest first, with what became of each."""
        return self.decisions.settled(sha256)

    def releases(self, sha256: str) -> list[Decision]:
        """Releases that were taken up."""
        return self.decisions.releases(sha256)

    def gate(self, file_id: int) -> Gate | None:
        """How far the file may go, as a run would find it."""
        gate = self.decisions.gate(file_id)
        return replace(gate, restored=gate.restored or file_id in self.held_in_copy) if gate else None

    def set_gate(
        self, file_id: int, gate: Gate, *, sha256: str, fate: Fate | None, stop: StopAsked | None = None
    ) -> None:
        """Not remembered."""

    def stop_asked(self, file_id: int) -> StopAsked | None:
        """Who has stopped the load of the file on the page."""
        return self.decisions.stop_asked(file_id)

    def dropped_by(self, sha256: str) -> Person | None:
        """Who dropped the file on the page."""
        return self.decisions.dropped_by(sha256)

    def last_load(self, feed: str) -> int | None:
        """Number of a feed's last load."""
        return self.decisions.last_load(feed)

    def past(self, feed: str, currency: str, *, beside: int | None) -> list[Past]:
        """The amounts of a feed's last loads."""
        return self.decisions.past(feed, currency, beside=beside)


class SendsNothing:
    """The load of a dry run: no request, so nothing becomes of the records."""

    stopped: BillferryError | None = None

    def prepare(self, correcting: Correcting) -> None:
        """What an original rejected is not remembered."""

    def load(self, work: FileInWork, judged: GatedFile) -> Loaded:  # noqa: ARG002
        """The file as it was judged, every accepted record not attempted."""
        return Loaded(judged.checked, nothing_sent)


class NoHistory:
    """The history of a dry run: it is none."""

    def begin(self, run_id: str, now: datetime) -> None:
        """Not remembered."""

    def arrived(self, feed: str, now: datetime) -> None:
        """Not remembered."""

    def late(self, now: datetime) -> list[FeedLate]:  # noqa: ARG002
        """A dry run does not watch over what did not come."""
        return []

    def end(self, result: RunResult, now: datetime) -> None:
        """Not remembered, and no metrics are written."""

    def done(self, files: Sequence[NamedFile], options: Mapping[str, Any]) -> None:
        """Never called: a dry run decides nothing."""


class NoUpkeep:
    """After a dry run work_dir is as it was."""

    def renew_reports(self) -> int:
        """No chain has changed."""
        return 0

    def write_overview(self, *, worked: bool) -> None:
        """The page over all files stays as it is."""

    def put_documents(self) -> None:
        """Nothing is owed to the store."""

    def forget_old(self) -> None:
        """Retention is a run's business."""

    def clock_trouble(self) -> BillferryError | None:
        """The time is not looked at."""
        return None
