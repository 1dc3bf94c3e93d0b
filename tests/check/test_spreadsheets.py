"""XLSX: the text of each cell without loss, each row below the header a record, and nothing guessed."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.file_stages import CheckedFile
from schemas.settings import Limits
from tests.check.landing import BILLS, checked, codes, records
from tests.check.test_structure_of_files import refusal
from tests.check.workbooks import (
    DATE,
    DATE_TIME,
    EURO,
    MAIN,
    PERCENT,
    RELATIONS,
    TIME,
    number,
    row,
    sheet,
    text,
    workbook,
    zipped,
)

HEADER = row(*BILLS.split(","), "customer_name", "due_date", "metadata.note")
LOOSE = Limits(max_decompression_ratio=100_000)


def line(at: int, amount: Any = "10.00", name: Any = None, due: Any = None, note: Any = None) -> str:
    return row(f"C-{at}", f"A-{at}", f"B-{at}", "ZAR", amount, name, due, note)


def book(
    folder: Path, *rows: str, behind: str = "", facts: dict[str, Any] | None = None, **how: Any
) -> CheckedFile:
    return checked(
        folder, workbook(sheet(HEADER, *rows, behind=behind), **how), limits=LOOSE, **(facts or {})
    )


def only(file: CheckedFile) -> dict[str, Any]:
    assert file.refusal is None, file.refusal
    (record,) = records(file)
    return record


def test_each_kind_of_cell_is_its_text(tmp_path: Path) -> None:
    cells = {
        text("Zoë 😀"): "Zoë 😀",
        text('two\nlines, "quoted"'): 'two\nlines, "quoted"',
        text("tab\tand _x0041__x005F_x0041_"): "tab\tand A_x0041_",
        '<c t="s"><v>0</v></c>': "shared",
        '<c t="s"><v>1</v></c>': "rich text",
        '<c t="str"><f>A1&amp;"x"</f><v>formula</v></c>': "formula",
        '<c t="b"><v>1</v></c>': "TRUE",
        '<c t="b"><v>0</v></c>': "FALSE",
        "<c><f>1+1</f><v>2</v></c>": "2",
        number("12.5", PERCENT): "12.5",
        number("12.5", EURO): "12.5",
        number("0.5", TIME): "12:00:00",
        number("46346", DATE): "2026-11-20",
        number("46346.25", DATE_TIME): "2026-11-20T06:00:00",
        '<c t="d"><v>2026-11-20T00:00:00</v></c>': "2026-11-20",
    }
    shared = [
        "<t>shared</t>",
        "<r><t>rich</t></r><r><t xml:space='preserve'> text</t></r><rPh><t>x</t></rPh>",
    ]
    lines = [line(at, note=cell) for at, cell in enumerate(cells, 1)]
    file = book(tmp_path, *lines, shared=shared)
    assert codes(file) == [[]] * len(cells)
    assert [record["metadata"] for record in records(file)] == [
        f'{{"note":{_json(value)}}}' for value in cells.values()
    ]


def _json(value: str) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    ("cell", "minor"),
    [(10, 1000), (number("240.00999999999999"), 24001), (number("1.0E2"), 10000), ("240.01", 24001)],
)
def test_an_amount_is_exact(tmp_path: Path, cell: Any, minor: int) -> None:
    assert only(book(tmp_path, line(1, cell)))["amount_minor"] == minor


def test_a_number_cell_is_a_number_whatever_separators_texts_have(tmp_path: Path) -> None:
    """1.234 is one and a quarter, also in a feed where a point groups thousands."""
    german = {"amount": {"unit": "major", "decimal": ",", "thousands": "."}}
    file = book(
        tmp_path, line(1, number("1.23")), line(2, text("1.234,50")), line(3, number("1.234")), facts=german
    )
    assert [record["amount_minor"] for record in records(file)] == [123, 123450, None]
    assert codes(file)[2] == ["amount_due.too_precise"]


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"amount": number("1E+21")}, "amount_due.spreadsheet"),
        ({"amount": number("0.30000000000000004")}, "amount_due.spreadsheet"),
        ({"amount": '<c t="e"><v>#REF!</v></c>'}, "amount_due.spreadsheet"),
        ({"amount": "<c><f>SUM(A1:A2)</f></c>"}, "amount_due.spreadsheet"),
        ({"amount": number("1.235")}, "amount_due.too_precise"),
        ({"name": '<c t="e"><v>#N/A</v></c>'}, "customer_name.spreadsheet"),
        ({"name": number("1234567890123456")}, "customer_name.spreadsheet"),
        ({"note": number("0.33333333333333331")}, "metadata.spreadsheet"),
        ({"note": "<c><f>1/0</f></c>"}, "metadata.spreadsheet"),
        ({"due": number("46346.5", DATE)}, "due_date.format"),
        ({"due": 46346}, "due_date.format"),
        ({"name": text("A_x0000_B")}, "record.control_characters"),
        ({"name": text("A_xD83D_B")}, "record.undecodable"),
    ],
)
def test_what_a_spreadsheet_has_damaged_is_rejected(tmp_path: Path, cells: dict[str, Any], code: str) -> None:
    file = book(tmp_path, line(1), line(2, **cells), line(3))
    assert codes(file) == [[], [code], []]


def test_a_reference_that_a_spreadsheet_took_for_a_number_is_rejected_where_digits_were_lost(
    tmp_path: Path,
) -> None:
    cells = [number("123456789012345"), number("1234567890123450"), number("27821234567")]
    file = book(tmp_path, *(row("C-1", "A-1", cell, "ZAR", 10) for cell in cells))
    assert codes(file) == [[], ["bill_reference.spreadsheet"], []]
    assert records(file)[0]["bill_reference"] == "123456789012345"


def test_a_date_cell_is_read_in_any_feed_and_a_number_is_never_taken_for_one(tmp_path: Path) -> None:
    for formats in (["%Y-%m-%d"], ["%d/%m/%Y"], ["%d %b %Y", "%Y-%m-%d"]):
        file = book(tmp_path, line(1, due=number("46346", DATE)), facts={"date_formats": formats})
        assert only(file)["due_date"] == "2026-11-20"
    old_mac = '<workbookPr date1904="1"/>'
    assert (
        only(book(tmp_path, line(1, due=number("44884", DATE)), properties=old_mac))["due_date"]
        == "2026-11-20"
    )


def test_rows_are_records_with_their_own_row_numbers(tmp_path: Path) -> None:
    """Rows of nothing between records are blank records; behind the last one, and above the header, they are none."""
    rows = [
        "<row r='1'/>",
        HEADER.replace("<row>", "<row r='3'>"),
        line(1),
        line(2, name=text("a\nb\nc")),
        line(3).replace("<row>", "<row r='8'>"),
        row(None, None, text("")),
        "<row r='1048576'><c/></row>",
    ]
    file = checked(tmp_path, workbook(sheet(*rows)), limits=LOOSE)
    assert [record["line"] for record in records(file)] == [4, 5, 6, 7, 8]
    assert codes(file) == [[], [], ["record.blank"], ["record.blank"], []]


def test_short_rows_are_whole_and_cells_beside_the_table_are_too_many(tmp_path: Path) -> None:
    file = book(
        tmp_path,
        row("C-1", "A-1", "B-1", "ZAR", 10),
        line(2).replace("</row>", "<c r='Z9'><v>1</v></c></row>"),
    )
    assert codes(file) == [[], ["record.too_many_fields"]]


def test_the_first_visible_sheet_is_read_or_the_one_that_the_feed_names(tmp_path: Path) -> None:
    sheets = {
        "Secret": sheet(HEADER, line(1)),
        "Bills": sheet(HEADER, line(2)),
        "Älter": sheet(HEADER, line(3)),
    }
    raw = workbook(sheets, hidden=["Secret"])
    for name, bill in ((None, "B-2"), ("Älter", "B-3"), ("Secret", "B-1")):
        file = checked(tmp_path, raw, sheet=name)
        assert only(file)["bill_reference"] == bill
        assert any(note.startswith("sheets ignored: ") for note in file.notes)
    assert refusal(tmp_path, raw, sheet="bills") == "file.sheet"
    assert refusal(tmp_path, workbook({"A": sheet(HEADER)}, hidden=["A"])) == "file.sheet"


def test_a_workbook_of_one_sheet_has_no_note_about_sheets(tmp_path: Path) -> None:
    assert not [note for note in book(tmp_path, line(1)).notes if "sheet" in note]


def test_its_text_is_csv_that_a_spreadsheet_opens(tmp_path: Path) -> None:
    file = book(
        tmp_path, line(1, name=text('Zoë, "Z"\nx')), line(2, number("1E+21")), facts={"delimiter": ";"}
    )
    raw = file.text_path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    table = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert [each[5] for each in table] == ["customer_name", 'Zoë, "Z"\nx', ""]
    assert table[2][4] == "1.0E+21"
    assert file.text_path.stat().st_mode & 0o777 == 0o600


LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
EXTERNAL = '<!DOCTYPE x SYSTEM "file:///etc/hostname">'


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(workbook(LAUGHS + sheet(row("&b;"))), "file.workbook", id="entities"),
        pytest.param(
            workbook(EXTERNAL + sheet(HEADER)), "file.workbook", id="a document type from elsewhere"
        ),
        pytest.param(
            workbook(sheet(HEADER), parts={"xl/styles.xml": LAUGHS}), "file.workbook", id="entities in styles"
        ),
        pytest.param(workbook(sheet(HEADER, "<a>" * 100 + "</a>" * 100)), "file.workbook", id="deep nesting"),
        pytest.param(workbook(sheet(HEADER)[:-9]), "file.workbook", id="a sheet that is cut off"),
        pytest.param(workbook(sheet(HEADER, "<row r='1'/>")), "file.workbook", id="rows out of order"),
        pytest.param(workbook(sheet("<row r='1048577'/>")), "file.workbook", id="a row that no sheet has"),
        pytest.param(
            workbook(sheet("<row><c r='B1'/><c r='A1'/></row>")), "file.workbook", id="cells out of order"
        ),
        pytest.param(
            workbook(sheet("<row><c r='XFE1'/></row>")), "file.workbook", id="a column that no sheet has"
        ),
        pytest.param(
            workbook(sheet(HEADER, f"<row>{text('C-1')}{line(2)}</row>")),
            "file.workbook",
            id="a row in a row",
        ),
        pytest.param(
            workbook(sheet(HEADER, text("C-1"), line(2))), "file.workbook", id="a cell outside of rows"
        ),
        pytest.param(
            workbook(sheet(HEADER, line(1, "<c><c><v>1</v></c><v>2</v></c>"))),
            "file.workbook",
            id="a cell in a cell",
        ),
        pytest.param(
            workbook(sheet(HEADER, line(1, "<c><v>1</v><v>2</v></c>"))), "file.workbook", id="two values"
        ),
        pytest.param(
            workbook(sheet(HEADER, line(1, text("1").replace("</c>", "<is><t>2</t></is></c>")))),
            "file.workbook",
            id="two texts in a cell",
        ),
        pytest.param(
            workbook(sheet(HEADER, line(1, text("1").replace("<is>", "<v>2</v><is>")))),
            "file.workbook",
            id="a value and a text in a cell",
        ),
        pytest.param(workbook(sheet("<row><c r='?'/></row>")), "file.workbook", id="a cell without a place"),
        pytest.param(
            workbook(sheet('<row><c t="s"><v>7</v></c></row>')), "file.workbook", id="a missing text"
        ),
        pytest.param(
            workbook(sheet(HEADER), parts={"xl/workbook.xml": "<x/>"}), "file.sheet", id="no sheets"
        ),
        pytest.param(workbook(sheet()), "file.empty", id="a sheet of nothing"),
        pytest.param(
            workbook(sheet(HEADER), parts={"xl/vbaProject.bin": b"x"}), "file.workbook_active", id="macros"
        ),
        pytest.param(
            workbook(sheet(HEADER), parts={"xl/externalLinks/externalLink1.xml": b"x"}),
            "file.workbook_active",
            id="links to other workbooks",
        ),
        pytest.param(
            workbook(
                sheet(HEADER, line(1), line(2), behind='<mergeCells><mergeCell ref="A2:A3"/></mergeCells>')
            ),
            "file.merged_cells",
            id="merged records",
        ),
        pytest.param(
            workbook(sheet(row("currency", "currency"), row("1", "2"))),
            "file.duplicate_column",
            id="a column twice",
        ),
        pytest.param(
            workbook(sheet(HEADER, line(1, name=text("x" * 2_000_000)))),
            "file.record_too_long",
            id="a long cell",
        ),
    ],
)
def test_a_workbook_that_cannot_be_read_for_certain_is_refused(tmp_path: Path, raw: bytes, code: str) -> None:
    assert refusal(tmp_path, raw, limits=LOOSE) == code


def test_hidden_rows_are_records_and_are_told(tmp_path: Path) -> None:
    """A filter hides rows; whether their bills were meant to be sent, only a person knows."""
    hidden = line(2).replace("<row>", '<row hidden="1">')
    file = book(tmp_path, line(1), hidden, '<row hidden="1"/>', hidden.replace("B-2", "B-3"))
    assert [record["bill_reference"] for record in records(file)] == ["B-1", "B-2", None, "B-3"]
    assert "hidden rows, read like all others: 2" in file.notes
    assert not [note for note in book(tmp_path, line(1)).notes if "hidden" in note]


def test_the_row_that_a_drawing_stands_on_is_no_row_of_the_sheet(tmp_path: Path) -> None:
    anchor = "<controls><anchor><from><row>3</row><v>7</v></from></anchor></controls>"
    assert only(book(tmp_path, line(1), behind=anchor))["bill_reference"] == "B-1"


def test_merged_cells_below_the_records_do_no_harm(tmp_path: Path) -> None:
    behind = '<mergeCells><mergeCell ref="A9:B9"/></mergeCells>'
    assert checked(tmp_path, workbook(sheet(HEADER, line(1), behind=behind))).refusal is None


def test_a_workbook_may_write_elements_with_a_prefix(tmp_path: Path) -> None:
    plain = sheet(HEADER, line(1))
    prefixed = (
        plain.replace("<", "<x:").replace("<x:/", "</x:").replace(f'xmlns="{MAIN}"', f'xmlns:x="{MAIN}"')
    )
    assert only(checked(tmp_path, workbook(prefixed)))["bill_reference"] == "B-1"


def test_limits_hold_for_what_a_workbook_becomes(tmp_path: Path) -> None:
    """A text that is shared by many cells, cells far apart, and texts that nothing uses."""
    long = f"<t>{'x' * 30_000}</t>"
    shared = workbook(sheet(row("a"), *(row('<c t="s"><v>0</v></c>') for _ in range(2000))), shared=[long])
    assert (
        refusal(tmp_path, shared, limits=Limits(max_decompressed_bytes=10_000_000))
        == "file.archive_too_large"
    )
    far = workbook(sheet(row("a"), *(f'<row><c r="XFD{at}"><v>1</v></c></row>' for at in range(2, 500))))
    assert refusal(tmp_path, far) == "file.archive_too_large"
    unused = workbook(sheet(row("a")), shared=[long] * 200)
    assert refusal(tmp_path, unused) == "file.archive_too_large"


def moved(raw: bytes, folder: str) -> bytes:
    """The same workbook with its parts in another folder of the archive."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return zipped(
        {
            name.replace("xl/", folder, 1) if name.startswith("xl/") else name: text.replace(
                b'Target="xl/', f'Target="{folder}'.encode()
            ).replace(b'Target="/xl/', f'Target="/{folder}'.encode())
            for name, text in parts.items()
        }
    )


@pytest.mark.parametrize("folder", ["", "x/", "some/where/else/"])
def test_a_workbook_is_found_wherever_its_parts_are_in_the_archive(tmp_path: Path, folder: str) -> None:
    shared = ["<t>shared</t>"]
    raw = workbook(
        sheet(HEADER, line(1, number("240.01"), '<c t="s"><v>0</v></c>', number("46346", DATE))),
        shared=shared,
    )
    record = only(checked(tmp_path, moved(raw, folder), limits=LOOSE))
    assert (record["amount_minor"], record["customer_name"]) == (24001, "shared")
    assert record["due_date"] == "2026-11-20"


def test_other_office_files_are_refused_by_name_and_damaged_ones_as_damaged(tmp_path: Path) -> None:
    raw = moved(workbook(sheet(HEADER, line(1))), "")
    assert refusal(tmp_path, raw.replace(b"workbook.xml", b"workdock.xml")) == "file.format"
    relations = f'<Relationships><Relationship Id="r" Type="{RELATIONS}/officeDocument" Target="/a.xml"/>'
    around = {"[Content_Types].xml": "", "_rels/.rels": f"{relations}</Relationships>"}
    for root in ("<document/>", "<!DOCTYPE workbook><workbook/>", "no XML", ""):
        assert refusal(tmp_path, zipped({**around, "a.xml": root})) == "file.format"
    assert refusal(tmp_path, zipped({**around, "_rels/.rels": relations})) == "file.workbook"


@pytest.mark.parametrize("folder", ["", "xl/"])
def test_links_to_other_workbooks_are_seen_in_any_folder(tmp_path: Path, folder: str) -> None:
    raw = workbook(sheet(HEADER, line(1)), parts={"xl/externalLinks/externalLink1.xml": "<a/>"})
    assert refusal(tmp_path, moved(raw, folder)) == "file.workbook_active"


def test_inline_texts_of_every_kind_are_read(tmp_path: Path) -> None:
    rich = '<c t="inlineStr"><is><r><t>rich</t></r><r><t xml:space="preserve"> text</t></r></is></c>'
    spoken = '<c t="inlineStr"><is><t>Zoë</t><rPh sb="0" eb="1"><t>zo</t></rPh></is></c>'
    file = book(tmp_path, line(1, note=rich), line(2, note=spoken), line(3, note='<c t="inlineStr"/>'))
    assert [record["metadata"] for record in records(file)] == [
        '{"note":"rich text"}',
        '{"note":"Zoë"}',
        None,
    ]
