"""The targets of the Makefile, and what else promises the same as they do."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from tests.conftest import QUICK, SLOW, TESTS
from tests.world import ROOT


def recipe(target: str) -> list[str]:
    """The commands of a target, with what its variables stand for."""
    said = subprocess.run(
        ["make", "--dry-run", "--always-make", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [line.replace(f"{ROOT}/", "") for line in said.stdout.splitlines()]


def test_before_a_commit_runs_what_make_check_runs_and_nothing_is_fetched() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    hooks = repository["hooks"]
    assert {(hook["language"], hook["pass_filenames"]) for hook in hooks} == {("system", False)}
    checks = [line for line in recipe("check") if re.match(r"\.venv/bin/(ruff|mypy)", line)]
    assert len(checks) >= 3
    assert [hook["entry"] for hook in hooks] == checks


@pytest.mark.parametrize(("target", "selects"), [("quick", True), ("coverage", True), ("test", False)])
def test_quick_targets_leave_out_what_is_slow_and_test_leaves_out_nothing(target: str, selects: bool) -> None:
    (line,) = [line for line in recipe(target) if "-m pytest" in line]
    assert ("-m 'not slow'" in line) is selects


def test_whole_files_that_are_named_slow_or_quick_are_there() -> None:
    assert [name for name in (*SLOW, *QUICK) if not (TESTS / name).exists()] == []
    assert all(name.startswith(tuple(f"{slow}/" for slow in SLOW)) for name in QUICK)
