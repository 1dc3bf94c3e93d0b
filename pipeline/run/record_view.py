"""The first records of a checked file, as it has them and as they would be sent, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import polars as pl

from pipeline.core.file_stages import CheckedFile
from pipeline.core.mapping.layout import AMOUNT, CANONICAL, METADATA
from pipeline.core.values.amount_text import format_amount
from pipeline.edge.disk import private_folder
from pipeline.edge.reader.checked_parts import parts_of, with_verdicts
from pipeline.edge.reader.open_records import open_records
from schemas.feed import Model
from schemas.settings import Limits

_WIDEST = 44
"""Characters of the left side; longer texts are cut there, and never on the right."""
_VERDICTS = {
    "accepted": "ready to load",
    "line": "ready to load, as a line of a bill",
    "duplicate": "duplicate",
    "skipped": "skipped",
}


def side_by_side(checked: CheckedFile, limits: Limits, count: int) -> Iterator[str]:
    """Lines for people about the first `count` records: a title each, then `own column: text` and what became of it.

    They show values of records, and are for the terminal of whoever has the file. Nothing of a file that was refused
    before its records were read.
    """
    parts = parts_of(checked.records) if count else []
    if not parts:
        return
    found = with_verdicts(*parts).head(count).collect().iter_rows(named=True)
    own = _as_written(checked, limits, count)
    for row, written in zip(found, own, strict=False):
        said = _VERDICTS.get(row["verdict"], f"rejected ({', '.join(row['codes'])})")
        yield f"record {row['record']}, line {row['line']}: {said}"
        pairs = list(_pairs(row, written, checked))
        width = min(_WIDEST, max((len(left) for left, _ in pairs), default=0))
        yield from (f"  {_cut(left, width):<{width}}  {right}".rstrip() for left, right in pairs)
        read = {name for names in checked.own_names.values() for name in names}
        rest = "; ".join(f"{name}: {text}" for name, text in written.items() if name and name not in read)
        if rest:
            yield f"  not read by the feed: {rest}"


def _as_written(checked: CheckedFile, limits: Limits, count: int) -> Iterator[dict[str, str]]:
    """The first records as the file has them: its own column → text."""
    with checked.readable() as landed:
        folder = landed.path.parent / f"as-written-{landed.sha256[:8]}"
        private_folder(folder)
        records = open_records(landed, limits, folder).records
        names = [name.strip() for name in records.names]
        rows = (
            row
            for batch in records.batches()
            for row in _fields(records.fields(batch.head(count), range(len(names))))
        )
        for row in islice(rows, count):
            yield dict(zip(names, row, strict=True))


def _fields(batch: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    fields = batch.select(pl.col("^field_.*$").fill_null("").str.strip_chars())
    yield from fields.iter_rows()


def _pairs(
    row: Mapping[str, Any], written: Mapping[str, str], checked: CheckedFile
) -> Iterator[tuple[str, str]]:
    """What each canonical value was made of, and the value."""
    for canonical, value in _values(row, checked.landed.feed.model):
        own = [name for name in checked.own_names.get(canonical, ()) if name in written]
        if not own and value is None:
            continue
        left = "; ".join(f"{name}: {written[name]}" for name in own) or "(from the feed)"
        yield left, f"{canonical}: {'' if value is None else value}"


def _values(row: Mapping[str, Any], model: Model) -> Iterator[tuple[str, str | None]]:
    """Canonical columns in the order of the documentation, and metadata."""
    for canonical in CANONICAL[model]:
        if canonical != AMOUNT[model]:
            yield canonical, row[canonical]
        elif row["amount_minor"] is None:
            yield canonical, "(unreadable)"
        else:
            yield canonical, format_amount(row["currency"] or "?", row["amount_minor"])
    for family in METADATA[model]:
        found = json.loads(row[family]) if row.get(family) else {}
        yield from ((f"{family}.{key}", value) for key, value in found.items())


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
