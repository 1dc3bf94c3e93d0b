"""Rejects as programs save them: recognised, and read as what they correct."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipeline.check.check import check
from pipeline.core.mapping.file_names import peek_rejects
from pipeline.report.rejects import rejects_of_check
from tests.check.landing import land
from tests.check.short_bills import ANY, ROWS, SHORT, amounts, short, sound, text_of


@pytest.mark.parametrize("line", ["sep=;\r\n", '"sep=;"\r\n', "\ufeffsep=;\r\n", "sep=;;;;;;;;\r\n"])
def test_rejects_that_excel_saved_below_a_line_of_their_delimiter_are_recognised(
    tmp_path: Path, line: str
) -> None:
    file = short(tmp_path, text_of(*ROWS, "C-3,B-3,x"))
    path = tmp_path / "rejects.csv"
    assert rejects_of_check(file, path)
    rows = list(csv.reader(path.read_text().replace(",x,", ",12.00,").splitlines()))
    saved = (line + "".join(";".join(row) + "\r\n" for row in rows)).encode()
    source = file.landed.short_name
    assert peek_rejects(saved) == source
    back = check(
        land(tmp_path, saved, name="back.csv", rejects_of=source, **SHORT), tmp_path / "2", limits=ANY
    )
    assert sound(back)
    assert amounts(back) == [1200]
