"""How long an idempotency key is relied on: a bill may be sent again only while the API is sure to know its key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from pipeline.load.context import LoadContext
from tests.edge.ledger.conftest import intent

SENT_AT = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
LIFE_S = 82_800.0


def context(now: datetime) -> LoadContext:
    """One that knows the time, and has nobody to ask."""
    nobody = cast("Any", None)
    return LoadContext(
        merchant="citypower",
        environment="test",
        client=nobody,
        ledger=nobody,
        cache=nobody,
        parents=nobody,
        id_checks=nobody,
        max_retry_s=60,
        key_life_s=LIFE_S,
        clock=lambda: now,
    )


@pytest.mark.parametrize(
    ("age_s", "is_older"),
    [
        (0, False),
        (0.001, False),
        (LIFE_S, False),
        (LIFE_S + 0.001, True),
        (-0.001, True),
        (10 * LIFE_S, True),
    ],
)
def test_a_key_is_relied_on_up_to_the_last_moment_of_its_life_and_never_before_it_was_sent(
    age_s: float, is_older: bool
) -> None:
    sent = intent(first_sent_at=SENT_AT.isoformat(timespec="milliseconds"))
    assert context(SENT_AT + timedelta(seconds=age_s)).older_than_its_key(sent) is is_older


def test_a_key_is_of_the_merchant_the_environment_and_the_generation() -> None:
    one = context(SENT_AT)
    keys = {one.key("bill", "B1", "c", 0), one.key("bill", "B1", "c", 1), one.key("account", "B1", "c", 0)}
    assert len(keys) == 3
    assert one.key("bill", "B1", "c", 0) in keys
