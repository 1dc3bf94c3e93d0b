"""Who is believed about the time, before anything is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.core.clock_trust import Belief, belief, by_how_much, http_date

NOW = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = 365 * DAY


@pytest.mark.parametrize(
    ("confirmed", "ahead_of_api", "changed_there", "expected"),
    [
        pytest.param(None, None, None, Belief.CONFIRMED, id="a new ledger: there is nothing to forget"),
        pytest.param(NOW - DAY, None, None, Belief.CONFIRMED, id="a run each day"),
        pytest.param(NOW - 2 * DAY, None, None, Belief.CONFIRMED, id="two days ago"),
        pytest.param(NOW - 3 * DAY, None, None, Belief.UNCONFIRMED, id="three days ago"),
        pytest.param(NOW - 3 * YEAR, None, None, Belief.UNCONFIRMED, id="three years ahead, or off so long"),
        pytest.param(NOW + 3 * DAY, None, None, Belief.UNCONFIRMED, id="the clock is behind"),
        pytest.param(
            NOW - YEAR, timedelta(seconds=3), None, Belief.CONFIRMED, id="off for a year, the API agrees"
        ),
        pytest.param(NOW - YEAR, YEAR, None, Belief.OFF, id="the API says that it is a year ago"),
        pytest.param(NOW - DAY, 2 * DAY, None, Belief.OFF, id="the API counts more than the last run"),
        pytest.param(NOW - DAY, -2 * DAY, NOW, Belief.OFF, id="and more than a file"),
        pytest.param(NOW - YEAR, None, NOW - DAY, Belief.CONFIRMED, id="a file of yesterday on the server"),
        pytest.param(NOW - YEAR, None, NOW - YEAR, Belief.UNCONFIRMED, id="a file of last year"),
        pytest.param(NOW - YEAR, None, NOW + 30 * YEAR, Belief.UNCONFIRMED, id="a file of 2056, by a typo"),
    ],
)
def test_the_time_is_believed_when_something_else_confirms_it(
    confirmed: datetime | None,
    ahead_of_api: timedelta | None,
    changed_there: datetime | None,
    expected: Belief,
) -> None:
    said = belief(NOW, confirmed=confirmed, ahead_of_api=ahead_of_api, changed_there=changed_there)
    assert said is expected


@pytest.mark.parametrize(
    "text", [None, "", "soon", "Sat, 99 Nov 2026 06:00:00 GMT", "Sat, 28 Nov 99999 06:00:00 GMT"]
)
def test_a_date_that_is_none_confirms_nothing(text: str | None) -> None:
    assert http_date(text) is None


def test_the_apis_date_is_read() -> None:
    assert http_date("Sat, 28 Nov 2026 06:00:00 GMT") == NOW
    assert http_date("Sat Nov 28 06:00:00 2026") == NOW


def test_how_much_a_clock_is_off_is_told_in_days_or_hours() -> None:
    assert by_how_much(3 * YEAR) == "1095 days ahead of"
    assert by_how_much(-timedelta(hours=30)) == "30 hours behind"
