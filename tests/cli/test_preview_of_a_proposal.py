"""What `init --from` shows and writes besides the feed: a preview, a pattern of names, what is not ignored."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.cli import run_command
from pipeline.cli.init import write_proposal
from tests.check.workbooks import number, row, sheet, workbook


def test_a_preview_shows_records_before_and_after_mapping_and_what_would_be_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [f"INV-{at};C-{at};{at}.00;2026-11-20" for at in range(1, 8)]
    (tmp_path / "any.txt").write_text(
        "\n".join(["Invoice no;Client no;Amount;Due date", *records, "a/b;C-1;1;"])
    )
    config = tmp_path / "config.yaml"
    assert run_command(["init", str(config), "--from", str(tmp_path / "any.txt")]) == 0
    said = capsys.readouterr()
    assert said.out.count("ready to load") == 5
    assert "Amount: 1.00          amount_due: ZAR 1.00\n" in said.out
    assert "Preview, assuming amount.unit: major, currency: ZAR:" in said.err
    assert "records: 8 = 8 ready to load" in said.err
    assert 'ignore: ["*.md"]' in config.read_text()
    assert "INV-1" not in config.read_text()


def test_a_name_beyond_ascii_fits_its_own_pattern(tmp_path: Path) -> None:
    file = tmp_path / "M\u00e4rz 2026-03-01.csv"
    file.write_text("Invoice no;Client no;Amount\nA1;C1;1.00\n")
    config = tmp_path / "config.yaml"
    write_proposal(config, file)
    (feed,) = yaml.safe_load(config.read_text())["feeds"]
    assert feed["match"] == "M\u00e4rz {date:%Y-%m-%d}.csv"


def test_a_title_of_merged_cells_does_no_harm(tmp_path: Path) -> None:
    rows = (
        row("Report of March"),
        row("Client no", "Invoice no", "Amount"),
        row("C-1", "B-1", number("240.5")),
    )
    raw = workbook(sheet(*rows, behind='<mergeCells><mergeCell ref="A1:C1"/></mergeCells>'))
    (tmp_path / "book.xlsx").write_bytes(raw)
    config = tmp_path / "config.yaml"
    write_proposal(config, tmp_path / "book.xlsx")
    (feed,) = yaml.safe_load(config.read_text())["feeds"]
    assert feed["header"] == {"row": 2}
