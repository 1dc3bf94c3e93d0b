"""Rows as people's programs write them: what is no record is left out and told, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.check.landing import codes, records, texts
from tests.check.short_bills import ROWS, SHORT, amounts, refused, sent_back, short, sound, text_of
from tests.check.workbooks import row, sheet, workbook


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "nothing",
    [",,", ",,,,,", " , , ", "   ", '"","",""', ""],
    ids=["as wide", "wider", "spaces", "blank", "quoted", "empty"],
)
def test_lines_of_nothing_at_the_end_of_a_file_are_no_records(tmp_path: Path, nothing: str, end: str) -> None:
    file = short(tmp_path, text_of(*ROWS, nothing, nothing, end=end))
    assert sound(file)
    assert amounts(file) == [1000, 1100]
    assert texts(file) == [each.encode() for each in ROWS]


def test_lines_of_nothing_at_the_end_are_told_from_records_however_many_there_are(tmp_path: Path) -> None:
    file = short(tmp_path, text_of(*ROWS, *[",,"] * 200_000))
    assert sound(file)
    assert len(records(file)) == 2


def test_lines_of_nothing_between_records_are_blank_ones_with_one_code(tmp_path: Path) -> None:
    file = short(tmp_path, text_of(ROWS[0], ",,", ROWS[1], '"","",""', ROWS[1].replace("-2", "-3")))
    assert codes(file) == [[], ["record.blank"], [], ["record.blank"], []]


def test_a_quote_or_a_quoted_quote_is_not_nothing(tmp_path: Path) -> None:
    assert codes(short(tmp_path, text_of(*ROWS, '"')))[2:] == [["record.open_quote"]]
    file = short(tmp_path, text_of(*ROWS, '"""",,'))
    assert len(records(file)) == 3


def test_a_trailer_is_found_before_lines_of_nothing_and_they_before_it(tmp_path: Path) -> None:
    control = {"kind": "trailer", "marker": "T", "records": 2, "sums": [{"field": 3, "currency": "ZAR"}]}
    file = short(tmp_path, text_of(*ROWS, ",,", "T,2,21.00", ",,", ",,"), control=control)
    assert sound(file)
    assert len(records(file)) == 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_delimiter_at_the_end_of_every_record_alone_does_no_harm(
    tmp_path: Path, delimiter: str, end: str
) -> None:
    lines = [f"{each},".replace(",", delimiter) for each in ROWS]
    file = short(tmp_path, text_of(*lines, header=f"c{delimiter}b{delimiter}a", end=end), delimiter=delimiter)
    assert sound(file)
    assert amounts(file) == [1000, 1100]
    assert any("a delimiter more than the header has" in note for note in file.notes)


@pytest.mark.parametrize(
    ("lines", "header"),
    [
        (("C-1,B-1,10.00,", "C-2,B-2,1,000"), "c,b,a"),
        (("C-1,B-1,10.00,", "C-2,B-2,11.00"), "c,b,a"),
        (("C-1,B-1,10,50,", "C-2,B-2,11,25,"), "c,b,a,note"),
        (("C-1,B-1,1,000.00,", "C-2,B-2,2,000.00,"), "c,b,a,note"),
    ],
    ids=["a number with the delimiter", "only some", "decimals in every row", "thousands in every row"],
)
def test_a_record_with_a_field_more_is_rejected_where_it_may_be_a_number_cut_in_two(
    tmp_path: Path, lines: tuple[str, ...], header: str
) -> None:
    file = short(tmp_path, text_of(*lines, header=header))
    assert ["record.too_many_fields"] in codes(file)
    assert not any(
        code == [] and amount in (1000, 1100, 100, 200) and header != "c,b,a"
        for code, amount in zip(codes(file), amounts(file), strict=True)
    )


def test_rejects_of_records_with_a_delimiter_at_their_end_are_read_back(tmp_path: Path) -> None:
    file = short(tmp_path, text_of("C-1,B-1,10.00,", "C-2,B-2,x,"))
    assert codes(file) == [[], ["amount_due.format"]]
    back = sent_back(tmp_path, file, (",x,", ",11.00,"))
    assert sound(back)
    assert amounts(back) == [1100]


@pytest.mark.parametrize("header", ["c,b,a,,,", "c,b,a,x,x,x", "c,b,a, ,x,x"])
def test_columns_that_nothing_reads_may_lack_a_name_or_share_one(tmp_path: Path, header: str) -> None:
    file = short(tmp_path, text_of("C-1,B-1,10.00,1,2,3", "C-2,B-2,x,1,2,3", header=header))
    assert codes(file) == [[], ["amount_due.format"]]
    back = sent_back(tmp_path, file, (",x,", ",11.00,"))
    assert sound(back)
    assert amounts(back) == [1100]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"columns": {**SHORT["columns"], "customer_name": "x"}}, "columns 4 and 5 (x)"),
        ({"columns": {**SHORT["columns"], "customer_name": "{x} {c}"}}, "columns 4 and 5 (x)"),
        ({"columns": {**SHORT["columns"], "customer_name": ["b", "x"]}}, "columns 4 and 5 (x)"),
        ({"checks": {"x": ["sa_id"]}}, "columns 4 and 5 (x)"),
        ({"unmapped": "metadata"}, "columns 4 and 5"),
    ],
    ids=["mapped", "in a template", "in a list", "checked", "kept as metadata"],
)
def test_a_name_that_is_read_appears_once(tmp_path: Path, facts: dict[str, Any], said: str) -> None:
    code, message = refused(short(tmp_path, text_of("C-1,B-1,10.00,1,2", header="c,b,a,x,x"), **facts))
    assert code == "file.duplicate_column"
    assert said in message


def test_records_that_differ_only_in_a_column_without_a_name_are_no_duplicates(tmp_path: Path) -> None:
    file = short(tmp_path, text_of("C-1,B-1,10.00,1,2", "C-1,B-1,10.00,1,3", header="c,b,a,,"))
    assert codes(file) == [["bill_reference.contradiction"]] * 2


@pytest.mark.parametrize("control", ["\x1f", "\x00", "\x7f", "\x85", "\ufeff", "\x1a"])
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_control_characters_count_where_they_are_read_and_there_the_column_is_named(
    tmp_path: Path, control: str, end: str
) -> None:
    lines = [f"C-1,B-1,10.00,x{control}y", f"C-2,B-2,11{control}.00,z", f"C{control},B-3,12.00,{control}"]
    file = short(tmp_path, text_of(*lines, header="c,b,a,note", end=end))
    assert codes(file) == [[], ["record.control_characters"], ["record.control_characters"]]
    assert amounts(file) == [1000, None, None]
    messages = [record["message"] for record in records(file)]
    assert messages[1:] == [f"record: NUL or control characters: column {each}" for each in ("a", "c")]
    assert "control characters in columns that are not read: records: 1" in file.notes


def test_records_that_differ_only_in_control_characters_are_no_duplicates(tmp_path: Path) -> None:
    lines = ["C-1,B-1,10.00,x\x1fy", "C-1,B-1,10.00,x\x1fz"]
    file = short(tmp_path, text_of(*lines, header="c,b,a,note"))
    assert codes(file) == [["bill_reference.contradiction"]] * 2


def test_a_lone_carriage_return_in_a_column_that_is_not_read_does_no_harm(tmp_path: Path) -> None:
    lines = ["C-1,B-1,10.00,x\ry", "C-2,B\r2,11.00,z"]
    file = short(tmp_path, text_of(*lines, header="c,b,a,note"))
    assert codes(file) == [[], ["record.control_characters"]]


def test_control_characters_in_a_cell_that_is_not_read_do_no_harm(tmp_path: Path) -> None:
    raw = workbook(sheet(row("c", "b", "a", "note"), row("C-1", "B-1", "10.00", "x_x001F_y")))
    file = short(tmp_path, raw)
    assert sound(file)
    assert amounts(file) == [1000]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
@pytest.mark.parametrize("before", ["", "\r\n", "\r\n\r\n"])
def test_the_end_of_file_of_dos_is_no_record_and_no_part_of_one(
    tmp_path: Path, before: str, encoding: str
) -> None:
    text = text_of(*ROWS, end="\r\n").rstrip() + before + "\x1a"
    file = short(tmp_path, text.encode(encoding), encoding=encoding)
    assert sound(file)
    assert amounts(file) == [1000, 1100]
    assert texts(file)[-1].decode("utf-16-le" if encoding == "utf-16" else encoding) == ROWS[1]
    assert any("Ctrl-Z" in note for note in file.notes)


def test_the_end_of_file_of_dos_elsewhere_is_a_control_character(tmp_path: Path) -> None:
    assert codes(short(tmp_path, text_of(ROWS[0], "C-2,B-2\x1a,11.00"))) == [
        [],
        ["record.control_characters"],
    ]


def test_bytes_of_no_encoding_are_told_from_it(tmp_path: Path) -> None:
    file = short(tmp_path, text_of(ROWS[0], "C-2,B-2,11.00").encode() + b"C-3,B-3\xff,1.00\n")
    assert codes(file) == [[], [], ["record.undecodable"]]


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
@pytest.mark.parametrize("delimiter", [";", ","], ids=["as declared", "other than declared"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_excels_line_with_the_delimiter_is_read_as_what_it_is(
    tmp_path: Path, line: str, delimiter: str, encoding: str
) -> None:
    text = "\r\n".join([line, "c;b;a", "C-1;B-1;10.00", "C-2;B-2;x", ""])
    file = short(tmp_path, text.encode(encoding), delimiter=delimiter, encoding=encoding)
    assert codes(file) == [[], ["amount_due.format"]]
    assert [record["line"] for record in records(file)] == [3, 4]
    assert any("sep= line" in note for note in file.notes)
    back = sent_back(tmp_path, file, (";x;", ";11.00;"), delimiter=delimiter, encoding=encoding)
    assert sound(back)
    assert amounts(back) == [1100]


def test_a_trailer_is_read_with_the_delimiter_that_the_file_states(tmp_path: Path) -> None:
    control = {"kind": "trailer", "marker": "T", "records": 2, "sums": [{"field": 3, "currency": "ZAR"}]}
    text = "sep=;\nc;b;a\nC-1;B-1;10.00\nC-2;B-2;11.00\nT;2;21.00\n"
    assert sound(short(tmp_path, text, control=control))


def test_a_row_of_a_sheet_is_no_line_with_a_delimiter(tmp_path: Path) -> None:
    file = short(tmp_path, workbook(sheet(row("sep=;"), row("c", "b", "a"))))
    assert refused(file)[0] == "file.missing_column"
    assert not any("sep=" in note for note in file.notes)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_delimiter_at_the_end_of_the_header_alone_is_no_column(tmp_path: Path, end: str) -> None:
    file = short(tmp_path, text_of(*ROWS, "C-3,B-3,x", header="c,b,a,", end=end))
    assert codes(file) == [[], [], ["amount_due.format"]]
    assert any("header ends with a delimiter more" in note for note in file.notes)
    assert file.header == b"c,b,a"
    back = sent_back(tmp_path, file, (",x,", ",12.00,"))
    assert sound(back)
    assert amounts(back) == [1200]


def test_one_row_that_has_the_field_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    file = short(tmp_path, text_of(*ROWS, "C-3,B-3,12.00,", "C-4,B-4,1,000.00", header="c,b,a,"))
    assert codes(file) == [[], [], ["record.too_many_fields"], ["record.too_many_fields"]]


def test_a_last_column_without_a_name_that_most_rows_fill_stays_one(tmp_path: Path) -> None:
    file = short(tmp_path, text_of("C-1,B-1,10.00", "C-2,B-2,11.00,x", "C-3,B-3,12.00,y", header="c,b,a,"))
    assert codes(file) == [["record.too_few_fields"], [], []]


def test_what_is_behind_an_amount_below_no_name_may_be_the_rest_of_it(tmp_path: Path) -> None:
    """10,50 would be read as 10."""
    file = short(tmp_path, text_of("C-1,B-1,10,50", "C-2,B-2,11,00", header="c,b,a,"))
    assert codes(file) == [["record.too_many_fields"]] * 2
