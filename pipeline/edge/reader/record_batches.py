"""A text file as batches of whole records, each with its place in the file; each format says what a record is.

Memory is bounded: by the block, by the longest record allowed, and by the number of lines at once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypedDict

import polars as pl

from pipeline.core.csv_structure import BLANK, Scan, lines_of
from pipeline.edge.reader.text import BLOCK_BYTES, TextFile
from pipeline.errors import FileRefused
from schemas.settings import Limits

DENSE_LINES = 65_536
"""A text of more lines than this is taken in pieces: each line costs some hundred bytes in frames."""

DOS_END = b"\x1a"
"""Ctrl-Z, which DOS and CP/M write behind the last byte of a text."""

_TAIL_BYTES = 4096
"""As far as line ends at the end of a block are looked for before a copy is made."""

FindRecords = Callable[[pl.DataFrame, bytes, bool], Scan]
"""The records in physical lines (of `csv_structure.lines_of`) of a text; true when the file ends with them."""

IsTrailer = Callable[[str], bool]
"""Called with the text of the last record: whether it is a trailer with control totals, and no record."""


@dataclass(slots=True)
class Unread:
    """What of a text was taken for no record, counted while its batches are read."""

    blank_records: int = 0
    footer_lines: int = 0
    footer_from: int = 0
    """Physical line of the first of them."""
    dos_end: bool = False

    def notes(self) -> list[str]:
        """As sentences."""
        notes = []
        if self.blank_records:
            notes.append(f"blank lines skipped: {self.blank_records}")
        if self.footer_lines:
            lines = "line" if self.footer_lines == 1 else "lines"
            notes.append(
                f"footer, not read: {self.footer_lines} {lines} at the end, from line {self.footer_from} on"
            )
        if self.dos_end:
            notes.append("its last byte is Ctrl-Z (0x1A), the end of file of DOS; not read")
        return notes


class BatchOptions(TypedDict, total=False):
    """What a reading of any format may be asked for, see `RecordBatches.batches`; formats hand it on."""

    is_trailer: IsTrailer
    progress: Callable[[int], None] | None
    unread: Unread | None
    block_bytes: int


def damaged_column(columns: Mapping[str, str], is_damaged: Callable[[str], pl.Expr]) -> pl.Expr:
    """`column <name>` for the first column in which a record is damaged; null where it is in none.

    Args:
        columns: of the frame → what they are called in messages.
        is_damaged: whether a record is damaged in that column of the frame.
    """
    named = [pl.when(is_damaged(column)).then(pl.lit(f"column {name}")) for column, name in columns.items()]
    return pl.coalesce([*named, pl.lit(None, pl.String)])


def no_trailer(_: str) -> bool:
    """For files whose last record is one like the others."""
    return False


@dataclass(frozen=True, slots=True)
class RecordBatches:
    """What follows the header of a text file."""

    name: str
    """Of the bill file, for messages."""
    limits: Limits
    file: TextFile
    head: str
    """Text of the header with its line end; empty where there is none."""
    head_lines: int
    """Physical lines of the header, so that record numbers and line numbers both fit the file."""
    line_end: str
    """`"\\n"` (which covers CRLF) or `"\\r"`."""
    sheet_row: int | None = None
    """Where the text is our copy of a spreadsheet: the row of its header, so that `line` is the row of the sheet."""
    skip_blank: bool = False
    """Whether blank lines between records are none, instead of damaged ones."""
    footers: tuple[str, ...] = ()
    """How lines begin that are no records at the end of the file."""

    def batches(
        self,
        find: FindRecords,
        *,
        is_trailer: IsTrailer = no_trailer,
        progress: Callable[[int], None] | None = None,
        unread: Unread | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> Iterator[pl.DataFrame]:
        """Records in order: `record`, `line`, `text`, `carriage`, `byte_start`, `byte_end`, `damage`; none is empty.

        The last batch with a filled record is held back, and what follows it: only the end of the file shows which
        record is the last. Lines after that one that are blank, or only have delimiters, are no records.

        Args:
            find: the format's records in physical lines, see `FindRecords`.
            is_trailer: called with the text of the last record; where it answers yes, that is left out.
            progress: called with the bytes of the file read so far.
            unread: to count in what is no record.
            block_bytes: of the file that are read at once; tests make it small.

        Raises:
            FileRefused: the file breaks `limits`.
        """
        held: list[pl.DataFrame] = []
        unread = unread or Unread()
        for records in self._numbered_batches(find, progress, block_bytes, unread):
            if held and self._is_record(records).any():
                yield from held
                held.clear()
            held.append(records)
        yield from self._without_end(held, is_trailer, unread)

    def records_at(self, find: FindRecords, places: pl.DataFrame) -> pl.DataFrame:
        """See `open_records.Records`; `find` as for `batches`."""
        text = self.line_end.join(self.file.texts(places)).encode()
        lines = lines_of(text, self.line_end, self.file.size_bytes(pl.col("raw")))
        found = find(lines, text, True).records
        if found.height != places.height:
            raise RuntimeError(f"{self.name}: {places.height} records read, {found.height} when read again")
        return places.hstack(found.select("text", "carriage", "damage"))

    def _without_end(
        self, held: list[pl.DataFrame], is_trailer: IsTrailer, unread: Unread
    ) -> list[pl.DataFrame]:
        """The last batches without what is no record: blank lines and footers at the end, a trailer, and the same
        before that.
        """
        trailers = 0
        while held:
            last = held.pop()
            height = _height_to_last(self._is_record(last))
            footers = last.slice(height).filter(pl.col("damage").ne_missing(BLANK))
            if not footers.is_empty():
                unread.footer_lines += footers.height
                unread.footer_from = footers["line"][0]
            if height and not trailers and is_trailer(last["text"][height - 1]):
                trailers = 1
                held.append(last.head(height - 1))
            elif height:
                return [*held, last.head(height)]
        return held

    def _numbered_batches(
        self, find: FindRecords, progress: Callable[[int], None] | None, block_bytes: int, unread: Unread
    ) -> Iterator[pl.DataFrame]:
        """Batches with their numbers and places in the file, the trailer among them.

        One block is held back: at the end of the file, blank lines after the last record are no records.
        """
        head = self.head.encode()
        cursor = _Cursor(
            record=1,
            line=1 + self.head_lines,
            byte=len(self.file.byte_order_mark) + self.file.own_bytes(head),
            sheet_row=self.sheet_row,
            skip_blank=self.skip_blank,
            unread=unread,
        )
        rest = b""
        skip = len(head)
        previous: tuple[bytes, int] | None = None
        for block in self.file.blocks(block_bytes):
            if previous is not None:
                text = previous[0][skip:]
                # A block is copied once: up to its last line end, behind what the one before it left.
                cut = text.rfind(self.line_end.encode()) + 1
                whole = b"".join((rest, memoryview(text)[:cut]))
                rest = yield from self._whole_records(whole, text[cut:], cursor, find)
                skip = max(0, skip - len(previous[0]))
                if progress:
                    progress(previous[1])
            previous = block
        text, position = previous or (b"", 0)
        for records in self._final_records(rest + text[skip:], cursor, find):
            # Half a character at the end was counted as a whole one.
            yield records.with_columns(pl.col("byte_end").clip(upper_bound=position))
        if progress:
            progress(position)

    def _whole_records(
        self, text: bytes, cut_line: bytes, cursor: _Cursor, find: FindRecords
    ) -> Generator[pl.DataFrame, None, bytes]:
        """Yield the whole records of whole lines; what is left of them, and `cut_line`, is returned and comes first
        next time.
        """
        body = self._whole_lines(text)
        left = text[len(body) :] + cut_line
        if len(left) > self.limits.max_record_bytes < self.file.own_bytes(left):
            self._refuse(
                "file.record_too_long", f"more than {self.limits.max_record_bytes} bytes without a record"
            )
        rest = b""
        for piece in self._pieces(body):
            rest = yield from self._records_in(rest + piece, cursor, find, final=False)
        return rest + left

    def _final_records(self, text: bytes, cursor: _Cursor, find: FindRecords) -> Iterator[pl.DataFrame]:
        """The records up to the end of the file; line ends after the last one are none, nor is DOS's end of file."""
        if text.endswith(DOS_END):
            text = text.removesuffix(DOS_END)
            cursor.unread.dos_end = True
        rest = b""
        *pieces, last = self._pieces(text.rstrip(b"\r\n"))
        for piece in pieces:
            rest = yield from self._records_in(rest + piece, cursor, find, final=False)
        if rest + last:
            yield from self._records_in(rest + last, cursor, find, final=True)

    def _pieces(self, text: bytes) -> Iterator[bytes]:
        """A text in halves of halves, cut at line ends, until each has few lines."""
        half, line_end = len(text) // 2, self.line_end.encode()
        middle = (text.rfind(line_end, 0, half) + 1) or (text.find(line_end, half) + 1)
        if 0 < middle < len(text) and text.count(line_end) > DENSE_LINES:
            yield from self._pieces(text[:middle])
            yield from self._pieces(text[middle:])
        else:
            yield text

    def _records_in(
        self, body: bytes, cursor: _Cursor, find: FindRecords, *, final: bool
    ) -> Generator[pl.DataFrame, None, bytes]:
        """Yield the records of whole lines; a record that their end cuts is returned."""
        rest = b""
        if not body:
            return rest
        lines = lines_of(body, self.line_end, self.file.size_bytes(pl.col("raw")))
        longest = lines.select((pl.col("end") - pl.col("start")).max()).item()
        if longest > self.limits.max_record_bytes:
            self._refuse("file.record_too_long", f"a line of more than {self.limits.max_record_bytes} bytes")
        found = find(lines, body, final)
        if found.open_line is not None:
            lines = lines.head(found.open_line)
            taken = pl.col("text").str.len_bytes().sum() + pl.col("carriage").sum() + pl.len()
            rest = body[lines.select(taken).item() :]
            body = body[: len(body) - len(rest)]
        records = cursor.place(found.records)
        if cursor.record - 1 > self.limits.max_records:
            self._refuse("file.too_many_records", f"more than {self.limits.max_records} records")
        cursor.line += lines.height
        cursor.byte += self.file.own_bytes(body)
        if not records.is_empty():
            yield from records.iter_slices(DENSE_LINES)
        return rest

    def _whole_lines(self, text: bytes) -> bytes:
        """Text up to the last whole line that holds something; line ends after the last record are no records."""
        line_end = self.line_end.encode()
        filled = _filled(text, text.rfind(line_end) + 1)
        return text[: text.find(line_end, filled) + 1] if filled else b""

    def _is_record(self, records: pl.DataFrame) -> pl.Series:
        """Whether each is a record wherever it stands, and not a blank line or a footer if all others after it are."""
        filled = records["damage"].ne_missing(BLANK)
        for footer in self.footers:
            filled &= ~(
                records["text"].str.starts_with(footer) | records["text"].str.starts_with(f'"{footer}')
            )
        return filled

    def _refuse(self, rule: str, problem: str) -> NoReturn:
        raise FileRefused(name=self.name, rule=rule, problem=problem, remedy="split it, or raise the limit")


def _filled(text: bytes, end: int) -> int:
    """Where the line ends at the end of `text[:end]` begin. Mostly they are few, and no copy of it all is needed."""
    start = max(0, end - _TAIL_BYTES)
    tail = text[start:end].rstrip(b"\r\n")
    return start + len(tail) if tail or not start else len(text[:start].rstrip(b"\r\n"))


def _height_to_last(found: pl.Series) -> int:
    """How many values there are up to the last true one."""
    if found.is_empty() or found[-1]:  # as almost always
        return found.len()
    last = found.arg_true().max()
    return 0 if not isinstance(last, int) else last + 1


@dataclass(slots=True)
class _Cursor:
    """Number, line and byte at which the next batch starts."""

    record: int
    line: int
    byte: int
    sheet_row: int | None
    skip_blank: bool
    unread: Unread

    def place(self, records: pl.DataFrame) -> pl.DataFrame:
        """Number the records of a batch within the file; blank ones that are skipped have no number."""
        if self.sheet_row is not None:
            rows = pl.int_range(1, pl.len() + 1, dtype=pl.Int64) + self.sheet_row - self.line
            self.sheet_row += records.height
            records = records.with_columns(line=rows)
        if self.skip_blank:
            filled = records.filter(pl.col("damage").ne_missing(BLANK))
            self.unread.blank_records += records.height - filled.height
            records = filled
        placed = records.with_row_index("record").with_columns(
            (pl.col("record").cast(pl.Int64) + self.record).alias("record"),
            pl.col("line") + self.line,
            (pl.col("start") + self.byte).alias("byte_start"),
            (pl.col("end") + self.byte).alias("byte_end"),
        )
        self.record += records.height
        return placed.drop("start", "end")
