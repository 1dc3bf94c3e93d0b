"""Dates as declared formats write them, column by column; what a format is, `date_formats` says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import polars as pl

from pipeline.core.values.date_formats import HIGHEST, ISO, pattern_with_groups
from pipeline.core.values.fast_path import merge_slow_path
from pipeline.core.values.month_names import LANGUAGES, months
from schemas.feed import DateLanguage

_EVERY_YEAR = (
    r"^[1-9][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)$"
)
"""ISO dates, without 29 February."""

_PROBLEMS = ("format", "impossible", "ambiguous")
"""What can be wrong with a date, as columns of `parse_dates` and ends of rule codes."""
_LAST_YEAR = 9999
_PLAIN = {
    "Y": (4, "[0-9]{4}"),
    "y": (2, "[0-9]{2}"),
    "m": (2, "[0-9]{2}"),
    "d": (2, "[0-9]{2}"),
    "b": (3, "[A-Za-z]{3}"),
    "H": (2, "(?:[01][0-9]|2[0-3])"),
    "M": (2, "[0-5][0-9]"),
    "S": (2, "[0-5][0-9]"),
}
"""Directive → characters that it mostly takes, and a pattern of them."""


def parse_dates(texts: pl.Series, formats: Sequence[str], language: DateLanguage = "en") -> pl.DataFrame:
    """Read a column by the formats: the day, and what is wrong with the text.

    `formats`: as `feed.date_formats`; `date_formats.problems` found nothing wrong with any of them. `language`: of the
    names of months. Columns of the result, one row a text:
    - `day` (String, YYYY-MM-DD), null where the text is not a date;
    - `notation` (String): what a text of no declared format is, with the key to set; null where that is not known;
    - `format` (Boolean): the text looks like none of the formats;
    - `impossible` (Boolean): it looks like one, and there is no such day;
    - `ambiguous` (Boolean): two formats read it as different days.
    Null text is neither a day nor a problem. Usual dates are read by one pattern, only the rest takes the slow path.
    """
    frame = pl.DataFrame({"text": texts})
    plain = pl.lit(None, pl.String)
    if list(formats) == [ISO]:
        plain = pl.when(pl.col("text").str.contains(_EVERY_YEAR)).then("text")
    elif len(formats) == 1:
        plain = _fast_path(formats[0], language)
    read = frame.with_columns(day=plain, notation=pl.lit(None, pl.String)).drop("text")
    rest = read["day"].is_null() & texts.is_not_null()
    return merge_slow_path(read, _PROBLEMS, rest, lambda: _slow_path(frame.filter(rest), formats, language))


def days_after(read: pl.DataFrame, days: int) -> pl.DataFrame:
    """Days that many days after those that `parse_dates` read; null where there is none, which is no problem of theirs.

    A day after 9999-12-31 cannot be written, and is `impossible`.
    """
    later = pl.col("day").str.to_date("%Y-%m-%d", strict=False).dt.offset_by(f"{days}d")
    fits = later.dt.year() <= _LAST_YEAR
    return read.select(
        day=pl.when(fits).then(later.dt.to_string("%Y-%m-%d")),
        notation=pl.lit(None, pl.String),
        **{problem: (~fits if problem == "impossible" else pl.lit(value=False)) for problem in _PROBLEMS},
    )


def _fast_path(date_format: str, language: DateLanguage) -> pl.Expr:
    """Days (String, YYYY-MM-DD) of texts in which every part has its usual width; null for everything else.

    29 February is left to `_slow_path`, which knows leap years. A format with a directive that `_PLAIN` lacks has no
    fast path at all.
    """
    text, none = pl.col("text"), pl.lit(None, pl.String)
    parts: dict[str, pl.Expr] = {}
    gate, position = "", 0
    for literal, directive in re.findall("([^%])|%(.)", date_format):
        if not literal.isascii() or (directive and directive not in _PLAIN):
            return none
        width, pattern = _PLAIN[directive] if directive else (1, re.escape(literal))
        parts[directive] = text.str.slice(position, width)
        position, gate = position + width, gate + pattern
    if "b" in parts:
        numbers = {name: f"{number:02}" for name, number in months(language, short=True).items()}
        name = parts["b"].str.to_lowercase()
        parts["m"] = name.replace_strict(numbers, default=None, return_dtype=pl.String)
    if "y" in parts:
        parts["Y"] = pl.when(parts["y"] >= "69").then(pl.lit("19")).otherwise(pl.lit("20")) + parts["y"]
    if not {"Y", "m", "d"} <= set(parts):
        return none
    day = pl.concat_str(parts["Y"], parts["m"], parts["d"], separator="-")
    return pl.when(text.str.contains(f"^{gate}$") & day.str.contains(_EVERY_YEAR)).then(day)


def _slow_path(dates: pl.DataFrame, formats: Sequence[str], language: DateLanguage) -> pl.DataFrame:
    """Read `text` by every format, as `parse_dates` describes.

    All formats are tried on all texts: only so is it seen that two of them read one text as different days.
    """
    first, last = pl.col("first"), pl.col("last")
    found = [dates.lazy().select(**_read_text(each, language)).collect() for each in formats]
    days = pl.DataFrame({str(i): each["day"] for i, each in enumerate(found)})
    fits = pl.DataFrame({str(i): each["fits"] for i, each in enumerate(found)})
    return (
        days.select(first=pl.min_horizontal(pl.all()), last=pl.max_horizontal(pl.all()))
        .with_columns(text=dates["text"], fits=fits.select(pl.any_horizontal(pl.all())).to_series())
        .select(
            day=pl.when(first == last).then(first),
            notation=pl.when(first.is_null()).then(_notation(tuple(formats), language)),
            format=first.is_null() & ~pl.col("fits"),
            impossible=first.is_null() & pl.col("fits"),
            ambiguous=(first != last).fill_null(value=False),
        )
    )


@cache
def _notation(formats: tuple[str, ...], language: DateLanguage) -> pl.Expr:
    """What a text that fits no format is nevertheless, and the key to set; null where that is not known."""
    text, notation = pl.col("text"), pl.lit(None, pl.String)
    named = [each for each in formats if {"b", "B"} & set(re.findall("%(.)", each))]
    for other in reversed(LANGUAGES if named else ()):
        fits = pl.any_horizontal(_read(text, each, other)["day"].is_not_null() for each in named)
        text_of_notation = (
            "the name of the month is in another language"
            f" (whoever maintains the config can set feed.date_language: {other})"
        )
        notation = (
            pl.when(fits & pl.lit(other != language)).then(pl.lit(text_of_notation)).otherwise(notation)
        )
    return notation


@cache
def _read_text(date_format: str, language: DateLanguage) -> dict[str, pl.Expr]:
    """`_read` of the column `text`; made once, for that takes longer than a few texts do."""
    return _read(pl.col("text"), date_format, language)


def _read(text: pl.Expr, date_format: str, language: DateLanguage) -> dict[str, pl.Expr]:
    """Expressions for one format: `day` (String, YYYY-MM-DD, null where there is no such day) and `fits` (Boolean).

    `fits`: the text looks like the format, and its month is one; then an impossible day is `impossible`, not
    `format`. A date is put together only where year, month and day are within bounds, since polars' `date` raises
    otherwise.
    """
    found = text.str.extract_groups(f"^(?:{pattern_with_groups(date_format)})$")
    names = re.findall(r"\(\?P<(\w)>", pattern_with_groups(date_format))
    part = {name: found.struct.field(name) for name in names}
    number = {
        name: each.cast(pl.Int32, strict=False) for name, each in part.items() if name not in ("b", "B")
    }
    for name in {"b", "B"} & set(names):
        number["m"] = _month(part[name], months(language, short=name == "b"))
    year = number["Y"] if "Y" in number else _century(number["y"])
    valid = pl.all_horizontal(
        year >= 1, *(number[name].is_between(*span) for name, span in HIGHEST.items() if name in number)
    )
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    if "j" in number:
        day, fits = number["j"], year.is_not_null()
        valid &= day.is_between(1, pl.when(leap).then(366).otherwise(365))
        first = pl.date(pl.when(valid).then(year), 1, 1)
        return {"day": _iso(first + pl.duration(days=day - 1)), "fits": fits}
    month, day = number["m"], number["d"]
    february = pl.when(leap).then(29).otherwise(28)
    last = pl.when(month == 2).then(february).when(month.is_in([4, 6, 9, 11])).then(30).otherwise(31)
    valid &= month.is_between(1, 12) & day.is_between(1, last)
    return {
        "day": _iso(pl.date(pl.when(valid).then(year), month, day)),
        "fits": month.is_not_null() & year.is_not_null(),
    }


def _iso(day: pl.Expr) -> pl.Expr:
    """A Date as YYYY-MM-DD."""
    return day.dt.to_string("iso")


def _century(year: pl.Expr) -> pl.Expr:
    """As `date_formats.century`."""
    return year + pl.when(year >= 69).then(1900).otherwise(2000)


def _month(name: pl.Expr, known: dict[str, int]) -> pl.Expr:
    """As `month_names.folded` looks it up."""
    folded = name.str.to_lowercase().str.strip_suffix(".")
    return folded.replace_strict(known, default=None, return_dtype=pl.Int32)
