"""Which feeds should have had a file by now and had none. Pure: time and time zone are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from schemas.feed import WEEKDAYS, Feed


@dataclass(frozen=True, slots=True)
class LateFeed:
    """A feed whose file should have come."""

    feed: str
    due_at: datetime
    """In the merchant's time zone: the newest hour that has passed without a file on that day or later."""
    last_at: datetime | None
    """When its last file came; None: there was none yet."""


def late_feeds(
    feeds: Iterable[Feed], arrivals: Mapping[str, datetime], now: datetime, zone: tzinfo
) -> list[LateFeed]:
    """Feeds without a file since the midnight before their newest hour. `arrivals`: feed → when its last file came."""
    late = []
    for feed in feeds:
        due_at = _newest_due(feed, now.astimezone(zone), zone)
        if due_at is None:
            continue
        last_at = arrivals.get(feed.name)
        if last_at is None or last_at.astimezone(zone).date() < due_at.date():
            late.append(LateFeed(feed.name, due_at, last_at))
    return late


def _newest_due(feed: Feed, now: datetime, zone: tzinfo) -> datetime | None:
    """The newest hour of that feed that has passed, looking back a week; None: it expects none."""
    if feed.expect_by is None:
        return None
    hour = time.fromisoformat(feed.expect_by)
    for days_ago in range(8):
        day = now.date() - timedelta(days=days_ago)
        due_at = datetime.combine(day, hour, tzinfo=zone)
        # Two times of one zone compare as its clock shows them, and in autumn it shows an hour twice.
        if WEEKDAYS[day.weekday()] in feed.expect_on and due_at.astimezone(UTC) <= now.astimezone(UTC):
            return due_at
    return None
