"""A dry run is the same code, handed what cannot write: no stage asks whether it is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.law.conditions import branches_on

ROOT = Path(__file__).resolve().parents[2]


def test_a_dry_run_is_decided_where_a_run_is_opened_and_after_that_only_printed() -> None:
    assert branches_on(ROOT, "dry_run") == {
        "pipeline/run/opening.py": 1,
        "pipeline/report/run_lines.py": 1,  # "dry run begins"
        "pipeline/report/summary.py": 1,  # a file is `validated`, not `unfinished`
        "pipeline/report/summary_text.py": 2,  # "would be held"
    }


def test_force_is_asked_where_files_are_met_and_held_and_by_the_day_of_balances() -> None:
    found = branches_on(ROOT, "force", "forced")
    assert {name for name in found if name.startswith("pipeline/run/")} == {
        "pipeline/run/balance_files.py",
        "pipeline/run/file_repository.py",
        "pipeline/run/process_file.py",
        "pipeline/run/release_gate.py",
    }
    assert found.total() <= 11


def test_no_run_is_told_by_a_flag_that_it_only_writes_reports() -> None:
    assert branches_on(ROOT, "reports_only", "only_reports") == {}


@pytest.mark.parametrize(
    "text",
    [
        "if dry_run:\n    pass",
        "x = 1 if options.dry_run else 2",
        "while not self.options.dry_run:\n    pass",
        "x = [1 for _ in y if dry_run]",
        "x = known or dry_run",
        "match dry_run:\n    case True:\n        pass",
        "match x:\n    case 1 if dry_run:\n        pass",
        "assert dry_run",
        "f(put_back=not dry_run)",
    ],
)
def test_a_branch_is_seen_wherever_python_has_one(text: str, tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "a.py").write_text(f"{text}\nf(dry_run=options.dry_run)\n")
    assert branches_on(tmp_path, "dry_run") == {"pipeline/a.py": 1}
