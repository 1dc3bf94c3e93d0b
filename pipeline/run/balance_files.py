"""Which balance files are news in one run, in what order, and which must be looked at first (law 10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from pipeline.core.api.requests import LEAF_OF
from pipeline.core.api.watermarks import (
    FIRST_ORDER,
    LAST_ORDER,
    Doubts,
    Recency,
    dated_ahead,
    is_ahead,
    is_late,
    tomorrow,
    watermark,
)
from pipeline.core.file_stages import LandedFile, Refusal
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.lineage import LedgerOrigin, Lineage
from pipeline.edge.ledger.watermarks import BalanceOrder
from schemas.feed import Feed
from schemas.settings import Settings

LEDGER_MAY_BE_BEHIND = {
    LedgerOrigin.LOST: "this is a new ledger, but another one was used here before (if it was moved away by"
    " mistake, put it back). Each balance is looked up at the API before it is set",
    LedgerOrigin.BEHIND: "this is a copy, not the ledger that was used here last. Each balance is looked up at the API"
    " before it is set, until a newer file or --force has set it; files that were held and corrections that may have"
    " been made since wait for a person",
}
"""What to say of a ledger that may know less than one that worked here before."""


@dataclass(frozen=True, slots=True)
class BalanceFiles:
    """Balance files of one run. Days are those of the config's time zone."""

    files: Files
    order: BalanceOrder
    settings: Settings
    clock: Callable[[], datetime]
    forced: bool
    doubts: Doubts

    @property
    def today(self) -> str:
        return self._day(self.clock())

    def day_of(self, landed: LandedFile, before: FileRow | None) -> str | None:
        """The day that a file's balances are of; None: it has none, or one after tomorrow, which it may not have.

        That is the date in its name, else the day it lands. A forced file is of today. A file that is being loaded
        keeps its day, a correction has that of the original.
        """
        if LEAF_OF[landed.feed.model] == "bill":
            return None
        if self.forced:
            return max(self.today, self.order.newest_day() or "")
        if landed.rejects_of is not None:
            original = self._original(landed.rejects_of)
            its_day = self._day_corrected(original) if original is not None else self.today
            return None if is_ahead(its_day, self.today) else its_day
        day = landed.name_parts.get("date")
        if before is not None and before.is_open and before.name_parts.get("date") == day:
            kept = before.as_of or (None if day else self._day_of_row(before))
            if kept is not None:
                return kept
        return None if day and is_ahead(day, self.today) else day or self.today

    def refusal(self, landed: LandedFile, day: str | None) -> Refusal | None:
        """Why a file may not be loaded as it is dated; `day` as `day_of` tells it."""
        if LEAF_OF[landed.feed.model] == "bill" or day is not None:
            return None
        return dated_ahead(landed, self.today)

    def is_back(self, landed: LandedFile, row: FileRow) -> bool:
        """Whether balances come back, byte for byte, after a file between them had set others.

        The same bytes are the same bills, but not the same news: 100, then 200, then 100 again. They are news under a
        later date, and without any date: then whatever lands is the news of now.
        """
        day, then = landed.name_parts.get("date", ""), row.name_parts.get("date", "")
        if day < then or (day == then != ""):
            return False
        return self._overtaken(landed, row, before=_LAST if day else watermark(self.today, LAST_ORDER))

    def is_ambiguous(self, landed: LandedFile, row: FileRow) -> bool:
        """Whether such bytes come back under the date that the file between them has, too."""
        day = landed.name_parts.get("date", "")
        if not day or day != row.name_parts.get("date"):
            return False
        return self._overtaken(landed, row, before=watermark(day, LAST_ORDER))

    def reaffirm(self, landed: LandedFile, row: FileRow) -> str | None:
        """Remember that loaded bytes came under a later date, so that nothing older is taken for news; that day."""
        kind, day, then = (
            LEAF_OF[landed.feed.model],
            landed.name_parts.get("date"),
            row.name_parts.get("date"),
        )
        if kind == "bill" or row.rejects_of is not None or not day or not then or day <= then:
            return None
        if is_ahead(day, self.today):
            return None
        was = watermark(self._day_of_row(row), row.landing)
        self.order.reaffirm(row.id, kind, was=was, now=partial(watermark, day), name_parts=landed.name_parts)
        return day

    def news(self, landed: LandedFile, row: FileRow) -> Recency:
        """What a file is as news, `row` being what it was taken up as; bills are none."""
        if LEAF_OF[landed.feed.model] == "bill":
            return Recency("")
        day, landing, doubts = self._day_of_row(row), row.landing, self.doubts
        original = self._original(landed.rejects_of) if landed.rejects_of is not None else None
        # A forced correction is news of its own day: under its original's watermark, what is older than the balances
        # that it replaced would pass for newer than it.
        if original is not None and not self.forced and day == self._day_corrected(original):
            landing = original.landing if day == self._day_of_row(original) else FIRST_ORDER
        came_back = row.came_back or (original is not None and original.came_back)
        return Recency(
            watermark(day, landing),
            certain=day > max(doubts.begins_after, doubts.missed_until),
            repeated=day <= doubts.missed_until,
            doubtful=bool(came_back) or is_late(day, self.today, dated="date" in landed.name_parts),
            forced=self.forced,
        )

    def _overtaken(self, landed: LandedFile, row: FileRow, *, before: str) -> bool:
        kind = LEAF_OF[landed.feed.model]
        if kind == "bill" or not row.finished or row.rejects_of is not None:
            return False
        after = watermark(self._day_of_row(row), row.landing)
        return self.order.is_overtaken(row.id, kind, after=after, before=before)

    def _original(self, short_name: str) -> FileRow | None:
        return self.files.original_of(short_name)

    def _day_corrected(self, original: FileRow) -> str:
        """The day that an original's rejected balances are of.

        --force makes a file one of today, but only for what it sets then: who mends the rest of it later has not said
        so of that.
        """
        day = self._day_of_row(original)
        return min(day, original.name_parts.get("date") or day)

    def _day_of_row(self, row: FileRow) -> str:
        """Rows of older versions know no day of their own."""
        return row.as_of or row.name_parts.get("date") or self._day(datetime.fromisoformat(row.landed_at))

    def _day(self, moment: datetime) -> str:
        return moment.astimezone(self.settings.zone).date().isoformat()


_LAST = "~"
"""Sorts after every watermark."""


def balance_files(
    ledger: Ledger, settings: Settings, clock: Callable[[], datetime], *, forced: bool
) -> BalanceFiles:
    """Those of a run with that ledger; `forced`: balances are set whatever the API holds. Once it is recognised."""
    doubts = Lineage(ledger, settings.work_dir).doubts()
    return BalanceFiles(Files(ledger), BalanceOrder(ledger), settings, clock, forced, doubts)


def recognised(lineage: Lineage, settings: Settings, now: datetime) -> str | None:
    """Recognise the ledger that a run works with; what to say when it may be behind."""
    today = now.astimezone(settings.zone).date().isoformat()
    return LEDGER_MAY_BE_BEHIND.get(lineage.recognise(tomorrow(today)))


def undated(feed: Feed) -> bool:
    """Whether a feed's balances are ordered by their landing alone."""
    return LEAF_OF[feed.model] != "bill" and "{date" not in feed.match
