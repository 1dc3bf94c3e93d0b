"""Fixed width: each column has its place in the line. A record is a line, and all lines are equally long.

A line of another length may have lost or gained a character anywhere, and then all columns behind it have moved: it is
rejected rather than read. Lengths and places are counted in characters. Rejects have our columns behind the line, with
quotes, and a first line that says where it ends.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn, Unpack

import polars as pl

from pipeline.core.csv_structure import BLANK, CONTROL, DAMAGE, SUBSTITUTE, Scan, patterns
from pipeline.core.file_stages import LandedFile
from pipeline.core.mapping.file_names import REJECT_COLUMNS
from pipeline.core.mapping.header_names import ColumnPlaces, begins_with
from pipeline.core.mapping.layout import AMOUNT, DATES
from pipeline.core.names import printable
from pipeline.edge.reader.record_batches import BatchOptions, RecordBatches, damaged_column
from pipeline.edge.reader.text import TextFile, line_end_of
from pipeline.errors import FileRefused
from schemas.column_sources import columns_of
from schemas.feed import Feed
from schemas.settings import Limits

DELIMITER = "|"
"""Before each of our columns in a rejects file."""
_QUOTED = r'"((?:[^"]|"")*)"'
OURS = r'(?s)\|"([A-Za-z0-9_.;<>-]*)"\|' + _QUOTED + r'\|"([0-9]*)"\|' + _QUOTED + r"[ \t]*$"
"""Our columns at the end of a line, as `report/rejects_csv.py` writes them."""
_LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r|\Z)")
_STRAY = patterns(",").control + "|\r"
"""What no field may hold."""
_IS_BLANK = pl.col("text").str.strip_chars(" ") == ""
_USUAL_OF = 1000
"""Lines that show how long lines usually are, and those read with them."""
_LENGTH, _UNDECODABLE = DAMAGE.index("record.line_length"), DAMAGE.index("record.undecodable")


@dataclass(frozen=True, slots=True)
class FixedFile:
    """A file of lines of one length."""

    body: RecordBatches
    columns: dict[str, tuple[int, int]]
    """Name → first character, from 0, and length."""
    length: int
    """Characters of a line."""
    pads: bool
    """`feed.short_lines: pad`: spaces at the end of lines were stripped."""
    uncuttable: tuple[tuple[int, int], ...]
    """First and last character of columns in which a shorter line may have been cut: of amounts and dates."""
    is_correction: bool
    header: bytes = b""
    """The first line of its rejects, in the file's own bytes: of a rejects file its own, else one that we make."""
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are called."""
        return (*self.columns, *(REJECT_COLUMNS if self.is_correction else ()))

    def batches(self, **options: Unpack[BatchOptions]) -> Iterator[pl.DataFrame]:
        """See `open_records.Records`."""
        return self.body.batches(self._find_records, **options)

    def records_at(self, places: pl.DataFrame) -> pl.DataFrame:
        """See `open_records.Records`."""
        return self.body.records_at(self._find_records, places)

    def _line(self) -> pl.Expr:
        """The text of a record without our columns."""
        return pl.col("text").str.replace(OURS, "") if self.is_correction else pl.col("text")

    def _find_records(self, lines: pl.DataFrame, _text: bytes, _final: bool) -> Scan:
        line, text = self._line(), pl.col("text")
        size = line.str.len_chars().cast(pl.Int64)
        wrong = size > self.length
        if self.pads:
            for first, last in self.uncuttable:
                wrong |= (size > first) & (size <= last)
            # As long as the others in bytes: it was padded by a program that counts those.
            unit_bytes = len(" ".encode(self.body.file.codec))
            own = self.body.file.size_bytes(line) // unit_bytes
            wrong |= (size < self.length) & (own >= self.length)
        else:
            wrong |= size < self.length
        damage = (
            pl.when(_IS_BLANK)
            .then(BLANK)
            .when(text.str.contains(SUBSTITUTE, literal=True))
            .then(_UNDECODABLE)
            .when(wrong | line.str.contains("\t", literal=True))
            .then(_LENGTH)
            .when(line.str.contains(_STRAY))
            .then(CONTROL)
        )
        return Scan(lines.with_columns(damage=damage.cast(pl.UInt8)), None)

    def fields(self, batch: pl.DataFrame, positions: Iterable[int]) -> pl.DataFrame:
        """See `open_records.Records`."""
        names, read = self.names, []
        controlled = batch["damage"].eq_missing(CONTROL)
        whole = batch["damage"].is_null() | controlled
        for position in sorted(set(positions)):
            name = names[position]
            if name in self.columns:
                first, length = self.columns[name]
                value = self._line().str.slice(first, length)
            else:
                group = 1 + REJECT_COLUMNS.index(name)
                value = pl.col("text").str.extract(OURS, group).str.replace_all('""', '"', literal=True)
            read.append(pl.when(whole).then(value).alias(f"field_{position}"))
        fields = batch.select(read)
        columns = {column: printable(names[int(column.removeprefix("field_"))]) for column in fields.columns}
        found = fields.select(
            damaged_column(columns, lambda column: controlled & pl.col(column).str.contains(_STRAY))
        ).to_series()
        harmless = controlled & found.is_null()
        return (
            batch.drop("text", "carriage")
            .with_columns(damage=pl.when(~harmless).then(pl.col("damage")), damaged_column=found)
            .hstack(fields)
        )


def open_fixed_width(landed: LandedFile, limits: Limits, file: TextFile) -> FixedFile:
    """Find where the records begin, and how long they are: as most lines at the beginning of the file.

    Raises:
        FileRefused: it has no lines, or not those that the feed describes.
    """
    feed, corrected = landed.feed, landed.rejects_of is not None
    head = file.head(limits.max_record_bytes + 2)
    if not file.filled_head(limits.max_record_bytes):
        _refuse(landed, "file.empty", "the file has only blank lines", "export it again")
    columns = {name: (first - 1, length) for name, (first, length) in (feed.fixed or {}).items()}
    width = max(sum(each) for each in columns.values())
    looked_at = (
        "" if file.ends_within(limits.max_record_bytes + 2) else f" within its first {len(head)} characters"
    )
    above, notes = (1, []) if corrected else _above(head, feed, landed, looked_at)
    lines = [*_LINE.finditer(head)]
    begin = lines[above - 1].end() if above else 0
    if looked_at and begin == len(head):
        problem = f"what is above its records does not end{looked_at}"
        _refuse(landed, "file.header", problem, "correct feed.header, or raise limits.max_record_bytes")
    body = RecordBatches(
        landed.name,
        limits,
        file,
        head=head[:begin],
        head_lines=above,
        line_end=line_end_of(head),
        skip_blank=feed.blank_records == "skip",
        footers=file.beginnings(feed.footer),
    )
    if corrected:
        title = lines[0][1]
        length = max(title.find(f"{DELIMITER}{REJECT_COLUMNS[0]}"), 0) or width
    else:
        length = _usual_length(body, width, feed)
        title = _ruler(columns, length)
    if length > width:
        notes.append(f"behind the last column, not read: {length - width} characters of each line")
    return FixedFile(
        body,
        columns,
        length,
        feed.short_lines == "pad",
        tuple(_uncuttable(feed, columns)),
        corrected,
        title.encode(file.codec, "replace"),
        tuple(notes),
    )


def _above(head: str, feed: Feed, landed: LandedFile, looked_at: str) -> tuple[int, list[str]]:
    """How many lines are before the first record, and notes on them.

    `looked_at`: for messages, how much of the file is `head`, where not all of it is.
    """
    beginnings = tuple(feed.header_record.starts_with) if feed.header_record else ()
    lines = [found[1] for found in _LINE.finditer(head)]
    records = next((at for at, line in enumerate(lines) if not begins_with(line, beginnings)), len(lines))
    records = records if beginnings else 0
    notes = [f"header record, not read: {records} line{'s' if records > 1 else ''}"] if records else []
    last = max(feed.header.row or [0]) if feed.header else 0
    if last >= len(lines):
        problem = f"it has no line {last}{looked_at}, as feed.header says"
        _refuse(landed, "file.header", problem, "correct feed.header")
    if last > records:
        notes.append(
            f"above the records, not read: lines {records + 1} to {last}"
            if last > 1
            else "header, not read: line 1"
        )
    return max(records, last), notes


def _usual_length(body: RecordBatches, width: int, feed: Feed) -> int:
    """The length of most lines that have every column; spaces that were stripped count where the feed says so."""
    lengths = Counter[int]()
    for batch in body.batches(_filled_lines):
        lengths.update(batch["text"].str.len_chars())
        if lengths.total() >= _USUAL_OF:
            break
    full = {length: count for length, count in lengths.items() if length >= width}
    if not full or feed.short_lines == "pad":
        return max([width, *full])
    return max(full, key=lambda length: (full[length], length))


def _filled_lines(lines: pl.DataFrame, _text: bytes, _final: bool) -> Scan:
    return Scan(lines.filter(~_IS_BLANK).with_columns(damage=pl.lit(None, pl.UInt8)), None)


def _uncuttable(feed: Feed, columns: dict[str, tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """First and last character of columns with amounts and dates."""
    mapped = feed.columns or {name: name for name in columns}
    places = ColumnPlaces({name: place for place, name in enumerate(columns)}, feed)
    spans = list(columns.values())
    for canonical in (AMOUNT[feed.model], *DATES[feed.model]):
        for name in columns_of(mapped[canonical]) if canonical in mapped else ():
            if name in places:
                first, length = spans[places[name]]
                yield first, first + length - 1


def _ruler(columns: dict[str, tuple[int, int]], length: int) -> str:
    """A line as long as the others, with the names of the columns in their places."""
    ruler = " " * length
    for name, (first, size) in columns.items():
        shown = re.sub(r'[|"\s]|[^ -~]', " ", name)[:size].ljust(size)
        ruler = ruler[:first] + shown + ruler[first + size :]
    return ruler


def _refuse(landed: LandedFile, rule: str, problem: str, remedy: str) -> NoReturn:
    raise FileRefused(name=landed.name, rule=rule, problem=problem, remedy=remedy)
