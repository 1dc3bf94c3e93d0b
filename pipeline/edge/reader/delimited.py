"""Delimited text files (CSV): header first, then records in batches.

polars parses only records that the structure scan accepted; its row count must equal the scan's. Source of the
structure: RFC 4180, with the delimiters, encodings and line ends that a feed declares.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

import polars as pl

from pipeline.core import csv_structure
from pipeline.core.csv_structure import SUBSTITUTE, CsvDialect
from pipeline.core.file_stages import LandedFile
from pipeline.edge.reader.record_batches import IsTrailer, RecordBatches, no_trailer
from pipeline.edge.reader.text import BLOCK_BYTES, TextFile
from pipeline.errors import FileRefused
from schemas.settings import Limits

_LINE_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Header:
    """The header as the file has it."""

    names: tuple[str, ...]
    """As they are written; two may be equal."""
    raw: bytes
    """Original bytes, without byte order mark and line end."""
    line_end: bytes
    """In the file's own bytes."""
    lines: int
    """Physical lines it takes."""
    text: str
    """Text of the header with its line end."""


@dataclass(frozen=True, slots=True)
class DelimitedFile:
    """A file whose header has been read."""

    name: str
    limits: Limits
    file: TextFile
    header: Header
    dialect: CsvDialect
    """Delimiter, line end and width of the header, which every record must have."""
    sheet_row: int | None = None
    """When the file is our copy of a spreadsheet: the row of its header. Each row below it is one record."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are called."""
        return self.header.names

    def batches(
        self,
        *,
        is_trailer: IsTrailer = no_trailer,
        progress: Callable[[int], None] | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> Iterator[pl.DataFrame]:
        """See `open_records.Records`."""
        records = RecordBatches(
            name=self.name,
            limits=self.limits,
            file=self.file,
            head=self.header.text,
            head_lines=self.header.lines,
            line_end=self.dialect.line_end,
        )
        return records.batches(
            self._find_records, is_trailer=is_trailer, progress=progress, block_bytes=block_bytes
        )

    def _find_records(self, lines: pl.DataFrame, final: bool) -> csv_structure.Scan:
        return csv_structure.scan_lines(lines, self.dialect, final=final)

    def fields(self, batch: pl.DataFrame, positions: Iterable[int]) -> pl.DataFrame:
        """See `open_records.Records`. Of a spreadsheet, `line` is the row of the sheet."""
        if self.sheet_row is not None:
            batch = batch.with_columns(line=pl.col("record") + self.sheet_row)
        # A damaged record is parsed as one whose fields are all empty, so that no row has to be put back in its place.
        blank_record = self.dialect.delimiter * (self.dialect.width - 1) or "-"
        good = pl.when(pl.col("damage").is_null()).then("text").otherwise(pl.lit(blank_record))
        fields = self._parse(batch.select(good.alias("text"))["text"], sorted(set(positions)))
        if self.dialect.width == 1:
            fields = fields.with_columns(pl.when(batch["damage"].is_null()).then(pl.all()))
        return batch.drop("text", "carriage").hstack(fields)

    def _parse(self, texts: pl.Series, wanted: list[int]) -> pl.DataFrame:
        """The fields `wanted` (positions, ascending) of records that each have the right width; as `field_<position>`.

        Raises:
            RuntimeError: polars and the structure scan disagree on the number of records, which is a bug.
        """
        # polars unpacks what looks packed by its first bytes, and a record may: `x\x01`. So a line of ours comes first.
        line_end = self.dialect.line_end
        lines = pl.concat([pl.Series(texts.name, ["records"]), texts])
        content = lines.str.join(line_end).cast(pl.Binary).item()
        quote = '"' if b'"' in content else None
        rows = pl.scan_csv(
            io.BytesIO(content),
            has_header=False,
            skip_lines=1,
            schema={f"field_{position}": pl.String for position in range(self.dialect.width)},
            separator=self.dialect.delimiter,
            quote_char=quote,
            eol_char=line_end,
            infer_schema=False,
        )
        fields = rows.select(f"field_{position}" for position in wanted or [0]).collect()
        if fields.height != len(texts):
            raise RuntimeError(f"{self.name}: {len(texts)} records scanned, {fields.height} parsed")
        return fields.select(f"field_{position}" for position in wanted)


def open_delimited(
    landed: LandedFile, limits: Limits, file: TextFile, *, sheet_row: int | None = None
) -> DelimitedFile:
    """Read a text's header.

    Args:
        file: of the landed file, or our plain copy of it.
        sheet_row: for our copy of a spreadsheet, the row of its header.

    Raises:
        FileRefused: the header cannot be what the feed of `landed` declares, or breaks `limits`.
    """
    head = _head(file, limits.max_record_bytes)
    header = _header(head, file, landed, limits)
    dialect = CsvDialect(
        delimiter=landed.feed.delimiter,
        line_end="\r" if header.text.endswith("\r") else "\n",
        width=len(header.names),
        max_record_bytes=limits.max_record_bytes,
    )
    return DelimitedFile(landed.name, limits, file, header, dialect, sheet_row)


def _head(file: TextFile, max_record_bytes: int) -> str:
    """Text that surely holds the header, or is longer than any header may be."""
    text = b""
    for block, _ in file.blocks(max_record_bytes + 2):
        text += block
        if file.own_bytes(text) > max_record_bytes:
            break
    return text.decode()


def _header(head: str, file: TextFile, landed: LandedFile, limits: Limits) -> Header:
    """Split the header's text into names. Raises FileRefused with the first of its mistakes."""
    end = _header_end(head)
    raw = head[: end[0]]
    if not head.strip():
        _refuse_header(
            landed, "file.empty", "the file holds blank_record, not even a header", "export it again"
        )
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
        problem = f"its header is not {file.encoding} text at byte {offset}"
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
