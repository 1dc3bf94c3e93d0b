"""Lines of bills that lie far apart are added up within the memory law (ten million of them in 1 GiB), and what became
of them is written in time that grows with their number alone."""

from __future__ import annotations

import csv
import json
import os
import random
import sys
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from benchmarks.process import run
from pipeline.core.api.ledger_changes import StoreOutcome
from pipeline.core.file_stages import CheckedFile
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.sends import Sends
from pipeline.edge.reader.checked_parts import accepted, parts_of
from pipeline.report import results
from pipeline.report.results import write_results
from tests.check.landing import checked
from tests.edge.ledger.conftest import opened

LINES = 10_000_000 if os.environ.get("SOAK") else 100_000
BILLS = LINES // 4
MOST_BYTES = 1 << 30
CONFIG = """
merchant: m
environment: test
work_dir: var
api: {base_url: "https://api.invalid", key_file: key}
feeds:
  - {name: f, match: "*.csv", model: bill, amount: {unit: major}, currency: ZAR, line_items: sum}
"""


@pytest.mark.timeout(1_800)
def test_scattered_lines_are_added_up_in_bounded_memory(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    with (tmp_path / "lines.csv").open("w") as file:
        file.write("customer_reference,bill_reference,amount_due,item\n")
        for number in range(LINES):  # each bill's four lines are a quarter of the file apart
            bill = number % BILLS
            file.write(f"C-{bill % 100_000},B-{bill},{1 + number % 7}.25,i{number}\n")
    words = [sys.executable, "-m", "pipeline", "validate", "lines.csv", "--config", "config.yaml", "--json"]
    root = str(Path(__file__).resolve().parents[2])
    ended = run(words, folder=tmp_path, environment={"PYTHONPATH": root}, timeout_s=1_500)
    (summary,) = json.loads(ended.output)["files"]
    assert summary["records"]["total"] == summary["records"]["not_attempted"] == LINES
    expected = sum(125 + 100 * (number % 7) for number in range(LINES))
    assert summary["amounts_minor"]["ZAR"]["total"] == expected
    assert ended.peak_anonymous_bytes <= MOST_BYTES


STEP_INSTRUCTIONS = 100
"""How often SQLite tells that it is at work: after so many instructions of its own."""


def strewn(folder: Path, lines: int) -> CheckedFile:
    """Bills of two lines each, all in no order at all, checked."""
    folder.mkdir()
    bills = [number // 2 for number in range(lines)]
    random.Random(7).shuffle(bills)  # noqa: S311 (no secret)
    rows = (f"C-1,B-{bill},1.25,i{number}\n" for number, bill in enumerate(bills))
    text = "customer_reference,bill_reference,amount_due,item\n" + "".join(rows)
    return checked(folder, text, currency="ZAR", line_items="sum")


def reported(file: CheckedFile, folder: Path) -> tuple[int, int]:
    """What writing results.csv costs in the ledger, where every bill is created: rows read, and steps of SQLite."""
    rows = steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with closing(opened(folder / "ledger.sqlite")) as ledger:
        sends = Sends(ledger)

        def outcomes(records: pl.Series) -> pl.DataFrame:
            nonlocal rows
            found = sends.outcomes(1, records)
            rows += found.height
            return found

        sent = accepted(*parts_of(file.records)).select("record", "bill_reference").collect()
        with transaction(ledger):
            for record, bill in sent.iter_rows():
                sends.write(
                    StoreOutcome(1, bill, RecordOutcome(record, Outcome.CREATED, bill_id=f"bill_{bill}"))
                )
        ledger.set_progress_handler(step, STEP_INSTRUCTIONS)
        with (folder / "results.csv").open("wb") as file_of_results:
            write_results(file, outcomes, file_of_results)
    return rows, steps


def test_what_became_of_strewn_lines_costs_the_same_for_each_line_of_any_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In windows that are a quarter of the usual ones, so that few lines fill many."""
    monkeypatch.setattr(results, "WINDOW_RECORDS", 8_192)
    few, many = (25_000, 100_000) if LINES > 1_000_000 else (16_384, 49_152)
    rows, steps = reported(strewn(tmp_path / "few", few), tmp_path / "few")
    rows_of_many, steps_of_many = reported(strewn(tmp_path / "many", many), tmp_path / "many")
    assert rows_of_many <= 1.25 * rows * many / few
    assert steps_of_many <= 1.5 * steps * many / few
    with (tmp_path / "many/results.csv").open(newline="", encoding="utf-8") as file:
        written = [(row["outcome"], row["bill_id"], row["bill_reference"]) for row in csv.DictReader(file)]
    assert len(written) == many
    assert all(said == ("created", f"bill_{said[2]}", said[2]) for said in written)
