"""Statements of the ledger as PostgreSQL takes them.

They are written in SQLite's spelling and use what both databases have. What is spelled otherwise:

- placeholders: `?`, `?1` and `:name` are `%s`, each with its value in its place;
- a list of values, given as JSON, is an array: `IN (SELECT value FROM json_each(?))` is `= ANY (…)`;
- `IS NOT value` is `IS DISTINCT FROM value`;
- a column as a JSON array, `json_group_array(…)`, is `coalesce(json_agg(…), '[]')::text`;
- `CROSS JOIN … ON`, which in SQLite also sets the order of the tables, is a plain `JOIN`.

Functions that SQLite has and PostgreSQL has not (`instr`, `json_extract`) are defined in `tables`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from pipeline.edge.ledger.at_once import INSERT

_MARK = re.compile(
    r"(?P<text>'(?:[^']|'')*')|IN \(SELECT value FROM json_each\((?P<list>\?\d*)\)\)"
    r"|(?P<mark>\?\d*|:[a-z][a-z_0-9]*)|(?P<percent>%)"
)
_NUL_IN_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""The escape of a NUL, not what looks like it behind an escaped backslash."""
_AS_ARRAY = re.compile(r"\bjson_group_array\((\w+)\)")
_IS_NOT = re.compile(r"\bIS NOT (?!NULL\b)")
_ADDS_A_ROW = re.compile(r"INSERT INTO (\w+) \(([\w, ]+)\) VALUES \((?:%s, ?)*%s\)")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement in PostgreSQL's spelling."""

    text: str
    """With `%s` in the place of each value."""
    order: tuple[int | str, ...]
    """Which value comes where: its place among those that are given, from 0, or its name."""
    lists: frozenset[int]
    """Places in `order` of values that are lists, as JSON."""

    is_json: bool
    """Whether the values are JSON that is taken apart (see `at_once`)."""

    def values(self, given: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
        """The values in the order of the marks, as PostgreSQL takes them."""
        found: list[Any] = [given[at] for at in self.order]  # type: ignore[index]  # one or the other
        for at, value in enumerate(found):
            if at in self.lists:
                found[at] = array_of(json.loads(value))
            elif self.is_json and "\\u0000" in value:
                found[at] = _NUL_IN_JSON.sub(r"\1\\ufffd", value)
            else:
                found[at] = storable(value)
        return found

    @property
    def of_many(self) -> ManyRows | None:
        """The same for many rows; None where it does not add one row of nothing but given values to named columns."""
        if (found := _ADDS_A_ROW.match(self.text)) is None:
            return None
        table, names = found.groups()
        # The database reads a row's JSON by the columns of the table, so that no types are told here.
        text = (
            f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, %s)"  # noqa: S608 (ours)
        )
        return ManyRows(text + self.text[found.end() :], tuple(re.split(r",\s*", names)), self)


class ManyRows(NamedTuple):
    """A statement that adds many rows, which are given as one JSON text."""

    text: str
    columns: tuple[str, ...]
    of_one: Statement

    def values(self, rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> list[str]:
        """The one value, of the values of each row."""
        named = [dict(zip(self.columns, self.of_one.values(row), strict=True)) for row in rows]
        return [orjson.dumps(named).decode()]


@lru_cache(maxsize=1024)
def spelled(sql: str) -> Statement:
    """The statement `sql` in PostgreSQL's spelling."""
    order: list[int | str] = []
    lists: set[int] = set()

    def mark(found: re.Match[str]) -> str:
        if found["percent"] or found["text"]:
            return found[0].replace("%", "%%")
        name = found["list"] or found["mark"]
        if found["list"]:
            lists.add(len(order))
        if name.startswith(":"):
            order.append(name[1:])
        else:
            order.append(int(name[1:]) - 1 if name[1:] else len(order))
        return "= ANY (%s)" if found["list"] else "%s"

    text = _MARK.sub(mark, _IS_NOT.sub("IS DISTINCT FROM ", sql.replace("CROSS JOIN", "JOIN")))
    text = _AS_ARRAY.sub(r"coalesce(json_agg(\1), '[]')::text", text)
    return Statement(text, tuple(order), frozenset(lists), is_json=sql == INSERT)


def storable(value: Any) -> Any:
    """A value as PostgreSQL takes it: truth is a number, as in SQLite, and text has no NUL."""
    if isinstance(value, bool):
        return int(value)
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def array_of(values: Sequence[Any]) -> str:
    """An array as text, whose type is that of what it is compared with. Source: PostgreSQL's manual, 8.15.6."""
    return f"{{{','.join(_element(value) for value in values)}}}"


def _element(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    escaped = storable(str(value)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
