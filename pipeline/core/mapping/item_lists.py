"""Objects with a list of items (`feed.items`): one flat object for each item, with the object's other fields beside it.

`{"bill": "B1", "lines": [{"amount": 5}]}` becomes `{"bill": "B1", "lines.amount": 5}`. Text is taken apart and put
together again, and no value is written anew, so that numbers keep their digits and keys their order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple, NoReturn

from pipeline.core.mapping.header_names import comparable
from schemas.feed import Feed

_SPACE = re.compile(r"[ \t\r\n]*")
_REMEMBERED_KEYS = 4096
_LINE_ENDS = re.compile(r"[ \t]*[\r\n][ \t\r\n]*")


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


_VALUES = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant)
"""Only tells where values end and of what kind they are. Python refuses integers of more than 4300 digits."""


class _Member(NamedTuple):
    """One field of an object: where its key begins, where its value does, and where that ends."""

    key: str
    value: Any
    start: int
    value_at: int
    end: int


@dataclass(frozen=True, slots=True)
class ItemList:
    """The list of items that each object of a feed's files has."""

    feed: Feed
    name: str
    corrected: bool = False
    """Whether the file is a corrected rejects file: each of its objects stands for one record."""

    _kind: Callable[[str], Literal["list", "field", ""]] = field(init=False, repr=False, compare=False)
    """What a key is, remembered: a file has few keys, each of them very often."""

    def __post_init__(self) -> None:
        own = comparable(self.name, self.feed)

        def kind(key: str) -> Literal["list", "field", ""]:
            plain = comparable(key, self.feed)
            return "list" if plain == own else "field" if plain.startswith(f"{own}.") else ""

        object.__setattr__(self, "_kind", lru_cache(maxsize=_REMEMBERED_KEYS)(kind))

    def is_list(self, key: str) -> bool:
        """Whether an object's key is that of the list."""
        return self._kind(key) == "list"

    def is_field(self, key: str) -> bool:
        """Whether a flat object's key is that of a field of its item."""
        return self._kind(key) == "field"

    def is_flat(self, keys: Iterable[str]) -> bool:
        """Whether an object with these keys is one that was made of one item."""
        kinds = set(map(self._kind, keys))
        return "field" in kinds and "list" not in kinds

    def flat(self, text: str) -> Iterator[tuple[int, str]]:
        """Each item with its object's other fields, on one line, and where in `text` the item begins.

        An object without a list, or with one that has no object, is left as it is, and so is what is no object. So is a
        corrected one with several items: they would all stand for one record. An item that is no object with
        fields stays in a list of its own, beside the object's other fields.
        """
        found = self._split(text)
        if found is None:
            yield 0, on_one_line(text)
            return
        members, mine = found
        at = members.index(mine)
        before = [text[each.start : each.end] for each in members[:at]]
        behind = [text[each.start : each.end] for each in members[at + 1 :]]
        for item, start, end in _elements(text, mine.value_at):
            fields = self._fields(text, item, start)
            if fields is None:
                fields = [f"{text[mine.start : mine.value_at]}[{text[start:end]}]"]
            yield start, on_one_line("{" + ", ".join([*before, *fields, *behind]) + "}")

    def _split(self, text: str) -> tuple[list[_Member], _Member] | None:
        """The fields of an object, and the one whose items are to be told apart; None where none is."""
        try:
            whole = _VALUES.decode(text)
            members = list(_members(text, text.index("{"))) if isinstance(whole, dict) else []
        except (ValueError, RecursionError):
            return None
        mine = [each for each in members if self.is_list(each.key)]
        if len(mine) != 1 or any(self.is_field(each.key) for each in members):
            return None
        (found,) = mine
        if not isinstance(found.value, list) or (self.corrected and len(found.value) > 1):
            return None
        # A list of nothing is one mistake, however long it is.
        if not any(isinstance(item, dict) and item for item in found.value):
            return None
        return members, found

    def _fields(self, text: str, item: Any, at: int) -> list[str] | None:
        """The fields of an item, with the list's name before their keys; None where it is no object that can be read
        for certain.
        """
        if not isinstance(item, dict):
            return None
        members = list(_members(text, at))
        keys = {each.key.strip() for each in members}
        if not keys or len(keys) != len(members) or any(_is_cut(each) for each in members):
            return None
        prefix = json.dumps(self.name)[1:-1]  # in ASCII: it fits every encoding
        return [f'"{prefix}.{text[each.start + 1 : each.end].lstrip(" ")}' for each in members]


def on_one_line(text: str) -> str:
    """In sound JSON line ends are mere space."""
    return _LINE_ENDS.sub(" ", text) if "\n" in text or "\r" in text else text


def _members(text: str, at: int) -> Iterator[_Member]:
    """The fields of a sound object that begins at `at`."""
    at = _behind_space(text, at + 1)
    while text[at] != "}":
        start = at
        key, at = _VALUES.raw_decode(text, at)
        value_at = _behind_space(text, _behind_space(text, at) + 1)
        value, end = _VALUES.raw_decode(text, value_at)
        yield _Member(key, value, start, value_at, end)
        at = _next(text, end)


def _elements(text: str, at: int) -> Iterator[tuple[Any, int, int]]:
    """The elements of a sound array that begins at `at`: each with where it begins and ends."""
    at = _behind_space(text, at + 1)
    while text[at] != "]":
        value, end = _VALUES.raw_decode(text, at)
        yield value, at, end
        at = _next(text, end)


def _next(text: str, end: int) -> int:
    """Where what follows a value begins, behind the comma if there is one."""
    at = _behind_space(text, end)
    return _behind_space(text, at + 1) if text[at] == "," else at


def _behind_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _is_cut(member: _Member) -> bool:
    """Whether its key or text holds half of a character."""
    try:
        member.key.encode()
        if isinstance(member.value, str):
            member.value.encode()
    except UnicodeEncodeError:
        return True
    return False
