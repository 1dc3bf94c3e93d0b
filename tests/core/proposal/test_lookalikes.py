"""`init --from` over small invented files that look like bills, or have columns that look like those of bills."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.proposal.scoring import Scored, expectations, scored

LOOKALIKES = expectations(Path(__file__).with_name("lookalikes"))


@pytest.fixture(scope="module", params=LOOKALIKES, ids=lambda path: path.name.partition(".")[0])
def lookalike(request: pytest.FixtureRequest) -> Scored:
    """A file with its proposal, which is made once for all the tests of the file."""
    return scored(request.param)


def test_nothing_is_said_of_what_only_looks_like_it(lookalike: Scored) -> None:
    assert lookalike.wrong == {}


def test_what_is_no_list_of_bills_is_asked_with_the_column_that_shows_it(lookalike: Scored) -> None:
    if must_say := lookalike.wanted["must_say"]:
        assert lookalike.proposal is not None
        (asked,) = (line for line in lookalike.proposal.yaml.splitlines() if line.startswith("    model:"))
        assert must_say in asked
