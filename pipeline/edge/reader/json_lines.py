"""JSON objects, one per line or in one array. Numbers are kept as they are written, never through a float.

Columns are the keys of all objects together, so the file is read twice: first for them, then for the records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, Unpack

import polars as pl

from pipeline.core.csv_structure import DAMAGE, ITEMS, SUBSTITUTE, Scan, patterns
from pipeline.core.file_stages import LandedFile
from pipeline.core.mapping.file_names import REJECT_COLUMNS
from pipeline.core.mapping.header_names import comparable, names_in_use
from pipeline.core.mapping.item_lists import ItemList
from pipeline.core.mapping.layout import AMOUNT
from pipeline.core.names import printable
from pipeline.edge.reader.json_array import JsonArray
from pipeline.edge.reader.record_batches import BatchOptions, RecordBatches, damaged_column
from pipeline.edge.reader.text import BLANKS, TextFile, line_end_of
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

    def records_at(self, places: pl.DataFrame) -> pl.DataFrame:
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

    def records_at(self, places: pl.DataFrame) -> pl.DataFrame:
        return self.records.records_at(_find_records, places)


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
    items: ItemList | None = None
    """What its objects were made of, where they are flat."""

    @property
    def line_end(self) -> str:
        """As the file writes it, for the rejects file."""
        return self.body.file.head(_HEAD_BYTES).partition("\r\n")[1] or self.body.line_end

    def batches(self, **options: Unpack[BatchOptions]) -> Iterator[pl.DataFrame]:
        """See `open_records.Records`."""
        return self.body.batches(**options)

    def records_at(self, places: pl.DataFrame) -> pl.DataFrame:
        """See `open_records.Records`."""
        return self.body.records_at(places)

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
                    row, found = self._row(_object(text, self.decoder), keys, len(wanted))
                except Damaged as damaged:
                    found = damaged.damage
                except RecursionError:
                    found = _JSON
            rows.append(row)
            damages.append(found)
        fields = pl.DataFrame(
            rows, schema={f"field_{position}": pl.String for position in wanted}, orient="row"
        )
        placed = batch.drop("text", "carriage").with_columns(damage=pl.Series(damages, dtype=pl.UInt8))
        names = {f"field_{position}": printable(self.names[position]) for position in wanted}
        return _without_controls(placed.hstack(fields), names, self.items)

    def _row(self, pairs: _Pairs, keys: dict[str, int], width: int) -> tuple[list[str | None], int | None]:
        """The values of one object, `None` where it has none, and how it is damaged by a list, an object or true/false.

        Those are JSON here: records are compared by all of their columns. `keys`: key → place in the row.
        """
        row: list[str | None] = [None] * width
        damage = None if self.items is None or self.items.is_flat(key for key, _ in pairs) else ITEMS
        for key, value in pairs:
            number = keys.get(key.strip())
            if number is None or value is None:
                continue
            if isinstance(value, str):
                row[number] = value
                continue
            row[number] = _as_json(value)
            if isinstance(value, bool) and key.strip() in self.flags:
                continue
            if self.items is None or not self.items.is_field(key):
                damage = _VALUE_TYPE
            elif damage is None:
                damage = ITEMS
        return row, damage


def _as_json(value: object) -> str:
    """As it is written, but for space; numbers are text in it. Raises RecursionError."""
    if isinstance(value, _Pairs):
        return "{" + ", ".join(f"{json.dumps(key)}: {_as_json(each)}" for key, each in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_json, value)) + "]"
    return json.dumps(value)


def _without_controls(records: pl.DataFrame, columns: dict[str, str], items: ItemList | None) -> pl.DataFrame:
    """Escapes such as `\\u0000` bring in what no text may hold. `columns`: those of the records → their keys."""
    control = patterns(",").control
    keys = {name: key.strip() for name, key in columns.items()}
    of_items = {name: key for name, key in keys.items() if items is not None and items.is_field(key)}
    own = {name: key for name, key in keys.items() if name not in of_items}
    records = records.with_columns(
        own=damaged_column(own, lambda name: pl.col(name).str.contains(control)),
        of_items=damaged_column(of_items, lambda name: pl.col(name).str.contains(control)),
    )
    damage = (
        pl.when(pl.col("own").is_not_null())
        .then(pl.lit(_CONTROL, pl.UInt8))
        .when(pl.col("of_items").is_not_null())
        .then(pl.lit(ITEMS, pl.UInt8))
        .otherwise("damage")
    )
    records = records.with_columns(damage=damage, damaged_column=pl.coalesce("own", "of_items"))
    # What a damaged item's object states is used, so nothing of it may have them.
    of_item = pl.col("damage") == ITEMS
    clean = [
        pl.when(~(of_item & pl.col(name).str.contains(control)).fill_null(value=False))
        .then(pl.col(name))
        .alias(name)
        for name in of_items
    ]
    return records.with_columns(clean).drop("own", "of_items")


def open_json(landed: LandedFile, body: JsonBody, limits: Limits, items: ItemList | None = None) -> JsonFile:
    """Find the columns of a text of objects, which takes one reading of all of it; an empty array has those that the
    feed reads.

    Raises:
        FileRefused: it holds no object, or has too many columns.
    """
    decoder = _decoder(landed.feed)
    names = _names(body, decoder, landed, limits, items)
    return JsonFile(body, decoder, _flags(names, landed.feed), names, items)


def json_body(landed: LandedFile, limits: Limits, file: TextFile, *, is_array: bool) -> JsonBody:
    """One object per line, or all of them in one array. Raises FileRefused: it is not text in the feed's encoding."""
    line_end = _line_end(landed, file)
    if is_array:
        return JsonArray(landed.name, limits, file, line_end)
    skip_blank = landed.feed.blank_records == "skip"
    return _Lines(
        RecordBatches(
            landed.name, limits, file, head="", head_lines=0, line_end=line_end, skip_blank=skip_blank
        )
    )


def _line_end(landed: LandedFile, file: TextFile) -> str:
    """By how the text begins. Raises FileRefused where it is none."""
    head = file.head(_HEAD_BYTES)
    if not head.strip(BLANKS) and not file.filled_head(_HEAD_BYTES):
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


def _names(
    body: JsonBody, decoder: json.JSONDecoder, landed: LandedFile, limits: Limits, items: ItemList | None
) -> tuple[str, ...]:
    """The keys of all objects that can be read, but that of a list of items. Raises FileRefused."""
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
    if items is not None:
        names = {name: None for name in names if not items.is_list(name)}
    own = [name for name in names if name not in REJECT_COLUMNS]
    corrected = landed.rejects_of is not None or len(own) + len(REJECT_COLUMNS) == len(names)
    if not corrected:
        return tuple(names)
    # A key that only others of the original's records have is no reason to refuse these.
    known = {comparable(name, landed.feed) for name in names}
    asked = [*landed.feed.where, *landed.feed.where_not]
    asked += [
        name for name in sorted(names_in_use(landed.feed)) if items is not None and items.is_field(name)
    ]
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


def _find_records(lines: pl.DataFrame, _text: bytes, _final: bool) -> Scan:
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
