"""Dates as declared formats write them. A date counts only when writing it back gives the same text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from pipeline.core.second_look import put_in_place

ISO = "%Y-%m-%d"

_EVERY_YEAR = (
    r"^[1-9][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)$"
)
"""ISO dates, without 29 February."""

_PROBLEMS = ("format", "impossible", "ambiguous")
_DIRECTIVES = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "[0-9]{2}",
    "d": "[0-9]{2}",
    "H": "[0-9]{2}",
    "M": "[0-9]{2}",
    "S": "[0-9]{2}",
    "j": "[0-9]{3}",
    "b": "[A-Za-z]{3}",
    "B": "[A-Za-z]{3,9}",
}


def shape(date_format: str) -> str:
    """A pattern of all texts that look like the format; ValueError for directives we do not read."""
    pieces = []
    rest = iter(date_format)
    for character in rest:
        if character != "%":
            pieces.append(re.escape(character))
            continue
        directive = next(rest, "")
        if directive not in _DIRECTIVES:
            raise ValueError(f"%{directive} is not read here; use {' '.join(f'%{d}' for d in _DIRECTIVES)}")
        pieces.append(_DIRECTIVES[directive])
    return "".join(pieces)


def is_whole_date(date_format: str) -> bool:
    """Whether a format states year, month and day (or day of the year)."""
    parts = set(re.findall(r"%(.)", date_format))
    return bool(parts & {"Y", "y"}) and ("j" in parts or (bool(parts & {"m", "b", "B"}) and "d" in parts))


def read_date(text: str, date_format: str) -> str | None:
    """One date as YYYY-MM-DD, or None."""
    try:
        parsed = datetime.strptime(text, date_format)  # noqa: DTZ007 - a calendar day has no time zone
    except ValueError:
        return None
    return parsed.strftime(ISO) if parsed.strftime(date_format) == text else None


def reading(texts: pl.Series, formats: Sequence[str]) -> pl.DataFrame:
    """Read a column by the formats: the day, and what is wrong with the text.

    Columns: `day` (String, YYYY-MM-DD), and true or false `format`, `impossible` and `ambiguous`. Null text is neither
    a day nor a fault. ISO dates that every year has pass as they are, only the rest is read closely.
    """
    frame = pl.DataFrame({"text": texts})
    plain = pl.lit(None, pl.String)
    if list(formats) == [ISO]:
        plain = pl.when(pl.col("text").str.contains(_EVERY_YEAR)).then("text")
    day = frame.with_columns(day=plain)["day"]
    rest = day.is_null() & texts.is_not_null()
    return put_in_place(day.to_frame(), _PROBLEMS, rest, lambda: _closely(frame.filter(rest), formats))


def _closely(dates: pl.DataFrame, formats: Sequence[str]) -> pl.DataFrame:
    """What `reading` says, of `text`."""
    text, first, last = pl.col("text"), pl.col("first"), pl.col("last")
    days = [_day(text, each) for each in formats]
    looks_right = text.str.contains("^(?:" + "|".join(shape(each) for each in formats) + ")$")
    return (
        dates.lazy()
        .select(first=pl.min_horizontal(days), last=pl.max_horizontal(days), looks_right=looks_right)
        .select(
            day=pl.when(first == last).then(first),
            format=first.is_null() & ~pl.col("looks_right"),
            impossible=first.is_null() & pl.col("looks_right"),
            ambiguous=first != last,
        )
        .collect()
    )


def _day(text: pl.Expr, date_format: str) -> pl.Expr:
    day = text.str.strptime(pl.Date, date_format, strict=False, exact=True, cache=False)
    same = day.dt.strftime(date_format) == text
    return pl.when(same).then(text if date_format == ISO else day.dt.strftime(ISO))
