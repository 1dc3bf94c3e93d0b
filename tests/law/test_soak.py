"""What `make test` leaves to `make soak` is there."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import CASES_IN_SOAK, EVERY_CASE, TESTS, beyond_the_first_case
from tests.world import ROOT


def long_tests() -> set[Path]:
    """The files and folders that `make soak` runs, by the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = makefile.partition("LONG   := ")[2].partition("\nCOMPILE")[0]
    return {ROOT / word for word in named.replace("\\\n", " ").split()}


def test_a_soak_runs_every_case_that_make_test_leaves_out() -> None:
    soaked = long_tests()
    for each in CASES_IN_SOAK:
        place = TESTS / each
        assert place.exists()
        assert not soaked.isdisjoint((place, *place.parents)), each
    assert [path for path in (*soaked, *EVERY_CASE) if not path.exists()] == []


def test_of_each_test_a_case_is_run_and_of_each_ledger_one() -> None:
    class Case:
        def __init__(self, name: str, path: str) -> None:
            self.nodeid, self.path = f"{path}::{name}", TESTS / path

    names = ["test_a[1]", "test_a[2]", "test_b", "test_a[postgres-1]", "test_a[postgres-2]"]
    cases = [Case(name, "stories/test_killed.py") for name in names]
    alone = [Case(name, "stories/test_inputs_that_failed.py") for name in names]
    quick = [Case(name, "core/test_redact.py") for name in names]
    left_out: set[object] = {*beyond_the_first_case([*cases, *alone, *quick])}  # type: ignore[list-item]
    assert left_out == {cases[1], cases[4]}
