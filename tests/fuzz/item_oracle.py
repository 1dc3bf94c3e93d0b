"""How many records an object with a list of items is, and where each begins, told token by token.

The product decodes values one behind the other; nothing is shared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


class _Pairs(list[tuple[str, Any]]):
    """An object with its keys as often as it has them."""


def items_of(text: str, name: str) -> tuple[list[int], set[str]]:
    """Where each record begins, and the columns that they give; an object that cannot be taken apart is one record.

    Columns are those of the object and, with `name` and a point in front, those of its items.
    """
    pairs = _pairs(text)
    if pairs is None:
        return [0], set()
    own = _unique_keys(pairs)
    lists = [value for key, value in pairs if key.strip() == name]
    is_flat = any(key.strip().startswith(f"{name}.") for key, _ in pairs)
    if len(lists) != 1 or is_flat or not isinstance(lists[0], list) or isinstance(lists[0], _Pairs):
        return [0], own - {name}
    (values,) = lists
    if not any(isinstance(each, _Pairs) and each for each in values):
        return [0], own - {name}
    fields = {f"{name}.{key}" for each in values if isinstance(each, _Pairs) for key in _unique_keys(each)}
    starts = list(_starts(text, name))
    assert len(starts) == len(values)
    return starts, (own - {name} | fields) if own else set()


def _pairs(text: str) -> _Pairs | None:
    def refuse(_: str) -> NoReturn:
        raise ValueError

    if "\ufffd" in text:
        return None
    try:
        found = json.loads(
            text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=refuse
        )
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, _Pairs) else None


def _unique_keys(pairs: _Pairs) -> set[str]:
    """Keys of an object that can be read; nothing of any other."""
    keys = {key.strip() for key, _ in pairs}
    texts = [each for pair in pairs for each in pair if isinstance(each, str)]
    is_cut = any(0xD800 <= ord(character) <= 0xDFFF for text in texts for character in text)
    return set() if is_cut or len(keys) != len(pairs) else keys


def _starts(text: str, name: str) -> Iterator[int]:
    """Where the items begin: what is behind the bracket and each comma of the list, two levels deep."""
    depth, key, before = 0, "", ""
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in ("]", "}"):
            depth -= 1
        elif depth == 2 and key.strip() == name and before in ("[", ","):
            yield token.start()
        if depth == 1 and mark == ":":
            key = json.loads(before)
        if mark in ("[", "{"):
            depth += 1
        before = mark
