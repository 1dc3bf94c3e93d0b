"""Most values of a column are plain and read at once; the rest is looked at closely, and put back in its places."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl


def merge_slow_path(
    plain: pl.DataFrame, problems: Iterable[str], rest: pl.Series, look: Callable[[], pl.DataFrame]
) -> pl.DataFrame:
    """What was read at once, and what `look` says of the rows of `rest` (Boolean).

    `look` gives the columns of `plain` and of `problems` (Boolean), which are false elsewhere. A value or problem that
    it leaves null is null.
    """
    whole = plain.with_columns(pl.lit(value=False).alias(name) for name in problems)
    if not rest.any():
        return whole
    places, found = rest.arg_true(), look()
    return whole.select(column.scatter(places, found[column.name]) for column in whole.iter_columns())
