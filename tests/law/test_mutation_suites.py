"""Mutation testing looks at every module of the rooms that must not fail, with tests that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.suites import SUITES

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "pipeline/load",
    "pipeline/edge/ledger",
    "pipeline/core/api",
    "pipeline/core/payments",
    "pipeline/payments",
    "pipeline/serve",
)
WITHOUT_LOGIC = {
    "pipeline/load/job.py",
    "pipeline/load/ledger_access.py",
    "pipeline/load/interpreter_tuning.py",  # a load is as right without it
    "pipeline/core/api/ledger_changes.py",
    "pipeline/edge/ledger/migrations.py",  # SQL alone
    "pipeline/edge/ledger/later_migrations.py",
    "pipeline/edge/ledger/door.py",  # protocols
}
MONEY = {"pipeline/core/values/money.py", "pipeline/core/values/amount_text.py"}


def test_every_module_with_logic_has_tests_that_look_at_its_mutants() -> None:
    modules = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).glob("*.py")
        if path.name != "__init__.py"
    }
    assert modules - WITHOUT_LOGIC == SUITES.keys() - MONEY


@pytest.mark.parametrize("module", SUITES)
def test_a_module_and_its_tests_are_there(module: str) -> None:
    files = [word for word in SUITES[module] if word.startswith("tests/")]
    assert files
    assert [name for name in (module, *files) if not (ROOT / name).is_file()] == []
