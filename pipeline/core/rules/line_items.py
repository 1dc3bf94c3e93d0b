"""Lines of one bill: records with the same bill reference that a feed adds up (`line_items: sum`).

One bad line rejects its whole bill, for half a bill is a wrong bill. The lines of a sound one are sent as one record,
the first of them; the others follow it (verdict `line`).
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from pipeline.core.rules.api_limits import MAX_AMOUNT_DUE_MINOR, MIN_AMOUNT_DUE_MINOR
from pipeline.core.rules.cross_record_rules import RecordFindings, differ

LINES_AT_ONCE = 400_000
"""Lines with all their columns that are held at once."""
KEY = "bill_reference"
"""What lines of one bill have in common."""
AGREE = (
    *("customer_reference", "customer_name", "customer_email", "customer_phone", "customer_metadata"),
    *("account_reference", "account_name", "account_metadata"),
    *("currency", "bill_date", "due_date", "metadata"),
)
"""Columns in which the lines of a bill do not differ: all but the amount."""
LINES: dict[str, type[pl.UInt32]] = {"record": pl.UInt32, "line_of": pl.UInt32}
"""Columns of the lines that follow another one, `line_of`. Half of the usual size: they may be nearly all records of a
file, held at once."""


def evaluate_bills(
    repeated: pl.LazyFrame, records: int, rejected: pl.Series, *, identical: bool, seed: int
) -> Iterator[tuple[RecordFindings, pl.DataFrame]]:
    """What is wrong with bills of several lines, and the lines (`LINES`) of those that are right.

    `repeated`: the values and `print` of all `records` whose bill reference is there more than once. `rejected`: those
    that break another rule. `identical`: whether lines that are equal in every column are added up.
    """
    buckets = max(1, -(-records // LINES_AT_ONCE))
    for bucket in range(buckets):
        mine = repeated.filter(pl.col(KEY).hash(seed) % buckets == bucket) if buckets > 1 else repeated
        lines = mine.select("record", "line", "amount_minor", "print", KEY, *AGREE).collect()
        lines = lines.with_columns(itself=pl.col("record").is_in(rejected.implode()))
        bills = lines.group_by(KEY).agg(
            lead=pl.col("record").min(),
            bad=pl.col("itself").any(),
            differ=differ(AGREE),
            same=pl.col("print").n_unique() < pl.len(),
            # Int64 sums wrap without a word.
            total=pl.col("amount_minor").cast(pl.Int128).sum(),
        )
        bills = bills.with_columns(
            outside=~pl.col("bad") & ~pl.col("total").is_between(MIN_AMOUNT_DUE_MINOR, MAX_AMOUNT_DUE_MINOR),
            same=pl.col("same") & pl.lit(not identical),
        )
        yield _found(lines.join(bills, on=KEY, maintain_order="left"))


def _found(lines: pl.DataFrame) -> tuple[RecordFindings, pl.DataFrame]:
    """What is wrong, by code, and the lines that follow the first of a bill in which nothing is."""
    codes = {
        "line_items.differ": pl.col("differ"),
        "line_items.identical": pl.col("same"),
        "amount_due.out_of_range": pl.col("outside"),
        "line_items.other_line": pl.col("bad") & ~pl.col("itself") & ~pl.col("differ") & ~pl.col("same"),
    }
    found = [
        lines.filter(wrong).select("record", "line", code=pl.lit(code), duplicate_of=pl.lit(None, pl.Int64))
        for code, wrong in codes.items()
    ]
    right = lines.filter(
        ~pl.col("bad") & ~pl.any_horizontal(*codes.values()) & (pl.col("record") != pl.col("lead"))
    )
    return pl.concat(found), right.select("record", line_of="lead").cast(pl.UInt32)


def singles_out_of_range(values: pl.LazyFrame, several: pl.Series, *, seed: int) -> RecordFindings:
    """Bills of one line whose amount the API does not take. `several`: hashes of references of more lines."""
    within = pl.col("amount_minor").is_between(MIN_AMOUNT_DUE_MINOR, MAX_AMOUNT_DUE_MINOR)
    alone = ~pl.col(KEY).hash(seed).is_in(several.implode()) | pl.col(KEY).is_null()
    return (
        values.filter(~within & alone)
        .select("record", "line", code=pl.lit("amount_due.out_of_range"), duplicate_of=pl.lit(None, pl.Int64))
        .collect(engine="streaming")
    )


def summed(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The first line of each bill, with the sum of all; every line of a bill must be among these."""
    total = pl.col("amount_minor").cast(pl.Int128).sum().over(KEY)
    return lines.with_columns(amount_minor=total.cast(pl.Int64)).filter(
        pl.col("record") == pl.col("record").min().over(KEY)
    )
