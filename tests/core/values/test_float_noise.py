"""Float noise is left out of amounts where the feed says so, and nothing else of an amount ever changes."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from pipeline.core.values import money
from pipeline.core.values.float_noise import without_noise
from schemas.feed import AmountFormat
from tests.check.landing import codes, feed, records
from tests.check.short_bills import SHORT, amounts, short, sound, text_of

NOISY = AmountFormat(unit="major", float_noise=True)


def read(text: str, currency: str = "ZAR", style: AmountFormat = NOISY) -> int | None:
    found = money.parse_amounts(pl.Series([text]), pl.Series([currency]), style)
    minor: int | None = found["minor"].item()
    assert (minor is None) or found.select("format", "ambiguous", "too_precise", "too_long").row(0) == (
        False,
    ) * 4
    return minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("147153.59999999998", "ZAR", 14_715_360),
        ("-147153.59999999998", "ZAR", -14_715_360),
        ("0.30000000000000004", "ZAR", 30),
        ("0.010000000000000002", "ZAR", 1),
        ("99.99999999999999", "ZAR", 10_000),
        ("99.99999999999999", "JPY", 100),
        ("1.1000000000000001", "KWD", 1_100),
        ("1.1000000000000001", "JPY", None),
        ("1.005", "ZAR", None),
        ("1.0050000000000001", "ZAR", None),
        ("1.00499999999999989", "ZAR", None),
        ("28118.40000000001", "ZAR", 2_811_840),
        ("28118.4000000001", "ZAR", None),  # 15 digits are certain
        ("147153.6", "ZAR", 14_715_360),
        ("0.00000000000000001776", "ZAR", None),
        ("1234567890.1200001", "ZAR", 123_456_789_012),
        ("12345678901.2300001", "ZAR", None),  # the 15 certain digits leave no room to tell noise from money
        ("1234567890123.4567", "ZAR", None),
    ],
)
def test_the_first_15_digits_are_the_amount_where_the_currency_can_hold_them(
    text: str, currency: str, minor: int | None
) -> None:
    assert read(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("1 47153,59999999998", None),
        ("147 153,59999999998", {"decimal": ",", "thousands": " "}),
        ("(147153.59999999998)", {"negative": "parentheses"}),
        ("R 147153.59999999998", {"currency_sign": "R"}),
        ("147153.59999999998 ZAR CR", {"currency_sign": "{currency}", "negative": "cr"}),
        ("1,47,153.59999999998", {"thousands": ",", "grouping": "lakh"}),
        ("147153.59999999998", {"extra_zeros": True}),
    ],
)
def test_noise_is_left_out_in_every_style_of_amounts(text: str, style: dict[str, Any] | None) -> None:
    if style is None:
        assert read(text) is None
        return
    found = read(text, style=AmountFormat(unit="major", float_noise=True, **style))
    assert abs(found or 0) == 14_715_360


def test_whatever_arithmetic_a_program_did_the_cents_come_out(tmp_path: Path) -> None:
    chance = random.Random(5)  # noqa: S311
    for _ in range(20_000):
        cents = [chance.randrange(1, 10 ** chance.randrange(2, 10)) for _ in range(chance.randrange(1, 6))]
        total = 0.0
        for each in cents:
            total += each / 100
        text = repr(total)
        if "e" in text:
            continue
        exact = without_noise(text, 2, ".")
        assert Decimal(exact or text) * 100 == sum(cents)


def test_no_amount_of_15_digits_or_fewer_is_touched() -> None:
    chance = random.Random(6)  # noqa: S311
    for _ in range(20_000):
        decimals = chance.randrange(3, 15)
        whole = chance.randrange(10 ** chance.randrange(1, 16 - decimals))
        text = f"{whole}.{chance.randrange(10**decimals):0{decimals}d}"
        if len(text.replace(".", "").lstrip("0")) <= 15:
            assert without_noise(text, 2, ".") is None


def test_a_difference_of_a_thousandth_of_a_cent_is_no_noise() -> None:
    chance = random.Random(7)  # noqa: S311
    for _ in range(20_000):
        text = f"{chance.randrange(10 ** chance.randrange(1, 12))}.{chance.randrange(10**18):018d}"
        exact = without_noise(text, 2, ".")
        if exact is not None:
            assert abs(Decimal(exact) - Decimal(text)) < Decimal("0.00001")


# -- in files --


def test_a_note_counts_amounts_with_noise_and_a_hint_names_the_key_where_it_is_not_declared(
    tmp_path: Path,
) -> None:
    lines = ("C-1,B-1,147153.59999999998", "C-2,B-2,1.00", "C-3,B-3,1.005", "C 4,B-4,0.30000000000000004")
    plain = short(tmp_path, text_of(*lines))
    assert codes(plain)[0] == ["amount_due.too_precise"]
    assert "feed.amount.float_noise: true" in records(plain)[0]["message"]
    assert "float_noise" not in records(plain)[2]["message"]
    file = short(tmp_path, text_of(*lines), amount={"unit": "major", "float_noise": True})
    assert amounts(file) == [14_715_360, 100, None, 30]
    assert codes(file) == [[], [], ["amount_due.too_precise"], ["customer_reference.characters"]]
    assert "amount_due: float noise left out in 1 record (line 2)" in file.notes


def test_noise_is_left_out_of_numbers_of_objects_and_of_debits_and_credits(tmp_path: Path) -> None:
    facts: dict[str, Any] = {"amount": {"unit": "major", "decimal": ",", "float_noise": True}}
    assert amounts(short(tmp_path, '{"c": "C", "b": "B", "a": 0.30000000000000004}\n', **facts)) == [30]
    columns = SHORT["columns"] | {"amount_due": {"debit": "d", "credit": "k"}}
    text = "c;b;d;k\nC;B;5,301;0,30000000000000004\nC;B-2;5,3000000000000007;0,3\n"
    file = short(tmp_path, text, delimiter=";", columns=columns, **facts)
    assert codes(file) == [["amount_due.too_precise"], []]
    assert amounts(file)[1] == 500
    assert "amount_due: float noise left out in 1 record (line 3)" in file.notes


def test_a_declared_sum_may_have_noise_too(tmp_path: Path) -> None:
    control = {"kind": "trailer", "marker": "T", "records": 2, "sums": [{"field": 3, "currency": "ZAR"}]}
    text = text_of("C-1,B-1,0.10", "C-2,B-2,0.20", "T,2,0.30000000000000004")
    noisy = {"unit": "major", "float_noise": True}
    assert sound(short(tmp_path, text, control=control, amount=noisy))
    assert short(tmp_path, text, control=control).refusal is not None
    wrong = text.replace("0.3000000", "0.3100000")
    assert short(tmp_path, wrong, control=control, amount=noisy).refusal is not None


def test_minor_units_have_no_noise() -> None:
    with pytest.raises(ValidationError, match="leave float_noise out"):
        feed(amount={"unit": "minor", "float_noise": True})
