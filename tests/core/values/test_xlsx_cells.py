"""A spreadsheet's numbers and dates as text: nothing is rounded, and what a spreadsheet has damaged shows it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.values.xlsx_cells import date_text, is_date_format, number_text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("240", "240"),
        ("240.01", "240.01"),
        ("240.00999999999999", "240.01"),
        ("0.10000000000000001", "0.1"),
        ("1.23456789E7", "12345678.9"),
        ("5E-2", "0.05"),
        ("2.4001E+2", "240.01"),
        ("-0.5", "-0.5"),
        ("-0", "0"),
        ("007", "7"),
        ("1.50", "1.5"),
        ("10", "10"),
        ("1000000", "1000000"),
        ("999999999999999", "999999999999999"),
        ("0.123456789012345", "0.123456789012345"),
        ("99999999999999.906", "99999999999999.9"),
    ],
)
def test_a_number_is_the_shortest_text_of_the_same_double(raw: str, text: str) -> None:
    assert number_text(raw, ".") == text
    assert number_text(raw, ",") == text.replace(".", ",")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("1234567890123456", "1.234567890123456E+15"),
        ("1000000000000000", "1.0E+15"),
        ("8.50102E+18", "8.50102E+18"),
        ("-1E+300", "-1.0E+300"),
        ("0.33333333333333331", "3.333333333333333E-01"),
        ("0.30000000000000004", "3.0000000000000004E-01"),
        ("1E-16", "1.0E-16"),
        # No double is written with so many digits: whoever wrote it meant every one of them.
        ("240.010000000000000001", "2.4001E+02"),
        ("900719925474099.01", "9.00719925474099E+14"),  # no double has this cent
        ("99999999999999.91", "9.99999999999999E+13"),
        ("100.00000000000001", "1.0000000000000001E+02"),
    ],
)
def test_a_number_beyond_15_digits_shows_that_it_was_damaged(raw: str, text: str) -> None:
    assert number_text(raw, ".") == number_text(raw, ",") == text


@pytest.mark.parametrize(
    "raw", ["abc", "", "1,5", "INF", "NaN", "1e9999", "0x10", "٣", "1 0", "12345678901234567890e999"]
)
def test_what_is_no_number_is_told_as_an_error_cell(raw: str) -> None:
    assert number_text(raw, ".") == "#NUM!"


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 6))
def test_every_amount_of_15_digits_comes_through_a_double_unaltered(units: int, decimals: int) -> None:
    amount = Decimal(units).scaleb(-decimals)
    assert Decimal(number_text(repr(float(amount)), ".")) == amount


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("46346", "2026-11-20"),
        ("46346.5", "2026-11-20T12:00:00"),
        ("46345.999999999", "2026-11-20"),
        ("61", "1900-03-01"),
        ("60", "#NUM!"),
        ("0.75", "18:00:00"),
        ("2958465", "9999-12-31"),
        ("2958466", "#NUM!"),
        ("2958465.999999999", "#NUM!"),
        ("1e400", "#NUM!"),
        ("46_346", "#NUM!"),
        ("٤٦٣٤٦", "#NUM!"),
        ("-1", "#NUM!"),
        ("nan", "#NUM!"),
        ("x", "#NUM!"),
    ],
)
def test_a_day_number_is_a_day(raw: str, text: str) -> None:
    assert date_text(raw, since_1904=False, formats=("%d/%m/%Y", "%Y-%m-%d")) == text


def test_a_day_is_written_as_the_feed_reads_it_and_counted_as_the_workbook_counts() -> None:
    assert date_text("46346", since_1904=False, formats=("%d/%m/%Y",)) == "20/11/2026"
    assert date_text("44884", since_1904=True, formats=("%Y-%m-%d",)) == "2026-11-20"


@pytest.mark.parametrize(
    ("number", "code", "is_date"),
    [
        (0, None, False),
        (14, None, True),
        (22, None, True),
        (10, None, False),
        (49, None, False),
        (164, "yyyy-mm-dd", True),
        (164, "[h]:mm", True),
        (164, "[$-409]d mmm yyyy;@", True),
        (164, "General", False),
        (164, "0.00E+00", False),
        (164, '#,##0.00 "days"', False),
        (164, "[Red]-#,##0.00", False),
        (164, "[$R-1C09] #,##0.00", False),
        (164, r"\d0", False),
        (164, "_d0*y", False),
    ],
)
def test_a_date_format_shows_dates(number: int, code: str | None, is_date: bool) -> None:
    assert is_date_format(number, code) == is_date
