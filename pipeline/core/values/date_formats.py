"""The notation of dates: that of `strptime`, without what a machine's locale would decide.

A number may leave out leading zeros where something other than a digit stands on both sides of it (`%d/%m/%Y` takes
`1/5/2026`); digits that run together are taken in full (`%Y%m%d`), since `1112026` could be read in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from pipeline.core.values.month_names import folded, months, name_of
from schemas.feed import DateLanguage

ISO = "%Y-%m-%d"
_DIGITS = {
    "Y": (4, 4),
    "y": (2, 2),
    "m": (1, 2),
    "d": (1, 2),
    "j": (1, 3),
    "H": (1, 2),
    "I": (1, 2),
    "M": (1, 2),
    "S": (1, 2),
    "f": (1, 9),
}
"""Directive → fewest and most digits."""
_FULL_WIDTH = {name: most for name, (_, most) in _DIGITS.items()} | {"f": 6}
_LETTER = "[A-Za-z\u0080-\U0010ffff]"
_NAME = f"{_LETTER}+"
"""Letters, and what may be one: the table of names decides."""
_OTHERS = {
    "b": rf"{_NAME}\.?",
    "B": _NAME,
    "p": "(?:[aA]|[pP])(?:[mM]|\\.[mM]\\.)",
    "z": "(?:[zZ]|[+-][0-9]{2}:?[0-9]{2}(?::?[0-9]{2})?)",
    "Z": "[A-Za-z]{1,5}",
    "%": "%",
}
_KINDS: dict[str | None, tuple[tuple[str, int, int | None], ...]] = {
    "b": ((_LETTER, 1, None), ("[.]", 0, 1)),
    "B": ((_LETTER, 1, None),),
    "p": (("[aApP]", 1, 1), ("[.mM]", 1, 3)),
    "z": (("[zZ+-]", 1, 1), ("[0-9:]", 0, 8)),
    "Z": (("[A-Za-z]", 1, 5),),
}
"""Directive → the same as kinds of characters, for names of files: something more fits, and is then refused."""
DIRECTIVES = (*_DIGITS, *_OTHERS)
READ = ("Y", "y", "m", "d", "j", "b", "B", "H", "I", "M", "S")
"""Directives whose values are looked at: they make the day, or must be a time of it."""
HIGHEST = {"H": (0, 23), "I": (1, 12), "M": (0, 59), "S": (0, 61)}
"""Directive → the values it may have (Source: strptime, which knows leap seconds)."""
_SPACE = "[ \t\u00a0\u202f]+"
"""A blank in a format stands for any number of blanks in the text, the no-break ones among them."""
_SAME = ({"Y", "y"}, {"m", "b", "B", "j"}, {"d", "j"}, {"H", "I"})
"""Each of them says the same of a date, so that a format has one of them at most."""
_ELSEWHERE = {
    "-": "a number is read with and without leading zeros",
    "#": "a number is read with and without leading zeros",
    "e": "use %d, which reads days with and without a leading zero",
    "T": "use %H:%M:%S",
    "D": "use %m/%d/%y",
    "F": "use %Y-%m-%d",
}
"""Directives that other programs know and this one refuses → what to write in their place."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a format: a directive, or one character that stands for itself."""

    directive: str | None
    """None: a literal."""
    text: str


def _pieces(date_format: str) -> Iterator[_Piece]:
    """The format in parts. Raises ValueError for directives that are not read here, saying what to use."""
    rest = iter(date_format)
    for character in rest:
        if character != "%":
            yield _Piece(None, character)
            continue
        directive = next(rest, "")
        if directive not in DIRECTIVES:
            hint = _ELSEWHERE.get(directive, f"use {' '.join(f'%{each}' for each in DIRECTIVES)}")
            raise ValueError(f"%{directive} is not supported; {hint}")
        yield _Piece(directive, "%" if directive == "%" else "")


def shape(date_format: str) -> str:
    """A pattern of all texts that look like the format, without anchors; raises ValueError for directives we do not
    read.

    What matches need not be a date: `99/99/2026` looks like `%d/%m/%Y`.
    """
    return _pattern(date_format, named=False)


@lru_cache(maxsize=256)
def pattern_with_groups(date_format: str) -> str:
    """The same pattern with a named group for each directive of `READ` (`(?P<d>…)`), for `re` and for polars alike.

    Cached: a feed has a handful of formats, and every batch of records asks for them.
    """
    return _pattern(date_format, named=True)


def _pattern(date_format: str, *, named: bool) -> str:
    pieces = list(_pieces(date_format))
    beside = [_Piece(None, ""), *pieces, _Piece(None, "")]
    written = []
    for before, piece, after in zip(beside, pieces, beside[2:], strict=False):
        name = piece.directive
        if name in _DIGITS:
            fewest, most = _widths(before, name, after)
            pattern = f"[0-9]{{{fewest},{most}}}"
        elif name is not None:
            pattern = _OTHERS[name]
        else:
            pattern = _SPACE if piece.text.isspace() else re.escape(piece.text)
        written.append(f"(?P<{name}>{pattern})" if named and name in READ else pattern)
    return "".join(written)


def characters(date_format: str) -> Iterator[tuple[str, int | None, int | None]]:
    """What looks like the format, or nearly, in parts: (a pattern of one character, fewest, most), or (a text, None,
    None).

    Most is None where there is no bound. For matching names of files in linear time; `read_date` then tells whether
    what was taken is a date.
    """
    pieces = list(_pieces(date_format))
    beside = [_Piece(None, ""), *pieces, _Piece(None, "")]
    for before, piece, after in zip(beside, pieces, beside[2:], strict=False):
        name = piece.directive
        if name in _DIGITS:
            yield "[0-9]", *_widths(before, name, after)
        elif name in _KINDS:
            yield from _KINDS[name]
        elif piece.text.isspace():
            yield _SPACE.removesuffix("+"), 1, None
        else:
            yield piece.text, None, None


def _widths(before: _Piece, name: str, after: _Piece) -> tuple[int, int]:
    """Fewest and most digits of a number: all of them where digits of another part touch it."""
    if _is_digit(before) or _is_digit(after):
        return _FULL_WIDTH[name], _FULL_WIDTH[name]
    return _DIGITS[name]


def _is_digit(piece: _Piece) -> bool:
    return piece.directive in _DIGITS or (piece.directive is None and piece.text.isdigit())


def problems(date_format: str) -> list[str]:
    """What is wrong with a format, each a sentence for a config error; empty when it can be used."""
    try:
        pieces = list(_pieces(date_format))
    except ValueError as error:
        return [str(error)]
    names = [piece.directive for piece in pieces if piece.directive not in (None, "%")]
    stated = set(names)
    found = [
        f"%{name} is in it twice" for name in sorted({each or "" for each in names if names.count(each) > 1})
    ]
    for alike in _SAME:
        if len(both := [f"%{name}" for name in names if name in alike]) > 1 and len(stated & alike) > 1:
            found.append(f"{' and '.join(both)} give the same part of a date")
    found += [f"nothing separates %{first} from %{second}" for first, second in _running_together(pieces)]
    whole = stated & {"Y", "y"} and ("j" in stated or (stated & {"m", "b", "B"} and "d" in stated))
    if not whole:
        found.append(f"{date_format} does not give a whole date")
    return found


def _running_together(pieces: Sequence[_Piece]) -> Iterator[tuple[str, str]]:
    """Pairs of directives that are written in letters, with at most letters between them.

    `%bT%Z` of May, UTC is MayTUTC, in which the month could end at either T.
    """
    before: str | None = None
    for piece in pieces:
        if piece.directive in ("b", "B", "p", "Z"):
            if before is not None:
                yield before, piece.directive
            before = piece.directive
        elif piece.directive is not None or not piece.text.isalpha():
            before = None


def read_date(text: str, date_format: str, language: DateLanguage = "en") -> str | None:
    """One date as YYYY-MM-DD, or None where the text is not one in this format.

    Says the same as `dates.parse_dates` for a column; a test compares them.
    """
    found = re.fullmatch(pattern_with_groups(date_format), text)
    if found is None:
        return None
    parts = found.groupdict()
    numbers = {name: int(value) for name, value in parts.items() if name not in ("b", "B")}
    for name in ("b", "B"):
        if name in parts:
            numbers["m"] = months(language, short=name == "b").get(folded(parts[name]), 0)
    if any(not low <= numbers.get(name, low) <= high for name, (low, high) in HIGHEST.items()):
        return None
    year = numbers["Y"] if "Y" in numbers else century(numbers["y"])
    try:
        if "j" in numbers:
            first = date(year, 1, 1).toordinal()
            day = date.fromordinal(first + numbers["j"] - 1)
            return day.isoformat() if numbers["j"] and day.year == year else None
        return date(year, numbers["m"], numbers["d"]).isoformat()
    except (ValueError, OverflowError):
        return None


def century(year: int) -> int:
    """The year that two digits stand for (Source: POSIX, as strptime has it): 69 to 99 are of the last century."""
    return year + (1900 if year >= 69 else 2000)


def write_date(moment: datetime, date_format: str, language: DateLanguage = "en") -> str:
    """A moment as a format writes it, so that the same format reads it. `moment` is UTC: %z and %Z are written as
    such.
    """
    written = []
    for piece in _pieces(date_format):
        match piece.directive:
            case None | "%":
                written.append(piece.text)
            case "b" | "B":
                written.append(name_of(moment.month, language, short=piece.directive == "b"))
            case "z":
                written.append("+0000")
            case "Z":
                written.append("UTC")
            case "Y":
                written.append(f"{moment.year:04}")
            case "p":
                written.append("PM" if moment.hour >= 12 else "AM")
            case name:
                written.append(moment.strftime(f"%{name}"))
    return "".join(written)
