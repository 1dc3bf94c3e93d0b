"""Text that a program marked as text for a spreadsheet: `="007"`, and an apostrophe before a number."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.check.landing import codes, records, texts
from tests.check.short_bills import SHORT, amounts, sent_back, short, sound, text_of


def references(file: Any) -> list[str | None]:
    return [record["customer_reference"] for record in records(file)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('="007",B-1,10.00', ("007", "B-1", 1000)),
        ('"=""007""",B-1,10.00', ("007", "B-1", 1000)),
        ('="007",="B-1",="10.00"', ("007", "B-1", 1000)),
        ('C-1,"B-1",="10.00"', ("C-1", "B-1", 1000)),
        ('="007","=""B-1""","10.00"', ("007", "B-1", 1000)),
        ('="0,07",B-1,10.00', ("0,07", "B-1", 1000)),
    ],
)
def test_a_formula_of_text_is_that_text(tmp_path: Path, line: str, expected: tuple[str, str, int]) -> None:
    file = short(tmp_path, text_of(line, "C-9,B-9,1.00"))
    (record, _) = records(file)
    assert (record["customer_reference"], record["bill_reference"], record["amount_minor"]) == expected
    assert not any("record." in code for found in codes(file) for code in found)
    assert texts(file)[0] == line.encode()


@pytest.mark.parametrize(
    "line",
    [
        '="007"x,B-1,10.00',
        '="0"07",B-1,10.00',
        'x="007",B-1,10.00',
        '="007,B-1,10.00',
        '="007""",B-1,10.00',
        '= "007",B-1,10.00',
    ],
)
def test_what_is_not_quite_a_formula_of_text_stays_damaged(tmp_path: Path, line: str) -> None:
    file = short(tmp_path, text_of("C-9,B-9,1.00", line))
    assert codes(file)[0] == []
    assert codes(file)[1] != []
    assert codes(file)[1][0].startswith("record.")


def test_a_formula_inside_a_quoted_text_is_left_alone(tmp_path: Path) -> None:
    columns = SHORT["columns"] | {"customer_name": "n"}
    file = short(
        tmp_path,
        text_of('C-1,B-1,1.00,"a,=""b"" c"', 'C-2,B-2,="2.00","a,=""b"""', header="c,b,a,n"),
        columns=columns,
    )
    assert [record["customer_name"] for record in records(file)] == ['a,="b" c', 'a,="b"']
    assert amounts(file) == [100, 200]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_formulas_of_text_are_read_with_every_delimiter_and_come_back_in_rejects(
    tmp_path: Path, delimiter: str, end: str
) -> None:
    lines = [f'="00{n}",="B-{n}",1.0{n}'.replace(",", delimiter) for n in range(3)]
    lines[1] = lines[1].replace("1.01", "1.O1")
    text = text_of(*lines, header=delimiter.join("cba"), end=end)
    file = short(tmp_path, text, delimiter=delimiter)
    assert references(file) == ["000", "001", "002"]
    assert codes(file)[1] == ["amount_due.format"]
    back = sent_back(tmp_path, file, ("1.O1", "1.01"), delimiter=delimiter)
    assert (sound(back), references(back), amounts(back)) == (True, ["001"], [101])


def test_formulas_change_nothing_of_what_is_read_otherwise(tmp_path: Path) -> None:
    chance = random.Random(3)  # noqa: S311
    plain, written = [], []
    for number in range(400):
        fields = [
            f"{chance.randrange(1000):04d}",
            f"B-{number}",
            f"{chance.randrange(1, 999)}.00",
            chance.choice(["", "x,y", 'say "hi"', "a=b", "a\nb"]),
        ]
        kinds = [chance.choice(["plain", "formula", "both", "quoted"]) for _ in range(3)]
        quoted = '"' + fields[3].replace('"', '""') + '"'
        plain.append(",".join([*fields[:3], quoted]))
        ways = {"plain": "{}", "formula": '="{}"', "both": '"=""{}"""', "quoted": '"{}"'}
        written.append(
            ",".join([*(ways[kind].format(text) for kind, text in zip(kinds, fields, strict=False)), quoted])
        )
    columns = SHORT["columns"] | {"customer_name": "n"}
    one, two = (
        short(tmp_path, text_of(*lines, header="c,b,a,n"), columns=columns) for lines in (plain, written)
    )
    keep = ("customer_reference", "bill_reference", "amount_minor", "customer_name", "line", "verdict")
    assert [[row[name] for name in keep] for row in records(two)] == [
        [row[name] for name in keep]
        for row in records(short(tmp_path, text_of(*plain, header="c,b,a,n"), columns=columns))
    ]
    assert one.totals.total_records == two.totals.total_records == 400


# -- apostrophes --


def test_an_apostrophe_before_a_number_is_left_out_and_told(tmp_path: Path) -> None:
    columns = SHORT["columns"] | {"customer_phone": "p", "bill_date": "d", "currency": "cur"}
    line = "'007,'12,'10.00,'+27821234567,'2026-12-01,ZAR"
    file = short(tmp_path, text_of(line, "C-2,B-2,1.00,,,ZAR", header="c,b,a,p,d,cur"), columns=columns)
    assert codes(file) == [[], []]
    record = records(file)[0]
    assert (record["customer_reference"], record["bill_reference"], record["amount_minor"]) == (
        "007",
        "12",
        1000,
    )
    assert (record["customer_phone"], record["bill_date"]) == ("+27821234567", "2026-12-01")
    told = [note for note in file.notes if "mark of text" in note]
    assert len(told) == 5
    assert told[0] == "customer_reference: spreadsheet's mark of text left out in 1 record (line 2)"


def test_an_apostrophe_is_left_alone_where_it_may_be_meant(tmp_path: Path) -> None:
    columns = SHORT["columns"] | {"customer_name": "n", "metadata.k": "k"}
    text = text_of("'007,B-1,1.00,'12 Main,'12", "C-2,'B-2,1.00,,", "C-3,B-3,'x,,", header="c,b,a,n,k")
    file = short(tmp_path, text, columns=columns)
    assert codes(file) == [[], ["bill_reference.characters"], ["amount_due.format"]]
    record = records(file)[0]
    assert (record["customer_name"], record["metadata"]) == ("'12 Main", '{"k":"\'12"}')


def test_marks_are_left_out_of_amounts_in_two_columns_and_of_joined_references(tmp_path: Path) -> None:
    columns = {
        "customer_reference": "c",
        "bill_reference": "{b}-{file.part}",
        "amount_due": {"debit": "d", "credit": "k"},
    }
    text = text_of("C-1,'7,'10.00,'2.50", "C-2,8,'1.00,", header="c,b,d,k")
    file = short(tmp_path, text, columns=columns, name_parts={"part": "x"}, match="{part}*")
    assert codes(file) == [[], []]
    assert [record["bill_reference"] for record in records(file)] == ["7-x", "8-x"]
    assert amounts(file) == [750, 100]


def test_a_marked_bill_over_nothing_is_left_out_like_another(tmp_path: Path) -> None:
    file = short(tmp_path, text_of("C-1,B-1,'0.00", "C-2,B-2,1.00"), nothing_due="skip")
    assert [record["verdict"] for record in records(file)] == ["skipped", "accepted"]


def test_what_is_left_out_is_shown_as_it_stands_whatever_else_is_in_the_file(tmp_path: Path) -> None:
    file = short(tmp_path, text_of("'007,B-1,0.00", "'008,B-2,1.00"), nothing_due="skip")
    assert references(file) == ["'007", "008"]


def test_a_marked_phone_number_is_read_before_bad_ones_are_left_out(tmp_path: Path) -> None:
    columns = SHORT["columns"] | {"customer_phone": "p"}
    text = text_of("C-1,B-1,1.00,'+27821234567", "C-2,B-2,1.00,'08", header="c,b,a,p")
    file = short(tmp_path, text, columns=columns, bad_details="leave_out")
    assert [record["customer_phone"] for record in records(file)] == ["+27821234567", None]


def test_formulas_in_objects_are_text_as_well(tmp_path: Path) -> None:
    file = short(tmp_path, '{"c": "=\\"007\\"", "b": "\'12", "a": "=\\"10.00\\""}\n')
    assert (codes(file), references(file), amounts(file)) == ([[]], ["007"], [1000])


def test_a_marked_reference_and_the_plain_one_are_one_reference(tmp_path: Path) -> None:
    file = short(tmp_path, text_of("C-1,'12,1.00", "C-1,12,2.00", "C-2,'13,1.00", "C-2,'13,1.00"))
    assert codes(file) == [["bill_reference.contradiction"]] * 2 + [[], []]
    assert [record["verdict"] for record in records(file)][2:] == ["accepted", "duplicate"]


def test_marks_come_back_in_rejects_as_they_were(tmp_path: Path) -> None:
    file = short(tmp_path, text_of("'007,B-1,'1.O0", "'008,B-2,'2.00"))
    assert codes(file) == [["amount_due.format"], []]
    back = sent_back(tmp_path, file, ("'1.O0", "'1.00"))
    assert (sound(back), references(back), amounts(back)) == (True, ["007"], [100])
