"""Columns as programs write them: names with other accents or case, currencies as signs, dates that are counted."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.core.mapping.feed_validation import feed_problems
from tests.check.landing import codes, feed, records, verdicts
from tests.check.short_bills import (
    ROWS,
    SHORT,
    amounts,
    refused,
    sent_back,
    sent_bodies,
    short,
    sound,
    text_of,
)
from tests.check.workbooks import row, sheet, workbook

NFC, NFD = (unicodedata.normalize(form, "montanté") for form in ("NFC", "NFD"))
LOOSE: dict[str, Any] = {"header_match": "loose"}


# -- names --


@pytest.mark.parametrize(("in_file", "in_feed"), [(NFD, NFC), (NFC, NFD)], ids=["in the file", "in the feed"])
@pytest.mark.parametrize("kind", ["csv", "ndjson", "xlsx"])
def test_accents_are_the_same_however_they_are_composed(
    tmp_path: Path, in_file: str, in_feed: str, kind: str
) -> None:
    contents = {
        "csv": f'c,b,{in_file}\nC-1,B-1,"10,50"\n'.encode(),
        "ndjson": b'{"c": "C-1", "b": "B-1", "%s": 10.50}\n' % in_file.encode(),
        "xlsx": workbook(sheet(row("c", "b", in_file), row("C-1", "B-1", "10,50"))),
    }
    facts: dict[str, Any] = {
        "columns": SHORT["columns"] | {"amount_due": in_feed},
        "amount": {"unit": "major", "decimal": ","},
    }
    file = short(tmp_path, contents[kind], **facts)
    assert sound(file)
    assert amounts(file) == [1050]


def test_two_columns_that_differ_by_how_their_accents_are_composed_are_one_name_twice(tmp_path: Path) -> None:
    columns = SHORT["columns"] | {"amount_due": NFC}
    text = f"c,b,{NFC},{NFD}\nC-1,B-1,1.00,2.00\n"
    assert refused(short(tmp_path, text, columns=columns))[0] == "file.duplicate_column"
    kept = short(tmp_path, f"c,b,a,{NFC},{NFD}\nC-1,B-1,1.00,2.00,3.00\n", unmapped="metadata")
    assert sent_bodies(kept)[0]["metadata"] == {NFC: "2.00", NFD: "3.00"}


@pytest.mark.parametrize("names", ["C,B,A", " c , B,A ", "C,b,a"])
def test_case_matters_unless_the_feed_says_that_it_does_not(tmp_path: Path, names: str) -> None:
    text = text_of(*ROWS, header=names)
    assert refused(short(tmp_path, text))[0] == "file.missing_column"
    assert amounts(short(tmp_path, text, **LOOSE)) == [1000, 1100]
    above = text_of("c,b", header="title") + text
    assert amounts(
        short(tmp_path, text_of(text, header="title"), header={"starts_with": [" C"]}, **LOOSE)
    ) == [
        1000,
        1100,
    ], above


def test_loose_names_are_found_by_every_key_that_names_a_column(tmp_path: Path) -> None:
    facts: dict[str, Any] = {
        "columns": {"customer_reference": "KUNDE", "bill_reference": "{Nr}-{LAND}", "amount_due": "Straße"},
        "where": {"STATUS": "open"},
        "checks": {"Id": ["sa_id"]},
        "control": {
            "kind": "trailer",
            "marker": "T",
            "records": 2,
            "sums": [{"field": 3, "currency": "ZAR"}],
            "hash_total": {"column": "NR", "digits": 4, "field": 4},
        },
    }
    text = "kunde,nr,land,STRASSE,status,ID\nC-1,0007,ZA,10.00,open,8501015800088\nT,1,10.00,7\n"
    file = short(tmp_path, text, **facts, **LOOSE)
    assert file.refusal is None
    assert [record["bill_reference"] for record in records(file)] == ["0007-ZA"]
    assert not any("ignored" in note for note in file.notes)


def test_canonical_names_may_be_in_capitals_too(tmp_path: Path) -> None:
    text = "CUSTOMER_REFERENCE,Bill_Reference,Amount_Due,Status\nC-1,B-1,10.00,x\n"
    file = short(tmp_path, text, columns=None, **LOOSE)
    assert amounts(file) == [1000]
    assert "columns ignored: Status" in file.notes


def test_two_columns_that_differ_by_case_are_refused_where_the_feed_reads_that_name(tmp_path: Path) -> None:
    text = "c,b,a,A,x,X\nC-1,B-1,10.00,20.00,1,2\n"
    assert amounts(short(tmp_path, text)) == [1000]
    code, message = refused(short(tmp_path, text, **LOOSE))
    assert (code, "columns 3 and 4" in message) == ("file.duplicate_column", True)
    assert amounts(short(tmp_path, text.replace("a,A", "a,z"), **LOOSE)) == [1000]


def test_rejects_of_a_file_with_loose_names_come_back(tmp_path: Path) -> None:
    file = short(tmp_path, text_of("C-1,B-1,1O", header="C,B,A"), **LOOSE)
    assert codes(file) == [["amount_due.format"]]
    assert amounts(sent_back(tmp_path, file, ("1O", "10"), **LOOSE)) == [1000]


# -- separators by name --


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("space", " "),
        ("U+00A0", "\u00a0"),
        ("u+202f", "\u202f"),
        ("U+2019", "\u2019"),
        ("'", "'"),
        (" ", " "),
    ],
)
def test_separators_are_taken_by_the_names_that_the_documentation_has(
    tmp_path: Path, name: str, mark: str
) -> None:
    amount = {"unit": "major", "decimal": ",", "thousands": name}
    assert feed(amount=amount) == feed(amount=amount | {"thousands": mark})
    assert amounts(short(tmp_path, f"c;b;a\nC1;B1;1{mark}234,50\n", amount=amount, delimiter=";")) == [123450]


@pytest.mark.parametrize("thousands", ["U+2009", "comma", "", 1])
def test_another_separator_is_a_mistake_that_names_those_there_are(thousands: Any) -> None:
    with pytest.raises(ValidationError, match=r"thousands is one of space, U\+00A0|Input should be"):
        feed(amount={"unit": "major", "thousands": thousands})


# -- currencies --


def test_a_currency_is_what_the_feed_says_its_text_means(tmp_path: Path) -> None:
    facts: dict[str, Any] = {
        "columns": SHORT["columns"] | {"currency": "cur"},
        "currency_map": {"R": "ZAR", " € ": "EUR", "usd": "USD", "¥": "JPY"},
    }
    lines = [
        f"C-{n},B-{n},5.00,{text}" for n, text in enumerate(("R", "€", "usd", "USD", "", "r", "ZAR", "¥"))
    ]
    file = short(tmp_path, text_of(*lines, header="c,b,a,cur"), **facts)
    found = [record["currency"] for record in records(file)]
    assert found == ["ZAR", "EUR", "USD", "USD", "ZAR", "r", "ZAR", "JPY"]
    assert codes(file)[5:] == [["currency.unknown"], [], ["amount_due.ambiguous"]]
    assert codes(file)[:5] == [[]] * 5


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"R": "ZZR"}, "currency_map: ZZR is not a recognised currency code"),
        ({" ": "ZAR"}, "currency_map: an empty text"),
    ],
)
def test_a_map_of_currencies_that_cannot_be_meant_is_a_mistake(said: dict[str, str], problem: str) -> None:
    (found,) = feed_problems(feed(currency_map=said))
    assert found.startswith(problem)


# -- due dates --

TERMS: dict[str, Any] = {
    "columns": SHORT["columns"] | {"bill_date": "d", "due_date": {"days_after": 30, "of": "bill_date"}},
    "date_formats": ["%d/%m/%Y"],
}


def test_a_due_date_may_be_counted_from_the_bill_date(tmp_path: Path) -> None:
    days = ("31/01/2028", "1/2/2027", "", "31/12/2026", "30/02/2026", "15/12/9999")
    lines = [f"C-{n},B-{n},1.00,{day}" for n, day in enumerate(days)]
    file = short(tmp_path, text_of(*lines, header="c,b,a,d"), **TERMS)
    assert [record["due_date"] for record in records(file)] == [
        "2028-03-01",
        "2027-03-03",
        None,
        "2027-01-30",
        None,
        None,
    ]
    assert codes(file) == [[], [], [], [], ["bill_date.impossible"], ["due_date.impossible"]]
    assert [body.get("due_date") for body in sent_bodies(file)] == [
        "2028-03-01",
        "2027-03-03",
        None,
        "2027-01-30",
    ]
    assert (tmp_path / "bills.csv").exists()


def test_it_is_counted_from_the_day_in_the_name_of_the_file_too(tmp_path: Path) -> None:
    columns = TERMS["columns"] | {"bill_date": "{file.date}"}
    file = short(
        tmp_path,
        text_of(*ROWS),
        **TERMS | {"columns": columns},
        match="{date:%Y-%m-%d}*",
        name_parts={"date": "2026-12-01"},
    )
    assert [record["due_date"] for record in records(file)] == ["2026-12-31"] * 2


def test_without_a_bill_date_in_the_file_there_is_no_due_date_and_that_is_told(tmp_path: Path) -> None:
    file = short(tmp_path, text_of(*ROWS), **TERMS)
    assert [record["due_date"] for record in records(file)] == [None, None]
    assert "columns not in the file: d" in file.notes


def test_lines_of_a_bill_have_one_due_date(tmp_path: Path) -> None:
    lines = (
        "C-1,B-1,1.00,01/01/2026",
        "C-1,B-1,2.00,1/1/2026",
        "C-2,B-2,1.00,2/1/2026",
        "C-2,B-2,1.50,3/1/2026",
    )
    file = short(tmp_path, text_of(*lines, header="c,b,a,d"), **TERMS, line_items="sum")
    assert verdicts(file) == ["accepted", "line", "rejected", "rejected"]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (
            {"due_date": {"days_after": 30, "of": "bill_date"}},
            "due_date is counted from bill_date, which is not mapped",
        ),
        ({"bill_date": {"days_after": 30, "of": "bill_date"}}, "bill_date is not counted in days"),
        (
            {"amount_due": {"days_after": 30, "of": "bill_date"}, "bill_date": "d"},
            "amount_due is not counted in days",
        ),
    ],
)
def test_days_are_counted_for_due_dates_alone(columns: dict[str, Any], problem: str) -> None:
    found = feed_problems(feed(columns=SHORT["columns"] | columns, currency="ZAR"))
    assert any(problem in each for each in found)


def test_mistakes_in_counted_days_name_their_key() -> None:
    for said in ({"days_after": -1, "of": "bill_date"}, {"days_after": 30, "of": "d"}, {"days_after": 30}):
        with pytest.raises(ValidationError, match=r"due_date\.DaysAfter"):
            feed(columns=SHORT["columns"] | {"due_date": said})
