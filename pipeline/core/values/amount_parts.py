"""Records of one currency with their money, as the documents of `totals` and `export` have them."""

from __future__ import annotations

import polars as pl

from pipeline.core.values.money import exponents, plain
from schemas.totals import Part


def part_of(currency: str | None, records: int, amount_minor: int, unreadable: int) -> Part:
    """As JSON has it. Where no amount can be read nothing is known of the money, and that is never 0.00."""
    known = currency is not None and currency in exponents() and (records > unreadable or not records)
    return Part(
        records=records,
        amount_minor=amount_minor,
        amount=plain(currency, amount_minor) if known and currency else None,
        amount_unreadable=unreadable,
    )


def plain_amounts(currencies: pl.Series, amounts_minor: pl.Series) -> pl.Series:
    """`plain` for whole columns (String), in integers; null where the amount or the currency's decimals are unknown.

    Args:
        currencies: alphabetic codes.
        amounts_minor: Int64, at most `MAX_DIGITS` digits.
    """
    frame = pl.DataFrame({"currency": currencies, "minor": amounts_minor})
    minor = pl.col("minor")
    sign = pl.when(minor < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    by_decimals: dict[int, list[str]] = {}
    for code in currencies.unique().drop_nulls():
        if code in exponents():
            by_decimals.setdefault(exponents()[code], []).append(code)
    text = pl.lit(None, pl.String)
    for decimals, codes in by_decimals.items():
        whole = (minor.abs() // 10**decimals).cast(pl.String)
        parts = [sign, whole]
        if decimals:
            fraction = (minor.abs() % 10**decimals).cast(pl.String).str.zfill(decimals)
            parts += [pl.lit("."), fraction]
        text = pl.when(pl.col("currency").is_in(codes)).then(pl.concat_str(parts)).otherwise(text)
    return frame.select(amount=text)["amount"]
