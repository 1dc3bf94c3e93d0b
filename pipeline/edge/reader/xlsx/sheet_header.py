"""Which row of a sheet is the header, and what is above it."""

from __future__ import annotations

from typing import NoReturn

from pipeline.core.mapping.header_names import likely_header, starts_with
from pipeline.edge.reader.compressed import refuse_archive
from schemas.feed import Feed

_LOOKED_AT = 50
"""Filled rows among which one that looks like the header is looked for."""


class SheetHeader:
    """The header of one sheet, whose filled rows are shown to `is_below` in order."""

    def __init__(self, name: str, feed: Feed) -> None:
        """`name`: of the bill file, for messages."""
        self.row = 0
        """Row of the header, or the one before the first record where the feed says that there is none; 0 at first."""
        self.width = len(feed.names or ())
        """Fields of a header that the feed states."""
        self._name, self._feed = name, feed
        self._above = 0
        self._first: list[tuple[int, list[str]]] = []

    def is_below(self, row: int, cells: dict[int, str]) -> bool:
        """Whether a row is the header or below it. `cells`: column (from 0) → text."""
        if len(self._first) < _LOOKED_AT:
            self._first.append((row, [cells.get(column, "") for column in range(max(cells) + 1)]))
        if self.row:
            return True
        place = self._feed.header
        if place is not None and not place.none:
            fields = [cells.get(column, "") for column in range(len(place.starts_with or []))]
            found = row == place.row if place.row else starts_with(fields, place.starts_with or [])
            if not found:
                self._above += 1
                return False
        self.row = row if self._feed.has_header else row - 1
        return True

    def notes(self) -> tuple[str, ...]:
        """Rows that are not read, as a sentence."""
        if not self._above:
            return ()
        return (f"filled rows above the header, not read: {self._above}",)

    def hint(self) -> str | None:
        """Which row looks like the header, and the key that says so."""
        found = likely_header(self._first, self._feed) if self._feed.has_header else None
        if found is None or found[0] == self.row:
            return None
        row, names = found
        return f"row {row} looks like the header ({', '.join(names)}): set feed.header to {{row: {row}}}"

    def refuse_missing(self, sheet: str) -> NoReturn:
        """Raises FileRefused: no row is the header."""
        place = self._feed.header
        if not self._above or place is None:
            problem = f"sheet {sheet} holds nothing, not even a header"
            refuse_archive(self._name, "file.empty", problem, "export it again")
        problem = (
            f"row {place.row} of sheet {sheet} is empty, where feed.header says that the header is"
            if place.row
            else f"no row of sheet {sheet} begins with the columns of feed.header"
        )
        refuse_archive(self._name, "file.header", problem, self.hint() or "correct feed.header or the export")
