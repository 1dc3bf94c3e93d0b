"""Which files `status` shows: `--open`, `--since`, `--feed`, `--state`, `--all`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.core.outcomes import FileState
from pipeline.errors import UsageError

STATES = tuple(
    state.value
    for state in FileState
    if state
    not in {
        FileState.ALREADY_LOADED,
        FileState.UNMATCHED,
        FileState.VALIDATED,
        FileState.VALIDATED_WITH_REJECTS,
    }
)
"""States that the ledger keeps."""


@dataclass(frozen=True, slots=True)
class StatusFilter:
    """None, and false, is no filter."""

    open_only: bool = False
    since: str | None = None
    """YYYY-MM-DD in the merchant's time zone: files that landed on that day or later."""
    feed: str | None = None
    state: str | None = None
    """As in JSON, or with spaces for underscores."""
    everything: bool = False
    """All files, however many; else the newest of those that are closed."""

    def check(self, feeds: Iterable[str]) -> None:
        """Raises UsageError for a day, state or feed (of these) that does not exist."""
        if self.since is not None and _day(self.since) is None:
            raise UsageError(
                problem=f"--since {self.since} is not a date",
                remedy="write it as YYYY-MM-DD, such as 2026-11-28",
            )
        if self.state is not None and self._state not in STATES:
            raise UsageError(problem=f"unknown state '{self.state}'", remedy=f"use {', '.join(STATES)}")
        if self.feed is not None and self.feed not in set(feeds):
            raise UsageError(
                problem=f"unknown feed '{self.feed}'", remedy=f"use {', '.join(sorted(set(feeds))) or 'none'}"
            )

    def fits(self, file: dict[str, Any], zone: ZoneInfo) -> bool:
        """Whether a file of the document is shown."""
        if self.open_only and not file["is_open"]:
            return False
        if self.feed is not None and file["feed"] != self.feed:
            return False
        if self.state is not None and file["state"] != self._state:
            return False
        day = _day(self.since) if self.since else None
        return day is None or datetime.fromisoformat(file["landed_at"]).astimezone(zone).date() >= day

    @property
    def _state(self) -> str:
        return (self.state or "").strip().lower().replace(" ", "_")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("YYYY-MM-DD") else None
    except ValueError:
        return None
