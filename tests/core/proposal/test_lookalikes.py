"""`init --from` over small invented files that look like bills, or have columns that look like those of bills."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.core.proposal.scoring import expectations, proposal_for, score

LOOKALIKES = expectations(Path(__file__).with_name("lookalikes"))


@pytest.mark.parametrize("expectation", LOOKALIKES, ids=lambda path: path.name.partition(".")[0])
def test_nothing_is_said_of_what_only_looks_like_it(expectation: Path) -> None:
    wrong = {key: said for key, said in score(expectation).items() if said.startswith("wrong")}
    assert wrong == {}


def test_what_is_no_list_of_bills_is_asked_with_the_column_that_shows_it() -> None:
    said = {path: json.loads(path.read_text("utf-8")) for path in LOOKALIKES}
    others = {path: wanted for path, wanted in said.items() if wanted["must_say"]}
    assert len(others) > 10
    for path, wanted in others.items():
        proposal = proposal_for(path.with_name(wanted["file"])).yaml
        (asked,) = (line for line in proposal.splitlines() if line.startswith("    model:"))
        assert wanted["must_say"] in asked, path.name
