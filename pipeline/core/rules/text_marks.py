"""Marks that tell a spreadsheet to take a number for text: `'007`, and `="007"` where no reader of the format knows it.

They are taken for marks where they would break a rule anyway: in references, amounts, dates, currencies and phone
numbers. In names and metadata they may be meant.
"""

from __future__ import annotations

import polars as pl

from pipeline.core.mapping.layout import AMOUNT, CANONICAL, DATES, Layout

_MARKED = '^(?:\'([+-]?[0-9])|="([^"]*)"$)'


def without_text_marks(
    records: pl.DataFrame, suspect: pl.Series, layout: Layout
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records (`normalise.canonical`) without marks in those that are `suspect`, and which of them had one.

    The second frame has one Boolean column for each canonical column in which a record has a mark, named by it; none
    where there is nothing to do.
    """
    columns = _columns(records, layout)
    rows = suspect.arg_true()
    found = records.select(columns)[rows].select(
        pl.col(name).str.contains(_MARKED).fill_null(value=False) for name in columns
    )
    none = pl.repeat(value=False, n=records.height, eager=True)
    marked = pl.DataFrame(
        [none.clone().scatter(rows, found[name]).alias(name) for name in columns if found[name].any()]
    )
    if not marked.width:
        return records, marked
    flags = marked.rename(lambda name: f"{name}:marked")
    unmarked = records.hstack(flags).with_columns(
        pl.when(f"{name}:marked")
        .then(_filled(pl.col(name).str.replace(_MARKED, "${1}${2}")))
        .otherwise(name)
        .alias(name)
        for name in marked.columns
    )
    stated = [name for name in CANONICAL[layout.feed.model] if name in marked.columns]
    return unmarked.select(records.columns), marked.select(stated)


def _filled(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _columns(records: pl.DataFrame, layout: Layout) -> list[str]:
    """Those in which a mark breaks a rule, the columns behind an amount and a reference included."""
    model = layout.feed.model
    amount = AMOUNT[model]
    references = [name for name in CANONICAL[model] if name.endswith("_reference")]
    wanted = [*references, *(f"stated_{name}" for name in references), "currency", "customer_phone"]
    wanted += [amount, f"{amount}:first", f"{amount}:second", *DATES[model]]
    return [name for name in wanted if name in records.columns]
