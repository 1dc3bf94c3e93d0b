"""Whether a file is in proportion: to what its feed expects, and to what its feed loaded before.

Against a range no median is computed: it lies within when at most half of the amounts are below and at most half above,
which counts of whole numbers tell exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal

import polars as pl

from pipeline.core.file_stages import Hold
from pipeline.core.rules.earlier_amounts import Past
from pipeline.core.values.amount_spread import Spread
from pipeline.core.values.amount_text import exponents
from pipeline.errors import FileRefused
from schemas.control import Expect
from schemas.feed import Unit


def refuse_out_of_proportion(parts: pl.LazyFrame | None, records: int, expect: Expect, name: str) -> None:
    """Compare a file with what its feed expects (`feed.expect`).

    `parts`: as `CheckedFile.records`, without those that the feed leaves out, or None where there are none. `records`:
    how many they are. `name`: for messages.

    Raises:
        FileRefused: `file.unexpected_records` or `file.unexpected_amounts`.
    """
    if expect.records is not None and not expect.records[0] <= records <= expect.records[1]:
        low, high = expect.records
        raise FileRefused(
            name=name,
            rule="file.unexpected_records",
            problem=f"{records} records, and {low} to {high} are expected (feed.expect.records)",
            remedy="look at the export; if the file is right, ask whoever maintains the config to correct what is"
            " expected (feed.expect); nothing was sent",
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
                problem=f"of {count} amounts in {currency} {side}; {lowest} to {highest} is expected"
                " (feed.expect.amount_median)",
                remedy="compare the unit of the amounts with the feed's (feed.amount.unit); nothing was sent",
            )


def _shares(parts: pl.LazyFrame, low: Decimal, high: Decimal) -> list[tuple[str, int, int, int]]:
    """Per currency: readable amounts, those below the range, those above it. `low` and `high` in major units.

    Bounds are rounded inwards to minor units, so that the comparison is one of integers.
    """
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


# -- compared with what the feed loaded before --

FACTOR = 20
"""So many times the usual amount, or so small a part of it, is no change of prices."""
MANY_AMOUNTS = 20
"""So many amounts of one currency in a file, whatever their values; fewer may well be whole by chance."""
OUT_OF_PROPORTION = "file.out_of_proportion"
UNIT_SUSPICIOUS = "file.unit_suspicious"


def unlike_before(spread: Spread, past: Sequence[Past], unit: Unit) -> Iterator[Hold]:
    """Why the amounts of one currency are unlike those of the feed's last loaded files: each a reason to hold the
    file.

    `past`: up to `MOST_COMPARED` of them, in any order; with none there is nothing to compare, and nothing is
    yielded.
    """
    usual = sorted(each.usual_twice_minor for each in past if each.usual_twice_minor)
    if usual and spread.usual_twice_minor:
        # The median of doubled medians, doubled once more where it lies between two of them.
        before = usual[(len(usual) - 1) // 2] + usual[len(usual) // 2]
        now = 2 * spread.usual_twice_minor
        if now > FACTOR * before or FACTOR * now < before:
            yield Hold(OUT_OF_PROPORTION, _proportion(spread.currency, now, before, len(usual)))
    is_whole = spread.records >= MANY_AMOUNTS and not spread.with_decimals
    if unit == "major" and is_whole and any(each.with_decimals for each in past):
        yield Hold(
            UNIT_SUSPICIOUS,
            f"all {spread.records} amounts in {spread.currency} are whole numbers, and amounts that the feed loaded"
            " before had decimals: these may be in the smallest unit, such as cents (feed.amount.unit is major)",
        )


def _proportion(currency: str, now: int, before: int, files: int) -> str:
    """The reason in words. `now` and `before` are four times a median each, so only their ratio is used."""
    how = f"{now // before} times" if now > before else f"1/{before // now} of"
    loaded = "the last loaded file" if files == 1 else f"the last {files} loaded files"
    return f"the median amount in {currency} is {how} that of {loaded} of this feed"
