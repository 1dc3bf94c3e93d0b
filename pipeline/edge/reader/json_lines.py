"""JSON objects, one per line or in one array. Numbers are kept as they are written, never through a float.

Columns are the keys of all objects together, so the file is read twice: first for them, then for the records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, Unpack

import polars as pl

from pipeline.core.csv_structure import DAMAGE, SUBSTITUTE, Scan, patterns
from pipeline.core.file_stages import LandedFile
from pipeline.core.mapping.file_names import REJECT_COLUMNS
from pipeline.core.mapping.header_names import comparable, names_in_use
from pipeline.core.mapping.layout import AMOUNT
from pipeline.core.names import printable
from pipeline.edge.reader.json_array import JsonArray
from pipeline.edge.reader.record_batches import BatchOptions, RecordBatches, damaged_column
from pipeline.edge.reader.text import TextFile, line_end_of
from pipeline.errors import FileRefused
from schemas.column_sources import columns_of
from schemas.feed import Feed
from schemas.settings import Limits

_BLANK, _UNDECODABLE, _CONTROL = map(
    DAMAGE.index, ("record.blank", "record.undecodable", "record.control_characters")
)
_JSON, _DUPLICATE_KEY, _VALUE_TYPE = map(
    DAMAGE.index, ("record.json", "record.duplicate_key", "record.value_type")
)
_HEAD_BYTES = 65_536
"""Enough to see which line ends the file has."""


class Damaged(Exception):
    """A record that cannot be read; `damage` is an index into `DAMAGE`."""

    def __init__(self, damage: int) -> None:
        super().__init__(DAMAGE[damage])
        self.damage = damage


class JsonBody(Protocol):
    """A text as batches of records that are JSON values, if they are whole."""

    @property
    def file(self) -> TextFile:
        """The text."""

    @property
    def line_end(self) -> str:
        """`"\\n"` (which covers CRLF) or `"\\r"`."""

    def batches(self, **options: Unpack[BatchOptions]) -> Iterator[pl.DataFrame]:
        """See `open_records.Records`."""
        ...


@dataclass(frozen=True, slots=True)
class _Lines:
    """Each line is a record."""

    records: RecordBatches

    @property
    def file(self) -> TextFile:
        return self.records.file

    @property
    def line_end(self) -> str:
        return self.records.line_end

    def batches(self, **options: Unpack[BatchOptions]) -> Iterator[pl.DataFrame]:
        return self.records.batches(_find_records, **options)


class _Number(str):
    """A number with a point or an exponent, as it is written."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it is written: in order, and with keys that stand twice."""


@dataclass(frozen=True, slots=True)
class JsonFile:
    """A file whose columns are known."""

    body: JsonBody
    decoder: json.JSONDecoder
    """Keeps numbers as text, in the notation of the feed."""
    flags: frozenset[str]
    """Keys whose true and false are read as these words: the feed filters by them, and maps them to nothing."""
    names: tuple[str, ...]
    """Keys of all objects, in the order in which they first appear; ours in rejects come last."""

    @property
    def line_end(self) -> str:
        """As the file writes it, for the rejects file."""
        return self.body.file.head(_HEAD_BYTES).partition("\r\n")[1] or self.body.line_end

    def batches(self, **options: Unpack[BatchOptions]) -> Iterator[pl.DataFrame]:
        """See `open_records.Records`."""
        return self.body.batches(**options)

    def fields(self, batch: pl.DataFrame, positions: Iterable[int]) -> pl.DataFrame:
        """See `open_records.Records`. A key that is missing, or null, gives a null field."""
        wanted = sorted(set(positions))
        keys = {self.names[position]: number for number, position in enumerate(wanted)}
        empty_row: list[str | None] = [None] * len(wanted)
        rows: list[list[str | None]] = []
        damages: list[int | None] = []
        for text, damage in batch.select("text", "damage").iter_rows():
            row, found = empty_row, damage
            if damage is None:
                try:
                    row = _row(_object(text, self.decoder), keys, self.flags, len(wanted))
                except Damaged as damaged:
                    found = damaged.damage
            rows.append(row)
            damages.append(found)
        fields = pl.DataFrame(
            rows, schema={f"field_{position}": pl.String for position in wanted}, orient="row"
        )
        placed = batch.drop("text", "carriage").with_columns(damage=pl.Series(damages, dtype=pl.UInt8))
        names = {f"field_{position}": printable(self.names[position]) for position in wanted}
        return _without_controls(placed.hstack(fields), names)


def _row(pairs: _Pairs, keys: dict[str, int], flags: frozenset[str], width: int) -> list[str | None]:
    """The values of one object, `None` where it has none. Raises Damaged for a list, an object or true/false.

    Args:
        keys: key → place in the row.
        flags: as in `JsonFile`.
    """
    row: list[str | None] = [None] * width
    for key, value in pairs:
        number = keys.get(key.strip())
        if number is None or value is None:
            continue
        if isinstance(value, bool) and key.strip() in flags:
            row[number] = "true" if value else "false"
        elif not isinstance(value, str):
            raise Damaged(_VALUE_TYPE)
        else:
            row[number] = value
    return row


def _without_controls(records: pl.DataFrame, columns: dict[str, str]) -> pl.DataFrame:
    """Escapes such as `\\u0000` bring in what no text may hold. `columns`: those of the records → their keys."""
    control = patterns(",").control
    keys = {name: key.strip() for name, key in columns.items()}
    records = records.with_columns(
        damaged_column=damaged_column(keys, lambda name: pl.col(name).str.contains(control))
    )
    damage = pl.when(pl.col("damaged_column").is_null()).then("damage").otherwise(pl.lit(_CONTROL, pl.UInt8))
    records = records.with_columns(damage=damage)
    return records.with_columns(pl.when(pl.col("damage").is_null()).then(pl.col(name)) for name in columns)


def open_json_lines(landed: LandedFile, limits: Limits, file: TextFile) -> JsonFile:
    """Find the columns of a file of one object per line, which takes one reading of all of it.

    Raises:
        FileRefused: it holds no object, has too many columns, or is not text in the feed's encoding.
    """
    line_end = _line_end(landed, file)
    skip_blank = landed.feed.blank_records == "skip"
    lines = RecordBatches(
        landed.name, limits, file, head="", head_lines=0, line_end=line_end, skip_blank=skip_blank
    )
    return _opened(_Lines(lines), landed, limits)


def open_json_array(landed: LandedFile, limits: Limits, file: TextFile) -> JsonFile:
    """Find the columns of an array of objects; an empty one has those that the feed reads. Raises as
    `open_json_lines`.
    """
    return _opened(JsonArray(landed.name, limits, file, _line_end(landed, file)), landed, limits)


def _opened(body: JsonBody, landed: LandedFile, limits: Limits) -> JsonFile:
    decoder = _decoder(landed.feed)
    names = _names(body, decoder, landed, limits)
    return JsonFile(body, decoder, _flags(names, landed.feed), names)


def _line_end(landed: LandedFile, file: TextFile) -> str:
    """By how the text begins. Raises FileRefused where it is none."""
    head = file.head(_HEAD_BYTES)
    if not head.strip():
        _refuse(landed, "file.empty", "the file holds no records", "export it again")
    if "\x00" in head[:4]:
        offset = len(file.byte_order_mark) + len(head[: head.index("\x00")].encode(file.codec))
        problem = f"it is not {file.encoding} text at byte {offset}"
        _refuse(landed, "file.encoding", problem, "export it again, or correct feed.encoding")
    return line_end_of(head)


def _flags(names: tuple[str, ...], feed: Feed) -> frozenset[str]:
    """Keys that the feed filters by and maps to nothing."""
    mapped = {
        comparable(name, feed)
        for name in names_in_use(feed.model_copy(update={"where": {}, "where_not": {}}))
    }
    filtered = {comparable(name, feed) for name in (*feed.where, *feed.where_not)} - mapped
    return frozenset(name for name in names if comparable(name, feed) in filtered)


def _names(body: JsonBody, decoder: json.JSONDecoder, landed: LandedFile, limits: Limits) -> tuple[str, ...]:
    """The keys of all objects that can be read. Raises FileRefused."""
    names: dict[str, None] = {}
    is_empty = True
    for records in body.batches():
        is_empty = False
        for text in records.filter(pl.col("damage").is_null())["text"]:
            try:
                pairs = _object(text, decoder)
            except Damaged:
                continue
            names.update((key.strip(), None) for key, _ in pairs)
            if len(names) > limits.max_columns:
                problem = f"more than {limits.max_columns} different keys"
                _refuse(landed, "file.too_many_columns", problem, "check it, or raise limits.max_columns")
    if is_empty:
        return tuple(sorted(names_in_use(landed.feed)))
    if not names:
        remedy = "export it again as NDJSON, or say with feed.format what else it is"
        _refuse(landed, "file.header", "no record of it is a JSON object with keys", remedy)
    own = [name for name in names if name not in REJECT_COLUMNS]
    corrected = landed.rejects_of is not None or len(own) + len(REJECT_COLUMNS) == len(names)
    if not corrected:
        return tuple(names)
    # A key that only others of the original's records have is no reason to refuse these.
    known = {comparable(name, landed.feed) for name in names}
    asked = (*landed.feed.where, *landed.feed.where_not)
    filtered = (name for name in asked if comparable(name, landed.feed) not in known)
    return (*own, *dict.fromkeys(filtered), *REJECT_COLUMNS)


def _decoder(feed: Feed) -> json.JSONDecoder:
    """A decoder to which numbers are text, exactly as written.

    JSON writes numbers with a point; where the feed reads amounts with a comma, those of its amount columns get one.
    """
    source = (feed.columns or {}).get(AMOUNT[feed.model], AMOUNT[feed.model])
    amounts = {comparable(name, feed) for name in columns_of(source)}

    def as_feed_writes(pairs: list[tuple[str, Any]]) -> _Pairs:
        return _Pairs(
            (
                key,
                value.replace(".", ",")
                if type(value) is _Number and comparable(key, feed) in amounts
                else value,
            )
            for key, value in pairs
        )

    def no_number(_: str) -> NoReturn:
        raise Damaged(_JSON)

    has_point = feed.amount.decimal == "."
    return json.JSONDecoder(
        object_pairs_hook=_Pairs if has_point else as_feed_writes,
        parse_float=str if has_point else _Number,
        parse_int=str,
        parse_constant=no_number,
    )


def _object(text: str, decoder: json.JSONDecoder) -> _Pairs:
    """The object of one line, with equal keys kept apart. Raises Damaged."""
    try:
        pairs = decoder.decode(text)
    except (ValueError, RecursionError):
        raise Damaged(_JSON) from None
    if not isinstance(pairs, _Pairs):
        raise Damaged(_JSON)
    # An editor of rejects may leave our own three keys twice; the last one counts.
    keys = [stripped for key, _ in pairs if (stripped := key.strip()) not in REJECT_COLUMNS]
    if len(set(keys)) != len(keys):
        raise Damaged(_DUPLICATE_KEY)
    if "\\u" in text and any(_is_cut(each) for pair in pairs for each in pair if isinstance(each, str)):
        raise Damaged(_UNDECODABLE)
    return pairs


def _is_cut(text: str) -> bool:
    """Whether it holds half of a character: an escape of one surrogate alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _find_records(lines: pl.DataFrame, _final: bool) -> Scan:
    """Every line is a record; blank ones and those with undecodable bytes are damaged."""
    text = pl.col("text")
    damage = (
        pl.when(text.str.strip_chars() == "")
        .then(_BLANK)
        .when(text.str.contains(SUBSTITUTE, literal=True))
        .then(_UNDECODABLE)
    )
    return Scan(lines.with_columns(damage=damage.cast(pl.UInt8)), None)


def _refuse(landed: LandedFile, rule: str, problem: str, remedy: str) -> NoReturn:
    raise FileRefused(name=landed.name, rule=rule, problem=problem, remedy=remedy)
