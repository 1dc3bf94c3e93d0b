"""Delimited text files (CSV): header first, then records in batches.

polars parses only records that the structure scan accepted; its row count must equal the scan's. Source of the
structure: RFC 4180, with the delimiters, encodings and line ends that a feed declares.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Unpack

import polars as pl

from pipeline.core import csv_structure
from pipeline.core.csv_structure import CONTROL, DAMAGE, CsvDialect, patterns
from pipeline.core.file_stages import LandedFile
from pipeline.core.mapping.header_names import ColumnPlaces
from pipeline.core.mapping.layout import AMOUNT
from pipeline.core.names import printable
from pipeline.core.rules.control_totals import is_trailer
from pipeline.edge.reader.header import Header, read_header
from pipeline.edge.reader.record_batches import BatchOptions, RecordBatches, damaged_column, no_trailer
from pipeline.edge.reader.text import SEPARATOR, TextFile
from schemas.column_sources import columns_of
from schemas.feed import Feed
from schemas.settings import Limits

_IN_NUMBERS = ",. '"
"""Delimiters that may also be written inside a number."""
_REST_OF_NUMBER = r"^\s*[0-9]{1,3}(?:[.,][0-9]*)?\s*$"
"""What is in the next field where a delimiter was written inside a number."""


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
    skip_blank: bool = False
    """`feed.blank_records: skip`."""
    footers: tuple[str, ...] = ()
    """`feed.footer`: how lines begin that are no records at the end of the file."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are called."""
        return self.header.names

    def batches(self, **options: Unpack[BatchOptions]) -> Iterator[pl.DataFrame]:
        """See `open_records.Records`."""
        return self._body().batches(self._find_records, **options)

    def records_at(self, places: pl.DataFrame) -> pl.DataFrame:
        """See `open_records.Records`."""
        return self._body().records_at(self._find_records, places)

    def _body(self) -> RecordBatches:
        return RecordBatches(
            name=self.name,
            limits=self.limits,
            file=self.file,
            head=self.header.text,
            head_lines=self.header.lines,
            line_end=self.dialect.line_end,
            sheet_row=self.sheet_row,
            skip_blank=self.skip_blank,
            footers=self.footers,
        )

    def _find_records(self, lines: pl.DataFrame, text: bytes, final: bool) -> csv_structure.Scan:
        return csv_structure.scan_lines(lines, text, self.dialect, final=final)

    def fields(self, batch: pl.DataFrame, positions: Iterable[int]) -> pl.DataFrame:
        """See `open_records.Records`. Of a spreadsheet, `line` is the row of the sheet."""
        # A damaged record is parsed as one whose fields are all empty, so that no row has to be put back in its place.
        blank_record = self.dialect.delimiter * (self.dialect.width - 1) or "-"
        controls = batch["damage"].eq_missing(CONTROL)
        whole = batch["damage"].is_null() | controls
        good = pl.when(whole).then("text").otherwise(pl.lit(blank_record))
        fields = self._parse(batch.select(good.alias("text"))["text"], sorted(set(positions)))
        if self.dialect.width == 1:
            fields = fields.with_columns(pl.when(whole).then(pl.all()))
        batch = batch.with_columns(damaged_column=pl.lit(None, pl.String))
        if controls.any():
            batch = self._with_harmless_controls(batch, fields)
        return batch.drop("text", "carriage").hstack(fields)

    def _with_harmless_controls(self, batch: pl.DataFrame, fields: pl.DataFrame) -> pl.DataFrame:
        """Control characters damage a record where they are in a column that is read; the first such is named."""
        is_stray = (
            pl.col("text").str.replace_all('(?s)"(?:[^"]|"")*"', "").str.contains(self.dialect.stray_end)
        )
        control = patterns(self.dialect.delimiter).control
        columns = {
            column: printable(self.names[int(column.removeprefix("field_"))]).strip()
            for column in fields.columns
        }

        def is_controlled(column: str) -> pl.Expr:
            value = pl.col(column)
            return value.str.contains(control) | (is_stray & value.str.contains(self.dialect.stray_end))

        marked = batch["damage"].eq_missing(CONTROL)
        found = (
            batch.select("record", "text")
            .hstack(fields)
            .filter(marked)
            .select("record", found=damaged_column(columns, is_controlled))
        )
        harmless = (pl.col("damage") == CONTROL) & pl.col("found").is_null()
        return (
            batch.join(found, on="record", how="left", maintain_order="left")
            .with_columns(
                damage=pl.when(~harmless.fill_null(value=False)).then(pl.col("damage")),
                damaged_column="found",
            )
            .drop("found")
        )

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
        if self.file.delimiter:  # of quoted fields
            fields = fields.with_columns(
                pl.all().str.replace_all(SEPARATOR, self.file.delimiter, literal=True)
            )
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
    header = read_header(file, landed, limits, sheet_row=sheet_row)
    dialect = CsvDialect(
        delimiter=header.delimiter,
        line_end="\r" if header.line_end.decode(file.codec) == "\r" else "\n",
        width=len(header.names),
        max_record_bytes=limits.max_record_bytes,
    )
    feed = landed.feed
    opened = DelimitedFile(
        landed.name,
        limits,
        file,
        header,
        dialect,
        sheet_row,
        skip_blank=feed.blank_records == "skip",
        footers=file.beginnings(feed.footer),
    )
    if sheet_row is not None:
        return opened
    return _without_delimiter_at_end(opened, feed) or _with_delimiter_at_end(opened, feed) or opened


def _without_delimiter_at_end(file: DelimitedFile, feed: Feed) -> DelimitedFile | None:
    """The file without the nameless last column of its header, where most records have no field for it.

    The others then have too many fields. So have all of them where what is behind an amount looks like the rest of it.
    """
    mark, width = file.dialect.delimiter, file.dialect.width
    if width < 2 or file.names[-1].strip():
        return None
    narrower = replace(
        file,
        header=file.header.without_nameless_column(file.file),
        dialect=replace(file.dialect, width=width - 1),
    )
    fit, wide = 0, 0
    for batch in narrower.batches():
        fit += batch["damage"].null_count()
        wide += int((batch["damage"] == _TOO_MANY).sum())
    if fit > wide:
        return narrower
    if mark not in _IN_NUMBERS or width - 1 not in _behind_amounts(file.names, feed):
        return None
    behind = (file.fields(batch, [width - 1]) for batch in file.batches())
    is_cut = any(fields[f"field_{width - 1}"].str.contains(_REST_OF_NUMBER).any() for fields in behind)
    return narrower if is_cut else None


def _with_delimiter_at_end(file: DelimitedFile, feed: Feed) -> DelimitedFile | None:
    """The file with a nameless column at its end, where every record of it has one delimiter more than the header.

    Only the whole file shows that, which is read once more for it; so the first record is looked at before. One record
    without that delimiter, and those with it have too many fields, as where a number holds an unquoted delimiter.
    """
    mark = file.dialect.delimiter
    head = file.file.head(file.limits.max_record_bytes + 2)[len(file.header.text) :].lstrip("\r\n")
    first = head.partition(file.dialect.line_end)[0].rstrip("\r")
    if not first.endswith(mark) or first.count(mark) < file.dialect.width or not first.strip(f"{mark} "):
        return None
    wider = replace(
        file,
        header=file.header.with_nameless_column(file.file),
        dialect=replace(file.dialect, width=file.dialect.width + 1),
    )
    return wider if _ends_every_record(wider, feed) else None


def _ends_every_record(file: DelimitedFile, feed: Feed) -> bool:
    """Whether each record that can be read has the header's fields and one more, which is empty.

    A comma inside every amount looks the same, where the last column is empty: `10,50,` for `amount,note`. So what
    follows an amount must not look like the rest of it.
    """
    behind = _behind_amounts(file.names, feed)
    control = feed.control
    marker = control.marker if control else None
    trailer = partial(is_trailer, marker=marker, delimiter=file.dialect.delimiter) if marker else no_trailer
    last = f"field_{file.dialect.width - 1}"
    for batch in file.batches(is_trailer=trailer):
        if batch["damage"].is_in(_OF_WIDTH).any():
            return False
        fields = file.fields(batch, [*behind, file.dialect.width - 1]).filter(pl.col("damage").is_null())
        if (fields[last].fill_null("").str.strip_chars(" ") != "").any():
            return False
        if file.dialect.delimiter in _IN_NUMBERS and any(
            fields[f"field_{place}"].str.contains(_REST_OF_NUMBER).any() for place in behind
        ):
            return False
    return True


def _behind_amounts(names: tuple[str, ...], feed: Feed) -> set[int]:
    """Positions of the columns that follow one with amounts."""
    source = (feed.columns or {}).get(AMOUNT[feed.model], AMOUNT[feed.model])
    places = ColumnPlaces({name.strip(): place for place, name in enumerate(names[:-1])}, feed)
    return {places[name] + 1 for name in columns_of(source) if name in places}


_TOO_MANY = DAMAGE.index("record.too_many_fields")
_OF_WIDTH = [DAMAGE.index("record.too_few_fields"), _TOO_MANY]
