"""YAML as plain values: text, numbers, true and false, null, lists, and keys that are text.

Read event by event, and not by PyYAML's own constructors: those turn a day into a date, call themselves once for each
level, let an alias stand for millions of values, keep the last of two equal keys, and stop at the first mistake.
Sources: YAML 1.1 (types, merge keys); PyYAML's resolver decides what plain text is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_DEPTH = 24
MAX_VALUES = 100_000
"""What aliases repeat counts again."""
MAX_NUMBER_CHARACTERS = 64
CORE = "tag:yaml.org,2002:"

Path = tuple[str | int, ...]
"""Keys and list positions that lead to a value."""


class _Sign:
    """What no text can be mistaken for."""


MISTAKEN = _Sign()
"""Stands for a value or key about which something was said already."""
MERGE = _Sign()
"""Stands for the key `<<`."""
TAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def is_tame(key: str) -> bool:
    """Whether a key is written as ours are; another one may be a secret in the wrong place, and is told by its line."""
    return TAME.fullmatch(key) is not None


class NotYaml(Exception):
    """The text cannot be read any further; `line` counts from 1, 0 is unknown."""

    def __init__(self, line: int, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.line, self.problem, self.remedy = line, problem, remedy


@dataclass(frozen=True, slots=True)
class Slip:
    """One mistake of a text that could be read on. `path` is None where a line says it better."""

    line: int
    problem: str
    remedy: str
    path: Path | None = None


@dataclass(slots=True)
class Document:
    """What a text holds, and the line of each key."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    slips: list[Slip] = field(default_factory=list)


def read_document(text: str) -> Document:
    """The values of a YAML text, with all mistakes that leave the rest readable. Raises NotYaml."""
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotYaml(line, "this is not YAML", "correct the line") from None
    builder = _Builder(loader)
    try:
        while not loader.check_event(yaml.StreamEndEvent):
            builder.take(loader.get_event())  # type: ignore[no-untyped-call]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(mark.line + 1 if mark else 0, "this is not YAML", "correct the line") from None
    except (yaml.YAMLError, ValueError, OverflowError):  # \U00110000, %YAML 1.99999…
        raise NotYaml(loader.line + 1, "this is not YAML", "correct the line") from None
    return builder.document


@dataclass(slots=True)
class _Open:
    """A list or mapping that has not ended yet."""

    node: dict[str, Any] | list[Any]
    path: Path
    line: int
    anchor: str | None
    size_before: int
    is_key: bool = False
    key: str | _Sign | None = None
    """The key whose value comes next; None where a key comes next."""
    seen: set[str] = field(default_factory=set)
    merged: list[dict[str, Any]] = field(default_factory=list)

    @property
    def awaits_key(self) -> bool:
        return isinstance(self.node, dict) and self.key is None

    @property
    def next_path(self) -> Path:
        if isinstance(self.node, list):
            return (*self.path, len(self.node))
        return (*self.path, self.key) if isinstance(self.key, str) else self.path


class _Builder:
    def __init__(self, loader: yaml.SafeLoader) -> None:
        self.document = Document()
        self._loader = loader
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        """Name → value and its size; None while it is open."""
        self._size = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise NotYaml(line, "a second document begins", "remove it, and the line of three dashes")
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor, line)
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()

    def _begin(self, event: yaml.CollectionStartEvent, line: int) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise NotYaml(line, f"more than {MAX_DEPTH} lists or sections in one another", "correct the line")
        self._count(1, line)
        above = self._open[-1] if self._open else None
        opened = _Open(
            node={} if isinstance(event, yaml.MappingStartEvent) else [],
            path=above.next_path if above else (),
            line=line,
            anchor=event.anchor,
            size_before=self._size,
            is_key=above is not None and above.awaits_key,
        )
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if event.tag not in (None, "!", f"{CORE}map", f"{CORE}seq"):
            self._tagged(opened.path, line)
        self._open.append(opened)

    def _end(self) -> None:
        ended = self._open.pop()
        if isinstance(ended.node, dict) and ended.merged:
            own = dict(ended.node)
            ended.node.clear()
            for below in reversed(ended.merged):
                ended.node.update(below)
            ended.node.update(own)
        if ended.anchor is not None:
            self._anchors[ended.anchor] = (ended.node, self._size - ended.size_before + 1)
        if ended.is_key:
            self._key_is_no_text(ended.line)
        else:
            self._put(ended.node, ended.line)

    def _alias(self, name: str | None, line: int) -> None:
        if name is None or name not in self._anchors:
            raise NotYaml(line, "this is not YAML", "correct the line")
        known = self._anchors[name]
        if known is None:
            raise NotYaml(line, "an alias (*) within what it stands for", "write it out")
        value, size = known
        self._count(size, line)
        if not (self._open and self._open[-1].awaits_key):
            self._put(value, line)
        elif isinstance(value, str):
            self._key(value, line)
        else:
            self._key_is_no_text(line)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        self._count(1, line)
        if self._open and self._open[-1].awaits_key:
            value: Any = event.value
            tag = self._tag_of(event)
            if event.tag not in (None, "!", f"{CORE}str"):
                self._tagged(None, line)
            self._key(value, line, merges=tag == f"{CORE}merge")
        else:
            value = self._value(event, line)
            self._put(value, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)

    def _tag_of(self, event: yaml.ScalarEvent) -> str:
        if event.tag not in (None, "!"):
            return str(event.tag)
        return str(self._loader.resolve(yaml.ScalarNode, event.value, event.implicit))  # type: ignore[no-untyped-call]

    def _value(self, event: yaml.ScalarEvent, line: int) -> Any:
        path = self._open[-1].next_path if self._open else ()
        if event.tag not in (None, "!", f"{CORE}str"):
            return self._tagged(path, line)
        kind = self._tag_of(event).removeprefix(CORE)
        if kind == "null":
            return None
        if kind == "bool":
            return yaml.SafeLoader.bool_values[event.value.lower()]
        if kind == "timestamp":
            return self._slip(line, "a date is not text", "put it in quotes", path)
        if kind in ("int", "float"):
            return self._number(kind, event, path, line)
        return event.value

    def _number(self, kind: str, event: yaml.ScalarEvent, path: Path, line: int) -> Any:
        node = yaml.ScalarNode(CORE + kind, event.value)
        read = self._loader.construct_yaml_int if kind == "int" else self._loader.construct_yaml_float
        try:
            if len(event.value) <= MAX_NUMBER_CHARACTERS:
                return read(node)
        except (ValueError, OverflowError):
            pass
        return self._slip(line, "not a valid number", "correct it, or put it in quotes if it is text", path)

    def _key(self, key: str, line: int, *, merges: bool = False) -> None:
        here = self._open[-1]
        if key in here.seen:
            shown = key if is_tame(key) else "a key"
            self._slip(line, f"{shown} stands twice", "remove one")
            here.key = MISTAKEN
            return
        here.seen.add(key)
        self.document.lines[(*here.path, key)] = line
        here.key = MERGE if merges else key

    def _key_is_no_text(self, line: int) -> None:
        self._open[-1].key = self._slip(
            line, "a list or section where a key belongs", "write the key as text"
        )

    def _put(self, value: Any, line: int) -> None:
        if not self._open:
            self.document.value = value
            return
        here = self._open[-1]
        if isinstance(here.node, list):
            here.node.append(value)
            return
        key, here.key = here.key, None
        if isinstance(key, str):
            here.node[key] = value
        elif key is MERGE:
            sections = value if isinstance(value, list) else [value]
            if all(isinstance(each, dict) for each in sections):
                here.merged += sections
            elif value is not MISTAKEN:
                self._slip(line, "<< takes a section or a list of sections", "correct the line")

    def _count(self, values: int, line: int) -> None:
        self._size += values
        if self._size > MAX_VALUES:
            raise NotYaml(
                line, f"more than {MAX_VALUES} values, repeated ones included", "use fewer aliases (*)"
            )

    def _tagged(self, path: Path | None, line: int) -> _Sign:
        return self._slip(line, "a tag (!) is not understood here", "write the value without it", path)

    def _slip(self, line: int, problem: str, remedy: str, path: Path | None = None) -> _Sign:
        self.document.slips.append(Slip(line, problem, remedy, path))
        return MISTAKEN
