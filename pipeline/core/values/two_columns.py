"""Amounts that are in two columns: debits and credits, or numbers and their signs."""

from __future__ import annotations

import polars as pl

from pipeline.core.values.money import flags_of, parse_amounts
from schemas.column_sources import SignedValue
from schemas.feed import AmountFormat


def debits_less_credits(
    debits: pl.Series, credits: pl.Series, currencies: pl.Series, style: AmountFormat
) -> pl.DataFrame:
    """Read amounts that are in two columns, as `parse_amounts` does: debits less credits.

    Exactly one of the two is to be filled: two filled ones are not an amount, and an empty one counts as nothing. The
    result has one more column, `sign` (Boolean): a minus in a column of debits or credits can be meant in two ways.
    """
    both = pl.DataFrame({"debit": debits.is_null(), "credit": credits.is_null()})
    for name, texts in (("debit", debits), ("credit", credits)):
        read = parse_amounts(texts, currencies, style)
        both.hstack([each.alias(f"{name}:{each.name}") for each in read], in_place=True)
    debit, credit = (pl.when(name).then(0).otherwise(f"{name}:minor") for name in ("debit", "credit"))
    sign = ((pl.col("debit:minor") < 0) | (pl.col("credit:minor") < 0)).fill_null(value=False)
    return both.select(
        minor=pl.when(~sign & ~(pl.col("debit") & pl.col("credit"))).then(debit - credit),
        notation=pl.coalesce("debit:notation", "credit:notation"),
        **{each: pl.col(f"debit:{each}") | pl.col(f"credit:{each}") for each in flags_of(style)},
        sign=sign,
    )


def with_sign_column(
    values: pl.Series, signs: pl.Series, currencies: pl.Series, style: AmountFormat, meaning: SignedValue
) -> pl.DataFrame:
    """Read numbers whose sign is in another column, as `parse_amounts` does.

    `meaning` says which texts of `signs` make a credit (negative) and which a debit; an empty sign counts as the text
    "". The result has one more column, `sign` (Boolean): a sign that the feed does not list, or a number that has a
    minus of its own.
    """
    credits, debits = ([each.strip() for each in some] for some in (meaning.negative, meaning.positive))
    sign, minor = pl.col("stated").fill_null(""), pl.col("minor")
    wrong = pl.col("filled") & (~sign.is_in([*credits, *debits]) | (minor < 0).fill_null(value=False))
    return (
        parse_amounts(values, currencies, style)
        .with_columns(stated=signs, filled=values.is_not_null())
        .with_columns(
            minor=pl.when(~wrong).then(pl.when(sign.is_in(credits)).then(-minor).otherwise(minor)),
            sign=wrong,
        )
        .drop("stated", "filled")
    )
