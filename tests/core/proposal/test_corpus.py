"""`init --from` over files modelled on real exports, made by a person who had not seen the code that reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.values.amount_text import exponents
from pipeline.edge.config import proposed_feed
from pipeline.run.validate import check_files
from schemas.settings import Limits
from tests.core.proposal.scoring import expectations, proposal_for, score, verdict

CORPUS = Path(__file__).with_name("corpus")
FEWEST_RIGHT_OR_ASKED = 55 / 60
"""Of all files; and of none may anything be said that is not so."""
EXPECTED = expectations(CORPUS)
UNDERSTOOD = [path for path in EXPECTED if verdict(score(path)) in ("right", "asked")]


@pytest.mark.parametrize("expectation", EXPECTED, ids=lambda path: path.name.partition(".")[0])
def test_nothing_is_said_of_a_file_that_is_not_so(expectation: Path) -> None:
    wrong = {key: said for key, said in score(expectation).items() if said.startswith("wrong")}
    assert wrong == {}


def test_nearly_all_files_are_understood_or_asked_about() -> None:
    verdicts = {path.name: verdict(score(path)) for path in EXPECTED}
    assert len(UNDERSTOOD) >= FEWEST_RIGHT_OR_ASKED * len(EXPECTED), verdicts


class Silent:
    """A `run.ui.Ui` for which only the result counts."""

    def line(self, _: str) -> None: ...

    log_line = line

    def warn(self, text: str) -> None:
        raise AssertionError(text)

    def file(self, *_: Any, **__: Any) -> None: ...
    @contextmanager
    def stage(self, *_: Any) -> Iterator[Any]:
        yield lambda *_: None


@pytest.mark.parametrize("expectation", UNDERSTOOD, ids=lambda path: path.name.partition(".")[0])
def test_a_file_read_as_proposed_has_the_records_and_the_sum_that_a_person_counted(expectation: Path) -> None:
    """Where the amounts are told, and records are one after another; an open currency is assumed to be ZAR."""
    wanted = json.loads(expectation.read_text(encoding="utf-8"))
    file = expectation.parent / wanted["file"]
    found = proposed_feed(proposal_for(file).yaml)
    if found is None or wanted["rows"]["not_records_between"] or wanted.get("amount_repeats_per_bill"):
        return
    feed, _ = found
    (summary,) = check_files([file], Silent(), feeds=[feed], feed=feed, limits=Limits()).files
    counted = {code: sums.total for code, sums in summary.amounts_minor.items() if sums.total}
    meant = dict[str, int]()
    for currency, total in wanted.get("amount_sum", {}).items():
        code = "ZAR" if currency == "(no currency)" else currency.upper()
        meant[code] = int(Decimal(total).scaleb(exponents()[code]))
    if not summary.amount_unreadable:
        assumed = feed.currency == "ZAR" and sum(counted.values()) == sum(meant.values())
        assert counted == meant or assumed
    assert summary.records.total == wanted["rows"]["records"]
