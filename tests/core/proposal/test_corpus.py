"""`init --from` over files modelled on real exports, made by a person who had not seen the code that reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.proposal.scoring import expectations, score, verdict

CORPUS = Path(__file__).with_name("corpus")
FEWEST_RIGHT_OR_ASKED = 55 / 60
"""Of all files; and of none may anything be said that is not so."""
EXPECTED = expectations(CORPUS)


@pytest.mark.parametrize("expectation", EXPECTED, ids=lambda path: path.name.partition(".")[0])
def test_nothing_is_said_of_a_file_that_is_not_so(expectation: Path) -> None:
    wrong = {key: said for key, said in score(expectation).items() if said.startswith("wrong")}
    assert wrong == {}


def test_nearly_all_files_are_understood_or_asked_about() -> None:
    verdicts = {path.name: verdict(score(path)) for path in EXPECTED}
    good = [name for name, each in verdicts.items() if each in ("right", "asked")]
    assert len(good) >= FEWEST_RIGHT_OR_ASKED * len(verdicts), verdicts
