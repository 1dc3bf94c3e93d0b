"""Very many amounts in every style that a feed can declare: exact, or rejected; with SOAK=1 a million.

`decimal` is the judge. It reads the texts by rules of its own, written out below without a pattern, so that it shares
no mistake with the code. Half of the texts are written from a whole number: there the amount is known beforehand too.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from decimal import Context, Decimal, Inexact
from typing import Any

import polars as pl
import pytest

from pipeline.core.values import money
from schemas.feed import AmountFormat
from tests.seeds import SOAK, cases, drawn

AMOUNTS = cases(4_000, soak=1_000_000)
EXPONENTS = {"JPY": 0, "ZAR": 2, "KWD": 3, "CLF": 4}
SIGNS = (None, "R", "€", "ZAR", "{currency}")
NEGATIVES = ("leading_minus", "trailing_minus", "parentheses", "cr", "unicode_minus")
NEAR = [
    *"0123456789.,-+() 'eERCDZA€",
    "\u00a0",
    "\u202f",
    "\u2019",
    "\n",
    "\t",
    "٣",
    "３",
    "²",
    "½",
    "−",
    "\u200b",
]
EXACT = Context(prec=200, traps=[Inexact])


def styles() -> list[AmountFormat]:
    """Every combination that a feed may declare."""
    found: list[dict[str, Any]] = []
    for decimal, thousands in itertools.product(
        ".,", (None, " ", "\u00a0", "\u202f", ".", ",", "'", "\u2019")
    ):
        groupings = ("thousand",) if thousands is None else ("thousand", "lakh")
        if thousands != decimal:
            found += [
                {"unit": "major", "decimal": decimal, "thousands": thousands, "grouping": grouping}
                for grouping in groupings
            ]
    found += [facts | {"extra_zeros": True} for facts in found]
    found.append({"unit": "minor"})
    return [
        AmountFormat.model_validate({**facts, "negative": negative, "currency_sign": sign})
        for facts, negative, sign in itertools.product(found, NEGATIVES, SIGNS)
    ]


def grouped(digits: str, style: AmountFormat) -> str:
    """Whole digits with the style's thousands separator."""
    if style.thousands is None:
        return digits
    groups, rest = [digits[-3:]], digits[:-3]
    size = 2 if style.grouping == "lakh" else 3
    while rest:
        groups.append(rest[-size:])
        rest = rest[:-size]
    return style.thousands.join(reversed(groups))


def written(chance: random.Random, minor: int, currency: str, style: AmountFormat) -> str:
    """A whole number of minor units as the style writes it, in one of the ways that all mean the same."""
    digits, decimals = str(abs(minor)), ""
    if style.unit == "major" and (exponent := EXPONENTS[currency]):
        padded = digits.zfill(exponent + 1)
        digits, decimals = padded[:-exponent], padded[-exponent:]
        if not decimals.strip("0") and chance.random() < 0.5:
            decimals = ""
    if chance.random() < 0.5:
        digits = grouped(digits, style)
    elif chance.random() < 0.1:
        digits = "0" + digits
    if decimals and style.extra_zeros and chance.random() < 0.3:
        decimals += "0"
    number = digits + (style.decimal + decimals if decimals else "")
    space = chance.choice(["", " ", "\u00a0"])
    sign = currency if style.currency_sign == "{currency}" else style.currency_sign
    before = after = ""
    if sign is not None and chance.random() < 0.7:
        before, after = (sign + space, "") if chance.random() < 0.5 else ("", space + sign)
    if minor >= 0:
        return before + number + after + (chance.choice(["", " DR", "DR"]) if style.negative == "cr" else "")
    match style.negative:
        case "unicode_minus":
            return f"−{before}{number}{after}" if chance.random() < 0.5 else f"{before}−{number}{after}"
        case "leading_minus":
            return f"-{before}{number}{after}" if chance.random() < 0.5 else f"{before}-{number}{after}"
        case "trailing_minus":
            return f"{before}{number}{after}-" if chance.random() < 0.5 else f"{before}{number}-{after}"
        case "parentheses":
            return f"({before}{number}{after})"
        case _:
            return f"{before}{number}{after}{chance.choice([' CR', 'CR'])}"


def judged(text: str, currency: str, style: AmountFormat) -> int | None:
    """The amount by decimal arithmetic; None where the text is not what the style declares, or not exact."""
    plain = unsigned(text, currency, style.currency_sign)
    if plain is None:
        return None
    number, negative = without_minus(plain, style.negative)
    whole, point, decimals = number.partition(style.decimal) if style.unit == "major" else (number, "", "")
    if style.thousands is not None and style.thousands in whole:
        groups = whole.split(style.thousands)
        if grouped("".join(groups), style).split(style.thousands) != groups:
            return None
        whole = "".join(groups)
    if not is_digits(whole) or (point and not is_digits(decimals)):
        return None
    if len(decimals) > EXPONENTS[currency] and not style.extra_zeros:
        return None
    amount = Decimal(f"{whole}.{decimals or 0}")
    scaled = EXACT.scaleb(amount, EXPONENTS[currency] if style.unit == "major" else 0)
    if scaled != EXACT.to_integral_value(scaled) or scaled >= 10**18:
        return None
    return -int(scaled) if negative else int(scaled)


def is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def unsigned(text: str, currency: str, sign: str | None) -> str | None:
    """Without one sign in front of or behind the number; None when it is the code of another currency."""
    if sign is None:
        return text
    at = 1 if text[:1] in {"-", "−", "("} else 0
    length = 3 if sign == "{currency}" else len(sign)
    if is_sign(text[at : at + length], sign):
        found, rest = text[at : at + length], text[at + length :]
        plain = text[:at] + (rest[1:] if rest[:1] in {" ", "\u00a0", "\u202f"} else rest)
        return plain if sign not in {"ZAR", "{currency}"} or found == currency else None
    for tail in (" CR", " DR", "CR", "DR", "-", ")", ""):
        body = text.removesuffix(tail) if tail else text
        found, before = body[-length:], body[:-length]
        if (tail and not text.endswith(tail)) or not is_sign(found, sign):
            continue
        before = before[:-1] if before[-1:] in {" ", "\u00a0", "\u202f"} else before
        if is_digits(before[-1:]) or (before[-1:] in {"-", ")"} and is_digits(before[-2:-1])):
            return before + tail if sign not in {"ZAR", "{currency}"} or found == currency else None
    return text


def is_sign(text: str, sign: str) -> bool:
    if sign == "{currency}":
        return len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()
    return text == sign


def without_minus(text: str, negative: str) -> tuple[str, bool]:
    match negative:
        case "unicode_minus":
            return text.removeprefix("−"), text.startswith("−")
        case "leading_minus":
            return text.removeprefix("-"), text.startswith("-")
        case "trailing_minus":
            return text.removesuffix("-"), text.endswith("-")
        case "parentheses":
            within = text.startswith("(") and text.endswith(")") and len(text) > 1
            return (text[1:-1], True) if within else (text, False)
        case _:
            for mark in (" CR", "CR", " DR", "DR"):
                if text.endswith(mark):
                    return text.removesuffix(mark), mark.endswith("CR")
            return text, False


def nearly(chance: random.Random, text: str) -> str:
    """A near miss: one character more, less or other, which may leave it an amount or not."""
    place = chance.randrange(len(text) + 1)
    kept = place + chance.randrange(2)
    inserted: str = chance.choice(["", chance.choice(NEAR)])
    return text[:place] + inserted + text[kept:]


def batch(chance: random.Random, style: AmountFormat, count: int) -> Iterator[tuple[str, str, int | None]]:
    """Texts and currencies with the amount, where it was known before it was written."""
    currencies = ["ZAR"] if style.currency_sign == "ZAR" else list(EXPONENTS)
    for _ in range(count):
        size = chance.randrange(10 ** chance.choice([1, 2, 3, 4, 6, 8, 12, 18]))
        minor = -size if chance.random() < 0.3 else size
        currency = chance.choice(currencies)
        text = written(chance, minor, currency, style)
        if chance.random() < 0.5:
            yield nearly(chance, text), chance.choice(list(EXPONENTS)), None
        else:
            yield text, currency, minor


@pytest.mark.slow
def test_many_amounts_in_every_declared_style_are_equal_to_decimal_arithmetic_or_rejected() -> None:
    chance = drawn()
    every = styles()[:: 1 if SOAK else 3]
    each = -(-AMOUNTS // len(every))
    read = exact = 0
    for style in every:
        rows = list(batch(chance, style, each))
        texts, currencies = pl.Series([row[0] for row in rows]), pl.Series([row[1] for row in rows])
        faults = ("format", "ambiguous", "spreadsheet", "other_currency", "too_precise", "too_long")
        found = money.parse_amounts(texts, currencies, style).select(
            "minor", pl.sum_horizontal(pl.col(fault).cast(pl.Int8) for fault in faults).alias("faults")
        )
        for (text, currency, known), minor, told in zip(rows, found["minor"], found["faults"], strict=True):
            expected = judged(text, currency, style)
            assert minor == expected, (text, currency, style)
            assert known is None or known == expected, (text, currency, style)
            assert told == (1 if expected is None else 0), (text, currency, style)
            exact += expected is not None
        read += len(rows)
    assert read >= AMOUNTS
    assert AMOUNTS // 2 < exact < AMOUNTS * 4 // 5
