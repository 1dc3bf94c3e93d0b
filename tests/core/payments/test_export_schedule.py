"""A payments file is due once a run, once an hour, or once a day at an hour of the merchant's clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pipeline.core.payments.export_schedule import is_export_due

BERLIN = ZoneInfo("Europe/Berlin")
"""One hour ahead of UTC in winter, two in summer."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "last", "now", "due"),
    [
        ("each_run", None, "2026-11-29T10:00", True),
        ("each_run", "2026-11-29T10:00", "2026-11-29T10:00", True),
        ("hourly", None, "2026-11-29T10:30", True),
        ("hourly", "2026-11-29T10:00", "2026-11-29T10:59", False),
        ("hourly", "2026-11-29T09:59", "2026-11-29T10:00", True),
        ("daily 18:00", None, "2026-11-29T16:59", False),
        ("daily 18:00", None, "2026-11-29T17:00", True),
        ("daily 18:00", "2026-11-28T17:00", "2026-11-29T16:59", False),
        ("daily 18:00", "2026-11-28T17:00", "2026-11-29T17:00", True),
        ("daily 18:00", "2026-11-29T17:00", "2026-11-29T22:00", False),
        ("daily 18:00", "2026-11-28T16:59", "2026-11-29T08:00", True),
        ("daily 18:00", None, "2026-06-29T16:00", True),
        ("daily 18:00", None, "2026-06-29T15:59", False),
        ("daily 00:30", "2026-11-28T23:30", "2026-11-29T22:59", False),
        ("daily 00:30", "2026-11-28T23:30", "2026-11-29T23:30", True),
    ],
)
def test_a_file_is_due_when_the_time_after_the_last_one_has_come(
    schedule: str, last: str | None, now: str, due: bool
) -> None:
    assert is_export_due(schedule, at(last) if last else None, at(now), BERLIN) == due
