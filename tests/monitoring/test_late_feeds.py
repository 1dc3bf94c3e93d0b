"""A feed is late from its hour until a file of it comes that day: on its days, in its zone, also when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.monitoring.late_feeds import late_feeds
from schemas.feed import AmountFormat, Feed, Weekday

BERLIN = ZoneInfo("Europe/Berlin")
JOHANNESBURG = ZoneInfo("Africa/Johannesburg")
WEEKDAYS: list[Weekday] = ["mon", "tue", "wed", "thu", "fri"]


def feed(expect_by: str | None = "07:00", on: list[Weekday] | None = None, name: str = "daily") -> Feed:
    days = {"expect_on": on} if on else {}
    return Feed.model_validate(
        {"name": name, "match": "*", "model": "bill", "amount": AmountFormat(unit="major"), **days}
        | {"expect_by": expect_by}
    )


def due(feed: Feed, last: str | None, now: str, zone: ZoneInfo = JOHANNESBURG) -> str | None:
    """When a late feed was due, in its zone; None when it is not late. `last` and `now` are times there."""

    def at(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)

    found = late_feeds([feed], {feed.name: at(last)} if last else {}, at(now), zone)
    return f"{found[0].due_at:%Y-%m-%d %H:%M}" if found else None


@pytest.mark.parametrize(
    ("last", "now", "due_at"),
    [
        ("2026-11-19 06:10", "2026-11-20 06:59", None),
        ("2026-11-19 06:10", "2026-11-20 07:00", "2026-11-20 07:00"),
        ("2026-11-20 00:00", "2026-11-20 07:00", None),
        ("2026-11-19 23:59", "2026-11-20 07:00", "2026-11-20 07:00"),
        ("2026-11-20 09:00", "2026-11-20 09:01", None),
        ("2026-11-18 06:10", "2026-11-20 06:00", "2026-11-19 07:00"),
        (None, "2026-11-20 06:00", "2026-11-19 07:00"),
        ("2026-11-21 01:00", "2026-11-20 08:00", None),
    ],
)
def test_a_feed_is_late_from_its_hour_until_a_file_comes_that_day(
    last: str | None, now: str, due_at: str | None
) -> None:
    assert due(feed(), last, now) == due_at


@pytest.mark.parametrize(
    ("last", "now", "due_at"),
    [
        ("2026-11-20 06:00", "2026-11-22 12:00", None),  # Friday's came; it is Sunday
        ("2026-11-19 06:00", "2026-11-22 12:00", "2026-11-20 07:00"),  # Friday's never did
        ("2026-11-21 06:00", "2026-11-22 12:00", None),  # it came on Saturday, late
        ("2026-11-20 06:00", "2026-11-23 07:00", "2026-11-23 07:00"),
    ],
)
def test_only_its_days_count(last: str, now: str, due_at: str | None) -> None:
    assert due(feed(on=WEEKDAYS), last, now) == due_at


def test_a_feed_of_one_day_a_week_is_late_for_the_whole_week() -> None:
    weekly = feed(on=["mon"])
    assert due(weekly, "2026-11-09 06:00", "2026-11-16 06:59") is None
    assert due(weekly, "2026-11-09 06:00", "2026-11-22 23:00") == "2026-11-16 07:00"
    assert due(weekly, "2026-11-09 06:00", "2026-11-23 06:59") == "2026-11-16 07:00"


def test_a_feed_without_an_hour_is_never_late_and_each_feed_stands_for_itself() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    feeds = [feed(None, name="whenever"), feed(name="came"), feed(name="late"), feed("23:00", name="later")]
    last = dict.fromkeys(("came", "later"), now - timedelta(hours=6))
    assert [each.feed for each in late_feeds(feeds, last, now, UTC)] == ["late"]


def test_the_day_is_the_merchants_not_that_of_utc() -> None:
    at = datetime(2026, 11, 19, 22, 30, tzinfo=UTC)  # 00:30 of the 20th in Johannesburg
    now = datetime(2026, 11, 20, 6, tzinfo=UTC)
    assert late_feeds([feed()], {"daily": at}, now, JOHANNESBURG) == []
    assert len(late_feeds([feed()], {"daily": at - timedelta(hours=1)}, now, JOHANNESBURG)) == 1


# -- clocks change: in Berlin 02:00 becomes 03:00 on 2026-03-29, and 03:00 becomes 02:00 on 2026-10-25 ---------


def test_a_new_hour_counts_from_its_first_whole_day() -> None:
    """Known from Friday 20:30 on: a file that came on Friday morning, or none, is in time until Saturday's hour."""
    known = {"daily": datetime(2026, 11, 20, 20, 30, tzinfo=JOHANNESBURG)}
    for now, late in (("20 23:00", 0), ("21 05:59", 0), ("21 06:00", 1), ("23 12:00", 1)):
        moment = datetime.strptime(f"2026-11-{now}", "%Y-%m-%d %H:%M").replace(tzinfo=JOHANNESBURG)
        assert len(late_feeds([feed("06:00")], {}, moment, JOHANNESBURG, since=known)) == late, now
    assert late_feeds([feed("06:00")], {}, moment, JOHANNESBURG, since={}) == [], "no run knows it yet"


def late_minutes(expect_by: str, first: datetime, minutes: int) -> list[datetime]:
    """Every minute, in UTC, at which the feed is late that had its file the day before."""
    last = {"daily": first - timedelta(days=1)}
    moments = [first + timedelta(minutes=minute) for minute in range(minutes)]
    today = (first + timedelta(hours=12)).date()

    def is_late(now: datetime) -> bool:
        return any(each.due_at.date() == today for each in late_feeds([feed(expect_by)], last, now, BERLIN))

    return [now for now in moments if is_late(now)]


@pytest.mark.parametrize(
    ("expect_by", "late_from"),
    [
        ("01:30", "2026-03-29T00:30"),
        ("02:30", "2026-03-29T01:30"),  # an hour that this day does not have: 03:30
        ("07:00", "2026-03-29T05:00"),
    ],
)
def test_in_spring_an_hour_is_the_hour_on_the_wall_and_a_left_out_one_passes(
    expect_by: str, late_from: str
) -> None:
    late = late_minutes(expect_by, datetime(2026, 3, 28, 23, tzinfo=UTC), 600)
    assert late[0] == datetime.fromisoformat(late_from).replace(tzinfo=UTC)
    assert late[-1] - late[0] == timedelta(minutes=len(late) - 1), "once late, it stays late"


@pytest.mark.parametrize(
    ("expect_by", "late_from"),
    [
        ("01:30", "2026-10-24T23:30"),
        ("02:30", "2026-10-25T00:30"),  # the first of the two
        ("03:00", "2026-10-25T02:00"),
        ("07:00", "2026-10-25T06:00"),
    ],
)
def test_in_autumn_an_hour_that_comes_twice_passes_once(expect_by: str, late_from: str) -> None:
    late = late_minutes(expect_by, datetime(2026, 10, 24, 22, tzinfo=UTC), 600)
    assert late[0] == datetime.fromisoformat(late_from).replace(tzinfo=UTC)
    assert late[-1] - late[0] == timedelta(minutes=len(late) - 1), "once late, it stays late"


def test_a_file_of_the_day_clears_it_through_both_changes() -> None:
    for day in ("2026-03-29", "2026-10-25"):
        assert due(feed("03:30"), f"{day} 00:00", f"{day} 12:00", BERLIN) is None
        assert due(feed("03:30"), f"{day} 05:00", f"{day} 05:01", BERLIN) is None
        assert due(feed("03:30"), None, f"{day} 12:00", BERLIN) == f"{day} 03:30"
