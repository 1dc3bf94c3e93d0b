"""The first objects of a JSON file as a table, and each list of objects in them as a table of its items."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core.proposal.table import SAMPLED, Table, TableRow
from pipeline.errors import UsageError

_GAP = re.compile(r"[\s,]*")
"""Between two elements of an array."""


@dataclass(frozen=True, slots=True)
class ObjectList:
    """A field that holds a list of objects."""

    name: str
    table: Table
    """With a record for each item, as `feed.items` reads it: the object's fields first, then those of the item."""


def json_table(name: str, text: str, *, is_array: bool) -> tuple[Table, tuple[ObjectList, ...]]:
    """The table of the objects, the keys of all as its columns, and their lists. Fields that are lists come last.

    Numbers are their text. What is neither number nor text shows nothing, and is empty.

    Raises UsageError: there is no object, or a key of one is empty.
    """
    objects = list(itertools.islice(_elements_of(text) if is_array else _lines_of(text), SAMPLED))
    keys = list(dict.fromkeys(key for each in objects for key in each))
    if not keys:
        kind, parts = ("a JSON array", "elements") if is_array else ("NDJSON", "lines")
        raise UsageError(
            problem=f"{name} looks like {kind}, but none of its {parts} is a JSON object",
            remedy="write one object on each line",
        )
    if not all(keys):
        raise UsageError(problem=f"a key of {name} is empty", remedy="name each key")
    nested = [key for key in keys if any(_objects_in(each.get(key)) for each in objects)]
    own = [key for key in keys if key not in nested]
    lists = (ObjectList(each, _table_of_items(each, own, objects)) for each in nested)
    return _table(
        [*own, *nested], [[_text(each.get(key)) for key in (*own, *nested)] for each in objects]
    ), tuple(lists)


def _table_of_items(name: str, own: Sequence[str], objects: Sequence[Mapping[str, Any]]) -> Table:
    """A record for each item; an object without one is a record of its own."""
    pairs = [(each, item) for each in objects for item in _objects_in(each.get(name)) or [{}]][:SAMPLED]
    fields = list(dict.fromkeys(key for _, item in pairs for key in item))
    rows = [
        [_text(each.get(key)) for key in own] + [_text(item.get(key)) for key in fields]
        for each, item in pairs
    ]
    return _table([*own, *(f"{name}.{key}" for key in fields)], rows, items_of=name)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], items_of: str = "") -> Table:
    records = tuple(TableRow(line, tuple(map(str.strip, row)), "") for line, row in enumerate(rows, start=1))
    return Table(tuple(names), (1,), 1, records, items_of=items_of)


def _objects_in(value: Any) -> list[dict[str, Any]]:
    """The objects with fields in a list; none in what is no list."""
    return (
        [_stripped(item) for item in value if isinstance(item, dict) and item]
        if isinstance(value, list)
        else []
    )


def _lines_of(text: str) -> Iterator[dict[str, Any]]:
    """The objects of the first lines; lines that hold none are left out."""
    for line in itertools.islice(re.split("\r\n|\n|\r", text), SAMPLED):
        try:
            found = json.loads(line, parse_int=str, parse_float=str)
            line.encode()
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield _stripped(found)


def _elements_of(text: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSON array, as far as the text goes."""
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    place = text.index("[") + 1
    while True:
        gap = _GAP.match(text, place)
        place = gap.end() if gap else place
        try:
            element, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return
        if isinstance(element, dict):
            yield _stripped(element)


def _stripped(found: dict[str, Any]) -> dict[str, Any]:
    return {key.strip(): value for key, value in found.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
