"""What polars does to a bill file without a word, and what becomes of the same file here.

Each test first shows the naive call going wrong with the installed version (polars 2.1), so that it tells when the
trap is gone, and then checks a real file with the same text. Content that is packed behind another name stands in
`test_packed_files.py`.
"""

from __future__ import annotations

import gzip
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.core.file_stages import CheckedFile
from tests.check.landing import BILLS, checked, codes, records, verdicts

MONEY = pl.Decimal(18, 2)
GOOD = "C-1,A-1,B-{},ZAR,10.00"


def naive(content: str | bytes, **options: Any) -> pl.DataFrame:
    raw = content.encode() if isinstance(content, str) else content
    return pl.read_csv(io.BytesIO(raw), **options)


def rows(*lines: str, header: str = BILLS, end: str = "\n") -> str:
    return end.join([header, *lines, ""])


def outcome(file: CheckedFile) -> list[tuple[int, str, list[str], int | None]]:
    """Line, verdict, codes and minor units of each record."""
    return [(each["line"], each["verdict"], each["codes"], each["amount_minor"]) for each in records(file)]


# -- money --

GUESSED = [
    ("1.235", "1.24", "amount_due.too_precise"),
    ("1.005", "1.00", "amount_due.too_precise"),
    ("1E+12", "1000000000000.00", "amount_due.spreadsheet"),
    (".5", "0.50", "amount_due.format"),
    ("5.", "5.00", "amount_due.format"),
]


@pytest.mark.parametrize(("text", "guess", "code"), GUESSED)
def test_an_amount_is_rejected_where_polars_rounds_or_guesses_it(
    tmp_path: Path, text: str, guess: str, code: str
) -> None:
    """A strict cast, `str.to_decimal` and a CSV schema agree on the same wrong amount; halves go to the even cent."""
    assert pl.Series([text]).cast(MONEY, strict=True).item() == Decimal(guess)
    assert pl.Series([text]).str.to_decimal(scale=2).item() == Decimal(guess)
    assert naive(f"a\n{text}\n", schema={"a": MONEY}).item() == Decimal(guess)
    file = checked(tmp_path, rows(GOOD.format(1), f"C-1,A-1,B-2,ZAR,{text}", GOOD.format(3)))
    assert outcome(file) == [
        (2, "accepted", [], 1000),
        (3, "rejected", [code], None),
        (4, "accepted", [], 1000),
    ]
    assert file.totals.amount_unreadable == 1


def test_a_total_beyond_64_bits_is_exact_where_polars_sum_wraps(tmp_path: Path) -> None:
    largest = 2**63 - 1
    assert pl.Series([largest, 1]).sum() == -(2**63)
    grouped = pl.DataFrame({"key": [1, 1], "amount": [largest, 1]}).group_by("key").agg(pl.sum("amount"))
    assert grouped["amount"].item() == -(2**63)
    header = "customer_reference,account_reference,currency,balance"
    owed = "9999999999999999.99"
    lines = [f"C-{number},A-{number},ZAR,{owed}" for number in range(20)]
    file = checked(tmp_path, rows(*lines, header=header), model="account_balance")
    amounts = [each["amount_minor"] for each in records(file)]
    assert amounts == [10**18 - 1] * 20
    assert pl.Series(amounts).sum() < 20 * (10**18 - 1)
    assert sum(file.totals.amounts_minor["ZAR"].values()) == 20 * (10**18 - 1)


def test_references_keep_their_zeros_and_digits_where_polars_infers_numbers(tmp_path: Path) -> None:
    lines = ("007,0001,00012345678901234567,ZAR,10.10", "7,1,12345678901234567,ZAR,10.10")
    text = rows(*lines)
    assert naive(text)["customer_reference"].to_list() == [7, 7]
    assert naive(text)["amount_due"].dtype == pl.Float64
    file = checked(tmp_path, text)
    assert [each["customer_reference"] for each in records(file)] == ["007", "7"]
    assert [each["bill_reference"] for each in records(file)] == [
        "00012345678901234567",
        "12345678901234567",
    ]
    assert verdicts(file) == ["accepted", "accepted"]


# -- the structure of a file --


def test_a_short_row_is_rejected_where_polars_fills_it_up(tmp_path: Path) -> None:
    text = rows(GOOD.format(1), "C-1,A-1,B-2,ZAR", GOOD.format(3))
    assert naive(text).row(1) == ("C-1", "A-1", "B-2", "ZAR", None)
    assert outcome(checked(tmp_path, text))[1] == (3, "rejected", ["record.too_few_fields"], None)


def test_a_blank_line_is_rejected_where_polars_reads_nulls(tmp_path: Path) -> None:
    text = rows(GOOD.format(1), "", GOOD.format(3))
    assert naive(text).row(1) == (None,) * 5
    assert outcome(checked(tmp_path, text))[1] == (3, "rejected", ["record.blank"], None)


def test_two_columns_of_one_name_refuse_the_file_where_polars_renames_one(tmp_path: Path) -> None:
    text = rows(GOOD.format(1) + ",99.00", header=f"{BILLS},amount_due")
    assert naive(text).columns[-2:] == ["amount_due", "amount_due_duplicated_0"]
    assert refusal(checked(tmp_path, text)) == "file.duplicate_column"


def test_a_file_of_cr_alone_has_its_records_where_polars_finds_none(tmp_path: Path) -> None:
    text = rows(GOOD.format(1), GOOD.format(2), end="\r")
    assert naive(text).height == 0
    assert outcome(checked(tmp_path, text)) == [(2, "accepted", [], 1000), (3, "accepted", [], 1000)]


def test_utf_16_is_read_or_refused_where_polars_reads_garbage(tmp_path: Path) -> None:
    raw = rows(GOOD.format(1)).encode("utf-16")
    garbage = naive(raw)
    assert "customer_reference" not in garbage.columns
    assert (garbage.height, garbage.item(0, 0)) == (2, "\0C\0-\0001\0")
    assert outcome(checked(tmp_path, raw, encoding="utf-16")) == [(2, "accepted", [], 1000)]
    assert refusal(checked(tmp_path, raw)) == "file.encoding"


def test_a_long_row_is_rejected_where_polars_loses_the_file_or_the_rest_of_the_row(tmp_path: Path) -> None:
    text = rows(GOOD.format(1), "C-1,A-1,B-2,ZAR,1,250.75", GOOD.format(3))
    with pytest.raises(pl.exceptions.ComputeError, match="more fields"):
        naive(text)
    cut = naive(text, truncate_ragged_lines=True, infer_schema=False)
    assert cut.row(1) == ("C-1", "A-1", "B-2", "ZAR", "1")  # a bill of 1.00 in place of 1 250.75
    file = checked(tmp_path, text)
    assert outcome(file)[1] == (3, "rejected", ["record.too_many_fields"], None)
    assert verdicts(file) == ["accepted", "rejected", "accepted"]


def test_a_bad_byte_rejects_its_record_where_polars_loses_the_file_or_the_character(tmp_path: Path) -> None:
    raw = rows(*(GOOD.format(number) for number in (1, 2, 3))).encode().replace(b"B-2", b"B-\xe9")
    with pytest.raises(pl.exceptions.ComputeError, match="utf-8"):
        naive(raw)
    assert naive(raw, encoding="utf8-lossy")["bill_reference"].to_list()[1] == "B-\ufffd"
    assert outcome(checked(tmp_path, raw))[1] == (3, "rejected", ["record.undecodable"], None)


@pytest.mark.parametrize(
    ("field", "code"),
    [('"A-1"x', "record.stray_quote"), ('A"1', "record.stray_quote"), ('"A-1', "record.open_quote")],
)
def test_a_quote_out_of_place_rejects_its_record_where_polars_loses_the_file(
    tmp_path: Path, field: str, code: str
) -> None:
    lines = [GOOD.format(1), f"C-1,{field},B-2,ZAR,10.00", GOOD.format(3)]
    with pytest.raises(pl.exceptions.ComputeError):
        naive(rows(*lines), infer_schema=False)
    file = checked(tmp_path, rows(*lines))
    assert outcome(file)[1] == (3, "rejected", [code], None)
    assert verdicts(file) == ["accepted", "rejected", "accepted"]


def test_an_unreadable_amount_is_rejected_where_ignored_errors_make_it_nothing(tmp_path: Path) -> None:
    text = rows(GOOD.format(1), "C-1,A-1,B-2,ZAR,ten")
    assert naive(text, ignore_errors=True, schema_overrides={"amount_due": MONEY})["amount_due"][1] is None
    assert codes(checked(tmp_path, text)) == [[], ["amount_due.format"]]


def test_what_is_packed_behind_a_csv_name_has_its_bound_where_polars_unpacks_all_of_it(
    tmp_path: Path,
) -> None:
    packed = gzip.compress(rows(*(GOOD.format(7) for _ in range(100_000))).encode())
    (tmp_path / "bills.csv").write_bytes(packed)
    unpacked = pl.read_csv(tmp_path / "bills.csv")
    assert unpacked.height == 100_000
    assert unpacked.estimated_size() > 200 * len(packed)
    assert refusal(checked(tmp_path, packed)) == "file.archive_too_large"


def refusal(file: CheckedFile) -> str:
    assert file.refusal is not None
    return file.refusal.code
