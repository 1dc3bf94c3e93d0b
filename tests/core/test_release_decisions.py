"""What a person decided counts for what that person was shown, and for nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.core.file_stages import Hold
from pipeline.core.release_decisions import Basis, Decision, Person, Word, print_of

BASIS = Basis("print", "totals")
FIRST = Hold("file.first_of_feed", "no file has been loaded")
CHANGED = Hold("correction.changed", "it changes a value", ("line 2, amount_due: 310.00 → 31000.00",))


def decision(*shown: Hold, word: Word = "release", accept_changes: bool = False) -> Decision:
    person = Person("thandi", "billing1")
    prints = frozenset(map(print_of, shown))
    return Decision("a" * 64, word, "2026-11-24T06:00:00Z", person, BASIS, prints, accept_changes)


def test_a_release_covers_the_reasons_that_were_shown_and_no_other() -> None:
    release = decision(FIRST)
    assert release.covers(BASIS, [FIRST])
    assert release.covers(BASIS, [])
    assert release.covers(BASIS, [replace(FIRST, message="in other words")])
    assert not release.covers(BASIS, [FIRST, replace(FIRST, code="file.out_of_proportion")])


@pytest.mark.parametrize("basis", [Basis("other", "totals"), Basis("print", "other")])
def test_a_decision_about_another_feed_or_other_totals_is_void(basis: Basis) -> None:
    assert not decision(FIRST).covers(basis, [FIRST])
    assert not decision(FIRST, word="refuse").covers(basis, [FIRST])


def test_changes_are_covered_by_a_release_that_accepts_those_very_changes() -> None:
    assert not decision(CHANGED).covers(BASIS, [CHANGED])
    accepted = decision(CHANGED, accept_changes=True)
    assert accepted.covers(BASIS, [CHANGED])
    assert not accepted.covers(BASIS, [replace(CHANGED, changes=(*CHANGED.changes, "line 3, …"))])


def test_a_refusal_covers_any_reason() -> None:
    assert decision(word="refuse").covers(BASIS, [FIRST, CHANGED])
