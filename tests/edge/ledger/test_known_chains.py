"""Chains that were looked at before are those that all files make, whatever changed of whichever file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.edge.ledger.chains import Chain, Chains
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.known_chains import KnownChains
from pipeline.edge.ledger.renewals import Renewals
from tests.edge.ledger.conftest import AT, land, opened

EMPTY = json.dumps({"records": {}, "amounts_minor": {}})


class Looking:
    """Looks again and again; what is known by then."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.files, self.known = ledger, Files(ledger), KnownChains()
        self.chains = list[Chain]()
        self.changed = list[str]()

    def look(self) -> None:
        pairs = list(self.known.look(self.ledger))
        before = [each for each, _ in pairs if each is not None]
        assert all(each in self.chains for each in before)
        self.chains = [each for each in self.chains if each not in before]
        self.chains += [each for _, each in pairs if each is not None]
        self.changed = [each.original.name for _, each in pairs if each is not None]
        assert sorted(self.chains, key=lambda each: each.original.id) == Chains(self.ledger).all()

    def land(self, digit: str, name: str, rejects_of: str | None = None) -> int:
        return land(self.files, digit * 64, name=name, rejects_of=rejects_of).id

    def finish(self, file_id: int, state: str) -> None:
        self.files.finish(file_id, state=state, at=AT, summary=EMPTY)


@pytest.fixture
def looking(path: Path) -> Iterator[Looking]:
    with closing(opened(path)) as ledger:
        looking = Looking(ledger)
        for digit in "ab":
            looking.finish(looking.land(digit, f"{digit}.csv"), "loaded")
        looking.look()
        yield looking


def test_nothing_is_read_where_nothing_has_changed(looking: Looking) -> None:
    assert looking.changed == ["a.csv", "b.csv"]
    looking.look()
    assert looking.changed == []


def test_a_file_that_changed_is_read_and_no_other(looking: Looking) -> None:
    looking.finish(2, "loaded_with_rejects")
    looking.look()
    assert looking.changed == ["b.csv"]


def test_a_later_file_of_its_name_closes_a_refused_one(looking: Looking) -> None:
    looking.finish(looking.land("c", "same.csv"), "refused")
    looking.look()
    later = looking.land("d", "same.csv")
    looking.look()
    looking.finish(later, "loaded")
    looking.look()
    assert looking.changed == ["same.csv", "same.csv"]
    assert [each.is_ended for each in looking.chains if each.original.id == 3] == [True]
    Renewals(looking.ledger).paid(3, summary=EMPTY)
    looking.look()
    assert looking.changed == ["same.csv"]
    looking.files.start_afresh(later, at=AT, came_back=False, feed_changed=False)
    looking.finish(later, "unfinished")
    looking.look()
    assert [each.is_ended for each in looking.chains if each.original.id == 3] == [False]


def test_a_file_that_gets_another_name_leaves_those_of_the_first_one(looking: Looking) -> None:
    looking.finish(looking.land("c", "same.csv"), "refused")
    later = looking.land("d", "same.csv")
    looking.finish(later, "loaded")
    looking.look()
    looking.land("d", "other.csv")
    looking.look()
    assert [each.is_ended for each in looking.chains if each.original.id == 3] == [False]


def test_a_correction_joins_its_original_once_that_is_known(looking: Looking) -> None:
    looking.land("c", "mended.csv", rejects_of=f"late.csv.{'d' * 8}")
    looking.look()
    assert looking.changed == ["mended.csv"]
    looking.land("d", "late.csv")
    looking.look()
    assert looking.changed == ["late.csv"]
    assert [len(each.corrections) for each in looking.chains] == [0, 0, 1]


def test_a_correction_whose_original_is_not_clear_any_more_is_one_by_itself(looking: Looking) -> None:
    looking.land("c", "mended.csv", rejects_of=f"other.csv.{'a' * 8}")
    looking.look()
    assert looking.changed == ["a.csv"]
    land(looking.files, "a" * 8 + "0" * 56, name="twin.csv")
    looking.look()
    assert sorted(looking.changed) == ["a.csv", "mended.csv", "twin.csv"]
