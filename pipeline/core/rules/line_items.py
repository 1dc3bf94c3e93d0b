"""Lines of one bill: records with the same bill reference that a feed adds up (`line_items: sum`).

One bad line rejects its whole bill, for half a bill is a wrong bill. The lines of a sound one are sent as one record,
the first of them; the others follow it (verdict `line`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from pipeline.core.rules.api_limits import MAX_AMOUNT_DUE_MINOR
from pipeline.core.rules.cross_record_rules import RecordFindings, differ
from pipeline.core.rules.field_rules import CREDIT_NOTE, NOTHING_DUE
from schemas.feed import Feed

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
LINE = ("record", "line", "amount_minor", "print", KEY, *AGREE)
"""What is looked at of each line: values, and the hash of its whole text."""
LINES: dict[str, type[pl.UInt32]] = {"record": pl.UInt32, "line_of": pl.UInt32}
"""Columns of the lines that follow another one, `line_of`; null for all lines of a bill that is left out, since nothing
is due. Half of the usual size: they may be nearly all records of a file, held at once."""


def evaluate_bills(
    buckets: Iterable[pl.LazyFrame], rejected: pl.Series, feed: Feed
) -> Iterator[tuple[RecordFindings, pl.DataFrame]]:
    """What is wrong with bills of several lines, and the lines (`LINES`) of those that are right or left out.

    `buckets`: columns `LINE` of all records whose bill reference is there more than once; a bill is whole in one of
    them. `rejected`: those that break another rule.
    """
    identical = feed.line_items is not None and feed.line_items.identical == "sum"
    for bucket in buckets:
        lines = bucket.select(LINE).collect()
        lines = lines.with_columns(itself=pl.col("record").is_in(rejected.implode()))
        bills = lines.group_by(KEY).agg(
            lead=pl.col("record").min(),
            bad=pl.col("itself").any(),
            differ=differ(AGREE),
            same=pl.col("print").n_unique() < pl.len(),
            # Int64 sums wrap without a word.
            total=pl.col("amount_minor").cast(pl.Int128).sum(),
            readable=pl.col("amount_minor").is_not_null().all(),
        )
        bills = bills.with_columns(same=pl.col("same") & pl.lit(not identical)).with_columns(
            left_out=pl.lit(feed.nothing_due == "skip")
            & (pl.col("total") == 0)
            & pl.col("readable")
            & ~pl.col("differ")
            & ~pl.col("same")
        )
        yield _found(lines.join(bills, on=KEY, maintain_order="left"))


def _found(lines: pl.DataFrame) -> tuple[RecordFindings, pl.DataFrame]:
    """What is wrong, by code, and the lines that follow the first of a bill in which nothing is."""
    codes = {
        "line_items.differ": pl.col("differ"),
        "line_items.identical": pl.col("same"),
        # Lines that differ may be in two currencies: nothing can be said of their sum.
        **{
            code: ~pl.col("bad") & ~pl.col("differ") & outside
            for code, outside in _outside(pl.col("total")).items()
        },
        "line_items.other_line": pl.col("bad") & ~pl.col("itself") & ~pl.col("differ") & ~pl.col("same"),
    }
    considered = lines.filter(~pl.col("left_out"))
    found = [
        considered.filter(wrong).select(
            "record", "line", code=pl.lit(code), duplicate_of=pl.lit(None, pl.Int64)
        )
        for code, wrong in codes.items()
    ]
    right = considered.filter(
        ~pl.col("bad") & ~pl.any_horizontal(*codes.values()) & (pl.col("record") != pl.col("lead"))
    )
    left_out = lines.filter("left_out").select("record", line_of=pl.lit(None))
    following = pl.concat([right.select("record", line_of="lead").cast(pl.UInt32), left_out.cast(pl.UInt32)])
    return pl.concat(found), following


def _outside(amount: pl.Expr) -> dict[str, pl.Expr]:
    """Code → whether a bill's amount is one that the API does not take."""
    return {
        CREDIT_NOTE: amount < 0,
        NOTHING_DUE: amount == 0,
        "amount_due.out_of_range": amount > MAX_AMOUNT_DUE_MINOR,
    }


def evaluate_singles(
    values: pl.LazyFrame, several: pl.Series, feed: Feed, *, seed: int
) -> tuple[RecordFindings, pl.DataFrame]:
    """Bills of one line whose amount the API does not take, and those that are left out (`LINES`).

    `several`: hashes of references of more lines.
    """
    amount = pl.col("amount_minor")
    alone = ~pl.col(KEY).hash(seed).is_in(several.implode()) | pl.col(KEY).is_null()
    code = pl.coalesce(pl.when(outside).then(pl.lit(code)) for code, outside in _outside(amount).items())
    found = (
        values.filter(alone)
        .select("record", "line", code=code, duplicate_of=pl.lit(None, pl.Int64))
        .filter(pl.col("code").is_not_null())
        .collect(engine="streaming")
    )
    is_left_out = (pl.col("code") == NOTHING_DUE) & pl.lit(feed.nothing_due == "skip")
    left_out = found.filter(is_left_out).select("record", line_of=pl.lit(None)).cast(pl.UInt32)
    return found.filter(~is_left_out), left_out


def summed(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The first line of each bill, with the sum of all; every line of a bill must be among these."""
    total = pl.col("amount_minor").cast(pl.Int128).sum().over(KEY)
    return lines.with_columns(amount_minor=total.cast(pl.Int64)).filter(
        pl.col("record") == pl.col("record").min().over(KEY)
    )
