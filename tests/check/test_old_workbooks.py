"""XLS: read by a process with limits; the text of each cell without loss, and errors that are seen."""

from __future__ import annotations

import json
import os
import random
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.check.check import check
from pipeline.core.file_stages import CheckedFile
from pipeline.edge.reader.xls import sheet as xls_sheet
from pipeline.errors import ExtraMissing
from schemas.settings import Limits
from tests.check.landing import BILLS, checked, codes, land, records
from tests.check.old_workbooks import (
    DATE,
    DATE_TIME,
    PERCENT,
    TIME,
    Cell,
    compound,
    error,
    formula,
    hidden,
    label,
    merged,
    number,
    old_workbook,
    record,
    row,
    truth,
    wrong,
)
from tests.check.test_structure_of_files import refusal

HEADER = row(0, *BILLS.split(","), "customer_name", "due_date", "metadata.note")
LOOSE = Limits(max_decompression_ratio=100_000)


def line(at: int, amount: Cell = "10.00", name: Cell = None, due: Cell = None, note: Cell = None) -> bytes:
    return row(at, f"C-{at}", f"A-{at}", f"B-{at}", "ZAR", amount, name, due, note)


def book(folder: Path, *rows: bytes, **facts: Any) -> CheckedFile:
    return checked(folder, old_workbook(HEADER + b"".join(rows)), limits=LOOSE, **facts)


def test_each_kind_of_cell_is_its_text(tmp_path: Path) -> None:
    cells: dict[Cell, str] = {
        "Zoë 😀": "Zoë 😀",
        'two\nlines, "quoted"': 'two\nlines, "quoted"',
        (truth, True): "TRUE",
        (truth, False): "FALSE",
        (formula, struct.pack("<d", 12.5)): "12.5",
        (number, 12.5, PERCENT): "12.5",
        (number, 0.5, TIME): "12:00:00",
        (number, 46346, DATE): "2026-11-20",
        (number, 46346.25, DATE_TIME): "2026-11-20T06:00:00",
    }
    file = book(tmp_path, *[line(at, note=cell) for at, cell in enumerate(cells, 1)])
    assert codes(file) == [[]] * len(cells)
    assert [json.loads(each["metadata"])["note"] for each in records(file)] == list(cells.values())


def test_amounts_are_exact_and_what_a_spreadsheet_has_damaged_is_rejected(tmp_path: Path) -> None:
    amounts: dict[Cell, tuple[int | None, list[str]]] = {
        10: (1000, []),
        240.01: (24001, []),
        0.1 + 0.2: (None, ["amount_due.spreadsheet"]),
        1e21: (None, ["amount_due.spreadsheet"]),
        1.235: (None, ["amount_due.too_precise"]),
        (error, 0x2A): (None, ["amount_due.spreadsheet"]),
        (formula, wrong(0x17)): (None, ["amount_due.spreadsheet"]),
    }
    file = book(tmp_path, *[line(at, amount) for at, amount in enumerate(amounts, 1)])
    assert [(each["amount_minor"], each["codes"]) for each in records(file)] == list(amounts.values())


def test_an_error_in_a_detail_is_not_taken_for_nothing(tmp_path: Path) -> None:
    """python-calamine shows it as an empty cell."""
    file = book(tmp_path, line(1), line(2, name=(error, 0x2A)), line(3, name=(formula, wrong(0x07))), line(4))
    assert codes(file) == [[], ["customer_name.spreadsheet"], ["customer_name.spreadsheet"], []]


def test_dates_are_read_in_any_feed_and_numbers_are_none(tmp_path: Path) -> None:
    for formats in (["%Y-%m-%d"], ["%d/%m/%Y"]):
        dates: list[Cell] = [(number, 46346, DATE), 46346, (number, 5, DATE)]
        file = book(tmp_path, *[line(at, due=due) for at, due in enumerate(dates, 1)], date_formats=formats)
        assert [each["due_date"] for each in records(file)] == ["2026-11-20", None, None]
        assert codes(file) == [[], ["due_date.format"], ["due_date.format"]]


def test_rows_have_their_numbers_and_sheets_and_hidden_rows_are_noted(tmp_path: Path) -> None:
    bills = row(2, "Bills") + row(3, *BILLS.split(",")) + line(4) + line(6) + hidden(6)
    raw = old_workbook(
        {"Secret": row(0, "x"), "Bills": bills, "More": row(0, "y")}, hidden_sheets=("Secret",)
    )
    file = checked(tmp_path, raw, limits=LOOSE, header={"row": 4})
    assert [(each["line"], each["codes"]) for each in records(file)] == [
        (5, []),
        (6, ["record.blank"]),
        (7, []),
    ]
    for note in (
        "sheets ignored: Secret, More",
        "hidden rows, read like all others: 1",
        "filled rows above the header, not read: 1",
    ):
        assert note in file.notes
    assert refusal(tmp_path, raw, limits=LOOSE, sheet="June") == "file.sheet"


def test_a_table_may_begin_anywhere_in_its_sheet(tmp_path: Path) -> None:
    bill = ["C-1", "A-1", "B-1", "ZAR", "10.00", "Zoë"]
    names = [*BILLS.split(","), "customer_name"]
    cells = [
        label(at, 3 + column, text)
        for at, line in ((2, names), (3, bill))
        for column, text in enumerate(line)
    ]
    file = checked(tmp_path, old_workbook(b"".join(cells) + error(4, 8)), limits=LOOSE)
    assert [(each["line"], each["customer_name"]) for each in records(file)] == [(4, "Zoë"), (5, "#N/A")]
    assert codes(file)[0] == []
    assert "customer_name.spreadsheet" in codes(file)[1]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(
            old_workbook(HEADER + line(1) + line(2) + merged(1, 2)), "file.merged_cells", id="merged"
        ),
        pytest.param(old_workbook(b""), "file.empty", id="nothing"),
        pytest.param(old_workbook(HEADER), "file.no_records", id="a header alone"),
        pytest.param(
            old_workbook(HEADER, globals_=record(0x1AE, struct.pack("<HH", 1, 9) + b"other.xls")),
            "file.workbook_active",
            id="a link",
        ),
        pytest.param(
            compound(old_workbook(HEADER)[1536:], beside="_VBA_PROJECT_CUR"),
            "file.workbook_active",
            id="macros",
        ),
        pytest.param(old_workbook(HEADER)[:2000], "file.workbook", id="cut"),
        pytest.param(compound(b"x" * 5000), "file.workbook", id="no records"),
        pytest.param(compound(b"x" * 5000, "WordDocument"), "file.format", id="a Word document"),
        pytest.param(
            compound(b"x" * 5000, "EncryptedPackage"), "file.archive_encrypted", id="an XLSX with a password"
        ),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "file.workbook", id="zeros"),
        pytest.param(
            old_workbook(HEADER, globals_=record(0x2F, bytes(54))), "file.archive_encrypted", id="a password"
        ),
    ],
)
def test_what_cannot_be_read_for_certain_is_refused(tmp_path: Path, raw: bytes, code: str) -> None:
    assert refusal(tmp_path, raw, limits=LOOSE) == code


def test_a_workbook_that_asks_for_gigabytes_ends_at_its_limit_and_is_refused(tmp_path: Path) -> None:
    raw = old_workbook(HEADER + number(65535, 65535, 1.0))
    file = checked(tmp_path, raw, limits=LOOSE)
    assert file.refusal is not None
    assert file.refusal.code == "file.workbook"
    assert file.refusal.message == (
        "reading it takes far more memory or time than a workbook of its size should; save it again, or as CSV"
    )


def test_a_workbook_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xls_sheet, "_PATIENCE", 0)
    file = checked(tmp_path, old_workbook(HEADER + line(1)), limits=LOOSE)
    assert file.refusal is not None
    assert "far more time than" in file.refusal.message


def test_without_the_package_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xls_sheet, "_LIBRARY", "python_calamine_that_nobody_has")
    with pytest.raises(ExtraMissing, match=r"pip install 'billferry\[workbooks\]'") as raised:
        check(land(tmp_path, old_workbook(HEADER + line(1))), tmp_path / "work", limits=LOOSE)
    assert raised.value.exit_status == 2
    assert "\n" not in str(raised.value)


def test_the_process_has_limits_no_secrets_and_writes_nothing(tmp_path: Path) -> None:
    """Its own account of itself, asked with a stand-in for the library."""
    (tmp_path / "python_calamine.py").write_text(
        "import json, os, sys\n"
        "from resource import *\n"
        "kinds = RLIMIT_AS, RLIMIT_CPU, RLIMIT_CORE, RLIMIT_FSIZE\n"
        "print(json.dumps([*(getrlimit(each)[0] for each in kinds), os.umask(0)]))\n"
        "sys.exit()\n"
    )
    said = subprocess.run(
        [sys.executable, "-P", "-m", "pipeline.edge.reader.xls.child", "x", "99000000", "3"],
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])},
        capture_output=True,
        check=True,
    )
    assert json.loads(said.stdout) == [99_000_000, 3, 0, 0, 0o077]


def test_a_process_that_is_killed_is_no_end_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = xls_sheet._Reader.next

    def killed(reader: Any) -> Any:
        said = original(reader)
        if isinstance(said, list) and said[0] == 2:
            os.kill(reader._process.pid, signal.SIGKILL)
            reader._process.stdout.readline = lambda _: b""
        return said

    monkeypatch.setattr(xls_sheet._Reader, "next", killed)
    assert refusal(tmp_path, old_workbook(HEADER + line(1) + line(2)), limits=LOOSE) == "file.workbook"
    assert not (tmp_path / "work" / "plain").exists()


@pytest.mark.slow
def test_whatever_happened_to_its_bytes_it_is_read_or_refused(tmp_path: Path) -> None:
    whole = old_workbook(HEADER + b"".join(line(at) for at in range(1, 9)) + error(9, 2))
    for seed in range(200 if os.environ.get("SOAK") else 10):
        chance = random.Random(seed)  # noqa: S311
        raw = bytearray(whole)
        for _ in range(chance.choice([1, 3, 30])):
            raw[chance.randrange(len(raw) if seed % 2 else 2000)] = chance.choice(
                [0, 1, 255, chance.randrange(256)]
            )
        file = checked(
            tmp_path, bytes(raw[: chance.choice([len(raw), chance.randrange(len(raw))])]), limits=LOOSE
        )
        assert file.refusal is None or file.refusal.code.startswith("file."), seed


@pytest.mark.slow
def test_every_row_below_the_header_is_a_record_whatever_is_in_it(tmp_path: Path) -> None:
    """Rows are told by how the file was made: filled ones, ones with an error alone, and blank ones between."""
    kinds: list[Cell] = ["C-1", 10, 240.01, 1e21, (error, 0x2A), (number, 46346, DATE), (truth, True), None]
    for seed in range(60 if os.environ.get("SOAK") else 6):
        chance = random.Random(seed)  # noqa: S311
        first, cells = chance.randrange(5), b""
        filled = sorted(chance.sample(range(first + 1, first + 40), chance.randrange(1, 12)))
        for at in filled:
            cells += row(at, *[chance.choice(kinds) for _ in range(chance.randrange(9))], "x")
        raw = old_workbook(
            row(first, *BILLS.split(","), "customer_name", "due_date", "metadata.note") + cells
        )
        file = checked(tmp_path, raw, limits=Limits(max_decompression_ratio=100_000, max_reject_ratio=1.0))
        assert file.refusal is None, file.refusal
        assert [each["line"] for each in records(file)] == list(range(first + 2, filled[-1] + 2)), seed
        assert file.totals.total_records == filled[-1] - first
