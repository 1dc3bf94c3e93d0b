"""Delimited text files (CSV): header first, then records in batches.

polars parses only records that the structure scan accepted; its row count must equal the scan's.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

import polars as pl

from pipeline.core import structure
from pipeline.core.files import LandedFile
from pipeline.core.structure import SUBSTITUTE, Dialect
from pipeline.edge.reader.text import BLOCK_BYTES, TextFile, open_text
from pipeline.errors import FileRefused
from schemas.settings import Limits

_LINE_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Header:
    """The header as it stands in the file."""

    names: tuple[str, ...]
    raw: bytes
    """Original bytes, without byte order mark and line end."""
    line_end: bytes
    lines: int
    """Physical lines it takes."""
    text: str
    """Text of the header with its line end."""


@dataclass(frozen=True, slots=True)
class DelimitedFile:
    """A file whose header has been read."""

    landed: LandedFile
    limits: Limits
    file: TextFile
    header: Header
    dialect: Dialect

    def batches(
        self,
        positions: Iterable[int],
        *,
        progress: Callable[[int], None] | None = None,
        is_trailer: Callable[[str], bool] = lambda _: False,
        block_bytes: int = BLOCK_BYTES,
    ) -> Iterator[pl.DataFrame]:
        """Records in order: `record`, `line`, `byte_start`, `byte_end`, `damage` and `field_<position>` (String).

        `damage` is an index into `structure.DAMAGE`, or null; damaged records have null fields. `progress` is told the
        bytes read so far. `is_trailer` is given the text of the last record, which is none when it says so.
        FileRefused when the file breaks `limits`.
        """
        wanted = sorted(set(positions))
        held: pl.DataFrame | None = None
        for records in self._stretches(progress, block_bytes):
            if held is not None:
                yield from self._batch(held, wanted)
            held = records
        if held is not None:
            yield from self._batch(held.head(-1) if is_trailer(held["text"][-1]) else held, wanted)

    def _stretches(self, progress: Callable[[int], None] | None, block_bytes: int) -> Iterator[pl.DataFrame]:
        """The records of the scan, with their text; none is empty."""
        cursor = _Cursor(
            record=1,
            line=1 + self.header.lines,
            byte=len(self.file.byte_order_mark) + len(self.header.text.encode(self.file.codec)),
        )
        rest = ""
        skip = len(self.header.text)
        previous: tuple[str, int] | None = None
        for block in self.file.blocks(block_bytes):
            if previous is not None:
                rest, records = self._advance(rest + previous[0][skip:], cursor, final=False)
                skip = max(0, skip - len(previous[0]))
                if records is not None and not records.is_empty():
                    yield records
                if progress:
                    progress(previous[1])
            previous = block
        text, position = previous or ("", 0)
        _, records = self._advance(rest + text[skip:], cursor, final=True)
        if records is not None and not records.is_empty():
            yield records
        if progress:
            progress(position)

    def _advance(self, text: str, cursor: _Cursor, *, final: bool) -> tuple[str, pl.DataFrame | None]:
        """Take the whole records from a text; what is left of it comes first next time."""
        body = self._whole_lines(text, final=final)
        if len(text) - len(body) > self.limits.max_record_bytes and not final:
            self._refuse(
                "file.record_too_long", f"more than {self.limits.max_record_bytes} bytes without a record"
            )
        if not body:
            return text, None
        lines = structure.lines_of(body, self.dialect, self.file.size_bytes(pl.col("raw")))
        longest = lines.select((pl.col("end") - pl.col("start")).max()).item()
        if longest > self.limits.max_record_bytes:
            self._refuse("file.record_too_long", f"a line of more than {self.limits.max_record_bytes} bytes")
        found = structure.scan(lines, self.dialect, final=final)
        taken = lines if found.open_line is None else lines.head(found.open_line)
        characters = taken.select(
            pl.col("text").str.len_chars().sum() + pl.col("carriage").sum() + pl.len()
        ).item()
        records = cursor.place(found.records)
        if cursor.record - 1 > self.limits.max_records:
            self._refuse("file.too_many_records", f"more than {self.limits.max_records} records")
        cursor.line += taken.height
        cursor.byte += len(body[:characters].encode(self.file.codec))
        return text[characters:], records

    def _whole_lines(self, text: str, *, final: bool) -> str:
        """Text up to the last line that holds something; line ends after the last record are no records."""
        if final:
            return text.rstrip("\r\n")
        whole = text[: text.rfind(self.dialect.line_end) + 1]
        filled = len(whole.rstrip("\r\n"))
        if not filled:
            return ""
        return whole[: whole.find(self.dialect.line_end, filled) + 1]

    def _batch(self, records: pl.DataFrame, wanted: list[int]) -> Iterator[pl.DataFrame]:
        if records.is_empty():
            return
        places = records.drop("text", "carriage")
        good = records.filter(pl.col("damage").is_null())
        if good.is_empty():
            names = {f"field_{position}": pl.lit(None, pl.String) for position in wanted}
            yield places.with_columns(**names)
            return
        fields = self._parse(good["text"], wanted)
        if good.height == records.height:
            yield places.hstack(fields)
            return
        fields = fields.with_columns(good["record"])
        yield places.join(fields, on="record", how="left", maintain_order="left")

    def _parse(self, texts: pl.Series, wanted: list[int]) -> pl.DataFrame:
        content = texts.str.join(self.dialect.line_end).item().encode()
        quote = '"' if b'"' in content else None
        rows = pl.scan_csv(
            io.BytesIO(content),
            has_header=False,
            schema={f"field_{position}": pl.String for position in range(self.dialect.width)},
            separator=self.dialect.delimiter,
            quote_char=quote,
            eol_char=self.dialect.line_end,
            infer_schema=False,
        )
        fields = rows.select(f"field_{position}" for position in wanted or [0]).collect()
        if fields.height != len(texts):
            raise RuntimeError(f"{self.landed.name}: {len(texts)} records scanned, {fields.height} parsed")
        return fields

    def _refuse(self, rule: str, problem: str) -> NoReturn:
        raise FileRefused(
            name=self.landed.name, rule=rule, problem=problem, remedy="split it, or raise the limit"
        )


@dataclass(slots=True)
class _Cursor:
    """Where the next stretch starts."""

    record: int
    line: int
    byte: int

    def place(self, records: pl.DataFrame) -> pl.DataFrame:
        """Number the records of a stretch within the file."""
        placed = records.with_row_index("record").with_columns(
            (pl.col("record").cast(pl.Int64) + self.record).alias("record"),
            pl.col("line") + self.line,
            (pl.col("start") + self.byte).alias("byte_start"),
            (pl.col("end") + self.byte).alias("byte_end"),
        )
        self.record += records.height
        return placed.drop("start", "end")


def open_delimited(landed: LandedFile, limits: Limits) -> DelimitedFile:
    """Read a file's header; FileRefused when it cannot be what its feed declares."""
    if landed.path.stat().st_size > limits.max_file_bytes:
        raise FileRefused(
            name=landed.name,
            rule="file.too_large",
            problem=f"larger than limits.max_file_bytes ({limits.max_file_bytes})",
            remedy="split it, or raise the limit",
        )
    file = open_text(landed.path, landed.feed.encoding, name=landed.name)
    head = _head(file, limits.max_record_bytes)
    header = _header(head, file, landed, limits)
    dialect = Dialect(
        delimiter=landed.feed.delimiter,
        line_end="\r" if header.text.endswith("\r") else "\n",
        width=len(header.names),
        max_record_bytes=limits.max_record_bytes,
    )
    return DelimitedFile(landed, limits, file, header, dialect)


def _head(file: TextFile, max_record_bytes: int) -> str:
    """Text that surely holds the header, or is longer than any header may be."""
    text = ""
    for block, _ in file.blocks(max_record_bytes + 2):
        text += block
        if len(text) > max_record_bytes:
            break
    return text


def _header(head: str, file: TextFile, landed: LandedFile, limits: Limits) -> Header:
    end = _header_end(head)
    raw = head[: end[0]]
    if not head.strip():
        _refuse_header(landed, "file.empty", "the file holds nothing, not even a header", "export it again")
    if len(raw.encode(file.codec)) > limits.max_record_bytes:
        _refuse_header(
            landed,
            "file.record_too_long",
            f"a header of more than {limits.max_record_bytes} bytes",
            "check feed.encoding, or raise the limit",
        )
    if SUBSTITUTE in raw or "\x00" in raw:
        first = min(position for mark in (SUBSTITUTE, "\x00") if (position := raw.find(mark)) >= 0)
        offset = len(file.byte_order_mark) + len(raw[:first].encode(file.codec))
        problem = f"its header is not {landed.feed.encoding} text at byte {offset}"
        _refuse_header(landed, "file.encoding", problem, "export it again, or correct feed.encoding")
    try:
        rows = list(csv.reader(io.StringIO(raw, newline=""), delimiter=landed.feed.delimiter, strict=True))
    except csv.Error:
        rows = []
    if len(rows) != 1:
        _refuse_header(
            landed, "file.header", "its header cannot be read", "close its quotes, name every column"
        )
    if len(rows[0]) > limits.max_columns:
        _refuse_header(
            landed,
            "file.too_many_columns",
            f"{len(rows[0])} columns, at most {limits.max_columns} are read",
            "check feed.delimiter, or raise limits.max_columns",
        )
    text = head[: end[1]]
    return Header(
        names=tuple(rows[0]),
        raw=raw.encode(file.codec),
        line_end=(text[end[0] :] or "\n").encode(file.codec),
        lines=len(_LINE_BREAK.findall(raw)) + 1,
        text=text,
    )


def _header_end(head: str) -> tuple[int, int]:
    """Where the header's text and its line end stop: the first line break outside quotes."""
    quotes, counted = 0, 0
    for found in _LINE_BREAK.finditer(head):
        quotes += head.count('"', counted, found.start())
        counted = found.start()
        if quotes % 2 == 0:
            return found.span()
    return len(head), len(head)


def _refuse_header(landed: LandedFile, rule: str, problem: str, remedy: str) -> NoReturn:
    raise FileRefused(name=landed.name, rule=rule, problem=problem, remedy=remedy)
