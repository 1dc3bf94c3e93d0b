"""One sheet of an OpenDocument spreadsheet as rows of text, and our copy of it as CSV.

Source: OASIS OpenDocument 1.3, part 3, 9 (tables).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pipeline.core.file_stages import LandedFile
from pipeline.edge.reader.compressed import UnpackBudget, plain_copy
from pipeline.edge.reader.ods.cell_text import ParagraphCollector, cell_text
from pipeline.edge.reader.ods.package import refuse_active, refuse_unfit
from pipeline.edge.reader.sheet_copy import (
    MAX_COLUMN,
    MAX_ROW,
    OnMerged,
    OnRow,
    SheetCopy,
    SheetWriter,
    is_wanted,
    refuse_long_cell,
    refuse_without_sheet,
)
from pipeline.edge.reader.sheet_header import Merged
from pipeline.edge.reader.xml_parts import Attributes, parse_part, refuse_workbook
from pipeline.edge.reader.zip_archives import spend_stated, zip_archive
from schemas.feed import Feed
from schemas.settings import Limits

_CONTENT = "content.xml"
_TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0 "
_STYLE_NAME = "urn:oasis:names:tc:opendocument:xmlns:style:1.0 name"
_MAX_NAMES, _MAX_NAME_LENGTH = 10_000, 1000
"""Sheets, and styles of hidden ones; names are remembered."""
_CELLS = ("table-cell", "covered-table-cell")


@dataclass(frozen=True, slots=True)
class _Table:
    """A sheet as the document lists it."""

    name: str
    visible: bool


def copy_opendocument(
    landed: LandedFile, limits: Limits, copy: Path, *, allow_merged: bool = False
) -> SheetCopy:
    """Write the sheet that the feed reads as CSV, as `xlsx.sheet.copy_sheet` does. Raises as that."""
    name = landed.name
    with zip_archive(landed.path, name) as archive:
        spend_stated(archive, UnpackBudget(name, landed.size_bytes, limits))
        refuse_unfit(archive, name)
        with plain_copy(copy) as file:
            rows = SheetWriter(landed, limits, file, allow_merged=allow_merged)
            cells = _ContentParser(
                name,
                landed.feed,
                max_text_bytes=limits.max_record_bytes,
                on_row=rows.add,
                on_merged=rows.merge,
            )
            parse_part(archive, _CONTENT, name, start=cells.start, end=cells.end, text=cells.text)
            if cells.sheet is None:
                refuse_without_sheet(landed.feed, name)
            return rows.finished(cells.sheet, cells.others, cells.hidden_rows)


class _ContentParser:
    """Gathers the cells of the first sheet that the feed may read. `start`, `text`, `end` are expat's callbacks."""

    def __init__(
        self, name: str, feed: Feed, *, max_text_bytes: int, on_row: OnRow, on_merged: OnMerged
    ) -> None:
        self.sheet: str | None = None
        """Name of the sheet that is read."""
        self.others: list[str] = []
        self.hidden_rows = 0
        """Filled ones."""
        self._name, self._feed, self._max = name, feed, max_text_bytes
        self._on_row, self._on_merged = on_row, on_merged
        self._shown = ParagraphCollector(max_text_bytes, self._refuse_long)
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._within = ""
        """What is open of table, row and cell of the sheet that is read; another table is `other`."""
        self._row = self._row_repeat = 0
        self._is_hidden = False
        self._cells: dict[int, str] = {}
        self._row_bytes = self._column = 0
        self._cell: Attributes = {}
        self._is_covered = False

    def start(self, element: str, attributes: Attributes) -> None:
        """An element begins."""
        if self._within == "cell":
            if element in ("table", *_CELLS):
                self._refuse_nested()
            self._shown.start(element, attributes)
        elif element in _CELLS and self._within == "row":
            self._start_cell(element, attributes)
        elif element == "table-row" and self._within:
            self._start_row(attributes)
        elif element == "table":
            self._start_table(attributes)
        elif element == "table-source":
            refuse_active(self._name)
        elif element == "style":
            self._style = attributes.get(_STYLE_NAME, "")
        elif element == "table-properties" and attributes.get(f"{_TABLE}display") == "false":
            self._remember_hidden(self._style)

    def text(self, piece: str) -> None:
        """A piece of character data; only that of cells counts."""
        if self._within == "cell":
            self._shown.add(piece)

    def end(self, element: str) -> None:
        """An element ends: the finished cell is kept, the finished row handed on."""
        if self._within == "cell":
            if element in _CELLS:
                self._end_cell()
                self._within = "row"
            else:
                self._shown.end()
        elif element == "table-row" and self._within == "row":
            self._end_row()
            self._within = "table"
        elif element == "table":
            self._within = ""

    def _start_table(self, attributes: Attributes) -> None:
        if self._within:
            self._refuse_nested()
        visible = attributes.get(f"{_TABLE}style-name", "")[:_MAX_NAME_LENGTH] not in self._hidden_styles
        table = _Table(attributes.get(f"{_TABLE}name", ""), visible)
        if self.sheet is None and is_wanted(table, self._feed):
            self.sheet = table.name
            self._within = "table"
            return
        self._within = "other"
        if len(self.others) >= _MAX_NAMES:
            refuse_workbook(self._name, f"it has more than {_MAX_NAMES} sheets")
        self.others.append(table.name[:_MAX_NAME_LENGTH])

    def _start_row(self, attributes: Attributes) -> None:
        if self._within == "other":
            return
        if self._within != "table":
            self._refuse_nested()
        self._within = "row"
        self._row_repeat = self._count(attributes, "number-rows-repeated")
        self._is_hidden = attributes.get(f"{_TABLE}visibility", "visible") != "visible"
        self._column = self._row_bytes = 0

    def _end_row(self) -> None:
        """A row that is repeated is as many rows; of rows of nothing there may be any number."""
        first = self._row + 1
        self._row += self._row_repeat
        if not self._cells:
            return
        if self._row > MAX_ROW:
            refuse_workbook(self._name, f"it has more than {MAX_ROW} rows")
        for row in range(first, self._row + 1):
            self._on_row(row, self._cells)
        self.hidden_rows += self._is_hidden * self._row_repeat
        self._cells = {}

    def _start_cell(self, element: str, attributes: Attributes) -> None:
        self._within = "cell"
        self._cell = attributes
        self._is_covered = element == "covered-table-cell"
        rows = self._count(attributes, "number-rows-spanned")
        columns = self._count(attributes, "number-columns-spanned")
        if rows > 1 or columns > 1:
            last_row = self._row + self._row_repeat + rows - 1
            self._on_merged(Merged(self._row + 1, last_row, self._column, self._column + columns - 1))

    def _end_cell(self) -> None:
        """Keep the finished cell, as often as it is repeated, unless it is empty, or covered by a merged one."""
        text = cell_text(self._cell, self._shown.take(), self._feed)
        repeat = self._count(self._cell, "number-columns-repeated")
        start, self._column = self._column, self._column + repeat
        if not text or self._is_covered:
            return
        if self._column > MAX_COLUMN:
            refuse_workbook(self._name, f"row {self._row + 1} has more than {MAX_COLUMN} columns")
        self._row_bytes += len(text) * repeat
        if self._row_bytes > self._max:
            self._refuse_long()
        self._cells.update(dict.fromkeys(range(start, self._column), text))

    def _remember_hidden(self, style: str) -> None:
        if len(self._hidden_styles) >= _MAX_NAMES:
            refuse_workbook(self._name, f"it has more than {_MAX_NAMES} styles of hidden sheets")
        self._hidden_styles.add(style[:_MAX_NAME_LENGTH])

    def _count(self, attributes: Attributes, key: str) -> int:
        """How often something is repeated, or how far it reaches. Raises FileRefused where that is no number."""
        stated = attributes.get(_TABLE + key, "1")
        if not (stated.isascii() and stated.isdecimal() and len(stated) < 10 and int(stated)):
            refuse_workbook(self._name, f"{key} is not a number after row {self._row}")
        return int(stated)

    def _refuse_nested(self) -> NoReturn:
        refuse_workbook(self._name, f"tables, rows or cells are nested in others after row {self._row}")

    def _refuse_long(self) -> NoReturn:
        refuse_long_cell(self._name, self._max)
