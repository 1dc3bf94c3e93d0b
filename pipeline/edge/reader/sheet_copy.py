"""Our copy of a sheet as CSV, whatever kind of workbook it is of: which sheet, which rows, and what is said of it.

The CSV is UTF-8 with a byte order mark and LF; numbers are written with the feed's decimal sign, dates as ISO 8601
where the feed reads that, else in its first format: so it reads the copy as it would read an export.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, NoReturn, Protocol

from pipeline.core.file_stages import LandedFile
from pipeline.edge.reader.compressed import UnpackBudget, refuse_archive
from pipeline.edge.reader.sheet_header import Merged, SheetHeader
from schemas.feed import Feed
from schemas.settings import Limits

MAX_ROW, MAX_COLUMN = 1_048_576, 16_384
"""Of any sheet of Excel or LibreOffice. Source: "Excel specifications and limits", Microsoft."""
MAX_MERGED = 100_000
"""Ranges that are remembered; a sheet with any merged data cell is refused anyway."""
_MARK = b"\xef\xbb\xbf"
"""Spreadsheets know UTF-8 by it, and rejects.csv is opened in one."""

OnRow = Callable[[int, dict[int, str]], None]
"""Called with the number of a row, from 1, and column (from 0) → text of its filled cells; rows come in order."""
OnMerged = Callable[[Merged], None]
"""Called with a merged range; one that gives its name to columns, before the last row of the header."""


class NamedSheet(Protocol):
    """One sheet as its workbook lists it."""

    @property
    def name(self) -> str: ...
    @property
    def visible(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class SheetCopy:
    """Our CSV of a sheet."""

    header_row: int
    """Row of the sheet, from 1, that is the header: where the feed says, else the first with a filled cell. Of a sheet
    without one, the row before the first record."""
    notes: tuple[str, ...]
    """Sheets that are ignored, hidden rows and rows above the header, as sentences."""
    header_hint: str | None = None
    """Which row looks like the header, where that is another one."""


def is_wanted(sheet: NamedSheet, feed: Feed) -> bool:
    """Whether a feed may read a sheet: the one that it names, else any that people see."""
    return sheet.visible if feed.sheet is None else sheet.name == feed.sheet


def refuse_without_sheet(feed: Feed, name: str) -> NoReturn:
    """Raise FileRefused: the workbook `name` has no sheet for the feed."""
    problem = "the workbook has no visible sheet" if feed.sheet is None else f"it has no sheet {feed.sheet}"
    refuse_archive(name, "file.sheet", problem, "add the sheet, or correct feed.sheet")


class SheetWriter:
    """Writes the rows of one sheet from the header down to the last filled one, each in its place."""

    def __init__(
        self, landed: LandedFile, limits: Limits, file: IO[bytes], *, allow_merged: bool = False
    ) -> None:
        """`file` takes the CSV. `allow_merged`: cells may be merged anywhere."""
        self._allow_merged = allow_merged
        self._merged: list[tuple[int, int]] = []
        """First and last row of each merged range that names no columns."""
        self._merged_count = 0
        self._name, self._file, self._delimiter = landed.name, file, landed.feed.delimiter
        self._allowance = UnpackBudget(landed.name, landed.size_bytes, limits)
        self._header = SheetHeader(landed.name, landed.feed)
        self._header_row: int | None = None
        self._last_row = 0
        self._width = 0
        """Fields of the header; longer rows keep their fields, which the structure scan then reports."""
        self._special = re.compile(f'["\\r\\n{re.escape(self._delimiter)}]')

    def merge(self, merged: Merged) -> None:
        """Take a merged range, see `OnMerged`. Raises FileRefused where there are more than MAX_MERGED."""
        self._merged_count += 1
        if self._merged_count > MAX_MERGED:
            self._refuse_merged(f"a sheet of more than {MAX_MERGED} merged ranges")
        if not self._header.merge(merged._replace(right=min(merged.right, MAX_COLUMN - 1))):
            self._merged.append((merged.first, merged.last))

    def add(self, row: int, cells: dict[int, str]) -> None:
        """Write a row; `cells` is column (from 0) → text. A row without cells is written when a filled one follows."""
        if not cells:
            return
        taken = self._header.take(row, cells)
        if taken is None:
            return
        cells = taken
        if self._header_row is None:
            self._header_row = self._header.row
            self._width = self._header.width or max(cells) + 1
            self._write(_MARK)
        else:
            self._write(b"\n" * (row - self._last_row))
        self._last_row = row
        fields = [""] * max(self._width, max(cells) + 1)
        for column, text in cells.items():
            fields[column] = self._quoted(text) if self._special.search(text) else text
        self._write(self._delimiter.join(fields).encode())

    def finished(self, sheet: str, others: Sequence[str], hidden_rows: int) -> SheetCopy:
        """All rows are written.

        Args:
            sheet, others: names of the sheet and of those that are not read.
            hidden_rows: filled ones.

        Raises FileRefused: there is no header, or cells of the records are merged.
        """
        if self._header_row is None:
            self._header.refuse_missing(sheet)
        top = self._header_row
        if not self._allow_merged and any(
            last >= top and first <= self._last_row for first, last in self._merged
        ):
            self._refuse_merged(f"sheet {sheet} has merged cells, which give a value once for many rows")
        notes = [f"sheets ignored: {', '.join(others)}"] if others else []
        if hidden_rows:
            notes.append(f"hidden rows, read like all others: {hidden_rows}")
        return SheetCopy(self._header_row, (*notes, *self._header.notes()), self._header.hint())

    def _write(self, line: bytes) -> None:
        self._allowance.spend(len(line))
        self._file.write(line)

    def _refuse_merged(self, problem: str) -> NoReturn:
        refuse_archive(self._name, "file.merged_cells", problem, "unmerge them and fill in every row")

    def _quoted(self, text: str) -> str:
        return '"' + text.replace('"', '""') + '"'


def refuse_long_cell(name: str, max_bytes: int) -> NoReturn:
    """Raise FileRefused: a cell of the workbook `name` is longer than a record may be."""
    problem = f"a cell of more than {max_bytes} characters"
    refuse_archive(name, "file.record_too_long", problem, "shorten it, or raise the limit")
