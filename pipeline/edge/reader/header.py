"""The header of a delimited text: where it is, what the columns are called, and what is before it.

What is before the records is read once and remembered as text, so that line numbers and byte spans are those of the
file. Source of `sep=`: Excel, which writes and reads it as the first line of a CSV file.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NoReturn

from pipeline.core.csv_structure import SUBSTITUTE
from pipeline.core.file_stages import LandedFile
from pipeline.core.mapping.file_names import SEP_LINE
from pipeline.core.mapping.header_names import begins_with, joined_names, likely_header, starts_with
from pipeline.edge.reader.record_batches import DOS_END
from pipeline.edge.reader.text import BLANKS, SEPARATOR, TextFile
from pipeline.errors import FileRefused
from schemas.feed import Feed, HeaderPlace
from schemas.settings import Limits

_LINE_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Header:
    """The header as the file has it, or as the feed states it."""

    names: tuple[str, ...]
    """As they are written; two may be equal."""
    raw: bytes
    """Original bytes, without byte order mark and line end; of a feed's own names as the file would have them."""
    line_end: bytes
    """In the file's own bytes."""
    lines: int
    """Physical lines up to the first record."""
    text: str
    """Text up to the first record: lines that are not read, and the header with its line end."""
    delimiter: str
    """The feed's, or that of the file's own `sep=` line."""
    notes: tuple[str, ...] = ()
    """What is before the header, as sentences."""

    def with_nameless_column(self, file: TextFile) -> Header:
        """The header of records that all end with one delimiter more than it has."""
        note = "every record ends with a delimiter more than the header has; nothing is behind it"
        raw = self.raw + file.written(self.delimiter)
        return replace(self, names=(*self.names, ""), raw=raw, notes=(*self.notes, note))

    def without_nameless_column(self, file: TextFile) -> Header:
        """The header of records that all have one field less than it: without the delimiter at its end."""
        note = "the header ends with a delimiter more than the records have; nothing is behind it"
        raw = self.raw
        for behind in (file.written(" "), file.written(self.delimiter)):
            raw = raw.removesuffix(behind)
        return replace(self, names=self.names[:-1], raw=raw, notes=(*self.notes, note))


def read_header(
    file: TextFile, landed: LandedFile, limits: Limits, *, sheet_row: int | None = None
) -> Header:
    """Find the header where the feed says it is, else in the first line.

    `sheet_row`: for our copy of a spreadsheet, which begins with the header, the row of it.

    Raises:
        FileRefused: there is none, or it cannot be what the feed of `landed` declares, or breaks `limits`.
    """
    return _HeaderReader(file, landed, limits, sheet_row).run()


def header_hint(file: TextFile, landed: LandedFile, limits: Limits, header: Header) -> str | None:
    """What to do about a header that lacks what the feed maps: which line looks like it, where one does."""
    reader = _HeaderReader(file, landed, limits, None)
    reader.delimiter = header.delimiter
    return reader.hint(header.names)


class _HeaderReader:
    """One file's beginning. Use `run` once."""

    def __init__(self, file: TextFile, landed: LandedFile, limits: Limits, sheet_row: int | None) -> None:
        self.file, self.landed, self.limits, self.sheet_row = file, landed, limits, sheet_row
        self.feed: Feed = landed.feed
        self.delimiter = SEPARATOR if file.delimiter else self.feed.delimiter
        self.head, self.is_whole = _head(file, limits.max_record_bytes)
        self.notes: list[str] = []

    def run(self) -> Header:
        """See `read_header`."""
        if not self.head.strip(BLANKS):
            self._refuse_blank()
        start = self._skip_sep_line() if self.sheet_row is None else 0
        if self.sheet_row is None:
            start = self._skip_header_record(start)
        if not self.feed.has_header:
            return self._stated_header(start)
        place = self.feed.header if self.sheet_row is None else None
        if place is None:
            return self._header(start, 1)
        return self._header(self._start_of(place, start), len(place.row or [1]))

    def _refuse_blank(self) -> None:
        """Raises FileRefused where nothing follows the blank lines that the file begins with, or nothing but a header
        was looked for; records may.
        """
        if not self.file.filled_head(self.limits.max_record_bytes):
            behind = ": it does not even have a header" if self.feed.has_header else ""
            self._refuse("file.empty", f"the file has only blank lines{behind}", "export it again")
        if self.feed.has_header:
            problem = f"its first {self.limits.max_record_bytes} bytes are blank, where its header should be"
            self._refuse("file.header", problem, "remove the blank lines")

    def hint(self, read: tuple[str, ...] = ()) -> str | None:
        """A sentence that names the line which looks more like a header than the one that was read, and the key."""
        if not self.feed.has_header:
            return None
        rows = ((number, self._fields(text) or []) for number, _, text in self._lines())
        found = likely_header(rows, self.feed, read)
        if found is None:
            return None
        number, names = found
        return (
            f"line {number} looks like the header ({', '.join(names)}): set feed.header to {{row: {number}}}"
        )

    def _skip_sep_line(self) -> int:
        """Past a line that states the delimiter."""
        found = SEP_LINE.match(self.head)
        if found is None:
            return 0
        self.delimiter = found[2]
        if self.delimiter == '"' or not self.delimiter.isascii():
            self._refuse("file.header", "its sep= line names a delimiter that is not read", "export it again")
        self.notes.append("its first line is a sep= line, which states the delimiter; no record")
        return found.end()

    def _lines(self) -> Iterator[tuple[int, int, str]]:
        """Physical lines: number from 1, place, and text; a field that is quoted may make it longer."""
        start = number = 0
        for number, found in enumerate(_LINE_BREAK.finditer(self.head), start=1):
            yield number, start, self.head[start : found.start()]
            start = found.end()
        if start < len(self.head):
            yield number + 1, start, self.head[start:]

    def _skip_header_record(self, first: int) -> int:
        """Past the lines that the feed calls a header record, such as `H|2026-01-31`."""
        end, count = first, 0
        beginnings = self.file.beginnings(self.feed.header_record)
        for _, start, text in self._lines():
            if start < first:
                continue
            if not begins_with(text, beginnings):
                break
            end, count = _line_end(self.head, start), count + 1
        if count:
            self.notes.append(f"header record, not read: {count} line{'s' if count > 1 else ''}")
        return end

    def _start_of(self, place: HeaderPlace, first: int) -> int:
        """Where the header begins that the feed describes, not before `first`."""
        above = 0
        for number, start, text in self._lines():
            if start < first:
                continue
            if place.row is not None:
                found = number == place.row[0]
            else:
                found = starts_with(self._fields(text) or [], place.starts_with or [], self.feed)
            if found:
                if above:
                    which = f"line {number - 1}" if above == 1 else f"lines {number - above} to {number - 1}"
                    self.notes.append(f"above the header, not read: {which}")
                return start
            above += 1
        where = "" if self.is_whole else f" within its first {self.limits.max_record_bytes} bytes"
        problem = (
            f"it has no line {place.row[0]}{where} to be the header, as feed.header says"
            if place.row is not None
            else f"no line{where} begins with the columns of feed.header ({', '.join(place.starts_with or [])})"
        )
        return self._refuse("file.header", problem, self.hint() or "correct feed.header or the export")

    def _stated_header(self, start: int) -> Header:
        """The names that the feed states for a file without a header."""
        names = tuple(self.feed.names or ())
        end = self.head[slice(*_header_end(self.head, start))]
        return self._made(names, self._written(names), start, end)

    def _header(self, start: int, rows: int) -> Header:
        """Split the header's text into names. Raises FileRefused with the first of its mistakes.

        `rows`: how many it has; names of several are joined, column by column, and written in one row for rejects.
        """
        texts, end = [], (start, start)
        for _ in range(rows):
            first = end[1]
            end = _header_end(self.head, first)
            texts.append(self._text(first, end))
        parsed = [self._fields(text) for text in texts]
        fields = [each for each in parsed if each is not None]
        if len(fields) < rows:
            remedy = self.hint() or "close its quotes, name every column"
            self._refuse("file.header", "its header cannot be read", remedy)
        names = joined_names(fields)
        if len(names) > self.limits.max_columns:
            self._refuse(
                "file.too_many_columns",
                f"{len(names)} columns, at most {self.limits.max_columns} are read",
                "check feed.delimiter, or raise limits.max_columns",
            )
        raw = texts[0] if rows == 1 else self._written(names)
        return self._made(names, raw, end[1], self.head[slice(*end)])

    def _text(self, start: int, end: tuple[int, int]) -> str:
        """Of one row of the header. Raises FileRefused where it cannot be one."""
        text = self.head[start : end[0]]
        if end[0] == end[1]:  # there are no records
            text = text.removesuffix(DOS_END.decode())
        self._refuse_unreadable(text, start)
        return text

    def _made(self, names: tuple[str, ...], raw: str, end: int, line_end: str) -> Header:
        """`end`: where the records begin. Raises FileRefused where that is not certain: more may follow the header."""
        if end == len(self.head) and not self.is_whole:
            problem = f"its header does not end within its first {self.limits.max_record_bytes} bytes"
            self._refuse("file.header", problem, "correct feed.header, or raise limits.max_record_bytes")
        codec = self.file.codec
        before = self.head[:end]
        lines = len(_LINE_BREAK.findall(before)) + (0 if before.endswith(("\r", "\n")) or not before else 1)
        return Header(
            names=names,
            raw=self.file.written(raw),
            line_end=(line_end or "\n").encode(codec),
            lines=lines,
            text=before,
            delimiter=self.delimiter,
            notes=tuple(self.notes),
        )

    def _written(self, names: tuple[str, ...]) -> str:
        """Names as one row of the file."""
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.delimiter, lineterminator="").writerow(names)
        return text.getvalue()

    def _refuse_unreadable(self, raw: str, start: int) -> None:
        """Raises FileRefused for a header that is too long, or no text."""
        if self.file.own_bytes(raw.encode()) > self.limits.max_record_bytes:
            self._refuse(
                "file.record_too_long",
                f"a header of more than {self.limits.max_record_bytes} bytes",
                "check feed.encoding, or raise the limit",
            )
        if SUBSTITUTE in raw or "\x00" in raw:
            first = min(place for mark in (SUBSTITUTE, "\x00") if (place := raw.find(mark)) >= 0)
            before = self.head[: start + first]
            offset = len(self.file.byte_order_mark) + len(before.encode(self.file.codec))
            problem = f"its header is not {self.file.encoding} text at byte {offset}"
            self._refuse("file.encoding", problem, "export it again, or correct feed.encoding")

    def _fields(self, text: str) -> list[str] | None:
        """The fields of one record; None where it is not one."""
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter, strict=True))
        except csv.Error:
            return None
        return rows[0] if len(rows) == 1 else None

    def _refuse(self, rule: str, problem: str, remedy: str) -> NoReturn:
        raise FileRefused(name=self.landed.name, rule=rule, problem=problem, remedy=remedy)


def _head(file: TextFile, max_record_bytes: int) -> tuple[str, bool]:
    """Text that is longer than any header may be, or all of the file; and whether it is all."""
    text = b""
    for block, _ in file.blocks(max_record_bytes + 2):
        text += block
        if file.own_bytes(text) > max_record_bytes:
            return text.decode(), False
    return text.decode(), True


def _header_end(head: str, start: int) -> tuple[int, int]:
    """Where a record's text and its line end stop: the first line break outside quotes."""
    quotes, counted = 0, start
    for found in _LINE_BREAK.finditer(head, start):
        quotes += head.count('"', counted, found.start())
        counted = found.start()
        if quotes % 2 == 0:
            return found.span()
    return len(head), len(head)


def _line_end(head: str, start: int) -> int:
    """Where the next physical line begins."""
    found = _LINE_BREAK.search(head, start)
    return found.end() if found else len(head)
