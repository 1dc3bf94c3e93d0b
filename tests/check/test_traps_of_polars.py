"""What a plain call does with a file, silently and wrongly, and what we do with the same file.

Each test asserts both, so that a new version that mends a call is noticed as much as one of ours that breaks.
"""

from __future__ import annotations

import gzip
import io
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import BaseModel, ValidationError

from pipeline.core.money import read_total
from schemas.feed import AmountFormat
from schemas.settings import Api, Limits
from tests.check.landing import BILLS, checked, codes, records, verdicts


def good(number: int, amount: str = "10.00") -> str:
    return f"C-{number},A-{number},B-{number},ZAR,{amount}"


def text(*lines: str, end: str = "\n") -> bytes:
    return end.join([BILLS, *lines, ""]).encode()


def plain(content: bytes, **how: Any) -> pl.DataFrame:
    """As one would write it: all columns as text."""
    return pl.read_csv(io.BytesIO(content), infer_schema=False, **how)


# -- money --


@pytest.mark.parametrize("how", ["to_decimal", "cast"])
def test_a_decimal_is_rounded_without_a_word_and_rejected_here(tmp_path: Path, how: str) -> None:
    column = pl.Series(["1.235", "1.245"])
    naive = column.str.to_decimal(scale=2) if how == "to_decimal" else column.cast(pl.Decimal(20, 2))
    assert all(value.as_tuple().exponent == -2 for value in naive), "the third decimal is gone"
    assert codes(checked(tmp_path, text(good(1, "1.235")))) == [["amount_due.too_precise"]]


@pytest.mark.parametrize(
    ("amount", "code"),
    [("1E+12", "amount_due.spreadsheet"), (".5", "amount_due.format"), ("5.", "amount_due.format")],
)
def test_what_is_no_amount_is_taken_for_one_and_rejected_here(tmp_path: Path, amount: str, code: str) -> None:
    assert pl.Series([amount]).cast(pl.Float64, strict=True).null_count() == 0
    assert codes(checked(tmp_path, text(good(1, amount)))) == [[code]]


def test_a_strict_cast_is_no_gate_for_money(tmp_path: Path) -> None:
    assert pl.Series(["1.235"]).cast(pl.Decimal(20, 2), strict=True).to_list() != [Decimal("1.235")]
    assert verdicts(checked(tmp_path, text(good(1, "1.235")))) == ["rejected"]


def test_a_sum_of_int64_wraps_and_ours_does_not(tmp_path: Path) -> None:
    most = 10**18 - 1
    column = pl.Series([most] * 10, dtype=pl.Int64)
    assert column.sum() != 10 * most
    lines = [f"C-{n},A-{n},ZAR,{most}" for n in range(10)]
    content = "\n".join(["customer_reference,account_reference,currency,balance", *lines, ""])
    file = checked(tmp_path, content, model="account_balance", amount={"unit": "minor"})
    assert sum(file.totals.amounts_minor["ZAR"].values()) == 10 * most > 2**63


# -- structure --


def test_a_short_row_is_padded_with_nulls_and_rejected_here(tmp_path: Path) -> None:
    content = text(good(1), "C-2,A-2,B-2", good(3))
    assert plain(content).row(1) == ("C-2", "A-2", "B-2", None, None)
    assert codes(checked(tmp_path, content)) == [[], ["record.too_few_fields"], []]


def test_a_blank_line_is_a_row_of_nulls_and_a_record_that_is_rejected_here(tmp_path: Path) -> None:
    content = text(good(1), "", good(3))
    assert plain(content).row(1) == (None,) * 5
    file = checked(tmp_path, content)
    assert codes(file) == [[], ["record.blank"], []]
    assert [record["line"] for record in records(file)] == [2, 3, 4]


def test_a_duplicate_column_is_renamed_and_refuses_the_file_here(tmp_path: Path) -> None:
    content = f"{BILLS},amount_due\n{good(1)},20.00\n".encode()
    assert plain(content).columns[-1] == "amount_due_duplicated_0"
    refusal = checked(tmp_path, content).refusal
    assert refusal is not None
    assert refusal.code == "file.duplicate_column"


def test_a_file_of_cr_alone_has_no_rows_and_all_of_them_here(tmp_path: Path) -> None:
    content = text(good(1), good(2), end="\r")
    assert plain(content).height == 0
    assert verdicts(checked(tmp_path, content)) == ["accepted"] * 2


def test_utf_16_is_garbage_and_text_here(tmp_path: Path) -> None:
    content = text(good(1)).decode().encode("utf-16")
    try:
        naive = plain(content, encoding="utf8-lossy").columns
    except pl.exceptions.PolarsError:
        naive = []
    assert naive != BILLS.split(",")
    assert verdicts(checked(tmp_path, content, encoding="utf-16")) == ["accepted"]
    refusal = checked(tmp_path, content).refusal
    assert refusal is not None
    assert (refusal.code, "byte 0" in refusal.message) == ("file.encoding", True)


def test_a_ragged_line_loses_its_end_and_is_rejected_here(tmp_path: Path) -> None:
    content = text(good(1), "C-2,A-2,B-2,ZAR,1,000.00", good(3))
    assert plain(content, truncate_ragged_lines=True)["amount_due"].to_list() == ["10.00", "1", "10.00"]
    assert codes(checked(tmp_path, content)) == [[], ["record.too_many_fields"], []]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"C-2,A-2,B-2,ZAR,1,000.00", "record.too_many_fields"),
        (b"C-2,A-\xff,B-2,ZAR,1.00", "record.undecodable"),
        (b'C-2,"A"2,B-2,ZAR,1.00', "record.stray_quote"),
    ],
)
def test_one_bad_line_kills_the_file_and_is_one_reject_here(tmp_path: Path, line: bytes, code: str) -> None:
    content = text(good(1)) + line + b"\n" + good(3).encode() + b"\n"
    try:
        whole = plain(content)["bill_reference"].to_list() == ["B-1", "B-2", "B-3"] and (
            plain(content)["account_reference"].to_list() == ["A-1", "A-2", "A-3"]
        )
    except pl.exceptions.PolarsError:
        whole = False
    assert not whole
    assert codes(checked(tmp_path, content)) == [[], [code], []]


def test_gzip_behind_a_name_in_csv_is_unpacked_without_bound_and_with_one_here(tmp_path: Path) -> None:
    content = gzip.compress(text(*[good(1)] * 100_000), mtime=0)
    assert plain(content).height == 100_000, "a few KB became megabytes, unasked"
    file = checked(tmp_path, content, limits=Limits(max_decompressed_bytes=1_000_000))
    assert file.refusal is not None
    assert file.refusal.code == "file.archive_too_large"


# -- Python's own --


def test_a_line_end_passes_a_plain_pattern_and_not_our_gate() -> None:
    """Spaces and line ends around a field of a file are taken off before; behind that nothing may slip through."""
    assert re.match(r"^[0-9]+(\.[0-9]+)?$", "10.00\n")
    style = AmountFormat(unit="major")
    assert read_total("10.00", "ZAR", style) == 1000
    assert read_total("10.00\n", "ZAR", style) is None


@pytest.mark.parametrize("amount", ["१०", "10\u0660"])
def test_digits_of_other_scripts_pass_a_plain_pattern_and_not_ours(tmp_path: Path, amount: str) -> None:
    assert re.match(r"^\d+(\.\d+)?$", amount)
    content = text(f'C-1,A-1,B-1,ZAR,"{amount}"')
    assert verdicts(checked(tmp_path, content)) == ["rejected"]


def test_an_int_takes_text_and_true_unless_it_is_strict() -> None:
    class Lax(BaseModel):
        number: int

    assert (Lax(number="12").number, Lax(number=True).number) == (12, 1)  # type: ignore[arg-type]
    for value in ("12", True):
        with pytest.raises(ValidationError):
            Api.model_validate({"base_url": "http://127.0.0.1", "max_attempts": value})


def test_an_error_shows_the_value_and_ours_does_not() -> None:
    class Telling(BaseModel):
        number: int

    with pytest.raises(ValidationError, match="sk_live_of_somebody"):
        Telling(number="sk_live_of_somebody")  # type: ignore[arg-type]
    with pytest.raises(ValidationError) as refused:
        Api.model_validate({"base_url": "http://127.0.0.1", "max_attempts": "sk_live_of_somebody"})
    assert "sk_live" not in str(refused.value)
