"""References arrive as they are stated, to the character; what a feed replaces or joins never makes two into one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.check.landing import BILLS, checked, codes, records, verdicts


def bills(*lines: str, header: str = BILLS) -> str:
    return "\n".join([header, *lines]) + "\n"


@pytest.mark.parametrize(
    "reference",
    ["007", "0", "00000000000000000000", "1E5", "-7", "_", "1_000", "TRUE", "null", "NaN", "0x1F", "1-2"],
)
def test_a_reference_is_text_whatever_it_looks_like(tmp_path: Path, reference: str) -> None:
    [record] = records(checked(tmp_path, bills(f"{reference},{reference},{reference},ZAR,1.00")))
    for name in ("customer_reference", "account_reference", "bill_reference"):
        assert record[name] == reference
    assert record["codes"] == []


def test_declared_characters_are_replaced_and_the_rest_is_still_rejected(tmp_path: Path) -> None:
    replace = {"/": "-", " ": "_", ".": ""}
    file = checked(
        tmp_path, bills("C/1 a,A.1,B/1,ZAR,1.00", "C+2,A-2,B-2,ZAR,1.00"), reference_replace=replace
    )
    first, second = records(file)
    assert (first["customer_reference"], first["account_reference"], first["bill_reference"]) == (
        "C-1_a",
        "A1",
        "B-1",
    )
    assert second["codes"] == ["customer_reference.characters"]
    assert file.notes == (
        "customer_reference: characters replaced in 1 record",
        "account_reference: characters replaced in 1 record",
        "bill_reference: characters replaced in 1 record",
    )


def test_nothing_is_replaced_that_is_not_declared(tmp_path: Path) -> None:
    assert codes(checked(tmp_path, bills("C/1,A-1,B-1,ZAR,1.00"))) == [["customer_reference.characters"]]


def test_two_references_that_become_one_reject_every_record_of_both(tmp_path: Path) -> None:
    lines = [
        "C/1,A-1,B-1,ZAR,1.00",
        "C-1,A-2,B-2,ZAR,1.00",
        "C/1,A-3,B-3,ZAR,1.00",
        "C-9,A-4,B-4,ZAR,1.00",
    ]
    file = checked(tmp_path, bills(*lines), reference_replace={"/": "-"})
    wrong = ["customer_reference.collision"]
    assert codes(file) == [wrong, wrong, wrong, []]


def test_a_collision_counts_also_where_the_amount_of_the_other_cannot_be_read(tmp_path: Path) -> None:
    lines = ["C/1,A-1,B-1,ZAR,ten", "C-1,A-2,B-2,ZAR,1.00"]
    file = checked(tmp_path, bills(*lines), reference_replace={"/": "-"})
    assert codes(file) == [
        ["amount_due.format", "customer_reference.collision"],
        ["customer_reference.collision"],
    ]


def test_the_same_reference_stated_alike_is_no_collision(tmp_path: Path) -> None:
    lines = ["C/1,A/1,B/1,ZAR,1.00", "C/1,A/1,B/2,ZAR,1.00", "C/1,A/1,B/1,ZAR,1.00"]
    file = checked(tmp_path, bills(*lines), reference_replace={"/": "-"})
    assert verdicts(file) == ["accepted", "accepted", "duplicate"]


@pytest.mark.parametrize(
    ("template", "first", "second"),
    [
        ("{branch}{number}", ("1", "23"), ("12", "3")),
        ("{branch}-{number}", ("1-2", "3"), ("1", "2-3")),
        ("{number}x{branch}", ("1", "1x1"), ("1x1", "1")),
    ],
)
def test_a_template_that_makes_one_reference_of_two_joins_no_customers(
    tmp_path: Path, template: str, first: tuple[str, str], second: tuple[str, str]
) -> None:
    columns = {"customer_reference": template, "bill_reference": "bill", "amount_due": "amount"}
    text = "branch,number,bill,amount\n"
    for number, (branch, rest) in enumerate((first, second, ("7", "8"))):
        text += f"{branch},{rest},B-{number},1.00\n"
    file = checked(tmp_path, text, columns=columns, currency="ZAR")
    wrong = ["customer_reference.collision"]
    assert codes(file) == [wrong, wrong, []]


def test_a_part_of_the_file_name_or_a_text_keeps_references_apart_as_they_are(tmp_path: Path) -> None:
    columns = {
        "customer_reference": "policy",
        "bill_reference": "{policy}-{file.date}",
        "amount_due": "amount",
    }
    file = checked(
        tmp_path,
        "policy,amount\nP/1,1.00\nP-2,1.00\n",
        columns=columns,
        currency="ZAR",
        match="x_{date:%Y-%m-%d}.csv",
        name_parts={"date": "2026-11-20"},
        reference_replace={"/": "-"},
    )
    assert [record["bill_reference"] for record in records(file)] == ["P-1-2026-11-20", "P-2-2026-11-20"]
    assert codes(file) == [[], []]


def test_an_identity_number_is_checked_where_its_feed_asks_for_it(tmp_path: Path) -> None:
    header = "id,passport,bill,amount"
    columns = {"customer_reference": ["id", "passport"], "bill_reference": "bill", "amount_due": "amount"}
    good = ("8001015009087", "0002290001086", "")
    wrong_digit = ("8001015009088", "8001015009078")
    no_day = ("8013015009082", "0102290001084")
    bad = (*wrong_digit, *no_day, "800101500908", "80010150090870", "8001O15009087", "٨001015009087")
    lines = [f"{identity},P{number},B-{number},1.00" for number, identity in enumerate([*good, *bad])]
    facts: dict[str, Any] = {"columns": columns, "currency": "ZAR"}
    file = checked(tmp_path, bills(*lines, header=header), checks={"id": ["sa_id"]}, **facts)
    assert ["column.sa_id" in each for each in codes(file)] == [False] * 3 + [True] * 8
    assert records(file)[3]["message"].startswith(
        "column (column id): not a valid South African identity number"
    )
    unchecked = checked(tmp_path, bills(lines[3], header=header), **facts)
    assert codes(unchecked) == [[]]


def test_a_column_that_must_be_checked_and_is_not_there_refuses_the_file(tmp_path: Path) -> None:
    file = checked(tmp_path, bills("C-1,A-1,B-1,ZAR,1.00"), checks={"id_number": ["sa_id"]})
    assert file.refusal is not None
    assert file.refusal.code == "file.missing_column"


def test_a_due_date_before_the_bill_date_is_rejected_or_noted_as_the_feed_says(tmp_path: Path) -> None:
    text = bills("C-1,A-1,B-1,ZAR,1.00,2026-01-31,2026-01-30", header=f"{BILLS},bill_date,due_date")
    assert codes(checked(tmp_path, text)) == [["due_date.before_bill_date"]]
    noted = checked(tmp_path, text, due_before_bill_date="note")
    assert (codes(noted), noted.notes) == ([[]], ("1 record with a due_date before bill_date",))
    same = text.replace("2026-01-30", "2026-01-31")
    assert checked(tmp_path, same, due_before_bill_date="note").notes == ()
