"""Times as they are stored: UTC, RFC 3339, to the second."""

from __future__ import annotations

from datetime import datetime


def rfc3339(moment: datetime) -> str:
    """`2026-11-24T06:00:00Z`. `moment` is in UTC."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
