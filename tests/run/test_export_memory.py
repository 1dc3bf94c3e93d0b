"""An export is streamed: what it needs of memory does not grow with what it writes."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.run.made_ledger import AMOUNT_MINOR, make_ledger
from tests.world import ROOT, feed, merchant_config, write_config, write_key

MOST_BYTES = 300 * 2**20
RECORDS = 1_000_000 if os.environ.get("SOAK") else 60_000
EXPORT = """
import re, sys
from pathlib import Path
from pipeline.cli import run_command
assert run_command(sys.argv[1:]) == 0
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024)
"""
"""Its own peak: `ru_maxrss` has that of the process that started it, too."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a merchant whose ledger has two files with all their records."""
    (tmp_path / "var").mkdir()
    (tmp_path / "drop").mkdir()
    write_key(tmp_path)
    make_ledger(tmp_path / "var" / "ledger.sqlite", files=2, records=RECORDS // 2, one_by_one=True)
    return write_config(
        tmp_path, merchant_config("http://127.0.0.1:9", [feed("bills", "bill", "*_bills.csv")])
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["accepted.csv", "accepted.parquet"])
def test_an_export_stays_within_its_memory_and_holds_every_record(config: Path, name: str) -> None:
    path = config.parent / name
    words = [
        "export",
        "--accepted",
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-30",
        "-o",
        path,
        "--config",
        config,
    ]
    said = subprocess.run(
        [sys.executable, "-c", EXPORT, *map(str, words)],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert said.returncode == 0, said.stderr
    assert int(said.stdout) < MOST_BYTES
    assert _sums(path) == (RECORDS, RECORDS * AMOUNT_MINOR)


def _sums(path: Path) -> tuple[int, int]:
    """Records and minor units of a file, read without what wrote it."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            amounts = [int(row["amount_minor"]) for row in csv.DictReader(file)]
        return len(amounts), sum(amounts)
    frame = pl.scan_parquet(path).select(pl.len(), pl.col("amount_minor").sum()).collect()
    return int(frame.item(0, 0)), int(frame.item(0, 1))
