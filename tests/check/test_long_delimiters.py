"""Delimiters of several characters: read to the byte like those of one, and kept in rejects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.check.check import check
from pipeline.core.mapping.file_names import peek_rejects
from pipeline.edge.reader.delimited import DelimitedFile
from pipeline.edge.reader.open_records import open_records
from pipeline.report.rejects import rejects_of_check
from tests.check.landing import codes, feed, land, records
from tests.check.short_bills import ANY, SHORT, amounts, short, sound
from tests.check.workbooks import row, sheet, workbook
from tests.seeds import each_once

FACTS: dict[str, Any] = SHORT | {"columns": SHORT["columns"] | {"customer_name": "n"}}
MARKS = ("||", "~|~", "::", "|~", " | ", "<>", "^|^|^")


def joined(mark: str, *rows: tuple[str, ...], end: str = "\n") -> str:
    return end.join([*(mark.join(each) for each in rows), ""])


def rows_of(mark: str) -> list[tuple[str, ...]]:
    first = mark[0]
    return [
        ("c", "b", "a", "n"),
        ("C-1", "B-1", "10.00", f"Ann {first.strip()} Bo" if first.strip() else "Ann"),
        ("C-2", "B-2", "x", f'"A{mark}B\n{mark}"'),
        ("C-3", "B-3", "12.00", ""),
    ]


@pytest.mark.parametrize(("mark", "encoding"), each_once(MARKS, ["utf-8", "utf-16", "cp1252", "shift_jis"]))
def test_records_are_read_to_the_byte_and_rejects_come_back_with_their_delimiter(
    tmp_path: Path, mark: str, encoding: str
) -> None:
    facts = FACTS | {"delimiter": mark, "encoding": encoding}
    rows = rows_of(mark)
    raw = joined(mark, *rows).encode(encoding)
    file = short(tmp_path, raw, **facts)
    assert codes(file) == [[], ["amount_due.format"], []]
    assert records(file)[0]["customer_name"] == rows[1][3]
    spans = [raw[record["byte_start"] : record["byte_end"]].decode(file.codec) for record in records(file)]
    assert spans == [mark.join(each) for each in rows[1:]]
    for block_bytes in (1, 2, 5):
        opened = open_records(land(tmp_path, raw, **facts), ANY, tmp_path)
        assert isinstance(opened.records, DelimitedFile)
        found = [
            raw[start:end].decode(file.codec)
            for batch in opened.records.batches(block_bytes=block_bytes)
            for start, end in batch.select("byte_start", "byte_end").rows()
        ]
        assert found == spans

    path = tmp_path / "rejects.csv"
    assert rejects_of_check(file, path)
    source = file.landed.short_name
    for folder in ("a", "b"):
        text = path.read_bytes().decode(file.codec).removeprefix("\ufeff")
        assert text.startswith(mark.join(["c", "b", "a", "n", "reject_codes", "reject_messages"]))
        assert peek_rejects(path.read_bytes(), file.landed.feed.encoding) == source
        back = check(
            land(tmp_path, path.read_bytes(), rejects_of=source, **facts), tmp_path / folder, limits=ANY
        )
        assert codes(back) == [["amount_due.format"]]
        path.unlink()
        assert rejects_of_check(back, path)
        source = back.landed.short_name
    mended = (
        path.read_bytes()
        .decode(file.codec)
        .replace(f"{mark}x{mark}", f"{mark}11.00{mark}")
        .encode(file.codec)
    )
    back = check(land(tmp_path, mended, rejects_of=source, **facts), tmp_path / "c", limits=ANY)
    assert sound(back)
    assert amounts(back) == [1100]
    assert (records(back)[0]["customer_name"] or "").startswith(f"A{mark}B")


def test_rows_of_another_width_quotes_and_controls_are_told_as_ever(tmp_path: Path) -> None:
    rows = [
        "C-1||B-1||10.00||x||y",
        "C-2||B-2",
        'C-3||B-3||"1.00||x',
        "C-4||B\x1f4||1.00||x",
        "C-5||B-5||2.00||x",
    ]
    file = short(tmp_path, "\n".join(["c||b||a||n", *rows, "||||||", ""]), **(FACTS | {"delimiter": "||"}))
    assert codes(file) == [
        ["record.too_many_fields"],
        ["record.too_few_fields"],
        ["record.open_quote"],
        ["record.control_characters"],
        [],
    ]


def test_a_trailer_and_a_delimiter_too_many_are_read(tmp_path: Path) -> None:
    control = {"kind": "trailer", "marker": "T", "records": 2, "sums": [{"field": 3, "currency": "ZAR"}]}
    text = "c||b||a||\nC-1||B-1||10.00\nC-2||B-2||5.00\nT||2||15.00\n"
    file = short(tmp_path, text, delimiter="||", control=control)
    assert sound(file)
    assert amounts(file) == [1000, 500]
    assert file.header == b"c||b||a"


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("cut", [0, 1], ids=["whole", "its beginning"])
def test_lines_that_are_declared_no_records_may_begin_with_the_delimiter_in_them(
    tmp_path: Path, mark: str, cut: int
) -> None:
    said = mark[: len(mark) - cut]
    rows = [("H", "2026"), *rows_of(mark), ("Total", "3"), ("Total", "4")]
    declared = {
        "header_record": {"starts_with": f"H{said}"},
        "footer": {"starts_with": ["End", f"Total{said}"]},
    }
    file = short(tmp_path, joined(mark, *rows), **(FACTS | declared), delimiter=mark)
    assert codes(file) == [[], ["amount_due.format"], []]
    assert "header record, not read: 1 line" in file.notes
    assert "footer, not read: 2 lines at the end, from line 7 on" in file.notes


def test_json_and_sheets_of_such_a_feed_are_read_as_ever(tmp_path: Path) -> None:
    facts = FACTS | {"delimiter": "||"}
    line = '{"c": "C-1", "b": "B-1", "a": "1.00", "n": "A||B"}\n'
    assert records(short(tmp_path, line, **facts))[0]["customer_name"] == "A||B"
    book = workbook(
        sheet(row("c", "b", "a", "n"), row("C-1", "B-1", "1.00", "A||B"), row("C-2", "B-2", "x", "y"))
    )
    file = short(tmp_path, book, **facts)
    assert records(file)[0]["customer_name"] == "A||B"
    path = tmp_path / "rejects.csv"
    assert rejects_of_check(file, path)
    source = file.landed.short_name
    mended = path.read_bytes().replace(b",x,", b",2.00,")
    assert amounts(check(land(tmp_path, mended, rejects_of=source, **facts), tmp_path / "a", limits=ANY)) == [
        200
    ]


@pytest.mark.parametrize("mark", ["", "ab", "a|", "1|", "_|", '"|', "|\n", "\x1f|", "§", "||||||||||||"])
def test_delimiters_that_cannot_be_told_from_values_are_config_errors(mark: str) -> None:
    with pytest.raises(ValidationError, match="delimiter"):
        feed(delimiter=mark)
