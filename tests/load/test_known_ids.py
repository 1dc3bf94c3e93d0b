"""The filter of ids: nothing that was added is missed, and few others seem to be there."""

from __future__ import annotations

import pytest

from pipeline.core.api.requests import Kind
from pipeline.load import known_ids
from pipeline.load.known_ids import KnownIds

CAPACITY = 5_000
Ids = list[tuple[Kind, str]]


def test_whatever_was_added_is_found_also_with_many_more_ids_than_expected() -> None:
    ids: Ids = [("account", f"bacc_{number}") for number in range(CAPACITY)]
    known = KnownIds.of(ids[: CAPACITY // 2], capacity=10)
    for kind, id_ in ids[CAPACITY // 2 :]:
        known.add(kind, id_)
    assert all(one in known for one in ids)


def test_at_its_capacity_one_new_id_in_fifty_seems_to_be_known_at_most() -> None:
    known = KnownIds.of([("account", f"bacc_{number}") for number in range(CAPACITY)], CAPACITY)
    others: Ids = [("account", f"bacc_{CAPACITY + number}") for number in range(CAPACITY)]
    others += [("customer", f"bacc_{number}") for number in range(CAPACITY)]
    assert sum(one in known for one in others) <= len(others) / 50


def test_its_memory_is_bounded_however_many_ids_are_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_ids, "MAX_BITS", 2**13)
    known = KnownIds(10**12)
    assert len(known._bits) == 2**10
