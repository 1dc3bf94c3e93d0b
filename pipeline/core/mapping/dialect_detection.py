"""What the first part of an unknown file shows of itself: encoding, delimiter, amounts, dates. Evidence, never proof.

Everything found here is put before a person. Where two readings fit and differ, both are told and none is chosen.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

import polars as pl

from pipeline.core.values import dates, money
from schemas.feed import AmountFormat

DELIMITERS = (",", ";", "\t", "|")
"""Those that are looked for, the likelier ones first."""
DATE_FORMATS = (
    "%Y-%m-%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%Y%m%d",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %B %Y",
    "%B %d, %Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M",
)
"""Formats that are tried, ISO first; day before month is tried before month before day, and both are shown."""
SAMPLED = 1000
"""Records that are looked at; a proposal is a beginning, not a proof."""
MOST_DECIMALS = "CLF"
"""A currency of four decimals: which styles fit is asked before anybody knows the currency."""
_SIGN = re.compile(
    r"^[-(]?([^\W\d_]{1,3}|[$€£¥₹])[ \u00a0\u202f]?[0-9]|[0-9][ \u00a0\u202f]?([^\W\d_]{1,3}|[$€£¥₹])[-)]?$"
)
"""A currency sign or up to three letters in front of or behind a number."""
_STYLES = tuple(
    {"decimal": decimal, "thousands": thousands, "negative": negative, "grouping": grouping}
    for grouping, negative, thousands, decimal in itertools.product(
        ("thousand", "lakh"),
        ("leading_minus", "trailing_minus", "parentheses", "cr"),
        (None, ",", ".", " ", "\u00a0", "\u202f", "'", "\u2019"),
        (".", ","),
    )
    if thousands != decimal and (grouping == "thousand" or thousands == ",")
)
"""Every combination of the keys of `feed.amount` that a proposal may contain, the plainest first."""

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Guess(Generic[Found]):
    """What fits: the plainest first. Several only where they read the same text differently."""

    fits: tuple[Found, ...]
    seen: int
    """How many texts it is drawn from."""

    @property
    def sure(self) -> bool:
        """Whether there is one reading, and anything that it was drawn from."""
        return len(self.fits) == 1 and self.seen > 0


def guess_encoding(head: bytes, *, whole: bool) -> Guess[str]:
    """By byte order mark, else UTF-8 where the bytes are, else the two one-byte encodings that bytes cannot tell
    apart.

    `head`: the beginning of the file. `whole`: whether that is all of it; else it may end in the middle of a
    character.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Guess(("utf-16",), 1)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        return Guess(("cp1252", "latin-1"), 1)
    return Guess(("utf-8",), 1)


def decoded(head: bytes, encoding: str) -> str:
    """The text of a beginning; what cannot be decoded is U+FFFD. Raises LookupError for an unknown encoding."""
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    return head.decode(codec, errors="replace")


def guess_delimiter(text: str) -> Guess[str]:
    """The delimiter under which most rows are as wide as the header; others that fit as well (within 5 %) come behind
    it.

    Empty where none gives more than one column: that is no delimited text.
    """
    scores = {delimiter: _evenness(rows_of(text, delimiter)) for delimiter in DELIMITERS}
    best = max(scores.values())
    fits = [each for each in DELIMITERS if scores[each][0] and scores[each][0] >= best[0] - 0.05]
    fits.sort(key=lambda each: scores[each], reverse=True)
    return Guess(tuple(fits), text.count("\n"))


def rows_of(text: str, delimiter: str) -> list[list[str]]:
    """The first rows, blank ones left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [row for row in itertools.islice(reader, SAMPLED + 1) if row]
    except csv.Error:
        return []


def objects_of(text: str) -> list[list[str]]:
    """The first JSON objects as rows below the keys of all; lines that hold none are left out.

    Numbers are their text. What is neither number nor text shows nothing, and is empty.
    """
    lines = itertools.islice(re.split("\r\n|\n|\r", text), SAMPLED)
    objects = [found for line in lines if (found := _object_of(line))]
    keys = list(dict.fromkeys(key for each in objects for key in each))
    return [keys, *([each.get(key, "") for key in keys] for each in objects)] if keys else []


def _object_of(line: str) -> dict[str, str]:
    """Key → text of one JSON object; empty where the line holds none."""
    try:
        found = json.loads(line, parse_int=str, parse_float=str)
        line.encode()
    except (ValueError, RecursionError):
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {key.strip(): value if isinstance(value, str) else "" for key, value in pairs}


def guess_amounts(texts: Sequence[str]) -> Guess[dict[str, Any]]:
    """Styles (keys of `feed.amount` but for `unit`) that read every text; where two read one as different amounts,
    both.

    Styles that read all texts as the same amounts count as one, the plainest of them.
    """
    signs = {found[1] or found[2] for text in texts if (found := _SIGN.search(text))} - {"CR", "DR"}
    signs = {sign.removesuffix("CR").removesuffix("DR") or sign for sign in signs}
    sign = signs.pop() if len(signs) == 1 else None
    column = pl.Series(texts, dtype=pl.String)
    currencies = pl.Series([MOST_DECIMALS] * len(texts), dtype=pl.String)
    kept: dict[tuple[int, ...], dict[str, Any]] = {}
    for style in _STYLES if texts else ():
        stated = style | {"currency_sign": sign} if sign else style
        form = AmountFormat.model_validate({"unit": "major", **stated})
        minor = money.parse_amounts(column, currencies, form)["minor"]
        if minor.null_count() == 0:
            kept.setdefault(tuple(minor), {key: value for key, value in stated.items() if value is not None})
    return Guess(tuple(kept.values()), len(texts))


def usual_range(
    texts: Sequence[str], groups: Sequence[str], style: dict[str, Any]
) -> tuple[Decimal, Decimal] | None:
    """A tenth of the smallest median of a group, and ten times the largest, each rounded to one digit, in major
    units.

    `groups`: the currency of each text, or the same text for all. None where a median is not above 0. So wide that
    next month's file fits, and so narrow that one in another unit (a hundred times more) does not.
    """
    form = AmountFormat.model_validate({"unit": "major", **style})
    currencies = pl.Series([MOST_DECIMALS] * len(texts), dtype=pl.String)
    read = pl.DataFrame(
        {
            "group": groups,
            "minor": money.parse_amounts(pl.Series(texts, dtype=pl.String), currencies, form)["minor"],
        }
    )
    middles = [sorted(each["minor"])[(each.height - 1) // 2] for each in read.partition_by("group")]
    if not middles or min(middles) <= 0:
        return None
    exponent = money.exponents()[MOST_DECIMALS]
    return _rounded(Decimal(min(middles)).scaleb(-exponent - 1)), _rounded(
        Decimal(max(middles)).scaleb(1 - exponent)
    )


def _rounded(amount: Decimal) -> Decimal:
    """To one digit, but not to 0."""
    return Decimal(f"{amount:.0e}")


def guess_dates(texts: Sequence[str]) -> Guess[str]:
    """Formats that read every text; where two of them read one as different days, both.

    Formats that read all texts as the same days count as one, the first of `DATE_FORMATS`.
    """
    column = pl.Series(texts, dtype=pl.String)
    kept: dict[tuple[str, ...], str] = {}
    for each in DATE_FORMATS if texts else ():
        days = dates.parse_dates(column, [each])["day"]
        if days.null_count() == 0:
            kept.setdefault(tuple(days), each)
    return Guess(tuple(kept.values()), len(texts))


def has_decimals(texts: Sequence[str], style: dict[str, Any]) -> int:
    """How many amounts have the decimal separator of `style`."""
    return sum(str(style["decimal"]) in text for text in texts)


def looks_like_header(row: Sequence[str]) -> bool:
    """Whether a first row holds names: all filled, none twice, none a number or an e-mail address."""
    names = [name.strip() for name in row]
    is_value: Callable[[str], bool] = lambda name: bool(re.fullmatch(r"[\d.,/+\s-]+|.*@.*", name))  # noqa: E731
    return len(set(names)) == len(names) and not any(not name or is_value(name) for name in names)


def _evenness(rows: list[list[str]]) -> tuple[float, int]:
    """Share of rows as wide as the first, and its width; nothing for a single column."""
    width = len(rows[0]) if rows else 0
    if width < 2:
        return 0.0, 0
    return sum(len(row) == width for row in rows) / len(rows), width
