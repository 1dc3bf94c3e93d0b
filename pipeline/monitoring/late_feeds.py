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
    feeds: Iterable[Feed],
    arrivals: Mapping[str, datetime],
    now: datetime,
    zone: tzinfo,
    *,
    since: Mapping[str, datetime] | None = None,
) -> list[LateFeed]:
    """Feeds without a file since the midnight before their newest hour.

    Args:
        arrivals: feed → when its last file came.
        since: feed → since when its hour is known. A feed is late from its first whole day on, and one that is not
            among them is not late yet; None: every hour has been known for long.
    """
    late = []
    for feed in feeds:
        due_at = _newest_due(feed, now.astimezone(zone), zone)
        if due_at is None or not _is_whole_day(due_at, since, feed.name, zone):
            continue
        last_at = arrivals.get(feed.name)
        if last_at is None or last_at.astimezone(zone).date() < due_at.date():
            late.append(LateFeed(feed.name, due_at, last_at))
    return late


def _is_whole_day(due_at: datetime, since: Mapping[str, datetime] | None, feed: str, zone: tzinfo) -> bool:
    """Whether the hour was known before that day began."""
    if since is None:
        return True
    return feed in since and since[feed].astimezone(zone).date() < due_at.date()


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
