"""When a payments file is due: each run, each hour, or each day at an hour of the merchant's time zone."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

EACH_RUN, HOURLY, DAILY = "each_run", "hourly", "daily "


def is_export_due(schedule: str, last: datetime | None, now: datetime, zone: ZoneInfo) -> bool:
    """Whether a file is to be written now.

    Args:
        schedule: `each_run`, `hourly` or `daily HH:MM`.
        last: when the last one was written (UTC); None: never.
        now: UTC.
    """
    if schedule == EACH_RUN:
        return True
    if schedule == HOURLY:
        return last is None or last < now.replace(minute=0, second=0, microsecond=0)
    at = time.fromisoformat(schedule.removeprefix(DAILY))
    local = now.astimezone(zone)
    today = datetime.combine(local.date(), at, zone)
    newest = today if today <= local else datetime.combine(local.date() - timedelta(days=1), at, zone)
    return (last is None and local >= today) or (last is not None and last < newest)
