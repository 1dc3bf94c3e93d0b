"""How large the amounts of a file are, by currency: for people who judge a file, and for comparing it with others."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipeline.core.values.money import exponents


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
    """Twice the median of the sizes, which have no sign, without amounts of nothing: what files are compared by. Twice,
    because the median of an even number of them lies between two. 0 where there is nothing to compare."""
    with_decimals: int
    """Amounts that are not whole in major units."""


def spreads(accepted: pl.LazyFrame) -> tuple[Spread, ...]:
    """The spread of each currency, in order of their codes.

    `accepted` has `currency` and `amount_minor`, as `CheckedFile.records`; it is scanned several times for each
    currency, and no more than `FEW` amounts of it are ever held. Currencies without minor units are left out.
    """
    amount = pl.col("amount_minor")
    exponent_of = exponents()
    counted = (
        accepted.group_by("currency")
        .agg(
            amount.count().alias("records"),
            amount.min().alias("smallest"),
            amount.max().alias("largest"),
            (amount == 0).sum().alias("nothing"),
            *[(amount % 10**each != 0).sum().alias(f"odd_{each}") for each in set(exponent_of.values())],
        )
        .filter(pl.col("currency").is_in(list(exponent_of)) & (pl.col("records") > 0))
        .sort("currency")
        .collect(engine="streaming")
    )
    found = []
    for row in counted.iter_rows(named=True):
        currency, records, smallest, largest = (
            row["currency"],
            row["records"],
            row["smallest"],
            row["largest"],
        )
        mine = accepted.filter(amount.is_not_null() & (pl.col("currency") == currency)).select(value=amount)
        median = at_rank((records - 1) // 2, mine, smallest, largest)
        sizes, most = mine.filter(pl.col("value") != 0).select(pl.col("value").abs()), max(-smallest, largest)
        usual_twice = _twice_the_median(sizes, records - row["nothing"], most)
        with_decimals = row[f"odd_{exponent_of[currency]}"]
        found.append(Spread(currency, records, smallest, median, largest, usual_twice, with_decimals))
    return tuple(found)


def _twice_the_median(sizes: pl.LazyFrame, count: int, most: int) -> int:
    """Of `count` values of 1 to `most`; an odd count has one middle value, which is taken twice."""
    if not count:
        return 0
    low = at_rank((count - 1) // 2, sizes, 1, most)
    return low + (low if count % 2 else at_rank(count // 2, sizes, 1, most))


FEW = 100_000
"""So many values are sorted at once."""
BINS = 4096
"""Counts of so many ranges are held at once; five rounds narrow 18 digits down to single values."""


def at_rank(rank: int, values: pl.LazyFrame, first: int, last: int) -> int:
    """The value of that rank, counted from 0, of a column `value` whose values all lie between `first` and `last`.

    Exact, and of ten millions no more than `FEW` are held: their range is cut into bins and the bin taken that has the
    rank, until few values are left. polars' own quantiles are floats, and sorting held a gigabyte.
    """
    value = pl.col("value")
    while first < last:
        window = values.filter(value.is_between(first, last))
        width = -(-(last - first + 1) // BINS)
        bins = (
            window.group_by(((value - first) // width).alias("bin"))
            .len()
            .sort("bin")
            .collect(engine="streaming")
        )
        if bins["len"].sum() <= FEW:
            return int(window.collect(engine="streaming")["value"].sort()[rank])
        for number, count in bins.iter_rows():
            if rank < count:
                first, last = first + number * width, min(last, first + (number + 1) * width - 1)
                break
            rank -= count
    return first
