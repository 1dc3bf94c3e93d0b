"""Times as they are stored (UTC, RFC 3339, to the second), and as people read them."""

from __future__ import annotations

from datetime import datetime, tzinfo


def rfc3339(moment: datetime) -> str:
    """`2026-11-24T06:00:00Z`. `moment` is in UTC."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def local_time(at: str, zone: tzinfo) -> str:
    """`2026-11-24 08:00 SAST`: the moment `at` (RFC 3339) in the time zone of the readers."""
    return f"{datetime.fromisoformat(at).astimezone(zone):%Y-%m-%d %H:%M %Z}"
