"""NDJSON: one object per line, numbers as they are written, damage stays on its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.settings import Limits
from tests.check.landing import checked, codes, records, texts
from tests.check.test_structure_of_files import refusal
from tests.stories.edits import TRAILER

GOOD = '{"customer_reference": "C-1", "bill_reference": "B-1", "currency": "ZAR", "amount_due": "10.00"}'


def lines(*texts: str, end: str = "\n") -> str:
    return end.join(texts) + end


def bill(**facts: object) -> str:
    return json.dumps({**json.loads(GOOD), **facts})


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "codec"),
    [("utf-8", "utf-8"), ("utf-8", "utf-8-sig"), ("utf-16", "utf-16"), ("cp1252", "cp1252")],
)
def test_each_line_is_a_record_in_every_encoding(tmp_path: Path, end: str, encoding: str, codec: str) -> None:
    name = '"customer_name": "Zoë"'
    text = [GOOD, GOOD.replace("B-1", "B-2")[:-1] + ", " + name + "}", GOOD.replace("B-1", "B-3")]
    file = checked(tmp_path, lines(*text, end=end).encode(codec), encoding=encoding)
    assert [record["bill_reference"] for record in records(file)] == ["B-1", "B-2", "B-3"]
    assert [record["customer_name"] for record in records(file)] == [None, "Zoë", None]
    assert [record["line"] for record in records(file)] == [1, 2, 3]
    assert [raw.decode(file.codec) for raw in texts(file)] == text


@pytest.mark.parametrize(
    ("number", "minor", "code"),
    [
        ("240.01", 24001, None),
        ("240", 24000, None),
        ("1.10", 110, None),
        ("0.1e1", None, "amount_due.spreadsheet"),
        ("1.005", None, "amount_due.too_precise"),
        ("9007199254740993", 900_719_925_474_099_300, "amount_due.out_of_range"),
        ("240.00999999999999999999", None, "amount_due.too_precise"),
    ],
)
def test_a_number_is_its_text_and_never_a_float(
    tmp_path: Path, number: str, minor: int | None, code: str | None
) -> None:
    file = checked(tmp_path, lines(GOOD.replace('"10.00"', number)))
    assert records(file)[0]["amount_minor"] == minor
    assert codes(file) == [[code] if code else []]


def test_polars_alone_rounds_a_number_without_a_word(tmp_path: Path) -> None:
    text = lines(GOOD.replace('"10.00"', "99999999999999999.99"))
    assert pl.read_ndjson(text.encode())["amount_due"].item() == 1e17
    file = checked(tmp_path, text, model="customer_balance", columns=_balance())
    assert records(file)[0]["amount_minor"] is None


def _balance() -> dict[str, str]:
    return {"customer_reference": "customer_reference", "currency": "currency", "balance": "amount_due"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", "record.blank"),
        (GOOD[:-1], "record.json"),
        ("[1]", "record.json"),
        ("7", "record.json"),
        (GOOD.replace('"10.00"', "NaN"), "record.json"),
        (GOOD + GOOD, "record.json"),
        ("[" * 100_000, "record.json"),
        (GOOD.replace("B-1", "B\t1"), "record.json"),
        (GOOD[:-1] + ', "currency": "USD"}', "record.duplicate_key"),
        (GOOD[:-1] + ', " currency": "USD"}', "record.duplicate_key"),
        (bill(currency=["ZAR"]), "record.value_type"),
        (bill(currency={"code": "ZAR"}), "record.value_type"),
        (bill(customer_reference=True), "record.value_type"),
        (bill(bill_reference="B\x00"), "record.control_characters"),
        (GOOD.replace("B-1", "B\\ud800"), "record.undecodable"),
        (bill(bill_reference="B-2", currency=None), "currency.missing"),
        (bill(bill_reference="B-2", currency=""), "currency.missing"),
    ],
)
def test_damage_stays_on_its_line(tmp_path: Path, line: str, code: str) -> None:
    file = checked(tmp_path, lines(GOOD, line, GOOD.replace("B-1", "B-3")))
    assert codes(file) == [[], [code], []]


def test_bytes_that_are_no_characters_damage_their_own_line(tmp_path: Path) -> None:
    raw = (
        lines(GOOD, GOOD.replace("B-1", "B-2"), GOOD.replace("B-1", "B-3"))
        .encode()
        .replace(b"B-2", b"B-\xff")
    )
    assert codes(checked(tmp_path, raw)) == [[], ["record.undecodable"], []]


def test_the_columns_are_the_keys_of_all_objects_together(tmp_path: Path) -> None:
    file = checked(
        tmp_path, lines(bill(x={"y": [1]}), bill(bill_reference="B-2", due_date="2026-11-20", z=1))
    )
    assert codes(file) == [[], []]
    assert [record["due_date"] for record in records(file)] == [None, "2026-11-20"]
    assert "columns ignored: x, z" in file.notes


def test_files_that_hold_no_bill_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "{}\n") == "file.header"
    assert refusal(tmp_path, "{\n}\n") == "file.header"
    assert refusal(tmp_path, '{"a": 1}\n') == "file.missing_column"
    assert refusal(tmp_path, "\n\n", format="ndjson") == "file.empty"
    assert refusal(tmp_path, GOOD.encode("utf-16-le")) == "file.encoding"
    many = json.dumps({f"key_{number}": 1 for number in range(1001)})
    assert refusal(tmp_path, lines(GOOD, many)) == "file.too_many_columns"
    assert refusal(tmp_path, lines(GOOD, GOOD), limits=Limits(max_record_bytes=40)) == "file.record_too_long"
    assert refusal(tmp_path, lines(GOOD, GOOD), limits=Limits(max_records=1)) == "file.too_many_records"


def test_a_number_is_a_number_whatever_separators_texts_have(tmp_path: Path) -> None:
    german = {"unit": "major", "decimal": ",", "thousands": "."}
    file = checked(
        tmp_path,
        lines(bill(amount_due=1.23), bill(bill_reference="B-2", amount_due="1.234,50")),
        amount=german,
    )
    assert [record["amount_minor"] for record in records(file)] == [123, 123450]


def test_only_amounts_are_read_with_the_separator_of_the_feed(tmp_path: Path) -> None:
    """A number elsewhere goes on as it is written: the API is sent 1.50, not 1,50."""
    line = bill(**{"metadata.reading": 0, "owed": 0}).replace('"owed": 0', '"owed": 12.50')
    facts: dict[str, Any] = {
        "amount": {"unit": "major", "decimal": ","},
        "columns": {
            "customer_reference": "customer_reference",
            "bill_reference": "bill_reference",
            "currency": "currency",
            "amount_due": ["none", "owed"],
            "metadata.reading": "metadata.reading",
        },
    }
    file = checked(
        tmp_path, lines(line.replace('"metadata.reading": 0', '"metadata.reading": 1.50')), **facts
    )
    (record,) = records(file)
    assert (record["amount_minor"], record["metadata"]) == (1250, '{"reading":"1.50"}')


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("last", ["", "T,1,10.00\n"])
def test_a_feed_that_declares_a_trailer_takes_no_ndjson(tmp_path: Path, last: str, required: bool) -> None:
    """Its totals could never be confirmed; a last line that looks like one would be no object."""
    file = checked(tmp_path, lines(GOOD) + last, control=TRAILER | {"required": required})
    assert file.refusal is not None
    assert (file.refusal.code, file.totals.total_records) == ("file.format", 0)
    assert "NDJSON, which cannot have a trailer" in file.refusal.message


@pytest.mark.parametrize("own", ["true", '{"k": [1]}', '["x"]', '"\\u0001"'])
@pytest.mark.parametrize("line_items", [None, "sum"])
def test_what_nothing_maps_hides_no_difference_between_two_records(
    tmp_path: Path, own: str, line_items: str | None
) -> None:
    """Two bills of one reference are compared by all of their keys, also where one is a list, or true or false."""
    one = bill(own="?").replace('"?"', own)
    two = one.replace('"10.00"', '"11.00"')
    file = checked(tmp_path, lines(one, two), line_items=line_items)
    assert codes(file) == ([["bill_reference.contradiction"]] * 2 if line_items is None else [[], []])
    again = checked(tmp_path, lines(one, one), line_items=line_items)
    assert codes(again) == ([[], []] if line_items is None else [["line_items.identical"]] * 2)
    other = one.replace(own, {"true": "false", '{"k": [1]}': '{"k": [2]}'}.get(own, '["y"]'))
    differs = checked(tmp_path, lines(one, other), line_items=line_items)
    assert codes(differs) == ([["bill_reference.contradiction"]] * 2 if line_items is None else [[], []])
