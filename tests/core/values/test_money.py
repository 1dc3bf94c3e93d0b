"""Amounts are exact or rejected; `decimal.Decimal` is the independent judge."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.values import money
from pipeline.core.values.amount_text import exponents
from schemas.feed import AmountFormat
from tests.seeds import drawn

EXPONENTS = {"JPY": 0, "ZAR": 2, "KWD": 3, "CLF": 4}
MAJOR = AmountFormat(unit="major")


def read(
    texts: Sequence[str | None], currencies: Sequence[str | None], style: AmountFormat
) -> list[dict[str, Any]]:
    reading = money.parse_amounts(
        pl.Series(texts, dtype=pl.String), pl.Series(currencies, dtype=pl.String), style
    )
    names = ("minor", "format", "ambiguous", "spreadsheet", "too_precise", "too_long")
    return reading.select(names).rows(named=True)


def one(text: str, currency: str = "ZAR", **style: Any) -> int | str:
    """The amount, or the name of the one fault."""
    row = read([text], [currency], AmountFormat(**{"unit": "major", **style}))[0]
    faults = [name for name, value in row.items() if name != "minor" and value]
    if row["minor"] is None:
        assert len(faults) == 1, faults
        return faults[0]
    assert faults == []
    return int(row["minor"])


def exact_minor(text: str, exponent: int) -> int | None:
    """What the amount is by decimal arithmetic; None where the text is no plain decimal, not exact, or has more
    decimals than its currency, zeros included."""
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text, re.ASCII) or len(text.partition(".")[2]) > exponent:
        return None
    scaled = Decimal(text).scaleb(exponent)
    return int(scaled) if scaled == scaled.to_integral_value() and abs(scaled) < 10**18 else None


def random_amount(chance: random.Random) -> str:
    whole = str(chance.randrange(10 ** chance.choice([1, 2, 4, 8, 15, 17])))
    decimals = "".join(chance.choice("0123456789") for _ in range(chance.randrange(7)))
    text = f"{chance.choice(['', '', '-', '0', '00'])}{whole}{'.' + decimals if decimals else ''}"
    if chance.random() < 0.15:
        place = chance.randrange(len(text) + 1)
        text = text[:place] + chance.choice(list(".,-+ eE'٣３\n\t\u00a0")) + text[place:]
    return text


@pytest.mark.slow
def test_a_hundred_thousand_random_amounts_are_equal_to_decimal_arithmetic_or_rejected() -> None:
    chance = drawn()
    texts = [random_amount(chance) for _ in range(100_000)]
    currencies = [chance.choice(list(EXPONENTS)) for _ in texts]
    accepted = 0
    for text, currency, row in zip(texts, currencies, read(texts, currencies, MAJOR), strict=True):
        expected = exact_minor(text, EXPONENTS[currency])
        assert row["minor"] == expected, (text, currency)
        faults = [name for name, value in row.items() if name != "minor" and value]
        assert len(faults) == (expected is None), (text, currency, faults)
        accepted += expected is not None
    assert accepted > 20_000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(alphabet="0123456789.,-+eE ()CRD'\u00a0\u0660\uff11\n", max_size=24), min_size=1, max_size=50
    )
)
def test_no_text_whatsoever_becomes_another_amount(texts: list[str]) -> None:
    for text, row in zip(texts, read(list(texts), ["KWD"] * len(texts), MAJOR), strict=True):
        assert row["minor"] == exact_minor(text, 3)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-(10**17), 10**17), min_size=1, max_size=30),
    st.sampled_from(["leading_minus", "trailing_minus", "parentheses", "cr", "unicode_minus"]),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (",", "\u00a0"), (".", None)]),
)
def test_every_declared_style_is_read_back_to_the_cent(
    cents: list[int], negative: str, separators: tuple[str, str | None]
) -> None:
    decimal, thousands = separators
    written = []
    for amount in cents:
        whole, rest = divmod(abs(amount), 100)
        grouped = f"{whole:,}".replace(",", thousands or "")
        number = f"{grouped}{decimal}{rest:02d}"
        credit = {
            "leading_minus": f"-{number}",
            "trailing_minus": f"{number}-",
            "parentheses": f"({number})",
            "cr": f"{number} CR",
            "unicode_minus": f"\u2212{number}",
        }
        written.append(credit[negative] if amount < 0 else number)
    style = AmountFormat.model_validate(
        {"unit": "major", "decimal": decimal, "thousands": thousands, "negative": negative}
    )
    rows = read(list(written), ["ZAR"] * len(written), style)
    assert [row["minor"] for row in rows] == cents


@pytest.mark.parametrize(
    ("text", "currency", "expected"),
    [
        ("240.00", "ZAR", 24000),
        ("1.230", "ZAR", "ambiguous"),
        ("1.500", "ZAR", "ambiguous"),
        ("12.0000", "ZAR", "ambiguous"),
        ("1.500", "KWD", 1500),
        ("1.5000", "KWD", "ambiguous"),
        ("1.235", "ZAR", "too_precise"),
        ("1.235", "KWD", 1235),
        ("100", "JPY", 100),
        ("100.0", "JPY", "ambiguous"),
        ("100.5", "JPY", "too_precise"),
        ("0.0001", "CLF", 1),
        ("-0.00", "ZAR", 0),
        (".5", "ZAR", "format"),
        ("5.", "ZAR", "format"),
        ("+5", "ZAR", "format"),
        ("1e3", "ZAR", "spreadsheet"),
        ("1.2E+09", "ZAR", "spreadsheet"),
        ("########", "ZAR", "spreadsheet"),
        ("#VALUE!", "ZAR", "spreadsheet"),
        ("1,234", "ZAR", "ambiguous"),
        ("1 234.50", "ZAR", "ambiguous"),
        ("1.234.567", "ZAR", "ambiguous"),
        ("５", "ZAR", "format"),
        ("٣", "ZAR", "format"),
        ("R 5.00", "ZAR", "format"),
        ("9999999999999999.99", "ZAR", 999999999999999999),
        ("10000000000000000.00", "ZAR", "too_long"),
        ("1" * 400, "ZAR", "too_long"),
        ("1." + "0" * 400, "ZAR", "ambiguous"),
    ],
)
def test_amounts_in_major_units(text: str, currency: str, expected: int | str) -> None:
    assert one(text, currency) == expected


def test_zeros_beyond_the_decimals_of_a_currency_are_read_where_the_feed_says_so() -> None:
    for text, currency in (("1.500", "ZAR"), ("1.5000", "ZAR"), ("1.50000", "KWD"), ("1.0", "JPY")):
        assert one(text, currency) == "ambiguous"
        assert one(text, currency, extra_zeros=True) == int(Decimal(text).scaleb(EXPONENTS[currency]))
    assert one("1.505", extra_zeros=True) == "too_precise"
    assert one("1,500", decimal=",") == "ambiguous"
    assert one("1,500", decimal=",", extra_zeros=True) == 150
    assert one("1." + "0" * 400, extra_zeros=True) == 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234", 123400),
        ("1,234,567.8", 123456780),
        ("1234", 123400),
        ("12,34", "ambiguous"),
        ("1,2345", "ambiguous"),
        ("1234,567", "ambiguous"),
        (",123", "format"),
        ("1,234,", "format"),
    ],
)
def test_thousands_are_exact_groups_of_three(text: str, expected: int | str) -> None:
    assert one(text, thousands=",") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("24000", 24000), ("-5", -5), ("240.00", "ambiguous"), ("1 000", "ambiguous"), ("007", 7)],
)
def test_minor_units_are_digits_only(text: str, expected: int | str) -> None:
    assert one(text, unit="minor") == expected


def test_an_unknown_currency_leaves_a_major_amount_unread_without_blaming_the_amount() -> None:
    row = read(["1.00"], ["XXX"], MAJOR)[0]
    assert row["minor"] is None
    assert not any(row[name] for name in ("format", "ambiguous", "too_precise", "too_long"))


def test_an_absent_amount_is_no_fault_of_form() -> None:
    assert not any(read([None], ["ZAR"], MAJOR)[0].values())


def test_polars_own_decimal_parsing_rounds_and_so_is_not_used() -> None:
    naive = pl.Series(["1.235"]).str.to_decimal(scale=2)
    assert str(naive[0]) != "1.235"
    assert one("1.235") == "too_precise"


def test_exponents_are_those_of_iso_4217() -> None:
    table = exponents()
    assert {code: table[code] for code in EXPONENTS} == EXPONENTS
    assert "XAU" not in table
    assert "XXX" not in table
    assert set(table.values()) <= {0, 2, 3, 4}
