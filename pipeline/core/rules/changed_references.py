"""A file that comes again under a changed feed: which of its records have another reference than they had (law 2).

The API finds a record again by its reference alone. Under another one it would get a second bill, so that a person
must look first.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from pipeline.core.file_stages import Hold
from pipeline.core.rules.correction_limits import is_about

CHANGED = "file.references_changed"
BEFORE = {"record": pl.Int64, "before": pl.String, "concerned": pl.String}
"""A record and the reference that it had. `concerned`: as `correction_limits.ORIGINALS` has it; empty once loaded."""


def renamed(rows: pl.DataFrame, before: pl.DataFrame, leaf: str) -> pl.DataFrame:
    """Records that have none of the references that they had before (added column: `before`).

    `rows`: `record`, `line` and `leaf`, which is the column of the reference; `before`: BEFORE.
    """
    known = before.group_by("record").agg("before")
    both = rows.join(known, on="record", how="inner", maintain_order="left")
    return both.filter(~pl.col(leaf).is_in("before")).with_columns(
        before=pl.col("before").list.sort().list.join(", ", ignore_nulls=True)
    )


def perhaps_corrected(rows: pl.DataFrame, before: pl.DataFrame, leaf: str) -> pl.DataFrame:
    """Records that were rejected and whose correction may have got another reference than they have now.

    Where the reference was right and stays, the API tells whether there was a correction. Arguments as for `renamed`.
    """
    both = rows.join(before, on="record", how="inner", maintain_order="left")
    return both.filter(is_about(leaf) | pl.col(leaf).ne_missing(pl.col("before")))


def lines(rows: pl.DataFrame, leaf: str) -> Iterator[str]:
    """The reference of each record, before → after, in order of the file."""
    for line, before, after in rows.select("line", "before", leaf).iter_rows():
        yield f"line {line}, {leaf}: {before or '(empty)'} → {after}"


def not_finished_when_copied() -> Hold:
    """Nothing tells which of its records were loaded under the earlier feed, or rejected and corrected."""
    return Hold(
        CHANGED,
        "it was not finished when the ledger was copied that was restored, and its feed has changed since: what was"
        " loaded of it meanwhile may be billed again, under other references; put the feed back, or look for its bills"
        " at the API first",
        ("its feed is not that of the copy",),
    )
