"""In which notations a column's amounts and dates can be read: evidence from all of its values, never from one.

Where two notations read the same text as different amounts or days, both are told and none is chosen.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, TypeVar

import polars as pl

from pipeline.core.values import money
from pipeline.core.values.amount_text import exponents
from pipeline.core.values.date_formats import read_date
from pipeline.core.values.month_names import LANGUAGES
from schemas.feed import AmountFormat, DateLanguage

DATE_FORMATS = (
    "%Y-%m-%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d%m%Y",
    "%m%d%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%y/%m/%d",
    "%y%m%d",
    "%d%m%y",
    "%m%d%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d/%b/%Y",
    "%d %b %y",
    "%d%b%Y",
    "%d%b%y",
    "%d %B %Y",
    "%d-%B-%Y",
    "%d. %B %Y",
    "%d de %B de %Y",
    "%b %d, %Y",
    "%b %d %Y",
    "%B %d, %Y",
    "%Y-%b-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%d %H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S %Z",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %I:%M %p",
    "%m/%d/%Y %I:%M %p",
    "%d/%m/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y%m%d%H%M%S",
    "%b %d, %Y %H:%M",
    "%d %b %Y %H:%M",
)
"""Formats that are tried, ISO first; day before month is tried before month before day, and both are shown."""
_YEARS = ("1950", "2100")
"""A reading in another year is none: 01122026 is not a day of the year 112."""
MOST_DECIMALS = "CLF"
"""A currency of four decimals: which styles fit is asked before anybody knows the currency."""
ENOUGH = 0.9
"""Share of values that a reading has to read; a few may be damaged, and would be rejected."""
_SIGN = re.compile(
    r"^[-(\u2212]?([^\W\d_]{1,3}\$?|[$€£¥₹])[ \u00a0\u202f]?-?[0-9]"
    r"|[0-9][ \u00a0\u202f]?([^\W\d_]{1,3}|[$€£¥₹])[-)]?(?: ?(?:CR|DR))?$"
)
"""A currency sign or up to three letters in front of or behind a number."""
_STYLES = tuple(
    {"decimal": decimal, "thousands": thousands, "negative": negative, "grouping": grouping}
    for grouping, negative, thousands, decimal in itertools.product(
        ("thousand", "lakh"),
        ("leading_minus", "trailing_minus", "parentheses", "cr", "unicode_minus"),
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
    read: int = 0
    """How many of them it reads; the others would be rejected."""
    marked: bool = True
    """Whether texts have a separator at all: digits alone fit every style of amounts."""

    @property
    def sure(self) -> bool:
        """Whether there is one reading, and anything that it was drawn from."""
        return len(self.fits) == 1 and self.seen > 0


def guess_amounts(texts: Sequence[str]) -> Guess[dict[str, Any]]:
    """Styles (keys of `feed.amount` but for `unit`) that read every text, or nearly; where two read one as different
    amounts, both.

    Styles that read all texts as the same amounts count as one, the plainest of them.
    """
    shapes = Counter(re.sub("[0-9]", "1", text) for text in texts)
    if not shapes:
        return Guess((), 0)
    signs = {seen[1] or seen[2] for text in shapes if (seen := _SIGN.search(text))} - {"CR", "DR"}
    signs = {sign.removesuffix("CR").removesuffix("DR") or sign for sign in signs}
    sign = signs.pop() if len(signs) == 1 else None
    column, counts = pl.Series(list(shapes), dtype=pl.String), list(shapes.values())
    currencies = pl.Series([MOST_DECIMALS] * len(shapes), dtype=pl.String)
    noise = {"float_noise": True} if any(re.search("[.,][0-9]{8}", text) for text in shapes) else {}
    found: list[tuple[int, tuple[int | None, ...], dict[str, Any]]] = []
    for style in filter(lambda style: _is_seen(style, "".join(shapes)), _STYLES):
        stated = style | noise | ({"currency_sign": sign} if sign else {})
        minor = tuple(_minor(column, currencies, stated))
        read = sum(count for count, each in zip(counts, minor, strict=True) if each is not None)
        found.append((read, minor, {key: value for key, value in stated.items() if value is not None}))
    most = max(read for read, _, _ in found)
    if most < ENOUGH * len(texts):
        return Guess((), len(texts))
    kept: dict[tuple[int | None, ...], dict[str, Any]] = {}
    for read, minor, stated in found:
        if read == most:
            kept.setdefault(minor, stated)
    return Guess(
        tuple(kept.values()), len(texts), most, any(mark in text for text in shapes for mark in ".,")
    )


def _is_seen(style: dict[str, Any], characters: str) -> bool:
    """Whether texts have what a style declares beyond the plainest one; else it says nothing that another does not."""
    marks = {"trailing_minus": "-", "parentheses": "(", "cr": "R", "unicode_minus": "\u2212"}
    seen = [mark for mark in (style["decimal"], style["thousands"]) if mark and mark in characters]
    if (style["thousands"] and style["thousands"] not in seen) or (style["decimal"] != "." and not seen):
        return False
    return marks.get(style["negative"], "") in characters


def _minor(texts: pl.Series, currencies: pl.Series, style: dict[str, Any]) -> pl.Series:
    form = AmountFormat.model_validate({"unit": "major", **style})
    return money.parse_amounts(texts, currencies, form)["minor"]


def narrowed(guess: Guess[dict[str, Any]], others: Iterable[Guess[dict[str, Any]]]) -> Guess[dict[str, Any]]:
    """Of several styles the one that also reads the other amounts of the file, if that settles it."""
    if len(guess.fits) < 2:
        return guess
    for beside in others:
        if beside.sure and beside.read == beside.seen:
            decimal = beside.fits[0]["decimal"]
            same = tuple(fit for fit in guess.fits if fit["decimal"] == decimal)
            if len(same) == 1 and beside.marked:
                return Guess(same, guess.seen, guess.read)
    return guess


def has_decimals(texts: Sequence[str], style: dict[str, Any]) -> int:
    """How many amounts have the decimal separator of `style`."""
    return sum(str(style["decimal"]) in text for text in texts)


def has_extra_zeros(texts: Sequence[str], style: dict[str, Any]) -> bool:
    """Whether amounts have more than two decimals and only zeros behind the second."""
    mark = re.escape(str(style["decimal"]))
    long = [found[1] for text in texts if (found := re.search(f"{mark}[0-9]{{2}}([0-9]+)", text))]
    return bool(long) and not any(each.strip("0") for each in long)


def as_number(text: str, style: dict[str, Any]) -> Decimal | None:
    """A number of a style, for comparing columns with each other; None where it is none."""
    is_credit = (
        text.endswith("-")
        or text.startswith(("-", "(", "\u2212"))
        or "CR" in text
        or re.search(r"^\D?-", text)
    )
    digits = re.sub(f"[^0-9{re.escape(str(style['decimal']))}]", "", text).replace(str(style["decimal"]), ".")
    try:
        found = Decimal(digits)
    except InvalidOperation:
        return None
    return -found if is_credit else found


def usual_range(
    texts: Sequence[str], groups: Sequence[str], style: dict[str, Any]
) -> tuple[Decimal, Decimal] | None:
    """A tenth of the smallest median of a group, and ten times the largest, each rounded to one digit, in major
    units.

    `groups`: the currency of each text, or the same text for all. None where a median is not above 0. So wide that
    next month's file fits, and so narrow that one in another unit (a hundred times more) does not.
    """
    currencies = pl.Series([MOST_DECIMALS] * len(texts), dtype=pl.String)
    minor = _minor(pl.Series(texts, dtype=pl.String), currencies, style)
    read = pl.DataFrame({"group": groups, "minor": minor}).drop_nulls("minor")
    middles = [sorted(each["minor"])[(each.height - 1) // 2] for each in read.partition_by("group")]
    if not middles or min(middles) <= 0:
        return None
    exponent = exponents()[MOST_DECIMALS]
    return _rounded(Decimal(min(middles)).scaleb(-exponent - 1)), _rounded(
        Decimal(max(middles)).scaleb(1 - exponent)
    )


def _rounded(amount: Decimal) -> Decimal:
    """To one digit, but not to 0."""
    return Decimal(f"{amount:.0e}")


@dataclass(frozen=True, slots=True)
class DateFormat:
    """A format and the language of its months."""

    format: str
    language: DateLanguage = "en"


def guess_dates(texts: Sequence[str]) -> Guess[DateFormat]:
    """Formats that read every text, or nearly; where two of them read one as different days, both.

    Formats that read all texts as the same days count as one, the first of `DATE_FORMATS`.
    """
    counts = Counter(texts)
    found: list[tuple[int, tuple[str | None, ...], DateFormat]] = []
    for form in DATE_FORMATS:
        for language in LANGUAGES if "%b" in form or "%B" in form else LANGUAGES[:1]:
            days = _days(counts, DateFormat(form, language))
            if days is not None:
                read = sum(count for count, day in zip(counts.values(), days, strict=True) if day)
                found.append((read, days, DateFormat(form, language)))
    most = max((read for read, _, _ in found), default=0)
    if not texts or most < ENOUGH * len(texts):
        return Guess((), len(texts))
    kept: dict[tuple[str | None, ...], DateFormat] = {}
    for read, days, each in found:
        if read == most:
            kept.setdefault(days, each)
    return Guess(tuple(kept.values()), len(texts), most)


def _days(counts: Counter[str], each: DateFormat) -> tuple[str | None, ...] | None:
    """The day of each text, None for those that it does not read; None as a whole as soon as it reads too few."""
    bad, allowed = 0, (1 - ENOUGH) * counts.total()
    days: list[str | None] = []
    for text, count in counts.items():
        day = read_date(text, each.format, each.language)
        days.append(day if day and _YEARS[0] <= day[:4] <= _YEARS[1] else None)
        bad += 0 if days[-1] else count
        if bad > allowed:
            return None
    return tuple(days)


def order_of(guess: Guess[DateFormat], others: Sequence[Guess[DateFormat]]) -> Guess[DateFormat]:
    """Of two orders of day and month the one that the file's other dates of this notation show."""
    if len(guess.fits) < 2:
        return guess
    shown = {other.fits[0] for other in others if other.sure and other.fits[0] in guess.fits}
    return Guess((shown.pop(),), guess.seen, guess.read) if len(shown) == 1 else guess
