"""Whether this machine's clock can be believed before anything is forgotten for good.

A clock that jumps by years makes everything look old. A machine that was off for a year is late by as much, and right.
Only somebody else's clock tells the two apart. So nothing is forgotten before the time is confirmed:

- by the `Date` of the API's answers, which counts before all else: it may also show that the clock is off;
- by a file on the SFTP server that was changed within two days of now;
- by continuity: the last confirmed time is within two days of now, as it is where a run comes each day.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum

AGREES = timedelta(days=1)
"""Retention counts days: a clock that is off by less forgets nothing that matters."""
CLOSE = timedelta(days=2)


class Belief(Enum):
    """What is to be thought of the clock."""

    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    OFF = "off"
    """The API's clock says otherwise."""


def belief(
    now: datetime,
    *,
    confirmed: datetime | None,
    ahead_of_api: timedelta | None,
    changed_there: datetime | None,
) -> Belief:
    """What to think of `now`. All times in UTC.

    `confirmed` is the last time that was (None: there was no run yet, so there is nothing to forget); `ahead_of_api` is
    by how much the clock was ahead of the API's in this run; `changed_there` is when the youngest file on the SFTP
    server was changed.
    """
    if ahead_of_api is not None:
        return Belief.CONFIRMED if abs(ahead_of_api) <= AGREES else Belief.OFF
    witnesses = [witness for witness in (confirmed, changed_there) if witness is not None]
    if confirmed is None or any(abs(now - witness) <= CLOSE for witness in witnesses):
        return Belief.CONFIRMED
    return Belief.UNCONFIRMED


def http_date(text: str | None) -> datetime | None:
    """The time that a header such as `Date` tells, in UTC; None: it tells none. Source: RFC 9110 §5.6.7."""
    try:
        at = parsedate_to_datetime(text or "")
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def by_how_much(ahead: timedelta) -> str:
    """In days, or hours where there are few."""
    hours = round(abs(ahead).total_seconds() / 3600)
    amount = f"{hours // 24} days" if hours >= 96 else f"{hours} hours"
    return f"{amount} {'ahead of' if ahead > timedelta(0) else 'behind'}"
