"""Due dates that are missing, and those that are there and cannot be read."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pipeline.report.html.page_facts import PageFacts
from tests.report.example import Row, checked_file


def test_a_due_date_that_cannot_be_read_is_not_called_missing(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row(due_date="2026-11-30"), Row(due_date=None), Row(due_date=None)])
    facts = PageFacts.of(checked)
    codes = pl.Series("codes", [None, "amount_due.format;due_date.impossible", "amount_due.format"])
    facts.read(
        pl.concat([pl.read_parquet(part) for part in sorted(checked.records.glob("*.parquet"))]).with_columns(
            codes, currency_counted=pl.lit("ZAR"), outcome=pl.lit("created")
        )
    )
    assert set(facts.due["ZAR"]) == {"2026-11-30", None, "unreadable"}
