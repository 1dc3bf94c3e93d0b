"""An optional detail that the API would not accept rejects its record, or is left out of it and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.core.file_stages import CheckedFile
from pipeline.run.validate import first_requests
from tests.check.landing import checked, codes, verdicts

NAMES = (
    *("customer_reference", "account_reference", "bill_reference", "currency", "amount_due"),
    *("customer_name", "customer_email", "customer_phone", "account_name"),
    *("metadata.k", "metadata.m", "customer_metadata.k", "account_metadata.k"),
)
GOOD = dict(
    zip(
        NAMES,
        (
            *("C-1", "A-1", "B-1", "ZAR", "1.00", "Ann", "a@b.co", "+27821234567", "House"),
            *("x", "y", "z", "v"),
        ),
        strict=True,
    )
)
FACTS: dict[str, Any] = {"columns": {name: name for name in NAMES}, "bad_details": "leave_out"}


def bill(folder: Path, *rows: dict[str, str], **facts: Any) -> CheckedFile:
    text = "\n".join([",".join(NAMES), *(",".join((GOOD | each).values()) for each in rows)]) + "\n"
    return checked(folder, text, **(FACTS | facts))


def body(file: CheckedFile) -> dict[str, Any]:
    (request,) = first_requests(file, 5)
    return dict(request["body"])


def leaves(stated: Any, path: str = "") -> dict[str, Any]:
    """Every value of a body by its path."""
    if not isinstance(stated, dict):
        return {path: stated}
    return {
        key: value for name, each in stated.items() for key, value in leaves(each, f"{path}/{name}").items()
    }


BAD = [
    ("customer_name", "N" * 256, "customer_name.too_long"),
    ("customer_name", "#REF!", "customer_name.spreadsheet"),
    ("customer_email", "john@", "customer_email.invalid"),
    ("customer_email", "j" * 250 + "@example.com", "customer_email.too_long"),
    ("customer_phone", "08212", "customer_phone.invalid"),
    ("account_name", "N" * 256, "account_name.too_long"),
    ("account_name", "#N/A", "account_name.spreadsheet"),
    ("metadata.k", "x" * 501, "metadata.value_too_long"),
    ("metadata.k", "3.333333333333333E-01", "metadata.spreadsheet"),
    ("customer_metadata.k", "x" * 501, "customer_metadata.value_too_long"),
    ("customer_metadata.k", "#REF!", "customer_metadata.spreadsheet"),
    ("account_metadata.k", "x" * 501, "account_metadata.value_too_long"),
    ("account_metadata.k", "#REF!", "account_metadata.spreadsheet"),
]


@pytest.mark.parametrize(("column", "text", "code"), BAD, ids=[f"{code} of {name}" for name, _, code in BAD])
def test_a_detail_that_would_be_refused_is_left_out_alone_where_the_feed_says_so(
    tmp_path: Path, column: str, text: str, code: str
) -> None:
    assert codes(bill(tmp_path, {column: text}, bad_details="reject")) == [[code]]
    whole = leaves(body(bill(tmp_path, {})))
    file = bill(tmp_path, {column: text})
    assert codes(file) == [[]]
    assert f"{code}: value left out in 1 record (line 2)" in file.notes
    left = leaves(body(file))
    assert left.items() < whole.items()
    assert len(left) == len(whole) - 1


def test_a_key_that_the_api_would_refuse_is_left_out_too(tmp_path: Path) -> None:
    name = f"metadata.{'k' * 41}"
    text = f"customer_reference,bill_reference,currency,amount_due,{name}\nC-1,B-1,ZAR,1.00,x\nC-1,B-2,ZAR,1.00,\n"
    file = checked(tmp_path, text, bad_details="leave_out")
    assert (codes(file), file.notes) == ([[], []], ("metadata.key: value left out in 1 record (line 2)",))


@pytest.mark.parametrize(
    ("column", "text", "code"),
    [
        ("customer_reference", "C 1", "customer_reference.characters"),
        ("bill_reference", "", "bill_reference.missing"),
        ("currency", "RND", "currency.unknown"),
        ("amount_due", "ten", "amount_due.format"),
        ("account_reference", "", "account_name.without_account"),
    ],
)
def test_what_a_bill_needs_still_rejects_it(tmp_path: Path, column: str, text: str, code: str) -> None:
    assert code in codes(bill(tmp_path, {column: text}))[0]


def test_a_bad_name_of_no_account_is_left_out_and_a_good_one_is_a_fault(tmp_path: Path) -> None:
    bare = {"account_reference": "", "account_metadata.k": ""}
    assert codes(bill(tmp_path, bare | {"account_name": "#N/A"})) == [[]]
    assert codes(bill(tmp_path, bare)) == [["account_name.without_account"]]


def test_a_note_counts_records_that_are_sent_and_shows_the_first_lines(tmp_path: Path) -> None:
    rows = [{"bill_reference": f"B-{n}", "customer_email": "x", "metadata.k": "#REF!"} for n in range(7)]
    rows[1] |= {"amount_due": "ten"}
    rows[2] |= {"customer_email": "j" * 300}
    file = bill(tmp_path, *rows)
    assert verdicts(file).count("accepted") == 6
    noted = [note for note in file.notes if "value left out" in note]
    assert noted == [
        "customer_email.too_long: value left out in 1 record (line 4)",
        "customer_email.invalid: value left out in 6 records (lines 2, 4, 5, 6, 7, …)",
        "metadata.spreadsheet: value left out in 6 records (lines 2, 4, 5, 6, 7, …)",
    ]
