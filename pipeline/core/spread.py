"""How large the amounts of a file are, by currency: for people who judge a file, and for comparing it with others."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipeline.core.money import exponents


@dataclass(frozen=True, slots=True)
class Spread:
    """The amounts of one currency that a file would send, in minor units."""

    currency: str
    records: int
    smallest_minor: int
    median_minor: int
    """The middle one; of two middle ones the smaller, so that it is an amount of the file."""
    largest_minor: int
    usual_twice_minor: int
    """Twice the median, without sign and without amounts of nothing: what files are compared by. Twice, because the
    median of an even number of amounts lies between two of them. 0 where there is nothing to compare."""
    with_decimals: int
    """Amounts that are not whole in major units."""


def spreads(accepted: pl.LazyFrame) -> tuple[Spread, ...]:
    """By currency, in order. `accepted` has `currency` and `amount_minor`, as `CheckedFile.records`.

    A median needs all amounts at once: 9 bytes for each record, and twice as much again while it is looked for.
    """
    codes = sorted(exponents())
    scale = pl.col("currency").replace_strict(
        {code: 10**exponent for code, exponent in exponents().items()}, return_dtype=pl.Int64
    )
    amount = pl.col("amount_minor")
    there = accepted.filter(amount.is_not_null() & pl.col("currency").is_in(codes))
    counted = (
        there.group_by("currency")
        .agg(
            pl.len().alias("records"),
            amount.min().alias("smallest"),
            amount.max().alias("largest"),
            (amount % scale != 0).sum().alias("with_decimals"),
        )
        .sort("currency")
        .collect(engine="streaming")
    )
    if counted.is_empty():
        return ()
    amounts = there.select(pl.col("currency").cast(pl.Enum(codes)), "amount_minor").collect(
        engine="streaming"
    )
    found = []
    for currency, records, smallest, largest, with_decimals in counted.iter_rows():
        median, usual_twice = _middles(amounts.filter(pl.col("currency") == currency)["amount_minor"])
        found.append(Spread(currency, records, smallest, median, largest, usual_twice, with_decimals))
    return tuple(found)


def _middles(amounts: pl.Series) -> tuple[int, int]:
    """The median, and twice that of the sizes. By sorting: polars gives quantiles as floats."""
    median = int(amounts.sort()[(len(amounts) - 1) // 2])
    sizes = amounts.abs().sort()
    nothing = int((sizes == 0).sum())
    if nothing == len(sizes):
        return median, 0
    low, high = (nothing + len(sizes) - 1) // 2, (nothing + len(sizes)) // 2
    return median, int(sizes[low]) + int(sizes[high])
