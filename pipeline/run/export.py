"""`export`: every loaded bill and balance of some days, streamed from the ledger into one file.

It agrees with `totals` for the same days: what the ledger no longer has one by one is told, with its records and money.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO

import polars as pl

from pipeline.core.outcomes import AT_API
from pipeline.core.values.amount_parts import part_of
from pipeline.edge.ledger.accepted import Accepted
from pipeline.edge.ledger.chains import Chains
from pipeline.edge.ledger.counted import Counted
from pipeline.edge.ledger.database import snapshot
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.inbox.paid_by_file import paid_of_bills
from pipeline.monitoring.payments_standing import inbox_to_read
from pipeline.monitoring.period_totals import Selection, require_feeds, selected, selection_facts
from pipeline.monitoring.portion_sums import Portion
from pipeline.report.accepted_file import (
    Format,
    PaidOf,
    as_exported,
    write_accepted_csv,
    write_accepted_parquet,
)
from pipeline.run.work_dir import existing_ledger
from pipeline.signals import interruptible
from schemas.settings import Settings
from schemas.totals import Exported, ExportResult, NotKept

Opened = Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(slots=True)
class _Tally:
    """What was exported so far."""

    files: set[int] = field(default_factory=set)
    sums: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Currency → records, minor units."""
    not_kept: list[NotKept] = field(default_factory=list)


def export_accepted(
    settings: Settings,
    which: Selection,
    file_format: Format,
    opened: Opened,
    *,
    path: Path | None,
    as_of: datetime,
) -> ExportResult:
    """Write what was loaded, and tell what is in the file and what is missing.

    Args:
        opened: called once the feeds are known to be right; the file is whole when its block ends well.
        path: for the result.

    Raises:
        UsageError: an unknown feed. LedgerDamaged, LedgerOfAnother, LedgerOutdated: as opening it for reading does.
        DiskFull: no room for the file. Stopped: a stop signal came.
    """
    tally = _Tally()
    with (
        existing_ledger(settings) as ledger,
        snapshot(ledger) if ledger is not None else nullcontext(),
        inbox_to_read(settings) as inbox,
    ):
        chains = Chains(ledger).all() if ledger is not None else []
        require_feeds(which.feeds, settings, chains)
        portions = selected(chains, which, settings.zone)

        def rows(checkpoint: Callable[[], None]) -> Iterator[pl.DataFrame]:
            return (
                _rows(ledger, portions, tally, checkpoint, partial(_paid, settings, inbox))
                if ledger is not None
                else iter(())
            )

        with opened() as file:
            if file_format == "csv":
                write_accepted_csv(rows(_go_on), file)
            else:  # polars works for long without a look at signals
                interruptible(lambda checkpoint: write_accepted_parquet(rows(checkpoint), file))
    return ExportResult(
        **selection_facts(settings, which, as_of),
        path=None if path is None else str(path),
        format=file_format,
        files=len(tally.files),
        records=sum(records for records, _ in tally.sums.values()),
        currencies=[
            Exported(
                currency=currency,
                records=records,
                amount_minor=amount_minor,
                amount=part_of(currency, records, amount_minor, 0).amount,
            )
            for currency, (records, amount_minor) in sorted(tally.sums.items())
        ],
        not_kept=tally.not_kept,
        exit_status=1 if tally.not_kept else 0,
    )


def _paid(
    settings: Settings, inbox: Ledger | None, bill_ids: Collection[str]
) -> Mapping[str, tuple[int, int | None]]:
    """As of `PaidOf`. Of a bill without a payment 0 is paid, as far as known; nothing is where none are received."""
    if settings.payments is None:
        return {}
    unpaid = dict.fromkeys(bill_ids, (0, None))
    return unpaid | (paid_of_bills(inbox, bill_ids) if inbox is not None else {})


def _go_on() -> None:
    """Nobody asks to stop: in the main thread a signal raises by itself."""


def _rows(
    ledger: Ledger,
    portions: Iterable[Portion],
    tally: _Tally,
    checkpoint: Callable[[], None],
    paid: PaidOf,
) -> Iterator[pl.DataFrame]:
    """Batches of the file, chain by chain."""
    for portion in portions:
        summary = (portion.row.summary or {}).get("file", {})
        original = portion.chain.original
        own = portion.row.id == original.id
        found: dict[str, tuple[int, int]] = {}
        for batch in Accepted(ledger).batches(portion.row.id, of_original=None if own else original.id):
            checkpoint()
            tally.files.add(portion.row.id)
            _count(found, batch)
            yield as_exported(
                batch,
                file=summary.get("name", portion.row.name),
                sha256=portion.row.sha256,
                feed=portion.row.feed,
                model=summary.get("model"),
                original=None if own else original.name,
                paid=paid,
            )
        for currency, (records, amount_minor) in found.items():
            before = tally.sums.get(currency, (0, 0))
            tally.sums[currency] = (before[0] + records, before[1] + amount_minor)
        if (missing := _missing(ledger, portion, found)) is not None:
            tally.not_kept.append(missing)


def _count(found: dict[str, tuple[int, int]], batch: pl.DataFrame) -> None:
    sums = batch.group_by("currency").agg(pl.len(), pl.col("amount_minor").cast(pl.Int128).sum())
    for currency, records, amount_minor in sums.iter_rows():
        before = found.get(currency, (0, 0))
        found[currency] = (before[0] + records, before[1] + amount_minor)


def _missing(ledger: Ledger, portion: Portion, found: dict[str, tuple[int, int]]) -> NotKept | None:
    """What a file loaded, by its report, and the ledger no longer has one by one; None: nothing."""
    loaded = Counted()
    for outcome in AT_API:
        loaded = loaded.plus(portion.by_outcome.get(outcome, Counted()))
    records = loaded.records - sum(number for number, _ in found.values())
    if records <= 0:
        return None
    left = {
        currency: amount_minor - found.get(currency, (0, 0))[1]
        for currency, amount_minor in loaded.amounts_minor.items()
    }
    has_outcomes = Files(ledger).kept_outcomes(portion.row.id) > 0
    return NotKept(
        file=portion.row.name,
        sha256=portion.row.sha256,
        records=records,
        amounts_minor={currency: amount for currency, amount in sorted(left.items()) if amount},
        reason="reload" if portion.row.is_open else "earlier_version" if has_outcomes else "retention",
    )
