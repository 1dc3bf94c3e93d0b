"""Which row of a sheet is the header, and what is above it."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from pipeline.core.mapping.header_names import begins_with, joined_names, likely_header, starts_with
from pipeline.edge.reader.compressed import refuse_archive
from schemas.feed import Feed

_LOOKED_AT = 50
"""Filled rows among which one that looks like the header is looked for."""


class Merged(NamedTuple):
    """A merged range: first and last row, from 1, first and last column, from 0."""

    first: int
    last: int
    left: int
    right: int


def names_columns(merged: Merged, feed: Feed) -> bool:
    """Whether a merged range is inside of the header, where that is one of several rows."""
    rows = (feed.header.row if feed.header else None) or []
    return len(rows) > 1 and rows[0] <= merged.first and merged.last <= rows[-1]


class SheetHeader:
    """The header of one sheet, whose filled rows are shown to `take` in order."""

    def __init__(self, name: str, feed: Feed) -> None:
        """`name`: of the bill file, for messages."""
        self.row: int | None = None
        """Row of the header, or the one before the first record where the feed says that there is none; None before it
        is known.
        """
        self.width = len(feed.names or ())
        """Fields of a header that the feed states."""
        self._name, self._feed = name, feed
        self._merged: list[Merged] = []
        """Those whose names all columns below them have."""
        self._before = tuple(feed.header_record.starts_with) if feed.header_record else ()
        self._above = self._records = 0
        self._rows: list[dict[int, str]] = []
        self._first: list[tuple[int, list[str]]] = []

    def merge(self, merged: Merged) -> bool:
        """Whether a merged range is inside of a header of several rows, and so gives its name to all columns below."""
        is_name = names_columns(merged, self._feed)
        if is_name and self.row is None:
            self._merged.append(merged)
        return is_name

    def take(self, row: int, cells: dict[int, str]) -> dict[int, str] | None:
        """What is written of a row: the header, with its rows joined, or a row below it; None for one above it.

        `cells`: column (from 0) → text.
        """
        if len(self._first) < _LOOKED_AT:
            self._first.append((row, [cells.get(column, "") for column in range(max(cells) + 1)]))
        if self.row is not None:
            return cells
        if not self._rows and begins_with(cells.get(0, ""), self._before):
            self._records += 1
            return None
        place = self._feed.header
        if place is None or place.none:
            self.row = row if self._feed.has_header else row - 1
            return cells
        if place.row:
            return self._of_rows(row, cells, place.row)
        fields = [cells.get(column, "") for column in range(len(place.starts_with or []))]
        if not starts_with(fields, place.starts_with or [], self._feed):
            self._above += 1
            return None
        self.row = row
        return cells

    def _of_rows(self, row: int, cells: dict[int, str], rows: list[int]) -> dict[int, str] | None:
        """The header once its last row is there."""
        if row not in rows:
            self._above += 1
            return None
        self._rows.append(self._spread(row, cells))
        if row != rows[-1]:
            return None
        self.row = row
        width = max(max(each) for each in self._rows) + 1
        names = joined_names([[each.get(column, "") for column in range(width)] for each in self._rows])
        return {column: name for column, name in enumerate(names) if name}

    def _spread(self, row: int, cells: dict[int, str]) -> dict[int, str]:
        """A row of the header with the names of its merged cells in every column that they cover."""
        spread = dict(cells)
        for each in self._merged:
            if not each.first <= row <= each.last or each.left not in cells:
                continue
            for column in range(each.left + 1, each.right + 1):
                if column in spread:  # ranges that overlap cost nothing
                    break
                spread[column] = cells[each.left]
        return spread

    def notes(self) -> tuple[str, ...]:
        """Rows that are not read, as sentences."""
        counts = {"header record": self._records, "filled rows above the header": self._above}
        return tuple(f"{what}, not read: {count}" for what, count in counts.items() if count)

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
            f"row {place.row[-1]} of sheet {sheet} is empty, where feed.header says that the header is"
            if place.row
            else f"no row of sheet {sheet} begins with the columns of feed.header"
        )
        refuse_archive(self._name, "file.header", problem, self.hint() or "correct feed.header or the export")
