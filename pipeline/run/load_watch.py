"""What a run does beside the load of a file: it tells how far that is, and looks whether a person has stopped it."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import polars as pl

from pipeline.core.api.ledger_changes import LoadUnderWay, NoteProgress
from pipeline.core.api.requests import BillRequest
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.loads_under_way import LoadsUnderWay
from pipeline.edge.ledger.sends import Sends
from pipeline.edge.reader.checked_parts import parts_of, sent_amounts
from pipeline.errors import BillferryError

PACE_NOTES = 10
"""The pace that is told is that of so many notes, a second apart."""
STOPPED_ON_PAGE = BillferryError(problem="its load was stopped on the page")
"""Why a load stops that a person has stopped; it is no error of the run."""


class LoadWatch:
    """Of one load. `begin` may be called in another thread, before anything else but `stop`."""

    def __init__(self, ledger: Ledger, file_id: int, records: Path, clock: Callable[[], datetime]) -> None:
        """`ledger`: a connection of its own, for reading. `records`: the folder of the checked file's Parquet parts."""
        self._ledger = ledger
        self._file_id = file_id
        self._records = records
        self._clock = clock
        self._started_at = rfc3339(clock())
        self._settled = self._total = self._settled_before = 0
        self._settled_minor: Counter[str] = Counter()
        self._minor_before: Counter[str] = Counter()
        self._total_minor: Counter[str] = Counter()
        self._pace: deque[tuple[float, int]] = deque(maxlen=PACE_NOTES)

    def begin(self) -> None:
        """Count what the file has and what earlier loads have settled of it."""
        settled = Sends(self._ledger).settled_records(self._file_id)
        self._settled = self._total = 0
        self._settled_minor.clear()
        self._total_minor.clear()
        if not (parts := parts_of(self._records)):
            return
        sums = (
            sent_amounts(*parts)
            .group_by("currency", is_settled=pl.col("record").is_in(settled.implode()))
            .agg(pl.len(), pl.col("amount_minor").cast(pl.Int128).sum())
            .collect(engine="streaming")
        )
        for currency, is_settled, records, amount_minor in sums.iter_rows():
            self._total += records
            self._total_minor[currency] += amount_minor
            if is_settled:
                self._settled += records
                self._settled_minor[currency] += amount_minor
        self._pace.clear()
        self._settled_before, self._minor_before = self._settled, Counter(self._settled_minor)

    def settled(self, request: BillRequest) -> None:
        """A record has its final outcome."""
        self._settled += 1
        self._settled_minor[request.currency] += request.amount_minor

    def follow(self, settled: int, settled_minor: Mapping[str, int]) -> None:
        """So much was settled since `begin`, by whoever works on the file."""
        self._settled = self._settled_before + settled
        self._settled_minor = Counter(self._minor_before)
        self._settled_minor.update(settled_minor)

    def note(self, retried: int) -> tuple[NoteProgress]:
        """How far the load is now."""
        self._pace.append((time.monotonic(), self._settled))
        (began, before), (now, after) = self._pace[0], self._pace[-1]
        load = LoadUnderWay(
            started_at=self._started_at,
            at=rfc3339(self._clock()),
            settled=self._settled,
            total=self._total,
            per_s=(after - before) / (now - began) if now > began else 0.0,
            retried=retried,
            settled_minor={currency: self._settled_minor[currency] for currency in self._total_minor},
            total_minor=dict(self._total_minor),
        )
        return (NoteProgress(self._file_id, load),)

    def stop(self) -> BillferryError | None:
        """A look into the ledger by its index, so that it may come between two requests."""
        asked = LoadsUnderWay(self._ledger).stop_asked(self._file_id)
        return STOPPED_ON_PAGE if asked is not None else None
