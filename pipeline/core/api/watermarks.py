"""Whether the balances of a file are current: their day, their order, and what must be looked at first (law 10).

PATCH replaces a balance; one that is late, repeated or forgotten can erase a payment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.core.api.requests import LEAF_OF
from pipeline.core.file_stages import LandedFile, Refusal

ORDER_DIGITS = 12
FIRST_ORDER = 0
LAST_ORDER = 10**ORDER_DIGITS - 1


@dataclass(frozen=True, slots=True)
class Doubts:
    """Days (YYYY-MM-DD; empty: none) until which a file may be older than it looks."""

    begins_after: str = ""
    """Until then, balances may have been set before this ledger was made."""
    missed_until: str = ""
    """Until then, files may have been loaded by a ledger that was lost, or of which this is a copy."""


@dataclass(frozen=True, slots=True)
class Recency:
    """What a file's balances are as news: all that setting one depends on, beside the entity itself."""

    watermark: str
    certain: bool = False
    """Nobody can have loaded it, or a newer one, before: it is of a later day than all doubts."""
    repeated: bool = False
    """A ledger that knew more may have loaded it, and newer ones after it: nothing may be replaced."""
    doubtful: bool = False
    """It comes late, or its bytes come back without a new date: each balance is looked at first."""
    forced: bool = False
    """A person says that these balances are those of now, whatever is there."""

    @property
    def fresh(self) -> bool:
        """Whether what it says is the newest for sure, whatever the ledger has missed."""
        return self.forced or (self.certain and not self.doubtful)


def watermark(day: str, order: int) -> str:
    """Sorts balances by the day they are of (YYYY-MM-DD), then by the order in which their files landed."""
    return f"{day}#{order:0{ORDER_DIGITS}d}"


def day_of(mark: str) -> str:
    """The day of a watermark."""
    return mark.partition("#")[0]


def tomorrow(today: str) -> str:
    return _moved(today, 1)


def is_ahead(day: str, today: str) -> bool:
    """Whether a file's date is later than tomorrow, as by a typo: it would keep all files until then out."""
    return day > tomorrow(today)


def dated_ahead(landed: LandedFile, today: str) -> Refusal | None:
    """Why a balance file may not be loaded as it is dated."""
    day = landed.name_parts.get("date")
    if LEAF_OF[landed.feed.model] == "bill" or not day or not is_ahead(day, today):
        return None
    return Refusal(
        "file.dated_ahead",
        f"its name is dated {day}, and today is {today}: it would keep out every balance until then;"
        " correct the date in its name, or have it loaded all the same if its balances are those of today"
        " (billferry load --force)",
    )


def is_late(day: str, today: str, *, dated: bool) -> bool:
    """Whether a file is older than the day before, which the closing balances of a day are dated.

    Without a date in its name a file is of the day it landed, and late the day after: it has waited since.
    """
    return day < (_moved(today, -1) if dated else today)


def _moved(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
