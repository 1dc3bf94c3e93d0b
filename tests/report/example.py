"""Small checked files, as the check would leave them: a landed CSV file and its records in Parquet parts."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.core.file_stages import CheckedFile, LandedFile
from pipeline.core.outcomes import Outcome
from pipeline.core.totals import Totals
from pipeline.report.results import OUTCOME_SCHEMA, Outcomes
from schemas.feed import Feed
from schemas.results import RunFacts
from tests.checked_parts import write_parts

RUN = RunFacts(
    id="run-1",
    started_at=datetime(2026, 11, 20, 6, 0, tzinfo=UTC),
    finished_at=datetime(2026, 11, 20, 6, 1, tzinfo=UTC),
    merchant="citypower",
    environment="test",
)
DRY_RUN = RUN.model_copy(update={"dry_run": True})
HEADER = "customer_reference,bill_reference,currency,amount_due"

_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "record": pl.Int64,
    "line": pl.Int64,
    "byte_start": pl.Int64,
    "byte_end": pl.Int64,
    "customer_reference": pl.String,
    "account_reference": pl.String,
    "bill_reference": pl.String,
    "currency": pl.String,
    "currency_readable": pl.Boolean,
    "amount_minor": pl.Int64,
    "bill_date": pl.String,
    "due_date": pl.String,
    "verdict": pl.String,
    "codes": pl.List(pl.String),
    "message": pl.String,
    "duplicate_of": pl.Int64,
}


@dataclass(frozen=True)
class Row:
    """One record. `text` is its original line; made up when not given."""

    amount_minor: int | None = 100
    currency: str | None = "ZAR"
    readable: bool = True
    verdict: str = "accepted"
    codes: tuple[str, ...] = ()
    message: str | None = None
    duplicate_of: int | None = None
    text: str | None = None
    due_date: str | None = None
    references: tuple[str | None, str | None, str | None] | None = None
    """Customer, account and bill, as the file states them; made up when not given."""


def rejected(*codes: str, message: str | None = "line, column, rule", text: str | None = None) -> Row:
    return Row(verdict="rejected", codes=codes, message=message, text=text)


def feed(**settings: Any) -> Feed:
    return Feed.model_validate(
        {"name": "bills", "match": "*", "model": "bill", "amount": {"unit": "major"}, **settings}
    )


def checked_file(
    folder: Path,
    rows: Sequence[Row],
    *,
    name: str = "bills.csv",
    header: str = HEADER,
    codec: str = "utf-8",
    byte_order_mark: bytes = b"",
    line_end: str = "\n",
    part_records: int = 3,
    rejects_of: str | None = None,
    reject_records: Sequence[int | None] = (),
    settings: Mapping[str, Any] | None = None,
    **facts: Any,
) -> CheckedFile:
    """Write the file and its records below `folder`."""
    lines = [row.text if row.text is not None else f"c{n},b{n},ZAR,1.00" for n, row in enumerate(rows, 1)]
    raw = [line.encode(codec) for line in (header, *lines)]
    end = line_end.encode(codec)
    content = byte_order_mark + b"".join(line + end for line in raw)
    landed_path = folder / "landed.csv"
    landed_path.write_bytes(content)
    starts = itertools.accumulate((len(line) + len(end) for line in raw), initial=len(byte_order_mark))
    spans = [(start, start + len(line)) for start, line in zip(starts, raw, strict=False)][1:]
    records = folder / "records"
    table = pl.DataFrame(
        [_columns(n, row, span) for n, (row, span) in enumerate(zip(rows, spans, strict=True), 1)],
        schema=_SCHEMA,
        orient="row",
    )
    if rejects_of is not None:
        numbers = reject_records or [None] * len(rows)
        table = table.with_columns(reject_record=pl.Series(numbers, dtype=pl.Int64))
    write_parts(records, table, part_records)
    return CheckedFile(
        landed=LandedFile(
            sha256=hashlib.sha256(content).hexdigest(),
            path=landed_path,
            name=name,
            name_parts={},
            size_bytes=len(content),
            origin="drop",
            feed=feed(**(settings or {})),
            rejects_of=rejects_of,
        ),
        records=records,
        totals=_totals(rows),
        header=raw[0],
        codec=codec,
        line_end=end,
        byte_order_mark=byte_order_mark,
        **facts,
    )


def outcomes_of(by_record: Mapping[int, Outcome | dict[str, Any]]) -> Outcomes:
    """A ledger that knows these outcomes: an outcome, or a row of `Outcomes`."""
    rows = [
        {"record": record, "codes": "", "attempts": 1, **_ids(record), **_as_row(said)}
        for record, said in sorted(by_record.items())
    ]
    known = pl.DataFrame(rows, schema=OUTCOME_SCHEMA)
    return lambda records: known.filter(pl.col("record").is_in(records.implode()))


def _as_row(said: Outcome | dict[str, Any]) -> dict[str, Any]:
    return said if isinstance(said, dict) else {"outcome": said.value}


def _ids(record: int) -> dict[str, str]:
    return {"customer_id": f"bcus_{record}", "account_id": f"bacc_{record}", "bill_id": f"bill_{record}"}


def _columns(number: int, row: Row, span: tuple[int, int]) -> tuple[object, ...]:
    references = row.references or (f"c{number}", None, f"b{number}")
    money = (row.currency, row.readable, row.amount_minor, None, row.due_date)
    said = (row.verdict, list(row.codes), row.message, row.duplicate_of)
    return (number, number + 1, *span, *references, *money, *said)


def _totals(rows: Sequence[Row]) -> Totals:
    """What the check counts, told in plain Python."""
    totals = Totals()
    outcome = {
        "accepted": Outcome.NOT_ATTEMPTED,
        "rejected": Outcome.REJECTED,
        "duplicate": Outcome.DUPLICATE,
        "skipped": Outcome.SKIPPED,
    }
    for row in rows:
        totals.add(
            row.currency if row.readable else None,
            outcome[row.verdict],
            records=1,
            amount_minor=row.amount_minor or 0,
            unreadable=int(row.amount_minor is None),
        )
    return totals
