"""`init --from` over files modelled on real exports, made by a person who had not seen the code that reads them."""

from __future__ import annotations

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
from tests.core.proposal.scoring import Scored, expectations, scored, verdict
from tests.seeds import some

CORPUS = Path(__file__).with_name("corpus")
LEFT_OUT = {"37-datev-buchungsstapel", "38-billing-api-dump", "51-prepaid-arrears-noheader"}
"""Of these alone something that matters is left out; of none may anything be said that is not so."""


def name_of(expectation: Path) -> str:
    return expectation.name.partition(".")[0]


@pytest.fixture(scope="module", params=some(expectations(CORPUS), 20), ids=name_of)
def example(request: pytest.FixtureRequest) -> Scored:
    """A file with its proposal, which is made once for all the tests of the file."""
    return scored(request.param)


def test_nothing_is_said_of_a_file_that_is_not_so(example: Scored) -> None:
    assert example.wrong == {}


def test_nearly_all_files_are_understood_or_asked_about(
    example: Scored, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id
    assert verdict(example.told) in ({"left out"} if name in LEFT_OUT else {"right", "asked"})


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


def test_a_file_read_as_proposed_has_the_records_and_the_sum_that_a_person_counted(example: Scored) -> None:
    """Where the amounts are told, and records are one after another; an open currency is assumed to be ZAR."""
    wanted, file = example.wanted, example.file
    assert example.proposal is not None
    found = proposed_feed(example.proposal.yaml)
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
