"""What a correction takes of its original before anything is sent, so that no record is loaded twice (law 11)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from pipeline.core.api.requests import LEAF_OF
from pipeline.core.file_stages import CheckedFile
from pipeline.core.rules import correction_limits
from pipeline.core.rules.line_items import KEY
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.rejected_records import Corrections
from pipeline.edge.ledger.sends import Sends
from pipeline.edge.reader.checked_parts import (
    accepted,
    count_lines,
    parts_of,
    scan_parts,
    sendable,
    with_reject_numbers,
)
from pipeline.edge.reader.hash_buckets import in_buckets, windows
from schemas.feed import Model

BUCKET_RECORDS = 100_000
MONEY = ("currency", "amount_minor")


def take(ledger: Ledger, checked: CheckedFile, file_id: int) -> None:
    """Take the records of the original before anything is sent for them; who comes second has its outcome then.

    Also for a file that others correct, when it is loaded again: what they loaded is not loaded once more. What
    another file has taken is settled in the ledger as `unchanged` or `conflict`, so that the load leaves it out.
    """
    source, memory = checked.landed.rejects_of, Corrections(ledger)
    original = Files(ledger).original_of(source) if source is not None else None
    original_id = original.id if original else file_id
    if original is None and not memory.is_corrected(original_id):
        return
    settled = Sends(ledger).settled_records(file_id)
    for rows in _to_send(checked, settled):
        memory.claim(original_id, file_id, rows)


def _to_send(checked: CheckedFile, settled: pl.Series) -> Iterator[pl.DataFrame]:
    """`record`, `reject_record`, `reference`, `content`, `currency` and `amount_minor` of what is to be sent, each
    bill whole: a line has the `record` of the first line of its bill, which is sent for all, and the `content` of
    all."""
    model = checked.landed.feed.model
    for values in _whole_bills(checked.records):
        rows = with_reject_numbers(values).filter(pl.col("reject_record").is_not_null()).collect()
        rows = rows.filter(~pl.col("lead").is_in(settled.implode())).sort("record")
        if not rows.is_empty():
            reference = pl.col(f"{LEAF_OF[model]}_reference").alias("reference")
            claims = rows.select("lead", "reject_record", reference, *MONEY).rename({"lead": "record"})
            yield _with_bills_content(claims.with_columns(content=_contents(rows, model)))


def _whole_bills(records: Path) -> Iterator[pl.LazyFrame]:
    """Values of the records that are to be sent and of their lines, and `lead`, the record that is sent for each."""
    parts = parts_of(records)
    lines = count_lines(*parts) if parts else 0
    if not lines:
        yield from (accepted(part).with_columns(lead="record") for part in parts)
        return
    number = 1 + scan_parts(*parts).select(pl.len()).collect().item() // BUCKET_RECORDS
    bills = in_buckets((sendable(*window) for window in windows(parts)), KEY, number, records / "by_bill")
    yield from (bill.with_columns(lead=pl.col("record").min().over(KEY)) for bill in bills)


def _with_bills_content(claims: pl.DataFrame) -> pl.DataFrame:
    """The content of a bill of several lines is that of all of them, in whatever order they stand."""
    several = claims.filter(pl.len().over("record") > 1)
    found = {
        record: hashlib.blake2b("".join(sorted(contents)).encode(), digest_size=16).hexdigest()
        for record, contents in several.group_by("record").agg("content").iter_rows()
    }
    schema = {"record": pl.Int64, "common": pl.String}
    common = pl.DataFrame({"record": list(found), "common": list(found.values())}, schema=schema)
    return claims.join(common, on="record", how="left", maintain_order="left").select(
        "record", "reject_record", "reference", pl.coalesce("common", "content").alias("content"), *MONEY
    )


def _contents(rows: pl.DataFrame, model: Model) -> pl.Series:
    """A hash of what is asked of the API for each record, however its file is laid out."""
    found = []
    for *values, metadata in rows.select(correction_limits.CONTENT).iter_rows():
        stated = {key: value for key, value in json.loads(metadata or "{}").items() if value is not None}
        text = json.dumps([model, *values, stated], sort_keys=True)
        found.append(hashlib.blake2b(text.encode(), digest_size=16).hexdigest())
    return pl.Series("content", found, dtype=pl.String)
