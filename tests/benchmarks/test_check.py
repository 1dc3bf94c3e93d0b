"""The file that the check is measured with is the same everywhere, bad in every way, and our side of it runs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from benchmarks.bills import BAD, BAD_EVERY, write_bills
from benchmarks.validate import bench

RECORDS = 2 * BAD * BAD_EVERY


def test_the_file_is_the_same_bytes_wherever_it_is_written(tmp_path: Path) -> None:
    write_bills(tmp_path / "a", 2_000)
    write_bills(tmp_path / "b", 2_000)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert hashlib.sha256((tmp_path / "a").read_bytes()).hexdigest().startswith("472f90f642487345")


def test_without_damage_every_record_is_a_line_that_any_reader_takes(tmp_path: Path) -> None:
    write_bills(tmp_path / "sound", 2_000, damaged=False)
    lines = (tmp_path / "sound").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2_001
    assert all(lines)


def test_our_side_accounts_for_every_record_and_finds_every_kind_of_mistake() -> None:
    with bench() as at:
        file = at.folder / "bills.csv"
        write_bills(file, RECORDS)
        done = at.ours(file, RECORDS)
    assert done.took_s > 0
    assert done.peak_anonymous_bytes > 0
    summary = json.loads(done.output)["files"][0]
    assert summary["records"]["rejected"] + summary["records"]["duplicate"] + 2 >= RECORDS // BAD_EVERY
    assert summary["records"]["duplicate"] >= 1
    assert len(summary["codes"]) >= BAD - 4, sorted(summary["codes"])
