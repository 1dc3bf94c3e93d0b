"""Open a landed file as what its content is, plain or packed: CSV, NDJSON or a workbook; its name does not matter.

All formats become one kind of text, with records in batches, so that checking knows no format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import polars as pl

from pipeline.core.file_stages import LandedFile, TextFormat
from pipeline.core.json_structure import is_array as begins_as_array
from pipeline.core.mapping.file_names import are_json_rejects
from pipeline.edge.disk import remove
from pipeline.edge.reader.compressed import UnpackBudget, refuse_archive
from pipeline.edge.reader.delimited import DelimitedFile, open_delimited
from pipeline.edge.reader.header import header_hint
from pipeline.edge.reader.mojibake import utf8_notes
from pipeline.edge.reader.packing import Packing, packing_of, unpacked
from pipeline.edge.reader.record_batches import IsTrailer, Unread, no_trailer
from pipeline.edge.reader.text import SEPARATOR, TextFile, open_text, refuse_foreign
from pipeline.edge.reader.workbooks import copy_workbook
from schemas.feed import WORKBOOK_FORMATS, Format
from schemas.settings import Limits

if TYPE_CHECKING:  # a reader of another format is loaded with the first file of it
    from pipeline.edge.reader.json_lines import JsonBody, JsonFile

SNIFFED_BYTES = 65_536
"""Enough for our own keys in a rejects file."""


class Records(Protocol):
    """A text whose columns are known."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are called, in the order of the file; a name may appear twice."""

    def batches(
        self,
        *,
        is_trailer: IsTrailer = no_trailer,
        progress: Callable[[int], None] | None = None,
        unread: Unread | None = None,
    ) -> Iterator[pl.DataFrame]:
        """Records in order, as text, in batches that fit memory; none is empty.

        Columns: `record` (Int64, from 1), `line` (Int64, physical, from 1), `byte_start`, `byte_end` (Int64, in the
        file's own bytes, without the line end), `text` (String), `carriage` (whether a CR ends it), `damage` (UInt8,
        an index into `csv_structure.DAMAGE`, or null).

        Args:
            is_trailer: called with the text of the last record; where it answers yes, that is left out.
            progress: called with the bytes of the file read so far.
            unread: to count in what is no record.

        Raises:
            FileRefused: the file breaks its limits.
        """

    def records_at(self, places: pl.DataFrame) -> pl.DataFrame:
        """Some records once more, as a batch.

        Args:
            places: `record`, `line`, `byte_start` and `byte_end` of records that can be read, as `batches` gave them.
        """
        ...

    def fields(self, batch: pl.DataFrame, positions: Iterable[int]) -> pl.DataFrame:
        """A batch taken apart: `record`, `line`, `byte_start`, `byte_end`, `damage`, `damaged_column` and
        `field_<position>` (String).

        Args:
            positions: of the columns that are wanted, from 0; each once, in ascending order, is in the result.

        `damaged_column` (String) names the column in which a record is damaged, where it is one. Damaged records have
        null or empty fields; those with control characters have what they hold. Batches do not
        depend on each other, so this may be called from several threads.
        """
        ...


@dataclass(frozen=True, slots=True)
class BillFile:
    """A landed file, opened: its records, and how their original text is written, for the rejects file."""

    records: Records
    text: TextFile
    text_format: TextFormat
    header: bytes = b""
    """In the file's own bytes, without byte order mark and line end; empty for NDJSON."""
    line_end: bytes = b"\n"
    """In the file's own bytes."""
    plain_copy: Path | None = None
    """Our unpacked copy or CSV of a sheet, which the caller removes; None when the landed file is read itself."""
    notes: tuple[str, ...] = ()
    """What a person should know, as sentences: sheets that are ignored, hidden rows, lines above the header."""
    delimiter: str = ""
    """Between its fields, in its own bytes; empty for NDJSON."""
    separator: str = ""
    """The same in the text of its records."""
    header_hint: Callable[[], str | None] = lambda: None
    """What to do where the header lacks what the feed maps: which line looks like it."""


def open_records(landed: LandedFile, limits: Limits, folder: Path) -> BillFile:
    """Open a landed file; our plain copy of one that is packed, or of a sheet, is written to `folder`.

    Raises:
        FileRefused: it is not what its feed declares, cannot be read for certain, or is larger than `limits` allow.
        DiskFull: no room for the copy.
    """
    if landed.size_bytes > limits.max_file_bytes:
        problem = f"larger than limits.max_file_bytes ({limits.max_file_bytes})"
        refuse_archive(landed.name, "file.too_large", problem, "split it, or raise the limit")
    packing = packing_of(landed.path, landed.name)
    copy = folder / "plain"
    if packing is not None and packing in WORKBOOK_FORMATS:
        return _spreadsheet(landed, packing, limits, copy)
    if packing is not None:
        budget = UnpackBudget(landed.name, landed.size_bytes, limits)
        unpacked(landed.path, packing, copy, budget, encoding=landed.feed.encoding)
    plain = copy if packing else landed.path
    refuse_foreign(plain, landed.name)
    text = open_text(
        plain,
        landed.feed.encoding,
        name=landed.name,
        corrected=landed.rejects_of is not None,
    )
    encoded = utf8_notes(text, landed.name) if landed.rejects_of is None else ()
    file = _text(landed, limits, text, copy if packing else None, folder)
    return replace(file, notes=(*_left_alone(landed, packing), *encoded, *file.notes))


def _left_alone(landed: LandedFile, packing: Packing | None) -> tuple[str, ...]:
    """Notes on what else is in an archive."""
    if packing != "zip":
        return ()
    from pipeline.edge.reader.zip_archives import left_alone  # noqa: PLC0415

    return left_alone(landed.path, landed.name)


def _spreadsheet(landed: LandedFile, packing: Packing, limits: Limits, copy: Path) -> BillFile:
    """Our CSV of the sheet; there a record is a row, whose number comes from `sheet_row`."""
    of_text = landed.feed.fixed is not None or landed.feed.items is not None
    if landed.feed.format not in (None, packing) or (of_text and landed.rejects_of is None):
        _unfit(landed, packing.upper())
    if len(landed.feed.delimiter) > 1:  # our copy has one that needs no stand-in
        landed = replace(landed, feed=landed.feed.model_copy(update={"delimiter": ","}))
    copied = copy_workbook(packing, landed, limits, copy)
    text = open_text(copy, "utf-8", name=landed.name)
    file = open_delimited(landed, limits, text, sheet_row=copied.header_row)
    return _delimited(file, text, copy, copied.notes, lambda: copied.header_hint)


def _text(landed: LandedFile, limits: Limits, text: TextFile, copy: Path | None, folder: Path) -> BillFile:
    """CSV or NDJSON, as the feed declares it, else by the content."""
    wanted = landed.feed.format
    if wanted in WORKBOOK_FORMATS and landed.rejects_of is None:
        _unfit(landed, "text")
    # What comes back from a spreadsheet is our CSV of it, from an array NDJSON.
    content = _json_format(text, rejects=landed.rejects_of is not None)
    if landed.feed.fixed is not None:
        if content is not None and landed.rejects_of is None:
            _unfit(landed, "a JSON array" if content == "json" else "NDJSON")
        return _fixed(landed, limits, text, copy)
    if wanted == "json" and landed.rejects_of is None and content != "json":
        _unfit(landed, "not a JSON array")
    if wanted == "ndjson" and content == "json":
        _unfit(landed, "a JSON array")
    if wanted in ("ndjson", "json") or (wanted is None and content is not None):
        body = _json(landed, limits, text, is_array=content == "json")
        if landed.feed.items is not None:
            return _flat(landed, limits, body, folder / "items")
        from pipeline.edge.reader.json_lines import open_json  # noqa: PLC0415

        return _objects(open_json(landed, body, limits), text, copy)
    if landed.feed.items is not None and landed.rejects_of is None:
        _unfit(landed, "not JSON")
    text = replace(text, delimiter=landed.feed.delimiter if len(landed.feed.delimiter) > 1 else "")
    file = open_delimited(landed, limits, text)
    hint = partial(header_hint, text, landed, limits, file.header)
    return _delimited(file, text, copy, (), hint)


def _delimited(
    file: DelimitedFile,
    text: TextFile,
    copy: Path | None,
    notes: tuple[str, ...],
    hint: Callable[[], str | None],
) -> BillFile:
    header = file.header
    notes = (*notes, *header.notes)
    separator = file.dialect.delimiter
    own = text.delimiter if separator == SEPARATOR and text.delimiter else separator
    return BillFile(file, text, "csv", header.raw, header.line_end, copy, notes, own, separator, hint)


def _fixed(landed: LandedFile, limits: Limits, text: TextFile, copy: Path | None) -> BillFile:
    """Lines whose columns have their places; our columns in their rejects are delimited."""
    from pipeline.edge.reader.fixed_width import DELIMITER, open_fixed_width  # noqa: PLC0415

    file = open_fixed_width(landed, limits, text)
    line_end = "\r\n" if "\r\n" in text.head(SNIFFED_BYTES) else file.body.line_end
    end = line_end.encode(text.codec)
    return BillFile(file, text, "txt", file.header, end, copy, file.notes, DELIMITER)


def _json(landed: LandedFile, limits: Limits, text: TextFile, *, is_array: bool) -> JsonBody:
    """One object per line or in one array; rejects of both have one per line."""
    from pipeline.edge.reader.json_lines import json_body  # noqa: PLC0415

    if landed.feed.control is not None and landed.feed.control.kind == "trailer":
        kind = "a JSON array" if is_array else "NDJSON"
        problem = (
            f"its content is {kind}, which cannot have a trailer, but feed {landed.feed.name} declares one"
        )
        refuse_archive(
            landed.name, "file.format", problem, "send the agreed format, or use control.kind: sidecar"
        )
    return json_body(landed, limits, text, is_array=is_array)


def _objects(file: JsonFile, text: TextFile, copy: Path | None, notes: tuple[str, ...] = ()) -> BillFile:
    end = file.line_end.encode(text.codec)
    return BillFile(file, text, "ndjson", line_end=end, plain_copy=copy, notes=notes)


def _flat(landed: LandedFile, limits: Limits, body: JsonBody, copy: Path) -> BillFile:
    """Objects with items; our flat copy of them takes the place of an unpacked one."""
    from pipeline.core.mapping.item_lists import ItemList  # noqa: PLC0415
    from pipeline.edge.reader.item_lines import open_items  # noqa: PLC0415

    items = ItemList(landed.feed, landed.feed.items or "", corrected=landed.rejects_of is not None)
    try:
        flat = open_items(landed, limits, body, items, copy)
    finally:
        if body.file.path != landed.path:
            remove(body.file.path)
    return _objects(flat.records, flat.text, copy, flat.notes)


def _json_format(text: TextFile, *, rejects: bool) -> Format | None:
    """By its first characters; a rejects file may begin with what is no object, and our keys behind it."""
    head = text.filled_head(SNIFFED_BYTES)
    if rejects and are_json_rejects(head):
        return "ndjson"
    if begins_as_array(head):
        return "json"
    return "ndjson" if head.startswith("{") else None


def _unfit(landed: LandedFile, content: str) -> None:
    """Raise FileRefused: the content is of another format than the feed declares."""
    wanted = landed.feed.format or ("JSON" if landed.feed.items else "fixed width")
    problem = f"its content is {content}, and feed {landed.feed.name} reads {wanted}"
    refuse_archive(landed.name, "file.format", problem, "send the agreed format, or correct feed.format")
