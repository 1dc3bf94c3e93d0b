"""Lines of bills that lie far apart are added up within the memory law: ten million of them in 1 GiB."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks.process import run

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
