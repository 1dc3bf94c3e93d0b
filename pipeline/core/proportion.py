"""Whether a file is in proportion: as many records, and amounts as large, as its feed expects.

A median is never computed: it lies within a range when at most half of the amounts are below it and at most half above,
which counts of whole numbers tell exactly.
"""

from __future__ import annotations

import math
from decimal import Decimal

import polars as pl

from pipeline.core.money import exponents
from pipeline.errors import FileRefused
from schemas.control import Expect


def refuse_out_of_proportion(parts: pl.LazyFrame | None, records: int, expect: Expect, name: str) -> None:
    """FileRefused when a file is not what its feed expects. `parts` as `CheckedFile.records`."""
    if expect.records is not None and not expect.records[0] <= records <= expect.records[1]:
        low, high = expect.records
        raise FileRefused(
            name=name,
            rule="file.unexpected_records",
            problem=f"{records} records, and feed.expect.records is {low} to {high}",
            remedy="look at the export, then correct feed.expect if the file is right; nothing was sent",
        )
    if expect.amount_median is None or parts is None:
        return
    lowest, highest = expect.amount_median
    for currency, count, below, above in _shares(parts, Decimal(lowest), Decimal(highest)):
        side = f"{below} are below {lowest}" if 2 * below > count else f"{above} are above {highest}"
        if 2 * max(below, above) > count:
            raise FileRefused(
                name=name,
                rule="file.unexpected_amounts",
                problem=f"of {count} amounts in {currency} {side}; feed.expect.amount_median is {lowest} to {highest}",
                remedy="check feed.amount.unit against the file; nothing was sent",
            )


def _shares(parts: pl.LazyFrame, low: Decimal, high: Decimal) -> list[tuple[str, int, int, int]]:
    """Per currency: readable amounts, those below the range, those above it."""
    lows = {code: math.ceil(low.scaleb(exponent)) for code, exponent in exponents().items()}
    highs = {code: math.floor(high.scaleb(exponent)) for code, exponent in exponents().items()}
    currency, amount = pl.col("currency"), pl.col("amount_minor")
    shares = (
        parts.filter(amount.is_not_null() & pl.col("currency_readable"))
        .group_by("currency")
        .agg(
            pl.len().alias("count"),
            (amount < currency.replace_strict(lows, return_dtype=pl.Int64)).sum().alias("below"),
            (amount > currency.replace_strict(highs, return_dtype=pl.Int64)).sum().alias("above"),
        )
        .sort("currency")
        .collect(engine="streaming")
    )
    return shares.rows()
