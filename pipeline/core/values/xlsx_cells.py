"""What a spreadsheet's cell holds, as text: numbers without loss, dates as the feed writes them.

A spreadsheet keeps numbers as binary doubles, so 240.01 may stand there as 240.00999999999999. Its text is the shortest
one that names the same double. What needs more than 15 digits, or an exponent, was damaged by the spreadsheet (it shows
and computes 15): it is written `1.234567890123456E+20`, which every rule for spreadsheet damage knows.
Source of the formats: ECMA-376 part 1, 18.8.30 (numFmt), 18.17.4.1 (dates).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from pipeline.core.values.date_formats import ISO, write_date
from schemas.feed import DateLanguage

MAX_DIGITS = 15
_DOUBLE_DIGITS = 17
"""No double needs more to be told from its neighbours."""
NOT_A_NUMBER = "#NUM!"
NOT_COMPUTED = "#VALUE!"
"""A formula that no program has computed yet."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_SHORT_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,7})(?:\.[0-9]{0,6}[1-9])?", re.ASCII)
"""Most numbers of a bill file; nothing has to be done to them."""
_BUILTIN_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_NO_DATE_PART = re.compile(r'"[^"]*"|\\.|[_*].|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_FIRST_SERIAL, _LAST_SERIAL = 61, 2_958_465
"""Before 1 March 1900 the day numbers of 1900 are wrong on purpose; the last one is 31 December 9999."""
_DAY_S = 86_400


def is_date_format(number: int, code: str | None) -> bool:
    """Whether a number format shows dates or times."""
    if code is None:
        return number in _BUILTIN_DATES
    return re.search("[dmyhs]", _NO_DATE_PART.sub("", code), re.IGNORECASE) is not None


def number_text(raw: str, decimal: str) -> str:
    """A number with the feed's decimal separator; in the exponent form when it has been damaged."""
    if _SHORT_NUMBER.fullmatch(raw) and raw != "-0":
        return raw.replace(".", decimal)
    if _NUMBER.fullmatch(raw) is None:
        return NOT_A_NUMBER
    try:
        stated = Decimal(raw)
        value, is_whole = (stated, True) if _digits(stated) <= MAX_DIGITS else _shortest(stated, float(raw))
    except (InvalidOperation, OverflowError):
        return NOT_A_NUMBER
    if not value.is_finite():
        return NOT_A_NUMBER
    if not value:
        return "0"
    value = value.normalize()
    if (
        not is_whole
        or _digits(value) > MAX_DIGITS
        or value.adjusted() >= MAX_DIGITS
        or value.adjusted() < -MAX_DIGITS
    ):
        return _exponent_form(value)
    return f"{value:f}".replace(".", decimal)


def _shortest(stated: Decimal, double: float) -> tuple[Decimal, bool]:
    """The shortest number that names the same double, and whether it stands for all that was written.

    A spreadsheet writes a double with 17 digits; other digits were meant, and the double has lost them.
    """
    value = Decimal(repr(double))
    return value, stated in (value, Decimal(f"{double:.{_DOUBLE_DIGITS}g}"))


def _digits(value: Decimal) -> int:
    return len("".join(map(str, value.as_tuple().digits)).strip("0"))


def _exponent_form(value: Decimal) -> str:
    digits = "".join(map(str, value.as_tuple().digits))
    sign, power = "-" if value.is_signed() else "", value.adjusted()
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{'-' if power < 0 else '+'}{abs(power):02d}"


@lru_cache(maxsize=4096)
def date_text(raw: str, *, since_1904: bool, formats: tuple[str, ...], language: DateLanguage = "en") -> str:
    """A date cell as text: ISO when the feed reads that, else in its first format; with its time when it has one."""
    if _NUMBER.fullmatch(raw) is None:  # float reads `1_000` and digits of other scripts too
        return NOT_A_NUMBER
    serial = float(raw) + (1462 if since_1904 else 0)
    if not 0 <= serial < _LAST_SERIAL + 1:
        return NOT_A_NUMBER
    seconds = round(serial * _DAY_S)
    if seconds >= (_LAST_SERIAL + 1) * _DAY_S:  # by rounding, and no calendar goes on
        return NOT_A_NUMBER
    if serial >= _FIRST_SERIAL:
        return moment_text(datetime(1899, 12, 30) + timedelta(seconds=seconds), formats, language)  # noqa: DTZ001
    if serial < 1:
        return str(timedelta(seconds=seconds))
    return NOT_A_NUMBER


def iso_text(raw: str, formats: Sequence[str], language: DateLanguage = "en") -> str:
    """A date that a cell stores as ISO 8601, as the feed writes dates."""
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return NOT_A_NUMBER
    return moment_text(moment, formats, language)


def moment_text(moment: datetime, formats: Sequence[str], language: DateLanguage = "en") -> str:
    """A day, or a day with its time, as the feed writes dates; a time that no format has makes it none of them."""
    if moment.hour or moment.minute or moment.second or moment.microsecond:
        timed = next((each for each in formats if {"%H", "%I"} & set(re.findall("%.", each))), None)
        return write_date(moment, timed, language) if timed else moment.isoformat()
    return write_date(moment, ISO if ISO in formats else formats[0], language)
