"""The pace that hosts keep together in the database: changed by one at a time, and by nobody who waits."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.edge.ledger.postgres.pace import change_pace
from tests.edge.ledger.postgres.conftest import Two


def count(kept: Mapping[str, Any], _: float) -> Mapping[str, Any]:
    return {"count": kept.get("count", 0) + 1}


def test_each_change_begins_with_what_the_last_one_left(two: Two) -> None:
    ledger, other = two
    assert not change_pace(ledger, count), "there was no row yet"
    changes = [change_pace(each, count) for each in (ledger, other, other)]
    assert changes == [True, True, True]
    change_pace(ledger, lambda kept, now: {"was": kept, "now": now})
    change_pace(ledger, lambda kept, now: {"was": kept["was"], "took_s": now - kept["now"]})
    kept = json.loads(other.execute("SELECT state FROM pace").fetchone()["state"])
    assert kept["was"] == {"count": 3}
    assert 0 < kept["took_s"] < 60


def test_nobody_waits_for_a_host_that_is_changing_it_and_stops(two: Two) -> None:
    ledger, other = two
    change_pace(ledger, count)

    def stop(kept: Mapping[str, Any], now: float) -> Mapping[str, Any]:
        began = time.monotonic()
        assert change_pace(other, count)
        assert time.monotonic() - began < 1
        return count(kept, now)

    assert not change_pace(ledger, stop), "what it changed was not the newest any more"
    assert change_pace(other, lambda kept, _: kept if kept == {"count": 1} else {})


def test_what_fails_in_the_middle_changes_nothing(two: Two) -> None:
    ledger, other = two
    change_pace(ledger, count)
    change_pace(ledger, count)

    def fail(_kept: Mapping[str, Any], _: float) -> Mapping[str, Any]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_pace(ledger, fail)
    assert other.execute("SELECT state FROM pace").fetchone()["state"] == '{"count": 1}'
