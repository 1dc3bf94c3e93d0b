"""One sheet of a workbook as rows of text, and our copy of it as CSV."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from zipfile import ZipFile

from pipeline.core.file_stages import LandedFile
from pipeline.core.values.xlsx_cells import NOT_A_NUMBER, NOT_COMPUTED, date_text, iso_text, number_text
from pipeline.edge.reader.compressed import UnpackBudget, plain_copy
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
from pipeline.edge.reader.sheet_header import Merged, names_columns
from pipeline.edge.reader.xlsx.workbook import (
    SharedTexts,
    TextCollector,
    Workbook,
    read_texts,
    read_workbook,
    unescaped,
)
from pipeline.edge.reader.xml_parts import Attributes, parse_part, refuse_workbook
from pipeline.edge.reader.zip_archives import spend_stated, zip_archive
from schemas.feed import Feed
from schemas.settings import Limits

_CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})", re.ASCII)
_RANGE = re.compile(r"([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})", re.ASCII)


def copy_sheet(landed: LandedFile, limits: Limits, copy: Path, *, allow_merged: bool = False) -> SheetCopy:
    """Write the sheet that the feed reads as CSV: one record for each row from the header down to the last filled one.

    Args:
        copy: path of the CSV, private; nothing is left of it after an error.
        allow_merged: also where cells are merged; for a first look, which does not yet know where the header is.

    Raises:
        FileRefused: the workbook cannot be read for certain, or is larger than `limits` allow.
        DiskFull: no room for the copy.
    """
    name, feed = landed.name, landed.feed
    with zip_archive(landed.path, name) as archive:
        spend_stated(archive, UnpackBudget(name, landed.size_bytes, limits))
        book = read_workbook(archive, name)
        sheet = next((each for each in book.sheets if is_wanted(each, feed)), None)
        if sheet is None:
            refuse_without_sheet(feed, name)
        with (
            read_texts(archive, book.texts_part, name, copy.parent, limits.max_record_bytes) as texts,
            plain_copy(copy) as file,
        ):
            rows = SheetWriter(landed, limits, file, allow_merged=allow_merged)
            _find_merged_names(archive, sheet.part, landed, rows.merge)
            cells = _SheetParser(
                name,
                feed,
                book,
                texts,
                max_text_bytes=limits.max_record_bytes,
                on_row=rows.add,
                on_merged=rows.merge,
            )
            parse_part(archive, sheet.part, name, start=cells.start, end=cells.end, text=cells.text)
            others = [each.name for each in book.sheets if each is not sheet]
            return rows.finished(sheet.name, others, cells.hidden_rows)


def _find_merged_names(archive: ZipFile, part: str, landed: LandedFile, on_merged: OnMerged) -> None:
    """The merged cells of a header of several rows; they are written behind all rows, so these are read twice."""
    feed = landed.feed
    if not (feed.header and len(feed.header.row or []) > 1):
        return

    def start(element: str, attributes: Attributes) -> None:
        merged = _merged(attributes.get("ref", "")) if element == "mergeCell" else None
        if merged is not None and names_columns(merged, feed):
            on_merged(merged)

    parse_part(archive, part, landed.name, start=start)


def _merged(reference: str) -> Merged | None:
    """The range that a reference such as `A1:C2` is; None where it is not one."""
    found = _RANGE.fullmatch(reference)
    if found is None:
        return None
    left, right = (_column_of(f"{letters}1") for letters in (found[1], found[3]))
    return Merged(int(found[2]), int(found[4]), left, right)


class _SheetParser:
    """Gathers the cells that expat reports into rows. Source: ECMA-376 part 1, 18.3.1 (worksheets).

    `start`, `text` and `end` are expat's callbacks; each is called once for every element or piece of text.
    """

    def __init__(
        self,
        name: str,
        feed: Feed,
        book: Workbook,
        texts: SharedTexts,
        *,
        max_text_bytes: int,
        on_row: OnRow,
        on_merged: OnMerged,
    ) -> None:
        self.hidden_rows = 0
        """Filled ones."""
        self._name, self._book, self._texts = name, book, texts
        self._on_row, self._on_merged = on_row, on_merged
        self._number = partial(number_text, decimal=feed.amount.decimal)
        self._formats, self._language = tuple(feed.date_formats), feed.date_language
        self._max = max_text_bytes
        self._inline = TextCollector(name, max_text_bytes)
        self._columns: dict[str, int] = {}
        self._within = ""
        """What is open of sheet, row and cell."""
        self._row = 0
        self._is_hidden = False
        self._cells: dict[int, str] = {}
        self._column = -1
        self._kind, self._style = "n", "0"
        self._formula = self._in_value = self._valued = False
        self._value: list[str] = []
        self._length = 0

    def start(self, element: str, attributes: Attributes) -> None:
        """An element begins: `c` cell, `v` value, `is` inline text, `f` formula, `row`, `sheetData`, `mergeCell`."""
        if element == "c":
            self._enter("row", "c")
            self._column = self._place(attributes.get("r"))
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "0")
            self._formula = self._valued = False
            self._value.clear()
            self._length = 0
        elif element in ("v", "is") and self._within == "c":
            self._only_value()
            self._in_value = element == "v"
        elif element == "f":
            self._formula = True
        elif element == "row":
            if self._within:  # anchors of drawings have a row as well
                self._enter("sheetData", "row")
                self._start_row(attributes)
        elif element == "sheetData":
            self._enter("", "sheetData")
        elif element == "mergeCell":
            self._merge(attributes.get("ref", ""))
        elif self._kind == "inlineStr":
            self._inline.start(element)

    def text(self, piece: str) -> None:
        """A piece of character data, of a value or an inline text; the rest is ignored."""
        if self._in_value:
            self._length += len(piece)
            self._refuse_longer(self._length)  # now: what becomes of a text of megabytes takes gigabytes
            self._value.append(piece)
        elif self._kind == "inlineStr":
            self._inline.add(piece)

    def end(self, element: str) -> None:
        """An element ends: the finished cell is kept, the finished row handed on."""
        if element == "v":
            self._in_value = False
        elif element == "c":
            self._end_cell()
            self._within = "row"
        elif element == "row":
            if self._within:
                self._end_row()
        elif element == "sheetData":
            self._within = ""
        elif self._kind == "inlineStr":
            self._inline.end(element)

    def _enter(self, outer: str, inner: str) -> None:
        """Rows are inside the sheet and cells in rows; elsewhere they would be lost, or run into each other."""
        if self._within != outer:
            refuse_workbook(self._name, f"rows or cells are nested in others after row {self._row}")
        self._within = inner

    def _only_value(self) -> None:
        if self._valued:
            refuse_workbook(self._name, f"a cell of row {self._row} has two values")
        self._valued = True

    def _end_row(self) -> None:
        self.hidden_rows += self._is_hidden and bool(self._cells)
        self._on_row(self._row, self._cells)
        self._cells = {}
        self._within = "sheetData"

    def _start_row(self, attributes: Attributes) -> None:
        """A row without a number follows the one before; numbers must rise."""
        number = attributes.get("r")
        self._is_hidden = attributes.get("hidden") in ("1", "true")
        row = (
            self._row + 1 if number is None else int(number) if number.isdecimal() and len(number) < 8 else 0
        )
        if not self._row < row <= MAX_ROW:
            refuse_workbook(self._name, f"the rows after {self._row} are out of order")
        self._row, self._column = row, -1

    def _place(self, reference: str | None) -> int:
        """Column (from 0) of a cell; one without a reference follows the cell before. Columns must rise within
        a row.
        """
        if reference is None:
            column = self._column + 1
        else:
            letters = reference.rstrip("0123456789")
            column = self._columns.get(letters, -1)
            if column < 0:
                column = self._columns[letters] = _column_of(reference)
        if not self._column < column < MAX_COLUMN:
            refuse_workbook(self._name, f"the cells of row {self._row} are out of order")
        return column

    def _merge(self, reference: str) -> None:
        merged = _merged(reference)
        if merged is None:
            refuse_workbook(self._name, "a merged range is not a range")
        self._on_merged(merged)

    def _end_cell(self) -> None:
        """Keep the finished cell, unless it is empty."""
        raw = "".join(self._value)
        text = self._inline.take() if self._kind == "inlineStr" else self._text_of(raw)
        self._kind = "n"
        self._refuse_longer(len(text))
        if text:
            self._cells[self._column] = text

    def _refuse_longer(self, length: int) -> None:
        if length > self._max:
            refuse_long_cell(self._name, self._max)

    def _text_of(self, raw: str) -> str:
        """The text of a cell by its type `t`. Source: ECMA-376 part 1, 18.18.11 (ST_CellType).

        An error such as `#N/A`, or a formula without a stored value, becomes text that no rule accepts as an amount or
        date.
        """
        if not raw:
            return NOT_COMPUTED if self._formula else ""
        match self._kind:
            case "s":
                if not (raw.isdecimal() and len(raw) < 10 and int(raw) < len(self._texts)):
                    refuse_workbook(self._name, f"row {self._row} refers to a text that does not exist")
                return self._texts[int(raw)]
            case "str":
                return unescaped(raw)
            case "b":
                return "TRUE" if raw.strip() == "1" else "FALSE"
            case "e":
                return raw if raw.startswith("#") else NOT_A_NUMBER
            case "d":
                return iso_text(raw.strip(), self._formats, self._language)
            case _:
                return self._number_or_date(raw.strip())

    def _number_or_date(self, raw: str) -> str:
        """Numbers and dates are stored alike; the style of the cell tells them apart."""
        style = int(self._style) if self._style.isdecimal() and len(self._style) < 7 else -1
        if 0 <= style < len(self._book.dates) and self._book.dates[style]:
            return date_text(
                raw, since_1904=self._book.since_1904, formats=self._formats, language=self._language
            )
        return self._number(raw)


def _column_of(reference: str) -> int:
    """Column from 0 of a reference such as `AB12`; MAX_COLUMN, which is refused, for anything else."""
    found = _CELL.fullmatch(reference)
    if found is None:
        return MAX_COLUMN
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    return column - 1
