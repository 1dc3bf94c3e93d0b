"""One sheet of an old Excel workbook as rows of text, read by a process of its own, and our copy of it as CSV."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from pipeline.core.file_stages import LandedFile
from pipeline.core.values.xlsx_cells import NOT_A_NUMBER, moment_text, number_text
from pipeline.edge.reader.compressed import plain_copy, refuse_archive
from pipeline.edge.reader.sheet_copy import (
    SheetCopy,
    SheetWriter,
    is_wanted,
    refuse_long_cell,
    refuse_without_sheet,
)
from pipeline.edge.reader.sheet_header import Merged
from pipeline.edge.reader.xml_parts import refuse_workbook
from pipeline.errors import ExtraMissing
from schemas.feed import Feed
from schemas.settings import Limits

_LIBRARY = "python_calamine"
_MEMORY_BYTES, _MEMORY_PER_BYTE, _MOST_MEMORY_BYTES = 96 << 20, 20, 2 << 30
"""What the process may take, and how much more for each byte of the file. An ordinary workbook takes eight for each."""
_CPU_S, _CPU_S_PER_MIB = 3, 1
_PATIENCE = 10
"""Seconds that may pass for each second of processor time: other programs run, too."""
_LINE_BYTES = 1 << 16
"""A line of the process beside the texts in it."""
_FIRST_DAY = datetime(1900, 3, 1)  # noqa: DTZ001 (dates of sheets have no zone)
"""The day numbers before are wrong on purpose."""


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    visible: bool


def copy_old_workbook(
    landed: LandedFile, limits: Limits, copy: Path, *, allow_merged: bool = False
) -> SheetCopy:
    """Write the sheet that the feed reads as CSV, as `xlsx.sheet.copy_sheet` does. Raises as that.

    Raises ExtraMissing where python-calamine is not installed.
    """
    name, feed = landed.name, landed.feed
    if find_spec(_LIBRARY) is None:
        raise ExtraMissing(
            name=name, what="reading an old Excel file (.xls)", package="python-calamine", extra="workbooks"
        )
    with _reading(landed, limits) as reader, plain_copy(copy) as file:
        about = reader.next()
        if about["active"]:
            problem = "the workbook holds macros, or links to other workbooks"
            refuse_archive(
                name, "file.workbook_active", problem, "save it as a plain workbook of values, or as CSV"
            )
        sheets = [_Sheet(title, visible) for title, visible, has_rows in about["sheets"] if has_rows]
        numbers = [number for number, (_, _, has_rows) in enumerate(about["sheets"]) if has_rows]
        chosen = next((at for at, sheet in enumerate(sheets) if is_wanted(sheet, feed)), None)
        if chosen is None:
            refuse_without_sheet(feed, name)
        reader.choose(numbers[chosen])
        rows = SheetWriter(landed, limits, file, allow_merged=allow_merged)
        while (ranges := reader.next()) is not None:
            for each in ranges:
                rows.merge(Merged(*each))
        last, hidden_rows = 0, 0
        while (told := reader.next()) is not None:
            row, is_hidden, cells = told
            if row <= last:
                refuse_workbook(name, f"the rows after {last} are out of order")
            last, filled = (
                row,
                {column: text for column, kind, value in cells if (text := _text(kind, value, feed))},
            )
            rows.add(row, filled)
            hidden_rows += bool(is_hidden and filled)
        others = [sheet.name for at, sheet in enumerate(sheets) if at != chosen]
        return rows.finished(sheets[chosen].name, others, hidden_rows)


def _text(kind: str, value: Any, feed: Feed) -> str:
    """The text of a cell, by the kinds that `child` tells."""
    match kind:
        case "n":
            return number_text(str(value), feed.amount.decimal)
        case "b":
            return "TRUE" if value else "FALSE"
        case "d":
            moment = datetime.fromisoformat(value)
            moment = (moment + timedelta(microseconds=500_000)).replace(microsecond=0)
            return (
                moment_text(moment, feed.date_formats, feed.date_language)
                if moment >= _FIRST_DAY
                else NOT_A_NUMBER
            )
        case _:
            return str(value)


class _Reader:
    """What the process says, line by line."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], limits: Limits) -> None:
        self._name, self._process, self._max = name, process, limits.max_record_bytes
        self.is_late = False
        """Whether it was ended because it took too long."""

    def next(self) -> Any:
        """What it says next; fractions are texts. Raises FileRefused where it gave up."""
        stdout = self._process.stdout
        limit = 6 * self._max + _LINE_BYTES  # JSON writes a character with up to six
        line = stdout.readline(limit) if stdout else b""
        if len(line) >= limit:
            refuse_long_cell(self._name, self._max)
        if not line.endswith(b"\n"):
            self._refuse_ended()
        said = json.loads(line, parse_float=str, parse_constant=str)
        match said:
            case {"error": "password"}:
                refuse_archive(
                    self._name, "file.archive_encrypted", "it has a password", "save it without a password"
                )
            case {"error": "format"}:
                problem = "its content is an old Office file other than an Excel workbook"
                refuse_archive(self._name, "file.format", problem, "export it as CSV, XLSX or NDJSON")
            case {"error": _}:
                refuse_workbook(self._name, "it is damaged, or not a workbook of Excel 5 to 2003")
        return said

    def choose(self, number: int) -> None:
        """Have the sheet of that number read."""
        stdin = self._process.stdin
        try:
            if stdin:
                stdin.write(b"%d\n" % number)
                stdin.flush()
        except BrokenPipeError:
            self._refuse_ended()

    def _refuse_ended(self) -> NoReturn:
        """It is gone without a word: most likely it met a limit, as a small file that asks for much memory does."""
        self._process.wait()
        what = "time" if self.is_late else "memory or time"
        refuse_workbook(self._name, f"reading it takes far more {what} than a workbook of its size should")


@contextmanager
def _reading(landed: LandedFile, limits: Limits) -> Iterator[_Reader]:
    """The process that reads a workbook, for the length of the block; it is ended with it, whatever happens."""
    mib = landed.size_bytes >> 20
    memory_bytes = min(_MEMORY_BYTES + _MEMORY_PER_BYTE * landed.size_bytes, _MOST_MEMORY_BYTES)
    cpu_s = _CPU_S + _CPU_S_PER_MIB * mib
    words = [sys.executable, "-P", "-m", "pipeline.edge.reader.xls.child"]
    with subprocess.Popen(  # noqa: S603 (our own program; the path is that of our copy)
        [*words, str(landed.path.absolute()), str(memory_bytes), str(cpu_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        umask=0o077,
    ) as process:
        reader = _Reader(landed.name, process, limits)

        def give_up() -> None:
            reader.is_late = True
            process.kill()

        patience = threading.Timer(cpu_s * _PATIENCE, give_up)
        patience.daemon = True
        patience.start()
        try:
            yield reader
        finally:
            patience.cancel()
            process.kill()
