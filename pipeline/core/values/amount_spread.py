"""How large the amounts of a file are, by currency: for people who judge a file, and for comparing it with others."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipeline.core.values.amount_text import exponents


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

    `accepted` has `currency` and `amount_minor`, as `CheckedFile.records`; it is read once, and nine bytes of each
    record are held. Currencies without minor units are left out.
    """
    exponent_of = exponents()
    known = sorted(exponent_of)
    currency = pl.col("currency").cast(pl.Enum(known), strict=False)
    found = (
        accepted.filter(pl.col("amount_minor").is_not_null())
        .select(code=currency.to_physical(), amount="amount_minor")
        .filter(pl.col("code").is_not_null())
        .collect(engine="streaming")
    )
    spread = []
    for code in found["code"].unique().sort():
        amounts = found.lazy().filter(pl.col("code") == code).select("amount").collect().to_series().sort()
        spread.append(_spread(known[code], amounts, 10 ** exponent_of[known[code]]))
    return tuple(spread)


def _spread(currency: str, amounts: pl.Series, unit: int) -> Spread:
    """`amounts`: in minor units, sorted and not empty; `unit`: so many of them are one major unit."""
    smallest, largest = amounts[0], amounts[-1]
    sizes = amounts if smallest > 0 else amounts.filter(amounts != 0).abs().sort()
    return Spread(
        currency,
        records=len(amounts),
        smallest_minor=smallest,
        median_minor=amounts[(len(amounts) - 1) // 2],
        largest_minor=largest,
        usual_twice_minor=sizes[(len(sizes) - 1) // 2] + sizes[len(sizes) // 2] if len(sizes) else 0,
        with_decimals=int((amounts % unit != 0).sum()),
    )
