"""Fixed-width lines: read by their places, a line of another length never; rejects come back as lines of that width."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.check.check import check
from pipeline.core.file_stages import CheckedFile
from pipeline.core.mapping.feed_validation import feed_problems
from pipeline.core.mapping.file_names import peek_rejects
from pipeline.report.rejects import rejects_of_check
from tests.check.landing import checked, codes, feed, land, records, texts
from tests.check.short_bills import ANY, amounts, refused, sound

FEED: dict[str, Any] = {
    "fixed": {"CUST": [1, 6], "BILL": [7, 6], "AMT": [13, 10], "DUE": [23, 8], "NAME": [31, 12]},
    "columns": {
        "customer_reference": "CUST",
        "bill_reference": "BILL",
        "amount_due": "AMT",
        "due_date": "DUE",
        "customer_name": "NAME",
    },
    "amount": {"unit": "major", "implied_decimals": 2},
    "date_formats": ["%Y%m%d"],
    "currency": "ZAR",
}


def line(number: int, amount: str = "", name: str = "Anél") -> str:
    return f"C-{number:<4}B-{number:<4}{amount or f'{number:08}50':>10}20260131{name:<12}"


def fixed(folder: Path, content: str | bytes, **facts: Any) -> CheckedFile:
    return checked(folder, content, name="bills.txt", **(FEED | facts))


def sent_back(folder: Path, file: CheckedFile, *mends: tuple[str, str], **facts: Any) -> CheckedFile:
    path = folder / f"rejects-{file.landed.name}.txt"
    assert rejects_of_check(file, path)
    raw = path.read_bytes()
    assert peek_rejects(raw) == file.landed.short_name
    text = raw.decode(file.codec)
    for old, new in mends:
        assert text.count(old) == 1
        text = text.replace(old, new)
    source = file.landed.short_name
    landed = land(folder, text.encode(file.codec), name="back", rejects_of=source, **(FEED | facts))
    return check(landed, folder / "again", limits=ANY)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_columns_are_read_by_their_places_and_rejects_come_back(
    tmp_path: Path, end: str, encoding: str
) -> None:
    text = end.join([line(1), line(2, "x"), line(3), ""])
    file = fixed(tmp_path, text.encode(encoding), encoding=encoding)
    assert codes(file) == [[], ["amount_due.format"], []]
    assert amounts(file) == [150, None, 350]
    assert [record["line"] for record in records(file)] == [1, 2, 3]
    assert [each.decode(file.codec) for each in texts(file)] == [line(1), line(2, "x"), line(3)]
    assert [record["customer_name"] for record in records(file)] == ["Anél"] * 3
    assert [record["due_date"] for record in records(file)] == ["2026-01-31"] * 3

    not_mended = sent_back(tmp_path, file, encoding=encoding)
    assert codes(not_mended) == [["amount_due.format"]]
    back = sent_back(tmp_path, not_mended, (f"{'x':>10}", "0000000250"), encoding=encoding)
    assert sound(back)
    assert amounts(back) == [250]
    assert [record["reject_record"] for record in records(back)] == [2]


@pytest.mark.parametrize(
    "damaged",
    [
        line(2)[:-1],
        line(2) + " ",
        line(2).replace("Anél", "Ané"),
        line(2)[1:],
        line(2).replace("C-2   ", "C-2\t"),
    ],
    ids=["cut", "longer", "a letter less", "moved", "tab"],
)
def test_a_line_of_another_length_is_rejected_alone_since_its_columns_may_have_moved(
    tmp_path: Path, damaged: str
) -> None:
    file = fixed(tmp_path, "\n".join([line(1), damaged, line(3)]) + "\n")
    assert codes(file) == [[], ["record.line_length"], []]
    back = sent_back(tmp_path, file, (damaged + "|", line(2) + "|"))
    assert sound(back)
    assert amounts(back) == [250]


def test_the_first_line_may_be_the_damaged_one(tmp_path: Path) -> None:
    assert codes(fixed(tmp_path, "\n".join([line(1) + "x", line(2), line(3)]))) == [
        ["record.line_length"],
        [],
        [],
    ]


def test_stripped_lines_are_padded_where_the_feed_says_so_but_never_within_an_amount_or_a_date(
    tmp_path: Path,
) -> None:
    stripped = [line(n, name=name).rstrip() for n, name in ((1, "Ann"), (2, ""), (3, "Anthony Black"[:12]))]
    cut = [line(4)[:20], line(5)[:27], line(6)[:22]]
    text = "\n".join([*stripped, *cut])
    assert codes(fixed(tmp_path, text)) == [["record.line_length"]] * 2 + [[]] + [["record.line_length"]] * 3
    padded = fixed(tmp_path, text, short_lines="pad")
    assert codes(padded) == [[], [], [], ["record.line_length"], ["record.line_length"], []]
    assert [record["customer_name"] for record in records(padded)[:3]] == ["Ann", None, "Anthony Blac"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "cp1252", "shift_jis"])
def test_stripped_lines_are_padded_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    text = "\n".join([line(1, name="Ann").rstrip(), line(2, name="Anthony Blac"), line(3, name="").rstrip()])
    file = fixed(tmp_path, text.encode(encoding), encoding=encoding, short_lines="pad")
    assert sound(file)
    assert amounts(file) == [150, 250, 350]


def test_a_line_that_was_padded_in_bytes_is_not_padded_again(tmp_path: Path) -> None:
    """Its name is a character short, so that what is behind it may have moved."""
    counted_in_bytes = line(2).replace("Anél        ", "Anél       ")
    file = fixed(tmp_path, "\n".join([line(1, name="Ann"), counted_in_bytes]), short_lines="pad")
    assert codes(file) == [[], ["record.line_length"]]


def test_what_is_above_and_below_the_records_and_behind_the_columns_is_told(tmp_path: Path) -> None:
    text = "\n".join(["H20260131", "CUST  BILL", line(1) + "##", line(2, "x") + "##", "", "T2", ""])
    facts: dict[str, Any] = {"header_record": {"starts_with": "H"}, "header": {"row": 2}}
    facts["footer"] = {"starts_with": "T"}
    file = fixed(tmp_path, text, **facts)
    assert codes(file) == [[], ["amount_due.format"]]
    assert [record["line"] for record in records(file)] == [3, 4]
    assert any("header record, not read: 1 line" in note for note in file.notes)
    assert any("not read: lines 2 to 2" in note for note in file.notes)
    assert any("footer, not read" in note for note in file.notes)
    assert any("behind the last column, not read: 2 characters" in note for note in file.notes)
    assert amounts(sent_back(tmp_path, file, (f"{'x':>10}", "0000000250"), **facts)) == [250]


def test_blank_lines_undecodable_bytes_and_controls_are_told_one_by_one(tmp_path: Path) -> None:
    lines = [line(1), "", line(2).replace("C-2", "C\x00\x32"), line(3).replace("An", "A\x01"), line(4)]
    facts = {"columns": {key: name for key, name in FEED["columns"].items() if name != "NAME"}}
    file = fixed(tmp_path, "\n".join(lines).encode() + b"\nC-\xff" + line(5)[3:].encode(), **facts)
    assert codes(file) == [
        [],
        ["record.blank"],
        ["record.control_characters"],
        [],
        [],
        ["record.undecodable"],
    ]
    named = fixed(tmp_path, "\n".join(lines), blank_records="skip")
    assert codes(named) == [[], ["record.control_characters"], ["record.control_characters"], []]
    assert "column NAME" in records(named)[2]["message"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("\n \n", "file.empty"),
        ('[{"CUST": 1}]', "file.format"),
        ('{"CUST": 1}\n', "file.format"),
        ("<?xml version='1.0'?><a/>", "file.format"),
    ],
)
def test_what_is_not_fixed_width_is_refused(tmp_path: Path, content: str, code: str) -> None:
    assert refused(fixed(tmp_path, content))[0] == code


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"format": "csv"}, "format"),
        ({"delimiter": ";"}, "delimiter"),
        ({"header": "none", "names": ["a"]}, "names"),
        ({"header": {"starts_with": ["CUST"]}}, "header.starts_with"),
        (
            {
                "control": {
                    "kind": "trailer",
                    "marker": "T",
                    "records": 2,
                    "sums": [{"field": 3, "currency": "ZAR"}],
                }
            },
            "control.kind",
        ),
        ({"fixed": FEED["fixed"] | {"X": [5, 4]}}, "fixed: CUST and X overlap"),
        ({"fixed": FEED["fixed"] | {" ": [60, 4]}}, "fixed: a column has no name"),
        ({"fixed": FEED["fixed"] | {"reject_source": [60, 4]}}, "fixed: the columns of rejects.txt"),
        ({"fixed": None, "short_lines": "pad"}, "short_lines"),
    ],
    ids=str,
)
def test_keys_that_contradict_fixed_width_are_config_errors(facts: dict[str, Any], key: str) -> None:
    assert any(each.startswith(key) for each in feed_problems(feed(**(FEED | facts)))), feed_problems(
        feed(**(FEED | facts))
    )


def test_a_column_may_lie_within_another_one(tmp_path: Path) -> None:
    assert feed_problems(feed(**(FEED | {"fixed": FEED["fixed"] | {"BRANCH": [1, 2]}}))) == []
