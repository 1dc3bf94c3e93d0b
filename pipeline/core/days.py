"""Days and months of a time zone: which of them a moment is in, and which a person named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Days:
    """From the first to the last day, both included; None has no end."""

    first: date | None = None
    last: date | None = None

    def __contains__(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


def month_of(day: date) -> Days:
    """The calendar month that a day is in."""
    first = day.replace(day=1)
    return Days(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))


def month_named(text: str) -> Days | None:
    """The month written as `2026-11`; None where that is none."""
    found = _MONTH.fullmatch(text)
    try:
        return month_of(date(int(found[1]), int(found[2]), 1)) if found else None
    except (ValueError, OverflowError):
        return None


def day_in(at: str, zone: tzinfo) -> date:
    """The day of a time zone that a moment (RFC 3339) is in."""
    return datetime.fromisoformat(at).astimezone(zone).date()
