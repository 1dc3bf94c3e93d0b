"""Formula-like text does not run in a spreadsheet opened from results.csv, and programs find what they look for."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.outcomes import Outcome
from pipeline.report.formulas import defused, defused_columns
from pipeline.report.write import write_report
from tests.report.example import RUN, Row, checked_file, outcomes_of

STARTS = "=+-@＝＋－＠\t\r"
PIECES = st.text(st.sampled_from([*STARTS, *" ;'\"\n\u2028,aA1(|!"]), max_size=12)
RUNS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "x;=cmd|' /C calc'!A0", '"=1"', " =1", "＝1")


def runs(cell: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula."""
    return re.match(r"[ \"]*[=+\-@＝＋－＠]", cell) is not None


@given(PIECES)
def test_no_cell_of_any_list_separator_begins_a_formula(text: str) -> None:
    made = defused(text)
    assert not made.startswith(("\t", "\r"))
    for cell in re.split(r"[;\t\r\n\u2028]", made):
        assert not runs(cell) or re.fullmatch(r"[A-Za-z0-9_-]+", made), (text, made)
    assert made.replace("'", "") == text.replace("'", "")


@given(st.lists(PIECES | st.none(), min_size=1, max_size=20))
def test_columns_are_defused_like_single_texts(texts: list[str | None]) -> None:
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    expected = [None if text is None else defused(text) for text in texts]
    assert defused_columns(frame, ["text"])["text"].to_list() == expected


@pytest.mark.parametrize("reference", ["-5", "-A1", "--", "INV-1", "_x", "8501015800085"])
def test_a_reference_that_the_api_takes_is_left_alone(reference: str) -> None:
    assert defused(reference) == reference


def test_results_hold_no_formula_and_rejects_hold_the_very_bytes(tmp_path: Path) -> None:
    rows, said = [], {}
    for number, text in enumerate(RUNS, 1):
        original = f"{text.replace(chr(34), '')},b{number},ZAR,1.00".replace("\r", "")
        rows.append(
            Row(
                currency=text,
                readable=False,
                verdict="rejected",
                codes=("currency.unknown",),
                message=text,
                text=original,
                references=(text, text, text),
            )
        )
        rows.append(Row(amount_minor=-500, references=("-5", None, "-B1")))
        said[2 * number] = {
            "outcome": Outcome.REFUSED.value,
            "codes": "api.400.odd",
            "message": text,
            "bill_id": text,
        }
    checked = checked_file(tmp_path, rows, part_records=7)
    report = write_report(checked, outcomes_of(said), folder=tmp_path / "reports", run=RUN)
    found = list(csv.DictReader(io.StringIO(report.paths["results"].read_text(), newline="")))
    assert len(found) == len(rows)
    for row in found:
        for name, cell in row.items():
            if name != "amount_minor" and not re.fullmatch(r"[A-Za-z0-9_-]+", cell):
                assert not any(map(runs, re.split(r"[;\t\r\n]", cell))), (name, cell)
    assert {
        (row["customer_reference"], row["bill_reference"], row["amount_minor"]) for row in found[1::2]
    } == {("-5", "-B1", "-500")}
    rejects = report.paths["rejects"].read_bytes()
    for row_ in rows[::2]:
        assert row_.text is not None
        assert row_.text.encode() in rejects
