"""The load of one leased part: as that of a file, bound to its lease."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

import polars as pl

from pipeline.core.api.intents import Intent
from pipeline.core.api.ledger_changes import Change
from pipeline.core.api.rate_limiter import Pace
from pipeline.core.api.requests import BillRequest
from pipeline.core.api.watermarks import Recency
from pipeline.core.outcomes import OPEN
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.group import GroupCommit
from pipeline.edge.ledger.lineage import Lineage
from pipeline.edge.ledger.postgres.parts import Lease, LoadParts
from pipeline.edge.ledger.sends import Sends
from pipeline.errors import ApiError, BillferryError, LeaseLost
from pipeline.load.job import LoadJob, LoadResult
from pipeline.load.loader import load_file
from pipeline.load.planner import Bucket, bucket_of
from pipeline.workers.lease_keeper import LeaseKeeper
from schemas.feed import Model
from schemas.settings import Settings


def worker_name() -> str:
    """Of this process among all workers: its host, and which one there."""
    return f"{os.uname().nodename}:{os.getpid()}"


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
    commits: Ledger
    """The connection over which outcomes are written."""
    where: str
    """The ledger, for messages."""
    sender: Callable[[], Any]
    """A client of the API for each load."""
    pace: Pace
    clock: Callable[[], datetime]
    records: int = 0
    """Settled by this process so far, in parts that have ended."""

    def load(
        self,
        lease: Lease,
        *,
        leased_at: float,
        beside: Callable[[LeaseKeeper], WatchedPart] = WatchedPart,
    ) -> LoadResult:
        """Send what is left of a part, and give it back.

        `leased_at`: see `LeaseKeeper`; `beside`: see `LoadJob`.

        Raises:
            LeaseLost: another host has it; whatever was sent is settled there.
            DiskFull, LedgerBusy, LedgerUnreachable: the ledger cannot be written.
        """
        facts = PartFacts.of(lease.facts)
        frame = pl.read_parquet(io.BytesIO(lease.records))
        timeout_s = self.settings.api.timeout_s
        moving = Lineage(self.commits, self.settings.work_dir) if facts.recency.watermark else None
        parts = LoadParts(self.commits)
        keeper = LeaseKeeper(
            lease,
            leased_at=leased_at,
            timeout_s=timeout_s,
            connect=self.connect,
            renewed=partial(self._renewed, lease.part),
        )
        self._renewed(lease.part, parts, 0)
        try:
            with self.connect() as reading, keeper:
                reader = _PartReader(reading, lease.file_id, frame["customer_reference"].unique())
                result = load_file(
                    LoadJob(
                        file_id=lease.file_id,
                        plan=lambda: _left(frame, facts.model, reader, lease.file_id),
                        settings=self.settings,
                        sender=self.sender,
                        commits=lambda: GroupCommit(
                            self.commits, self.where, moving, lambda: parts.hold_fast(lease)
                        ),
                        reader=reader,
                        pace=self.pace,
                        recency=facts.recency,
                        clock=self.clock,
                        beside=beside(keeper),
                        payments_included_until=facts.payments_included_until,
                        may_send=keeper.may_send,
                    )
                )
            self.records += keeper.done.settled
            halted = result.stopped.message if isinstance(result.stopped, ApiError) else None
            said = {"requests": result.requests.model_dump(), "notes": list(result.notes)}
            parts.end(lease, keeper.done, said, is_done=result.stopped is None, halted=halted)
        except LeaseLost:
            parts.let_go(lease)
            raise
        return result

    def _renewed(self, part: int, parts: LoadParts, settled: int) -> None:
        """Tell the others what is done here, and share a fixed rate with those that send now."""
        parts.seen(self.name, part, self.records + settled)
        if (rate := self.settings.api.requests_per_second) is not None:
            self.pace.max_per_second = rate / max(1, sum(each.part is not None for each in parts.workers()))


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
    outcomes = reader.outcomes(file_id, frame["record"].sort())
    settled = outcomes.filter(~pl.col("outcome").is_in([str(each) for each in OPEN]))["record"]
    left = frame.filter(~pl.col("record").is_in(settled.implode()))
    if not left.is_empty():
        yield bucket_of(left, model, reader)
