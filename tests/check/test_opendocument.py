"""ODS: the text of each cell as it is stored, each row below the header a record, and nothing guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.file_stages import CheckedFile
from schemas.settings import Limits
from tests.check.landing import BILLS, checked, codes, records
from tests.check.opendocuments import (
    NAMES,
    date,
    number,
    opendocument,
    row,
    sheet,
    text,
    value,
)
from tests.check.test_structure_of_files import refusal

HEADER = row(*BILLS.split(","), "customer_name", "due_date", "metadata.note")
LOOSE = Limits(max_decompression_ratio=100_000)


def line(at: int, amount: Any = "10.00", name: Any = None, due: Any = None, note: Any = None) -> str:
    return row(f"C-{at}", f"A-{at}", f"B-{at}", "ZAR", amount, name, due, note)


def book(folder: Path, *rows: str, facts: dict[str, Any] | None = None, **how: Any) -> CheckedFile:
    return checked(folder, opendocument(sheet(HEADER, *rows), **how), limits=LOOSE, **(facts or {}))


def only(file: CheckedFile) -> dict[str, Any]:
    assert file.refusal is None, file.refusal
    (record,) = records(file)
    return record


def refused(folder: Path, *sheets: str, **how: Any) -> str:
    return refusal(folder, opendocument(*sheets, **how), limits=LOOSE)


def test_each_kind_of_cell_is_its_text(tmp_path: Path) -> None:
    comment = "<office:annotation><text:p>a comment</text:p></office:annotation>"
    picture = "<drawing:frame><drawing:text-box><text:p>drawn</text:p></drawing:text-box></drawing:frame>"
    cells = {
        text("Zoë 😀 & co"): "Zoë 😀 & co",
        text("<text:p>two</text:p><text:p/><text:p>lines</text:p>"): "two\n\nlines",
        text("<text:p>a<text:line-break/>b<text:tab/>c</text:p>"): "a\nb\tc",
        text("<text:p>a<text:s/>b<text:s text:c='3'/>c</text:p>"): "a b   c",
        text("<text:p>\n  a \n b <text:span>c</text:span> </text:p>"): "a b c",
        text(f"{comment}<text:p>value{comment}</text:p>{picture}"): "value",
        value("string", {"office:string-value": "stored"}, "shown"): "stored",
        value("", {}, "untyped"): "untyped",
        value("boolean", {"office:boolean-value": "true"}, "WAHR"): "TRUE",
        value("boolean", {"office:boolean-value": "false"}, "FALSCH"): "FALSE",
        number("12.5", "percentage"): "12.5",
        number("12.50", "currency"): "12.5",
        value("time", {"office:time-value": "PT12H05M00S"}, "12:05"): "12:05:00",
        date("2026-11-20"): "2026-11-20",
        date("2026-11-20T06:00:00"): "2026-11-20T06:00:00",
        value("float", {"office:value": "2", "table:formula": "of:=1+1"}, "2"): "2",
    }
    file = book(tmp_path, *[line(at, note=cell) for at, cell in enumerate(cells, 1)])
    assert codes(file) == [[]] * len(cells)
    notes = [json.loads(record["metadata"])["note"] for record in records(file)]
    assert notes == list(cells.values())


@pytest.mark.parametrize(
    ("cell", "minor"),
    [(10, 1000), (number("240.00999999999999"), 24001), (number("1.0E2"), 10000), ("240.01", 24001)],
)
def test_an_amount_is_exact(tmp_path: Path, cell: Any, minor: int) -> None:
    assert only(book(tmp_path, line(1, cell)))["amount_minor"] == minor


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"amount": number("1E+21")}, "amount_due.spreadsheet"),
        ({"amount": number("900719925474099.01")}, "amount_due.spreadsheet"),
        ({"amount": number("0.30000000000000004")}, "amount_due.spreadsheet"),
        ({"amount": number("1.235")}, "amount_due.too_precise"),
        ({"amount": number("")}, "amount_due.spreadsheet"),
        (
            {"amount": value("float", {"office:value": "0", "calcext:value-type": "error"}, "#REF!")},
            "amount_due.spreadsheet",
        ),
        (
            {"amount": value("float", {"office:value": "0", "table:formula": "=1/0"}, "Err:502")},
            "amount_due.spreadsheet",
        ),
        (
            {"amount": value("float", {"office:value": "0", "table:formula": "=1/0"}, "#DIV/0!")},
            "amount_due.spreadsheet",
        ),
        ({"amount": value("", {"table:formula": "of:=SUM([.A1:.A2])"})}, "amount_due.spreadsheet"),
        (
            {"name": value("string", {"office:string-value": "", "calcext:value-type": "error"}, "#N/A")},
            "customer_name.spreadsheet",
        ),
        ({"due": date("2026-11-20T06:00:00")}, "due_date.format"),
        ({"due": date("2026-02-30")}, "due_date.format"),
        ({"due": 46346}, "due_date.format"),
    ],
)
def test_what_a_spreadsheet_has_damaged_is_rejected(tmp_path: Path, cells: dict[str, Any], code: str) -> None:
    file = book(tmp_path, line(1), line(2, **cells), line(3))
    assert codes(file) == [[], [code], []]


def test_a_date_cell_is_read_in_any_feed(tmp_path: Path) -> None:
    for formats in (["%Y-%m-%d"], ["%d/%m/%Y"], ["%d %b %Y", "%Y-%m-%d"]):
        file = book(tmp_path, line(1, due=date("2026-11-20")), facts={"date_formats": formats})
        assert only(file)["due_date"] == "2026-11-20"


def test_repeated_rows_and_cells_are_as_many(tmp_path: Path) -> None:
    """Of rows and cells of nothing there may be any number: LibreOffice fills a sheet up with them."""
    nothing = '<table:table-cell table:number-columns-repeated="16384"/>'
    twice = value("string", {"table:number-columns-repeated": "2"}, "same")
    header = row(
        "customer_reference",
        "account_reference",
        "bill_reference",
        "currency",
        "amount_due",
        "x",
        "y",
        nothing,
    )
    file = checked(
        tmp_path,
        opendocument(
            sheet(
                row(nothing, number_rows_repeated="2"),
                header,
                row("C-1", "A-1", "B-1", "ZAR", 10, twice, nothing, number_rows_repeated="2"),
                row(nothing, number_rows_repeated="3"),
                row("C-2", "A-2", "B-2", "ZAR", 10, twice),
                row(nothing, number_rows_repeated="1048500"),
            )
        ),
        limits=LOOSE,
    )
    assert [(each["line"], each["codes"]) for each in records(file)] == [
        (4, []),
        (5, []),
        *((number_, ["record.blank"]) for number_ in (6, 7, 8)),
        (9, []),
    ]
    assert records(file)[1]["duplicate_of"] == 1


def test_the_sheet_that_the_feed_names_is_read_else_the_first_visible_one(tmp_path: Path) -> None:
    hidden = '<style:style style:name="ta2"><style:table-properties table:display="false"/></style:style>'
    sheets = (
        sheet(row("other"), name="Hidden", style="ta2"),
        sheet(HEADER, line(1), name="May"),
        sheet(HEADER, line(2), name="June"),
    )
    file = checked(tmp_path, opendocument(*sheets, styles=hidden), limits=LOOSE)
    assert only(file)["bill_reference"] == "B-1"
    assert "sheets ignored: Hidden, June" in file.notes
    assert (
        only(checked(tmp_path, opendocument(*sheets, styles=hidden), limits=LOOSE, sheet="June"))[
            "bill_reference"
        ]
        == "B-2"
    )
    assert refusal(tmp_path, opendocument(*sheets), sheet="July", limits=LOOSE) == "file.sheet"
    assert refused(tmp_path, sheets[0], styles=hidden) == "file.sheet"
    assert refused(tmp_path) == "file.sheet"


def test_hidden_rows_are_read_with_a_note_and_headers_are_found(tmp_path: Path) -> None:
    title = row("Bills of May")
    raw = opendocument(
        sheet(title, HEADER, line(1), row("C-2", "A-2", "B-2", "ZAR", 10, visibility="filter"))
    )
    for header in ({"row": 2}, {"starts_with": ["customer_reference", "account_reference"]}):
        file = checked(tmp_path, raw, limits=LOOSE, header=header)
        assert [each["line"] for each in records(file)] == [3, 4]
        assert "hidden rows, read like all others: 1" in file.notes
        assert "filled rows above the header, not read: 1" in file.notes


@pytest.mark.parametrize(
    ("sheets", "how", "code"),
    [
        pytest.param(
            sheet(HEADER, row(value("string", {"table:number-rows-spanned": "2"}, "C-1"), "A-1"), line(2)),
            {},
            "file.merged_cells",
            id="merged rows",
        ),
        pytest.param(
            sheet(HEADER),
            {"parts": {"Basic/Standard/Module1.xml": "<a/>"}},
            "file.workbook_active",
            id="macros",
        ),
        pytest.param(
            sheet('<table:table-source table:mode="copy-results-only"/>', HEADER),
            {},
            "file.workbook_active",
            id="a link",
        ),
        pytest.param(
            sheet(HEADER),
            {"parts": {"META-INF/manifest.xml": f"<a {NAMES}><manifest:encryption-data/></a>"}},
            "file.archive_encrypted",
            id="a password",
        ),
        pytest.param(sheet(HEADER), {"parts": {"content.xml": "<a>"}}, "file.workbook", id="broken XML"),
        pytest.param(
            sheet(HEADER),
            {"parts": {"content.xml": "<!DOCTYPE a><a/>"}},
            "file.workbook",
            id="a document type",
        ),
        pytest.param(
            sheet(HEADER), {"kind": "application/vnd.oasis.opendocument.text"}, "file.format", id="a text"
        ),
        pytest.param(sheet(), {}, "file.empty", id="nothing"),
        pytest.param(sheet(HEADER), {}, "file.no_records", id="a header alone"),
        pytest.param(
            sheet(HEADER, row("x", number_rows_repeated="1048576")), {}, "file.workbook", id="too many rows"
        ),
        pytest.param(
            sheet(HEADER, row(value("string", {"table:number-columns-repeated": "20000"}, "x"))),
            {},
            "file.workbook",
            id="too many columns",
        ),
        pytest.param(
            sheet(HEADER, row(value("string", {"table:number-columns-repeated": "-1"}, "x"))),
            {},
            "file.workbook",
            id="a count that is none",
        ),
        pytest.param(sheet(HEADER, sheet(HEADER)), {}, "file.workbook", id="a sheet in a sheet"),
        pytest.param(
            sheet(HEADER, row(text("<table:table-cell/>"))), {}, "file.workbook", id="a cell in a cell"
        ),
    ],
)
def test_what_cannot_be_read_for_certain_is_refused(
    tmp_path: Path, sheets: str, how: dict[str, Any], code: str
) -> None:
    assert refused(tmp_path, sheets, **how) == code
    assert not (tmp_path / "work" / "plain").exists() or code == "file.no_records"


def test_a_merged_title_above_the_header_does_no_harm(tmp_path: Path) -> None:
    title = row(
        value("string", {"table:number-columns-spanned": "3"}, "Bills"), "<table:covered-table-cell/>"
    )
    file = checked(tmp_path, opendocument(sheet(title, HEADER, line(1))), limits=LOOSE, header={"row": 2})
    assert only(file)["bill_reference"] == "B-1"


def test_a_feed_can_say_that_its_files_are_ods(tmp_path: Path) -> None:
    raw = opendocument(sheet(HEADER, line(1)))
    assert checked(tmp_path, raw, limits=LOOSE, format="ods").refusal is None
    assert refusal(tmp_path, raw, limits=LOOSE, format="xlsx") == "file.format"
    assert refusal(tmp_path, f"{BILLS}\n".encode(), format="ods") == "file.format"
