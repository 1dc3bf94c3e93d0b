"""Parts of a load: whose lease is over writes nothing, and whoever leads next has them all."""

from __future__ import annotations

import pytest

from pipeline.core.api.ledger_changes import OpenIntent
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.group import GroupCommit
from pipeline.edge.ledger.postgres.parts import LoadParts, PartDone
from pipeline.errors import LeaseLost
from tests.edge.ledger.conftest import intent, land
from tests.edge.ledger.postgres.conftest import Two


def test_what_a_worker_writes_after_its_lease_is_refused(two: Two) -> None:
    ledger, other = two
    file = land(Files(ledger)).id
    parts = LoadParts(ledger)
    parts.add(file, {}, b"")
    lease = parts.lease("one", 0.0)
    assert lease is not None
    parts.hold_fast(lease)
    taken = LoadParts(other).lease("other", 60.0)
    assert taken is not None
    assert (taken.part, taken.epoch) == (lease.part, lease.epoch + 1)
    assert parts.lease("third", 60.0) is None
    writer = GroupCommit(ledger, "here", may_write=lambda: parts.hold_fast(lease))
    refused = writer.commit([[OpenIntent(intent("B-1", file_id=file))]], all_wait=True)
    assert isinstance(refused, LeaseLost)
    with pytest.raises(LeaseLost):
        parts.renew(lease, 60.0, PartDone())
    with pytest.raises(LeaseLost):
        parts.end(lease, PartDone(), {}, is_done=True)
    assert ledger.execute("SELECT count(*) FROM intents").fetchone()[0] == 0
    writer = GroupCommit(other, "here", may_write=lambda: LoadParts(other).hold_fast(taken))
    assert writer.commit([[OpenIntent(intent("B-1", file_id=file))]], all_wait=True) is None


def test_whoever_leads_next_takes_all_parts_back_and_waits_for_what_is_under_way(two: Two) -> None:
    ledger, other = two
    parts, file = LoadParts(ledger), land(Files(ledger)).id
    parts.add(file, {}, b"")
    lease = parts.lease("one", 60.0)
    assert lease is not None
    with other.hold(0.0):
        assert 0 < LoadParts(other).left_for_s() <= 60
        with pytest.raises(LeaseLost):
            parts.hold_fast(lease)
        assert parts.lease("one", 60.0) is None
        parts.let_go(lease)
        assert LoadParts(other).left_for_s() == 0.0
    assert ledger.execute("SELECT count(*) FROM parts").fetchone()[0] == 0


def test_a_file_whose_api_is_down_for_one_host_is_taken_up_by_nobody(two: Two) -> None:
    parts, others = map(LoadParts, two)
    files = Files(two[0])
    down, other = land(files).id, land(files, "b" * 64).id
    for file in (down, down, other):
        parts.add(file, {"model": "bill"}, b"PAR1")
    lease = parts.lease("one", 60.0)
    assert lease is not None
    assert (lease.file_id, lease.facts, lease.records) == (down, {"model": "bill"}, b"PAR1")
    parts.end(lease, PartDone(2, {"ZAR": 5}, 1), {"requests": {}}, is_done=False, halted="it is down")
    first, second = others.states(down)
    assert (first.is_done, first.host, first.done, first.halted) == (
        False,
        None,
        PartDone(2, {"ZAR": 5}, 1),
        "it is down",
    )
    assert first.said == [{"requests": {}}]
    assert not second.is_done
    taken = others.lease("other", 60.0)
    assert taken is not None
    assert taken.file_id == other
    assert others.lease("other", 60.0) is None


def test_those_that_were_not_heard_of_lately_are_gone(two: Two) -> None:
    parts, others = map(LoadParts, two)
    parts.seen("one:1", None, 0)
    parts.seen("one:1", None, 5)
    others.seen("other:2", None, 0)
    assert [(each.name, each.records) for each in parts.workers()] == [("one:1", 5), ("other:2", 0)]
    others.gone("other:2")
    two[0].execute("UPDATE workers SET at = at - 11")
    assert others.workers() == []
