"""The load of one leased part: as that of a file, bound to its lease."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import polars as pl

from pipeline.core.api.intents import Intent
from pipeline.core.api.ledger_changes import Change
from pipeline.core.api.requests import BillRequest
from pipeline.core.api.shared_pace import SharedPace, Told
from pipeline.core.api.watermarks import Recency
from pipeline.core.outcomes import OPEN
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.group import GroupCommit
from pipeline.edge.ledger.lineage import Lineage
from pipeline.edge.ledger.postgres.pace import change_pace
from pipeline.edge.ledger.postgres.parts import Lease, LoadParts
from pipeline.edge.ledger.sends import Sends
from pipeline.errors import ApiError, BillferryError, LeaseLost
from pipeline.load.job import LoadJob, LoadResult
from pipeline.load.loader import load_file
from pipeline.load.planner import Bucket, bucket_of
from pipeline.workers.lease_keeper import LeaseKeeper
from pipeline.workers.pace_share import PaceShare
from schemas.feed import Model
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class PartFacts:
    """What every part of a file needs besides its records."""

    model: Model
    recency: Recency
    payments_included_until: str | None
    base_url: str
    """Of the API that the file is loaded into: a host that is set up for another one takes no part."""

    def as_json(self) -> dict[str, Any]:
        """For the ledger."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Any) -> PartFacts:
        """From the ledger."""
        return cls(**{**facts, "recency": Recency(**facts["recency"])})


class WatchedPart:
    """What goes on beside the load of a part (`load.job.Beside`): its lease is kept, and nothing else told."""

    def __init__(self, keeper: LeaseKeeper) -> None:
        self._keeper = keeper

    def begin(self) -> None:
        """Nothing: it was counted when the part was made."""

    def settled(self, request: BillRequest) -> None:
        """A record has its final outcome."""
        self._keeper.settled(request)

    def follow(self, settled: int, settled_minor: Mapping[str, int]) -> None:
        """Nothing: others tell it."""

    def note(self, retried: int) -> Sequence[Change]:
        """The keeper tells it."""
        self._keeper.retried = retried
        return ()

    def stop(self) -> BillferryError | None:
        """Once the lease is lost."""
        return self._keeper.may_send()


@dataclass(slots=True)
class PartLoader:
    """Loads parts in this process, one after another."""

    name: str
    """Of this process among the workers."""
    settings: Settings
    connect: Callable[[], AbstractContextManager[Ledger]]
    """A further connection to the ledger, which may write."""
    where: str
    """The ledger, for messages."""
    sender: Callable[[], Any]
    """A client of the API for each load."""
    clock: Callable[[], datetime]
    records: int = 0
    """Settled by this process so far, in parts that have ended."""
    pace: PaceShare = field(default_factory=PaceShare)

    def load(
        self,
        lease: Lease,
        commits: Ledger,
        *,
        leased_at: float,
        beside: Callable[[LeaseKeeper], WatchedPart] = WatchedPart,
    ) -> LoadResult:
        """Send what is left of a part, and give it back.

        Args:
            lease: of the part.
            commits: the connection over which outcomes are written.
            leased_at: see `LeaseKeeper`.
            beside: see `LoadJob`.

        Raises:
            LeaseLost: another host has it; whatever was sent is settled there.
            DiskFull, LedgerBusy, LedgerUnreachable: the ledger cannot be written.
        """
        parts, keeper = LoadParts(commits), self._keeper(lease, leased_at)
        self._renewed(lease.part, parts, 0)
        try:
            with self.connect() as reading, keeper:
                result = load_file(self._job(lease, commits, reading, keeper, beside(keeper)))
            self.records += keeper.settled_here
            halted = result.stopped.message if isinstance(result.stopped, ApiError) else None
            said = {"requests": result.requests.model_dump(), "notes": list(result.notes)}
            parts.end(lease, keeper.done, said, is_done=result.stopped is None, halted=halted)
        except LeaseLost:
            parts.let_go(lease)
            raise
        return result

    def _keeper(self, lease: Lease, leased_at: float) -> LeaseKeeper:
        return LeaseKeeper(
            lease,
            leased_at=leased_at,
            timeout_s=self.settings.api.timeout_s,
            connect=self.connect,
            renewed=partial(self._renewed, lease.part),
            exchange=self._exchange,
        )

    def _job(
        self, lease: Lease, commits: Ledger, reading: Ledger, keeper: LeaseKeeper, beside: WatchedPart
    ) -> LoadJob:
        facts, frame = PartFacts.of(lease.facts), pl.read_parquet(io.BytesIO(lease.records))
        reader = _PartReader(reading, lease.file_id, frame["customer_reference"].unique())
        settled = frame.filter(_is_settled(frame, reader, lease.file_id))
        keeper.settled_before(settled.select("currency", "amount_minor").iter_rows())
        parts = LoadParts(commits)
        moving = Lineage(commits, self.settings.work_dir) if facts.recency.watermark else None
        return LoadJob(
            file_id=lease.file_id,
            plan=lambda: _left(frame, facts.model, reader, lease.file_id),
            settings=self.settings,
            sender=self.sender,
            commits=lambda: GroupCommit(commits, self.where, moving, lambda: parts.hold_fast(lease)),
            reader=reader,
            pace=self.pace,
            recency=facts.recency,
            clock=self.clock,
            beside=beside,
            payments_included_until=facts.payments_included_until,
            may_send=keeper.may_send,
        )

    def _renewed(self, part: int, parts: LoadParts, settled: int) -> None:
        """Tell the others what is done here."""
        parts.seen(self.name, part, self.records + settled)

    def _exchange(self, ledger: Ledger) -> float:
        """Keep pace with the others; where one of them was faster, the next time. Seconds until then."""
        told: list[Told] = []
        here = time.monotonic()
        said = self.pace.said(here)

        def change(kept: Mapping[str, Any], now: float) -> Mapping[str, Any]:
            shared = SharedPace.of(kept, self.settings.api.requests_per_second)
            told.append(shared.exchange(self.name, said, now))
            return shared.as_json()

        if change_pace(ledger, change):
            self.pace.take_up(told[0], said, here)
        return self.pace.again_s


class _PartReader(Sends):
    """The ledger as the load of a part reads it: other parts are other hosts'."""

    def __init__(self, connection: Ledger, file_id: int, customers: pl.Series) -> None:
        super().__init__(connection)
        self._file_id = file_id
        self._customers = frozenset(customers)

    def open_intents(self) -> list[Intent]:
        """Those that an earlier lease of this part has left."""
        return [
            intent
            for intent in super().open_intents()
            if intent.file_id == self._file_id and intent.customer_reference in self._customers
        ]


def _left(frame: pl.DataFrame, model: Model, reader: _PartReader, file_id: int) -> Iterator[Bucket]:
    """What has no final outcome yet. Reads the ledger and blocks."""
    left = frame.filter(~_is_settled(frame, reader, file_id))
    if not left.is_empty():
        yield bucket_of(left, model, reader)


def _is_settled(frame: pl.DataFrame, reader: _PartReader, file_id: int) -> pl.Series:
    """For each record of a part: whether it has its final outcome. Reads the ledger and blocks."""
    outcomes = reader.outcomes(file_id, frame["record"].sort())
    final = outcomes.filter(~pl.col("outcome").is_in([str(each) for each in OPEN]))["record"]
    return frame["record"].is_in(final.implode())
