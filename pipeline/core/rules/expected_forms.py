"""What a value should look like, by an example: for people who correct a record and have not seen its feed."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.core.mapping.layout import Layout, is_stated_by_us
from pipeline.core.redact import EXAMPLE_DAY
from pipeline.core.values.amount_text import exponents
from pipeline.core.values.date_formats import ISO, write_date

Like = Callable[[Layout], str]
"""From a file's layout, an example of what is expected: `a date like 2026-11-30`."""

_USUAL_DECIMALS = 2
_MOST_SHOWN = 3
"""Formats of a feed that has many."""


def amount_like(layout: Layout) -> str:
    """`an amount like 1234.50`; without a currency of the feed's own, with the two decimals of most."""
    style, currency = layout.feed.amount, layout.feed.currency
    decimals = exponents().get(currency or "", _USUAL_DECIMALS)
    if style.unit == "minor":
        return f"an amount like {1234 * 10**decimals + 50 * 10**decimals // 100}, in the currency's smallest unit"
    if style.implied_decimals is not None:
        return f"an amount like {1234 * 10**style.implied_decimals}"
    return (
        f"an amount like 1234{style.decimal}{'5'.ljust(decimals, '0')}" if decimals else "an amount like 1234"
    )


def date_like(column: str) -> Like:
    """`a date like 2026-11-30`, or like any of the first formats of the feed."""

    def like(layout: Layout) -> str:
        formats = date_formats_of(layout, column)[:_MOST_SHOWN]
        return "a date like " + " or ".join(
            write_date(EXAMPLE_DAY, each, layout.feed.date_language) for each in formats
        )

    return like


def date_formats_of(layout: Layout, column: str) -> list[str]:
    """The formats of one date column."""
    source = layout.sources.get(column)
    # A date from the file's name or the config is ISO already, however the records write theirs.
    return [ISO] if source is not None and is_stated_by_us(source) else list(layout.feed.date_formats)
