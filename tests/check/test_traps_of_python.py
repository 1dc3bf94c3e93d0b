"""What Python's `re` and pydantic take for good without a word, and what becomes of it here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from pipeline.core.mapping.file_names import match_name
from schemas.settings import Limits
from tests.check.landing import checked, codes, feed, records
from tests.check.test_structure_of_files import rows

ARABIC_TEN = "١٠"
SECRET = "sk_test_4242"


class Naive(BaseModel):
    count: int


@pytest.mark.parametrize("digits", [ARABIC_TEN, "१०", "１０"])
def test_digits_of_other_scripts_are_no_amount_where_re_and_int_read_them(
    tmp_path: Path, digits: str
) -> None:
    assert re.fullmatch(r"\d+", digits)
    assert int(digits) == 10
    file = checked(tmp_path, rows("C-1,A-1,B-1,ZAR,10", f"C-1,A-1,B-2,ZAR,{digits}"))
    assert codes(file) == [[], ["amount_due.format"]]
    assert [each["amount_minor"] for each in records(file)] == [1000, None]


def test_digits_of_other_scripts_are_no_date(tmp_path: Path) -> None:
    date = f"2030-01-{ARABIC_TEN}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)
    header = "customer_reference,account_reference,bill_reference,currency,amount_due,due_date"
    file = checked(
        tmp_path, rows("C-1,A-1,B-1,ZAR,10,2030-01-10", f"C-1,A-1,B-2,ZAR,10,{date}", header=header)
    )
    assert codes(file) == [[], ["due_date.format"]]


def test_a_line_break_behind_a_value_is_no_part_of_it_where_re_lets_it_pass(tmp_path: Path) -> None:
    """Around a value it is stripped; inside one it is a character that no reference and no amount has."""
    assert re.match(r"^[0-9.]+$", "10.00\n")
    assert re.match(r"^[A-Z0-9-]+$", "B-2\n")
    lines = ['C-1,A-1,"B-2\n",ZAR,"10.00\n"', 'C-1,A-1,"B-\n3",ZAR,10.00', 'C-1,A-1,B-4,ZAR,"10.0\n0"']
    file = checked(tmp_path, rows(*lines))
    assert [(each["line"], each["codes"], each["amount_minor"]) for each in records(file)] == [
        (2, [], 1000),
        (5, ["bill_reference.characters"], 1000),
        (7, ["amount_due.format"], None),
    ]
    assert records(file)[0]["bill_reference"] == "B-2"


def test_a_name_that_ends_in_a_line_break_fits_no_feed_where_re_takes_it() -> None:
    assert re.match(r"^[a-z]+_[0-9-]+\.csv$", "bills_2030-01-01.csv\n")
    dated = feed(match="bills_{date:%Y-%m-%d}.csv")
    assert match_name("bills_2030-01-01.csv", [dated]) is not None
    for name in ("bills_2030-01-01.csv\n", f"bills_2030-01-{ARABIC_TEN}.csv"):
        assert match_name(name, [dated]) is None


@pytest.mark.parametrize("value", ["12", True, 12.0])
def test_a_setting_of_another_type_is_a_mistake_where_pydantic_converts_it(value: object) -> None:
    assert Naive.model_validate({"count": value}).count in (12, 1)
    with pytest.raises(ValidationError, match="valid integer"):
        Limits.model_validate({"max_records": value})


def test_a_value_that_does_not_fit_is_not_repeated_where_pydantic_prints_it() -> None:
    with pytest.raises(ValidationError) as naive:
        Naive.model_validate({"count": SECRET})
    assert SECRET in str(naive.value)
    with pytest.raises(ValidationError) as ours:
        Limits.model_validate({"max_records": SECRET})
    assert "max_records" in str(ours.value)
    assert SECRET not in str(ours.value)
