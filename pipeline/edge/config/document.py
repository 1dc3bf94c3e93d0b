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
"""Lists and sections in one another; later steps recurse over the values."""
MAX_VALUES = 100_000
"""What aliases repeat counts again."""
MAX_NUMBER_CHARACTERS = 64
"""Python turns longer ones into integers in time that grows with the square of their length."""
CORE = "tag:yaml.org,2002:"
"""Prefix of the tags of YAML's own types. Source: YAML 1.1, tag repository."""

Path = tuple[str | int, ...]
"""Keys and list positions that lead to a value."""


class _Sentinel:
    """What no text can be mistaken for."""


INVALID = _Sentinel()
"""Stands for a value or key whose mistake is reported already, so that it is not reported again as the wrong type."""
MERGE = _Sentinel()
"""Stands for the key `<<`."""
PLAIN_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


def is_plain_key(key: str) -> bool:
    """Whether a key is written as ours are; another may be a secret in the wrong place: only its line is reported."""
    return PLAIN_KEY.fullmatch(key) is not None


class UnreadableYaml(Exception):
    """The text cannot be read any further; `line` counts from 1, 0 is unknown."""

    def __init__(self, line: int, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.line, self.problem, self.remedy = line, problem, remedy


@dataclass(frozen=True, slots=True)
class YamlMistake:
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
    mistakes: list[YamlMistake] = field(default_factory=list)


def read_document(text: str) -> Document:
    """The values of a YAML text, with all mistakes that leave the rest readable.

    Values are `str`, `int`, `float`, `bool`, `None`, `list`, `dict` with text as keys, and `INVALID`.

    Raises:
        UnreadableYaml: it is no YAML, a second document begins, or a bound above is passed.
    """
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UnreadableYaml(line, "this is not YAML", "correct the line") from None
    builder = _Builder(loader)
    try:
        while not loader.check_event(yaml.StreamEndEvent):
            builder.take(loader.get_event())  # type: ignore[no-untyped-call]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableYaml(mark.line + 1 if mark else 0, "this is not YAML", "correct the line") from None
    except (yaml.YAMLError, ValueError, OverflowError):  # \U00110000, %YAML 1.99999…
        raise UnreadableYaml(loader.line + 1, "this is not YAML", "correct the line") from None
    return builder.document


@dataclass(slots=True)
class _OpenCollection:
    """A list or mapping that has not ended yet."""

    node: dict[str, Any] | list[Any]
    path: Path
    line: int
    anchor: str | None
    """Name after `&`, if it has one."""
    size_before: int
    """Values counted before it began; the difference is what an alias of it costs."""
    is_key: bool = False
    """Whether it is in the place of a key, where only text may be."""
    key: str | _Sentinel | None = None
    """The key whose value comes next; None where a key comes next."""
    seen: set[str] = field(default_factory=set)
    """Keys of this mapping so far, merged ones not among them: those may be given again."""
    merged: list[dict[str, Any]] = field(default_factory=list)
    """Sections that `<<` named, in order; the mapping's own keys and earlier sections come first."""

    @property
    def awaits_key(self) -> bool:
        """Whether the next event is a key."""
        return isinstance(self.node, dict) and self.key is None

    @property
    def next_path(self) -> Path:
        """Where the next value will be."""
        if isinstance(self.node, list):
            return (*self.path, len(self.node))
        return (*self.path, self.key) if isinstance(self.key, str) else self.path


class _Builder:
    """Turns parser events into values, with a stack of its own instead of recursion, and notes mistakes on the way."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self.document = Document()
        self._loader = loader
        self._open: list[_OpenCollection] = []
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        """Name → value and its size; None while it is open."""
        self._size = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Take one event of the parser, in order. Raises UnreadableYaml."""
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise UnreadableYaml(
                    line, "a second document begins", "remove it, and the line of three dashes"
                )
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor, line)
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()

    def _begin(self, event: yaml.CollectionStartEvent, line: int) -> None:
        """Open a list or mapping. Its anchor is known from here on, but not usable before its end: no value contains
        itself.
        """
        if len(self._open) >= MAX_DEPTH:
            raise UnreadableYaml(
                line, f"more than {MAX_DEPTH} lists or sections in one another", "correct the line"
            )
        self._count(1, line)
        above = self._open[-1] if self._open else None
        opened = _OpenCollection(
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
            self._refuse_tag(opened.path, line)
        self._open.append(opened)

    def _end(self) -> None:
        """Close the innermost list or mapping, apply its merge keys and put it where it belongs."""
        ended = self._open.pop()
        if isinstance(ended.node, dict) and ended.merged:
            # YAML 1.1 merge keys: own keys win over merged ones, and of those the section named first.
            own = dict(ended.node)
            ended.node.clear()
            for below in reversed(ended.merged):
                ended.node.update(below)
            ended.node.update(own)
        if ended.anchor is not None:
            self._anchors[ended.anchor] = (ended.node, self._size - ended.size_before + 1)
        if ended.is_key:
            self._refuse_key(ended.line)
        else:
            self._put(ended.node, ended.line)

    def _alias(self, name: str | None, line: int) -> None:
        """Put the anchored value in once more. It counts as many values as it holds, so that aliases cannot
        multiply.
        """
        if name is None or name not in self._anchors:
            raise UnreadableYaml(line, "this is not YAML", "correct the line")
        known = self._anchors[name]
        if known is None:
            raise UnreadableYaml(line, "an alias (*) inside its own value", "write it out")
        value, size = known
        self._count(size, line)
        if not (self._open and self._open[-1].awaits_key):
            self._put(value, line)
        elif isinstance(value, str):
            self._key(value, line)
        else:
            self._refuse_key(line)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        """Take a plain or quoted text, as a key where a key comes next."""
        self._count(1, line)
        if self._open and self._open[-1].awaits_key:
            value: Any = event.value
            tag = self._tag_of(event)
            if event.tag not in (None, "!", f"{CORE}str"):
                self._refuse_tag(None, line)
            self._key(value, line, merges=tag == f"{CORE}merge")
        else:
            value = self._value(event, line)
            self._put(value, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)

    def _tag_of(self, event: yaml.ScalarEvent) -> str:
        """The type that YAML gives to a scalar: its explicit tag, else by PyYAML's resolver (quoted text is text)."""
        if event.tag not in (None, "!"):
            return str(event.tag)
        return str(self._loader.resolve(yaml.ScalarNode, event.value, event.implicit))  # type: ignore[no-untyped-call]

    def _value(self, event: yaml.ScalarEvent, line: int) -> Any:
        """A scalar as a value. A date is a mistake: unquoted, YAML would make a date of a text that was meant
        literally.
        """
        path = self._open[-1].next_path if self._open else ()
        if event.tag not in (None, "!", f"{CORE}str"):
            return self._refuse_tag(path, line)
        kind = self._tag_of(event).removeprefix(CORE)
        if kind == "null":
            return None
        if kind == "bool":
            return yaml.SafeLoader.bool_values[event.value.lower()]
        if kind == "timestamp":
            return self._mistake(line, "a date is not text", "put it in quotes", path)
        if kind in ("int", "float"):
            return self._number(kind, event, path, line)
        return event.value

    def _number(self, kind: str, event: yaml.ScalarEvent, path: Path, line: int) -> Any:
        """Decimal, octal, hexadecimal and sexagesimal as YAML 1.1 reads them; huge ones are a mistake."""
        node = yaml.ScalarNode(CORE + kind, event.value)
        read = self._loader.construct_yaml_int if kind == "int" else self._loader.construct_yaml_float
        try:
            if len(event.value) <= MAX_NUMBER_CHARACTERS:
                return read(node)
        except (ValueError, OverflowError):
            pass
        return self._mistake(
            line, "not a valid number", "correct it, or put it in quotes if it is text", path
        )

    def _key(self, key: str, line: int, *, merges: bool = False) -> None:
        """Note the key whose value comes next, and its line. A key that is there twice is a mistake, not an
        overwrite.
        """
        here = self._open[-1]
        if key in here.seen:
            shown = key if is_plain_key(key) else "a key"
            self._mistake(line, f"{shown} appears twice", "remove one")
            here.key = INVALID
            return
        here.seen.add(key)
        self.document.lines[(*here.path, key)] = line
        here.key = MERGE if merges else key

    def _refuse_key(self, line: int) -> None:
        self._open[-1].key = self._mistake(
            line, "a list or section in place of a key", "write the key as text"
        )

    def _put(self, value: Any, line: int) -> None:
        """Add a finished value to the innermost open list or mapping; at the top it is the document."""
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
            elif value is not INVALID:
                self._mistake(line, "<< takes a section or a list of sections", "correct the line")

    def _count(self, values: int, line: int) -> None:
        """Count values against MAX_VALUES. Raises UnreadableYaml."""
        self._size += values
        if self._size > MAX_VALUES:
            raise UnreadableYaml(
                line, f"more than {MAX_VALUES} values, repeated ones included", "use fewer aliases (*)"
            )

    def _refuse_tag(self, path: Path | None, line: int) -> _Sentinel:
        return self._mistake(line, "tags (!) are not supported", "write the value without it", path)

    def _mistake(self, line: int, problem: str, remedy: str, path: Path | None = None) -> _Sentinel:
        """Note a mistake and return what takes the value's place."""
        self.document.mistakes.append(YamlMistake(line, problem, remedy, path))
        return INVALID
