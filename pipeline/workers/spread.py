"""Leads the load of a file that is spread over hosts: makes its parts, works on them too, and follows the others."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from pipeline.core.api.ledger_changes import Change
from pipeline.core.file_stages import CheckedFile
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.postgres.parts import LoadParts, PartState, process_name
from pipeline.edge.ledger.sends import Sends
from pipeline.errors import ApiUnavailable, BillferryError, LeaseLost
from pipeline.load.job import LoadJob, LoadResult
from pipeline.load.loader import LOOK_EVERY_S, load_file
from pipeline.load.planner import frames_to_send
from pipeline.signals import on_stop, stoppable
from pipeline.workers.lease_keeper import LeaseKeeper, lease_s
from pipeline.workers.part_load import PartFacts, PartLoader, WatchedPart
from schemas.results import RequestCounts

LEAST_RECORDS = 200
"""A file with fewer records is loaded by one host: others would be there too late."""
PART_RECORDS = 250, 10_000
"""Records of a part: the least, and the most."""
PARTS_PER_HOST, LAST_PIECES = 4, 2
"""So that hosts of unlike speed end together: the last part of each is made in so many pieces."""
LOOK_S = 0.2


def load_over_hosts(
    job: LoadJob,
    checked: CheckedFile,
    to_send: int,
    *,
    ledger: Ledger,
    connect: Callable[[], AbstractContextManager[Ledger]],
    where: str,
) -> LoadResult:
    """Load a file with the workers that are there; where none can help, this host loads it alone.

    Only one host leads at a time. What an earlier one has spread was taken back when this one began to lead: who still
    works on it cannot write any more, and is waited for, since a request of it may be under way.

    Args:
        job: the load of the whole file; its `beside` follows the others (`Beside.follow`).
        to_send: records that others may send; 0: this host must load the file alone.
        ledger: where `job` writes, and where the load is led.
        connect: a further connection that may write.
        where: the ledger, for messages.

    Raises:
        As `load_file`.
    """
    parts, name = LoadParts(ledger), process_name()
    _wait_for_others(parts)
    helpers = sum(each.name != name for each in parts.workers())
    if not helpers or to_send < LEAST_RECORDS or job.payments is not None:
        return load_file(job)
    settling = load_file(replace(job, plan=lambda: iter(())))
    if settling.stopped is not None:
        return settling
    if settling.requests.sent:
        job.beside.begin()  # what was in doubt is settled, and nothing of the parts
    if job.reader.open_intents():  # what they hold up must not be sent, and others do not know of it
        return load_file(job)
    with connect() as writing:
        loader = PartLoader(name, job.settings, connect, where, job.sender, job.clock)
        facts = PartFacts(
            checked.landed.feed.model,
            job.recency,
            checked.payments_included_until,
            job.settings.api.base_url,
        )
        spread = SpreadLoad(loader, ledger, writing, job, facts, checked.records)
        return spread.run(settling, to_send, helpers + 1)


def _wait_for_others(parts: LoadParts) -> None:
    """Until nothing is under way of what was taken back. Raises Stopped."""
    with stoppable() as check_stop:
        while (left_s := parts.left_for_s()) > 0:
            time.sleep(min(left_s, LOOK_S))
            check_stop()


@dataclass(slots=True)
class SpreadLoad:
    """One load of one file, over this host and those that help."""

    loader: PartLoader
    ledger: Ledger
    """For leading."""
    writing: Ledger
    """For outcomes of parts that are loaded here."""
    job: LoadJob
    facts: PartFacts
    records: Path
    """The folder of the checked file's Parquet parts."""
    _told: int = field(default=0, init=False)
    _retried: int = field(default=0, init=False)
    _is_done: bool = field(default=False, init=False)
    _note_at: float = field(default=float("-inf"), init=False)
    _stopped: BillferryError | None = field(default=None, init=False)

    def run(self, settling: LoadResult, to_send: int, hosts: int) -> LoadResult:
        """Load what is left of the file. Nothing is in doubt, and `job.beside` has begun.

        Args:
            settling: what came of what earlier runs left in doubt.
            to_send: records that are left.
            hosts: that load, this one included.

        Raises:
            DiskFull, LedgerBusy, LedgerUnreachable, LedgerDamaged: the ledger cannot be written. No host goes on.
        """
        parts = LoadParts(self.ledger)
        try:
            with on_stop(self._stop):
                self._make(parts, to_send, hosts)
                while not self._is_over(parts):
                    if not self._work(parts):
                        time.sleep(LOOK_S)
            return self._together(settling, parts.states(self.job.file_id))
        finally:
            # Where the ledger is away, whoever leads next takes them back.
            with suppress(BillferryError):
                parts.withdraw()
                parts.left_for_s()
                parts.gone(self.loader.name)

    def _is_over(self, parts: LoadParts) -> bool:
        """Tell how far the load is, and look whether all is done or somebody has stopped it."""
        self._stopped = self._stopped or self.look(parts)
        if time.monotonic() >= self._note_at:
            self._note_at = time.monotonic() + LOOK_EVERY_S
            Sends(self.ledger).write(*self.job.beside.note(self._retried))
        return self._stopped is not None or self._is_done

    @property
    def retried(self) -> int:
        """Requests of all hosts that repeated an earlier one."""
        return self._retried

    def _stop(self, reason: BillferryError) -> None:
        self._stopped = self._stopped or reason

    def _make(self, parts: LoadParts, to_send: int, hosts: int) -> None:
        least, most = PART_RECORDS
        settled = self.job.reader.settled_records(self.job.file_id)
        size = min(max(to_send // (PARTS_PER_HOST * hosts), least), most)
        facts = self.facts.as_json()
        for nth, (frame, number) in enumerate(frames_to_send(self.records, settled, size=size)):
            for piece in in_pieces(frame, LAST_PIECES if nth >= number - hosts else 1):
                if self._stopped is None:
                    packed = io.BytesIO()
                    piece.write_parquet(packed, compression="zstd")
                    parts.add(self.job.file_id, facts, packed.getvalue())

    def _work(self, parts: LoadParts) -> bool:
        """Load one part of the file here; whether one was free."""
        leased_at = time.monotonic()
        lease = parts.lease(
            self.loader.name, lease_s(self.loader.settings.api.timeout_s), file_id=self.job.file_id
        )
        if lease is None:
            return False
        try:
            result = self.loader.load(
                lease, self.writing, leased_at=leased_at, beside=lambda keeper: _LedPart(keeper, self, parts)
            )
        except LeaseLost:
            return True  # another host has taken it up
        if not isinstance(result.stopped, LeaseLost):
            self._stopped = self._stopped or result.stopped
        return True

    def _together(self, settling: LoadResult, states: Sequence[PartState]) -> LoadResult:
        """What all loads of all parts came to."""
        total, notes = Counter(settling.requests.model_dump()), dict.fromkeys(settling.notes)
        for said in (each for state in states for each in state.said):
            total.update(said["requests"])
            notes.update(dict.fromkeys(said["notes"]))
        return LoadResult(RequestCounts(**total), self._stopped, tuple(notes))

    def look(self, parts: LoadParts) -> BillferryError | None:
        """Tell how far all hosts are together; why the whole load is to stop, or None."""
        states = parts.states(self.job.file_id)
        settled, settled_minor = sum(state.done.settled for state in states), Counter[str]()
        for state in states:
            settled_minor.update(state.done.settled_minor)
        self._retried = sum(state.done.retried for state in states)
        self._is_done = all(state.is_done for state in states)
        self.job.beside.follow(settled, settled_minor)
        self.job.progress(settled - self._told, self._retried)
        self._told = settled
        for state in states:
            if state.halted is not None:
                return ApiUnavailable(
                    base_url=self.facts.base_url,
                    problem=f"told by {state.host or 'another host'}: {state.halted}",
                )
        return self.job.beside.stop()


def in_pieces(frame: pl.DataFrame, count: int) -> list[pl.DataFrame]:
    """A frame of `frames_to_send` in so many frames, or in fewer that are not too small; none of them is empty."""
    if frame.is_empty():
        return []
    count = max(min(count, frame.height // PART_RECORDS[0]), 1)
    customers = frame["customer_reference"].rle_id()  # those of one stand together
    return frame.with_columns(
        piece=customers.cast(pl.Int64) * count // frame["customer_reference"].n_unique()
    ).partition_by("piece", maintain_order=True, include_key=False)


class _LedPart(WatchedPart):
    """A part that the leader loads itself: it follows the others meanwhile."""

    def __init__(self, keeper: LeaseKeeper, spread: SpreadLoad, parts: LoadParts) -> None:
        super().__init__(keeper)
        self._spread = spread
        self._parts = parts

    def note(self, retried: int) -> Sequence[Change]:
        """How far all hosts are."""
        super().note(retried)
        return self._spread.job.beside.note(self._spread.retried)

    def stop(self) -> BillferryError | None:
        """A lost lease stops this part, anything else the whole load."""
        return super().stop() or self._spread.look(self._parts)
