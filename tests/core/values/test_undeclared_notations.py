"""Amounts in notations that a feed does not declare: rejected or exact, never another number, and told as such.

`decimal` is the judge: each text is written from a whole number of minor units, so that its amount is known beforehand.
"""
# ruff: noqa: E501 (a text and what it is told as read best side by side)

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.core.values import money, two_columns
from schemas.column_sources import SignedValue
from schemas.feed import AmountFormat
from tests.seeds import cases, drawn

AMOUNTS = cases(1_500, soak=10_000)
EXPONENTS = {"ZAR": 2, "JPY": 0}
ASK, END = " (whoever maintains the config can set ", ")"
PROBLEMS = ("format", "ambiguous", "spreadsheet", "too_precise", "too_long")
Write = Callable[[str, str, bool], str]
"""Whole digits, decimals and whether it is a credit → the text."""


def plain(whole: str, decimals: str, point: str = ".") -> str:
    return f"{whole}{point}{decimals}" if decimals else whole


def minus(text: str, credit: bool) -> str:
    return f"-{text}" if credit else text


def grouped(whole: str, mark: str, size: int = 3) -> str:
    groups, rest = [whole[-3:]], whole[:-3]
    while rest:
        groups.append(rest[-size:])
        rest = rest[:-size]
    return mark.join(reversed(groups))


def digits(text: str, zero: str) -> str:
    return "".join(chr(ord(zero) + int(each)) if each.isdigit() else each for each in text)


NOTATIONS: dict[str, tuple[Write, str]] = {
    "trailing minus": (lambda w, d, c: plain(w, d) + ("-" if c else ""), "amount.negative: trailing_minus"),
    "parentheses": (lambda w, d, c: f"({plain(w, d)})" if c else plain(w, d), "amount.negative: parentheses"),
    "minus sign U+2212": (
        lambda w, d, c: ("\u2212" if c else "") + plain(w, d),
        "amount.negative: unicode_minus",
    ),
    "en dash": (lambda w, d, c: ("\u2013" if c else "") + plain(w, d), "dash"),
    "plus": (lambda w, d, c: ("-" if c else "+") + plain(w, d), "plus sign"),
    "CR and DR": (lambda w, d, c: f"{plain(w, d)} {'CR' if c else 'DR'}", "amount.negative: cr"),
    "symbol before": (lambda w, d, c: minus(f"€ {plain(w, d)}", c), "amount.currency_sign"),
    "symbol behind": (lambda w, d, c: minus(f"{plain(w, d)} €", c), "amount.currency_sign"),
    "letter before": (lambda w, d, c: minus(f"R{plain(w, d)}", c), "amount.currency_sign"),
    "code behind": (lambda w, d, c: minus(f"{plain(w, d)} ZAR", c), "amount.currency_sign"),
    "decimal comma": (lambda w, d, c: minus(plain(w, d, ","), c), "amount.decimal"),
    "points": (lambda w, d, c: minus(plain(grouped(w, "."), d, ","), c), "amount.thousands"),
    "commas": (lambda w, d, c: minus(plain(grouped(w, ","), d), c), "amount.thousands"),
    "spaces": (lambda w, d, c: minus(plain(grouped(w, " "), d), c), "amount.thousands"),
    "no-break spaces": (lambda w, d, c: minus(plain(grouped(w, "\u00a0"), d, ","), c), "amount.thousands"),
    "narrow spaces": (lambda w, d, c: minus(plain(grouped(w, "\u202f"), d, ","), c), "amount.thousands"),
    "apostrophes": (lambda w, d, c: minus(plain(grouped(w, "'"), d), c), "amount.thousands"),
    "typographic": (lambda w, d, c: minus(plain(grouped(w, "\u2019"), d), c), "amount.thousands"),
    "lakh": (lambda w, d, c: minus(plain(grouped(w, ",", 2), d), c), "amount."),
    "Arabic-Indic": (
        lambda w, d, c: minus(digits(plain(w, d, "\u066b"), "\u0660"), c),
        "digits other than 0 to 9",
    ),
    "Devanagari": (lambda w, d, c: minus(digits(plain(w, d), "\u0966"), c), "digits other than 0 to 9"),
    "full width": (lambda w, d, c: minus(digits(plain(w, d), "\uff10"), c), "digits other than 0 to 9"),
}
STYLES: tuple[dict[str, Any], ...] = (
    {"unit": "major"},
    {"unit": "major", "decimal": ","},
    {"unit": "major", "extra_zeros": True},
    {"unit": "major", "decimal": ",", "thousands": " ", "negative": "trailing_minus"},
    {"unit": "minor"},
)


def read(texts: list[str], currency: str, style: dict[str, Any]) -> list[dict[str, Any]]:
    currencies = pl.Series([currency] * len(texts), dtype=pl.String)
    return money.parse_amounts(pl.Series(texts), currencies, AmountFormat.model_validate(style)).rows(
        named=True
    )


def could_be(text: str, style: dict[str, Any], exponent: int) -> int | None:
    """What a text is by the rule as it is written in docs/files.md, for styles without a currency sign."""
    sign, body = 1, text
    match style.get("negative", "leading_minus"):
        case "leading_minus" if text.startswith("-"):
            sign, body = -1, text[1:]
        case "trailing_minus" if text.endswith("-"):
            sign, body = -1, text[:-1]
    point = style.get("decimal", ".") if style["unit"] == "major" else "none"
    whole, _, decimals = body.partition(point)
    mark = style.get("thousands")
    if mark and mark in whole:
        if grouped(whole.replace(mark, ""), mark) != whole:
            return None
        whole = whole.replace(mark, "")
    if point in body and not decimals:
        return None
    if not all(part.isascii() and part.isdigit() for part in (whole, decimals or "0")):
        return None
    places = exponent if style["unit"] == "major" else 0
    if len(decimals) > places and (decimals[places:].strip("0") or not style.get("extra_zeros")):
        return None
    return sign * int(Decimal(f"{whole}.{decimals or 0}").scaleb(places))


@pytest.mark.parametrize("name", NOTATIONS)
def test_thousands_of_amounts_of_an_undeclared_notation_are_rejected_or_exact(name: str) -> None:
    write, key = NOTATIONS[name]
    chance = drawn()
    for style in STYLES:
        for currency, exponent in EXPONENTS.items():
            made = []
            for _ in range(AMOUNTS // len(STYLES) // len(EXPONENTS)):
                amount = chance.randrange(10 ** chance.choice([1, 2, 3, 4, 5, 7, 9, 12]))
                padded = str(amount).zfill(exponent + 1)
                whole, decimals = padded[: len(padded) - exponent], padded[len(padded) - exponent :]
                if chance.random() < 0.3:
                    decimals = ""
                    amount = int(whole) * 10**exponent
                credit = chance.random() < 0.5
                text = write(whole, decimals, credit)
                made.append((text, -amount if credit else amount))
            for (text, amount), row in zip(
                made, read([text for text, _ in made], currency, style), strict=True
            ):
                expected = could_be(text, style, exponent)
                assert row["minor"] == expected, (text, style, currency)
                if expected is None:
                    assert sum(bool(row[each]) for each in PROBLEMS) == 1, (text, style)
                elif style["unit"] == "major" and not style.get("extra_zeros"):
                    assert row["minor"] == amount, (text, style, currency)
            if style == STYLES[0] and currency == "ZAR":
                told = {
                    row["notation"]
                    for row in read([text for text, _ in made], currency, style)
                    if row["notation"]
                }
                assert any(key in each for each in told), told


@pytest.mark.parametrize(
    ("text", "style", "told"),
    [
        ("89,90-", {}, f"a minus after the number, a decimal comma{ASK}feed.amount.negative: trailing_minus and feed.amount.decimal: ','{END}"),
        ("\u22125.00", {}, f"the minus sign U+2212{ASK}feed.amount.negative: unicode_minus{END}"),
        ("(89.90)", {}, f"a number in parentheses{ASK}feed.amount.negative: parentheses{END}"),
        ("€ 12", {}, f"a currency sign{ASK}feed.amount.currency_sign{END}"),
        ("$12", {"currency_sign": "R"}, f"another currency sign than the feed declares{ASK}feed.amount.currency_sign{END}"),
        ("1.234,56", {}, f"a decimal comma, thousands separated by points{ASK}feed.amount.decimal: ',' and feed.amount.thousands{END}"),
        ("1.234.567", {}, f"thousands separated by points{ASK}feed.amount.thousands{END}"),
        ("1,234", {}, f"a comma before three digits, which may separate thousands or decimals{ASK}feed.amount.thousands or feed.amount.decimal{END}"),
        ("1.500", {}, f"more decimals than the currency has, all of them zeros, which may be thousands{ASK}feed.amount.extra_zeros or feed.amount.thousands{END}"),
        ("12.00", {"unit": "minor"}, f"a separator in minor units{ASK}feed.amount.unit{END}"),
        ("5.00 cr", {"negative": "cr"}, "CR and DR in small letters (write capitals)"),
        ("+5.00", {}, "a plus sign (leave it out)"),
        ("5.", {}, "no digit on one side of the decimal separator (write 0)"),
        ("12,5O", {}, None),
        ("ten", {}, None),
        ("12.345", {}, None),
        ("1E3", {}, None),
    ],
)  # fmt: skip
def test_an_undeclared_notation_is_told_as_what_it_is(
    text: str, style: dict[str, Any], told: str | None
) -> None:
    (row,) = read([text], "ZAR", {"unit": "major", **style})
    assert row["minor"] is None
    assert row["notation"] == told


MAJOR = AmountFormat(unit="major")
SIGNS = SignedValue(value="v", sign="s", negative=["H", "C"], positive=["S", ""])


def column(*texts: str | None) -> pl.Series:
    return pl.Series(texts, dtype=pl.String)


def test_a_thousand_debits_less_credits_are_what_decimal_says() -> None:
    chance = random.Random(16)  # noqa: S311
    amounts = [
        tuple(chance.choice([None, chance.randrange(10 ** chance.randrange(1, 18))]) for _ in "dc")
        for _ in range(1000)
    ]
    texts = [[None if each is None else f"{Decimal(each).scaleb(-2)}" for each in pair] for pair in amounts]
    texts = [[each and f"{Decimal(each):.2f}" for each in pair] for pair in texts]
    found = two_columns.debits_less_credits(
        column(*(pair[0] for pair in texts)),
        column(*(pair[1] for pair in texts)),
        column(*["ZAR"] * 1000),
        MAJOR,
    )
    expected = [None if pair == (None, None) else (pair[0] or 0) - (pair[1] or 0) for pair in amounts]
    assert found["minor"].to_list() == expected
    assert not found.select(pl.any_horizontal(pl.col(pl.Boolean))).to_series().any()


@pytest.mark.parametrize(
    ("debit", "credit", "expected"),
    [
        ("10.00", "3.00", 700),
        ("0.00", "20.00", -2000),
        (None, "5.00", -500),
        ("5.00", None, 500),
        (None, None, None),
        ("5.00", "-5.00", "sign"),
        ("-5.00", None, "sign"),
        ("5.00", "x", "format"),
        ("1.500", "1.00", "ambiguous"),
        ("1.00", "9" * 20, "too_long"),
        ("1.00", "0.005", "too_precise"),
    ],
)
def test_debit_less_credit(debit: str | None, credit: str | None, expected: int | str | None) -> None:
    (row,) = two_columns.debits_less_credits(column(debit), column(credit), column("ZAR"), MAJOR).rows(
        named=True
    )
    problems = [name for name in (*PROBLEMS, "sign") if row[name]]
    assert (row["minor"], problems) == ((None, [expected]) if isinstance(expected, str) else (expected, []))


@pytest.mark.parametrize(
    ("value", "sign", "expected"),
    [
        ("5.00", "H", -500),
        ("5.00", "C", -500),
        ("5.00", "S", 500),
        ("5.00", None, 500),
        ("5.00", "h", "sign"),
        ("5.00", "X", "sign"),
        ("-5.00", "H", "sign"),
        ("5,00", "H", "ambiguous"),
        (None, "H", None),
        (None, "X", None),
        ("0.00", "H", 0),
    ],
)
def test_a_number_and_its_sign(value: str | None, sign: str | None, expected: int | str | None) -> None:
    (row,) = two_columns.with_sign_column(column(value), column(sign), column("ZAR"), MAJOR, SIGNS).rows(
        named=True
    )
    problems = [name for name in (*PROBLEMS, "sign") if row[name]]
    assert (row["minor"], problems) == ((None, [expected]) if isinstance(expected, str) else (expected, []))
