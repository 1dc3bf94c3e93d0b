"""Amounts without a separator, whose last digits are decimals: exact in every currency, and nothing else is one."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from pipeline.core.values.money import parse_amounts, parse_total
from schemas.feed import AmountFormat

STYLE = AmountFormat(unit="major", implied_decimals=2)


def read(text: str, currency: str = "ZAR", style: AmountFormat = STYLE) -> tuple[int | None, list[str]]:
    """Minor units, and what is wrong."""
    found = parse_amounts(pl.Series([text]), pl.Series([currency]), style).row(0, named=True)
    wrong = [name for name, value in found.items() if value is True]
    return found["minor"], wrong


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("0000123450", "ZAR", 123450),
        ("-0000012345", "ZAR", -12345),
        ("5", "ZAR", 5),
        ("0", "ZAR", 0),
        ("000", "ZAR", 0),
        ("12345", "KWD", 123450),
        ("9999999999999999", "ZAR", 9999999999999999),
    ],
)
def test_the_last_digits_are_decimals(text: str, currency: str, minor: int) -> None:
    assert read(text, currency) == (minor, [])
    assert parse_total(text, currency, STYLE) == minor


@pytest.mark.parametrize(
    "text", ["123.45", "123,45", "1 234", "12.", ".12", "1-2", "", "x", "R", "1.234.567", "12 45 CR"]
)
def test_a_text_with_a_separator_is_not_an_amount(text: str) -> None:
    minor, wrong = read(text)
    assert minor is None
    assert wrong


def test_what_a_spreadsheet_did_to_a_number_is_still_called_so() -> None:
    assert read("1E+5") == (None, ["spreadsheet"])


def test_decimals_that_the_currency_does_not_have_are_never_dropped() -> None:
    assert read("12300", "JPY") == (None, ["ambiguous"])
    assert read("12345", "JPY") == (None, ["too_precise"])
    zeros = STYLE.model_copy(update={"extra_zeros": True})
    assert read("12300", "JPY", zeros) == (123, [])


@pytest.mark.parametrize(
    ("style", "text", "minor"),
    [
        ({"negative": "trailing_minus"}, "12345-", -12345),
        ({"negative": "parentheses"}, "(12345)", -12345),
        ({"negative": "cr"}, "12345 CR", -12345),
        ({"decimal": ","}, "12345", 12345),
        ({"currency_sign": "R"}, "R 12345", 12345),
        ({"currency_sign": "R."}, "R.12345", None),
        ({"currency_sign": "{currency}"}, "ZAR12345", 12345),
    ],
    ids=str,
)
def test_signs_are_those_that_the_feed_declares(style: dict[str, str], text: str, minor: int | None) -> None:
    if minor is None:
        with pytest.raises(ValidationError):
            AmountFormat.model_validate({"unit": "major", "implied_decimals": 2, **style})
        return
    assert read(
        text, "ZAR", AmountFormat.model_validate({"unit": "major", "implied_decimals": 2, **style})
    ) == (minor, [])


@pytest.mark.parametrize(
    "facts", [{"unit": "minor"}, {"unit": "major", "thousands": " "}, {"unit": "major", "float_noise": True}]
)
def test_minor_units_and_thousands_contradict_implied_decimals(facts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="implied_decimals needs unit: major"):
        AmountFormat.model_validate(facts | {"implied_decimals": 2})
