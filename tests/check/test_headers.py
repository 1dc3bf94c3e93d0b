"""Headers where people have them, or have none: what is not read is told, and rejects come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.settings import Limits
from tests.check import old_workbooks, opendocuments
from tests.check.landing import codes, records, texts
from tests.check.short_bills import ROWS, amounts, refused, sent_back, short, sound, text_of
from tests.check.workbooks import row, sheet, workbook

LOOSE = Limits(max_decompression_ratio=100_000)
ABOVE = ("Invoice export - 19 December 2020,,", ",,", 'INVOICES "Q4,,')


@pytest.mark.parametrize(
    "header",
    [{"row": 4}, {"starts_with": ["c", "b"]}, {"starts_with": [" c "]}],
    ids=["row", "names", "one name"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lines_above_the_header_are_left_out_and_told(
    tmp_path: Path, header: dict[str, Any], end: str, encoding: str
) -> None:
    text = end.join([*ABOVE, "c,b,a", ROWS[0], "C-2,B-2,x", ""])
    file = short(tmp_path, text.encode(encoding), header=header, encoding=encoding)
    assert codes(file) == [[], ["amount_due.format"]]
    assert [record["line"] for record in records(file)] == [5, 6]
    assert "above the header, not read: lines 1 to 3" in file.notes
    back = sent_back(tmp_path, file, (",x,", ",11.00,"), header=header, encoding=encoding)
    assert sound(back)
    assert amounts(back) == [1100]


def test_lines_of_a_file_are_counted_with_excels_line_of_the_delimiter(tmp_path: Path) -> None:
    text = "sep=;\ntitle\nc;b;a\nC-1;B-1;10.00\n"
    file = short(tmp_path, text, header={"row": 3})
    assert sound(file)
    assert "above the header, not read: line 2" in file.notes


@pytest.mark.parametrize("header", [{"row": 4}, {"starts_with": ["c", "b"]}], ids=str)
def test_rows_above_the_header_of_a_sheet_are_left_out_and_told_even_merged_ones(
    tmp_path: Path, header: dict[str, Any]
) -> None:
    merged = '<mergeCells><mergeCell ref="A1:C1"/></mergeCells>'
    filled = (
        row("Invoices", at=1),
        row("of", "Q4", at=2),
        row("c", "b", "a", at=4),
        row("C-1", "B-1", "10.00", at=5),
    )
    file = short(
        tmp_path, workbook(sheet(*filled, row("C-2", "B-2", "x", at=6), behind=merged)), header=header
    )
    assert codes(file) == [[], ["amount_due.format"]]
    assert [record["line"] for record in records(file)] == [5, 6]
    assert "filled rows above the header, not read: 2" in file.notes
    back = sent_back(tmp_path, file, (",x,", ",11.00,"), header=header)
    assert amounts(back) == [1100]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({}, "file.missing_column"),
        ({"header": {"row": 2}}, "file.missing_column"),
        ({"header": {"row": 3}}, "file.header"),
        ({"header": {"row": 900}}, "file.header"),
        ({"header": {"starts_with": ["c", "x"]}}, "file.header"),
    ],
    ids=str,
)
def test_where_the_header_is_not_found_the_line_that_looks_like_one_is_named(
    tmp_path: Path, facts: dict[str, Any], code: str
) -> None:
    text = "\n".join([*ABOVE, "c,b,secret,a", "C-1,B-1,s,10.00"])
    found, message = refused(short(tmp_path, text, **facts))
    assert found == code
    assert "line 4 looks like the header (c, b, a): set feed.header to {row: 4}" in message
    assert "secret" not in message
    assert "Invoice" not in message


def test_the_row_of_a_sheet_that_looks_like_a_header_is_named(tmp_path: Path) -> None:
    raw = workbook(sheet(row("Invoices", at=2), row("c", "b", "a", at=5), row("C-1", "B-1", "10.00", at=6)))
    for facts in ({}, {"header": {"row": 3}}, {"header": {"starts_with": ["d"]}}):
        _, message = refused(short(tmp_path, raw, **facts))
        assert "row 5 looks like the header (c, b, a): set feed.header to {row: 5}" in message


def test_a_file_without_anything_like_a_header_gets_no_hint(tmp_path: Path) -> None:
    _, message = refused(short(tmp_path, "x,y,z\nC-1,B-1,10.00\n"))
    assert "looks like" not in message


NAMES: dict[str, Any] = {"header": "none", "names": ["c", "b", "a", ""]}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_a_file_without_header_has_the_names_that_the_feed_states(
    tmp_path: Path, end: str, encoding: str
) -> None:
    text = end.join(["C-1,B-1,10.00,é", "C-2,B-2,x,", ""])
    file = short(tmp_path, text.encode(encoding), encoding=encoding, **NAMES)
    assert codes(file) == [[], ["amount_due.format"]]
    assert [record["line"] for record in records(file)] == [1, 2]
    back = sent_back(tmp_path, file, (",x,", ",11.00,"), encoding=encoding, **NAMES)
    assert sound(back)
    assert amounts(back) == [1100]


def test_a_record_of_a_file_without_header_has_as_many_fields_as_there_are_names(tmp_path: Path) -> None:
    file = short(tmp_path, "C-1,B-1,10.00\nC-2,B-2,11.00,,\nC-3,B-3,12.00,\n", **NAMES)
    assert codes(file) == [["record.too_few_fields"], ["record.too_many_fields"], []]


def test_a_sheet_without_header_has_the_names_that_the_feed_states(tmp_path: Path) -> None:
    raw = workbook(sheet(row("C-1", "B-1", "10.00", at=3), row("C-2", "B-2", "x", at=4)))
    file = short(tmp_path, raw, **NAMES)
    assert codes(file) == [[], ["amount_due.format"]]
    assert [record["line"] for record in records(file)] == [3, 4]
    assert amounts(sent_back(tmp_path, file, (",x,", ",11.00,"), **NAMES)) == [1100]


def test_names_that_hold_the_delimiter_come_back_in_rejects(tmp_path: Path) -> None:
    facts: dict[str, Any] = {
        "columns": {"customer_reference": "c,1", "bill_reference": 'b"', "amount_due": "a"},
        "header": "none",
        "names": ["c,1", 'b"', "a"],
    }
    file = short(tmp_path, "C-1,B-1,10.00\nC-2,B-2,x\n", **facts)
    assert codes(file) == [[], ["amount_due.format"]]
    assert amounts(sent_back(tmp_path, file, (",x,", ",11.00,"), **facts)) == [1100]


FOOTER: dict[str, Any] = {"footer": {"starts_with": ["Total", "--"]}}


@pytest.mark.parametrize(
    "end_of_file", [["Total,,21.00"], ["--", "Total,,21.00", ",,", "-- end of list"], ['Total "x']], ids=str
)
def test_footers_at_the_end_are_no_records_and_are_counted(tmp_path: Path, end_of_file: list[str]) -> None:
    file = short(tmp_path, text_of(*ROWS, *end_of_file), **FOOTER)
    assert sound(file)
    assert len(records(file)) == 2
    count = sum(bool(each.strip(",")) for each in end_of_file)
    lines = "1 line" if count == 1 else f"{count} lines"
    assert f"footer, not read: {lines} at the end, from line 4 on" in file.notes


def test_a_footer_between_records_is_a_record(tmp_path: Path) -> None:
    file = short(tmp_path, text_of(ROWS[0], "Total,,10.00", ROWS[1]), **FOOTER)
    assert len(records(file)) == 3
    assert codes(file)[1] == ["bill_reference.missing"]


def test_a_trailer_is_found_before_and_behind_footers(tmp_path: Path) -> None:
    control = {"kind": "trailer", "marker": "T", "records": 2, "sums": [{"field": 3, "currency": "ZAR"}]}
    file = short(tmp_path, text_of(*ROWS, "Total,,21.00", "T,2,21.00", "-- end"), control=control, **FOOTER)
    assert sound(file)
    assert "footer, not read: 2 lines at the end, from line 4 on" in file.notes


def test_a_rejects_file_has_no_footer(tmp_path: Path) -> None:
    facts: dict[str, Any] = {"footer": {"starts_with": "C-2"}}
    file = short(tmp_path, text_of("C-2,B-2,x", ROWS[0]), **facts)
    assert amounts(sent_back(tmp_path, file, (",x,", ",11.00,"), **facts)) == [1100]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_between_records_are_skipped_where_the_feed_says_so(tmp_path: Path, end: str) -> None:
    lines = [ROWS[0], "", ",,", "   ", "C-2,B-2,x", '"",,', "C-3,B-3,12.00", "", ",,"]
    file = short(tmp_path, text_of(*lines, end=end), blank_records="skip")
    assert codes(file) == [[], ["amount_due.format"], []]
    assert [record["record"] for record in records(file)] == [1, 2, 3]
    assert [record["line"] for record in records(file)] == [2, 6, 8]
    assert texts(file) == [lines[0].encode(), lines[4].encode(), lines[6].encode()]
    assert any(note.startswith("blank lines skipped: ") for note in file.notes)
    assert amounts(sent_back(tmp_path, file, (",x,", ",11.00,"), blank_records="skip")) == [1100]


def test_blank_rows_of_a_sheet_are_skipped_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    raw = workbook(
        sheet(row("c", "b", "a", at=2), row("C-1", "B-1", "10.00", at=4), row("C-2", "B-2", "x", at=9))
    )
    file = short(tmp_path, raw, blank_records="skip")
    assert codes(file) == [[], ["amount_due.format"]]
    assert [record["line"] for record in records(file)] == [4, 9]
    assert "blank lines skipped: 5" in file.notes


def test_blank_lines_of_ndjson_are_skipped_as_well(tmp_path: Path) -> None:
    one = '{"c": "C-1", "b": "B-1", "a": "10.00"}\n'
    file = short(tmp_path, one + "\n  \n" + one.replace("-1", "-2"), blank_records="skip")
    assert sound(file)
    assert [record["line"] for record in records(file)] == [1, 4]


RECORD: dict[str, Any] = {"header_record": {"starts_with": "H"}}


@pytest.mark.parametrize(
    "facts", [{}, {"header": {"starts_with": ["c"]}}, NAMES | {"names": ["c", "b", "a"]}], ids=str
)
@pytest.mark.parametrize("before", ["H,2026-01-31\n", '"H","2026-01-31"\nH,2\n', ""])
def test_header_records_are_left_out_and_counted(tmp_path: Path, facts: dict[str, Any], before: str) -> None:
    facts = RECORD | facts
    header = "" if "names" in facts else "c,b,a\n"
    file = short(tmp_path, f"{before}{header}C-1,B-1,10.00\nHans,B-2,x\n", **facts)
    assert codes(file) == [[], ["amount_due.format"]]
    first = before.count("\n") + header.count("\n") + 1
    assert [record["line"] for record in records(file)] == [first, first + 1]
    assert any(note.startswith("header record, not read: ") for note in file.notes) == bool(before)
    assert amounts(sent_back(tmp_path, file, (",x,", ",11.00,"), **facts)) == [1100]


def test_a_header_record_of_a_sheet_is_left_out_and_counted(tmp_path: Path) -> None:
    raw = workbook(sheet(row("H", "2026"), row("c", "b", "a"), row("Hans", "B-1", "10.00")))
    file = short(tmp_path, raw, **RECORD)
    assert sound(file)
    assert [record["line"] for record in records(file)] == [3]
    assert "header record, not read: 1" in file.notes


JOINED: dict[str, Any] = {
    "header": {"row": [2, 3]},
    "columns": {"customer_reference": "c", "bill_reference": "Bill no", "amount_due": "Amount, net"},
}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_rows_of_a_header_are_joined(tmp_path: Path, end: str, encoding: str) -> None:
    text = end.join(["Title", 'c,Bill,"Amount,",Amount', ",no, net", "C-1,B-1,10.00,1", "C-2,B-2,x,2", ""])
    file = short(tmp_path, text.encode(encoding), encoding=encoding, **JOINED)
    assert codes(file) == [[], ["amount_due.format"]]
    assert [record["line"] for record in records(file)] == [4, 5]
    assert "above the header, not read: line 1" in file.notes
    assert amounts(sent_back(tmp_path, file, (",x,", ",11.00,"), encoding=encoding, **JOINED)) == [1100]


def test_the_rows_of_a_header_of_a_sheet_are_joined(tmp_path: Path) -> None:
    above = (row("Title", at=1), row("c", "Bill", "Amount,", at=2), row(None, "no", "net", at=3))
    raw = workbook(sheet(*above, row("C-1", "B-1", "10.00", at=4), row("C-2", "B-2", "x", at=5)))
    file = short(tmp_path, raw, **JOINED)
    assert codes(file) == [[], ["amount_due.format"]]
    assert [record["line"] for record in records(file)] == [4, 5]
    assert amounts(sent_back(tmp_path, file, (",x,", ",11.00,"), **JOINED)) == [1100]


def test_footers_in_quotes_are_footers(tmp_path: Path) -> None:
    file = short(tmp_path, text_of(*ROWS, '"Total","","21.00"'), **FOOTER)
    assert sound(file)
    assert len(records(file)) == 2


Range = tuple[int, int, int, int]
"""First and last row, first and last column, all from 0."""


def as_xlsx(rows: list[list[str]], ranges: list[Range]) -> bytes:
    merged = "".join(
        f'<mergeCell ref="{"ABCDE"[left]}{first + 1}:{"ABCDE"[right]}{last + 1}"/>'
        for first, last, left, right in ranges
    )
    filled = (row(*cells, at=at) for at, cells in enumerate(rows, 1))
    return workbook(sheet(*filled, behind=f"<mergeCells>{merged}</mergeCells>"))


def as_ods(rows: list[list[str]], ranges: list[Range]) -> bytes:
    def cell(at: int, column: int, text: str) -> str:
        for first, last, left, right in ranges:
            if first <= at <= last and left <= column <= right:
                if (at, column) != (first, left):
                    return f"<table:covered-table-cell><text:p>{text}</text:p></table:covered-table-cell>"
                rows_, columns = str(last - first + 1), str(right - left + 1)
                spans = {"table:number-rows-spanned": rows_, "table:number-columns-spanned": columns}
                return opendocuments.value("string", spans, text)
        return text

    filled = (
        opendocuments.row(*(cell(at, column, text) for column, text in enumerate(cells)))
        for at, cells in enumerate(rows)
    )
    return opendocuments.opendocument(opendocuments.sheet(*filled))


def as_xls(rows: list[list[str]], ranges: list[Range]) -> bytes:
    filled = (old_workbooks.row(at, *(text or None for text in cells)) for at, cells in enumerate(rows))
    return old_workbooks.old_workbook(b"".join([*filled, *(old_workbooks.merged(*each) for each in ranges)]))


WITH_MERGED = pytest.mark.parametrize("book", [as_xlsx, as_ods, as_xls])


@WITH_MERGED
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("above", [0, 1, 2])
def test_a_sheet_without_a_header_has_a_record_in_each_row(
    tmp_path: Path, book: Callable[[list[list[str]], list[Range]], bytes], count: int, above: int
) -> None:
    rows = [[f"C-{number}", f"B-{number}", f"{number}.00"] for number in range(1, count + 1)]
    raw = book([[""] * 3] * above + rows, [])
    file = short(tmp_path, raw, header="none", names=["c", "b", "a"], limits=LOOSE)
    assert sound(file)
    assert amounts(file) == [100, 200, 300][:count]
    assert [record["line"] for record in records(file)] == [above + 1, above + 2, above + 3][:count]


@WITH_MERGED
def test_merged_cells_of_a_joined_header_name_every_column_that_they_cover(
    tmp_path: Path, book: Callable[[list[list[str]], list[Range]], bytes]
) -> None:
    rows = [
        ["Invoices 2026", "", "", "", ""],
        ["c", "b", "Amount", "", "kind"],
        ["", "", "net", "gross", "x"],
        ["C-1", "B-1", "9.00", "10.00", "y"],
    ]
    columns = {
        "customer_reference": "c",
        "bill_reference": "b",
        "amount_due": "Amount gross",
        "metadata.kind": "kind x",
    }
    for ranges in ([(0, 0, 0, 4), (1, 2, 0, 0), (1, 1, 2, 3)], [(1, 1, 2, 3)], [(0, 0, 2, 3), (1, 1, 2, 3)]):
        file = short(tmp_path, book(rows, ranges), header={"row": [2, 3]}, columns=columns, limits=LOOSE)
        assert sound(file)
        assert amounts(file) == [1000]
        assert "filled rows above the header, not read: 1" in file.notes


@WITH_MERGED
@pytest.mark.parametrize(
    ("header", "merged"),
    [
        ({"row": [1, 2]}, [(0, 1, 0, 0), (1, 2, 1, 1)]),  # from the header into the records
        ({"row": [1, 2]}, [(0, 1, 0, 0), (2, 3, 1, 1)]),
        ({"row": 2}, [(1, 1, 2, 3)]),  # one row has no name to join to it
    ],
    ids=["across the header's end", "records", "header of one row"],
)
def test_other_merged_cells_still_refuse_the_file(
    tmp_path: Path,
    book: Callable[[list[list[str]], list[Range]], bytes],
    header: dict[str, Any],
    merged: list[Range],
) -> None:
    rows = [["c", "b", "a", ""], ["", "", "x", "y"], ["C-1", "B-1", "9.00", ""], ["C-2", "", "9.00", ""]]
    file = short(tmp_path, book(rows, merged), header=header, limits=LOOSE)
    assert refused(file)[0] == "file.merged_cells"


def test_a_merged_name_in_repeated_rows_of_an_ods_names_its_columns_in_each(tmp_path: Path) -> None:
    spans = {"table:number-columns-spanned": "2"}
    head = opendocuments.row(
        "c",
        "b",
        opendocuments.value("string", spans, "a"),
        "<table:covered-table-cell/>",
        number_rows_repeated="2",
    )
    raw = opendocuments.opendocument(
        opendocuments.sheet(head, opendocuments.row("C-1", "B-1", "9.00", "10.00"))
    )
    columns = {"customer_reference": "c c", "bill_reference": "b b"}
    header = {"row": [1, 2]}
    assert refused(short(tmp_path, raw, header=header, columns={**columns, "amount_due": "a a"}))[0] == (
        "file.duplicate_column"
    )


def test_a_merged_name_that_says_to_reach_far_beyond_a_sheet_is_only_as_wide_as_one(tmp_path: Path) -> None:
    spans = {"table:number-columns-spanned": "999999999"}
    head = opendocuments.row("c", "b", opendocuments.value("string", spans, "a"))
    raw = opendocuments.opendocument(
        opendocuments.sheet(head, opendocuments.row("", "", "net"), name="Bills")
    )
    assert refused(short(tmp_path, raw, header={"row": [1, 2]}, limits=LOOSE))[0] == "file.too_many_columns"
