"""Mistakes as lines: where each is, what it is and what to write instead; never the value that was given.

A key is named by its path, unless it looks like none of ours: it may be a secret that slipped into the place of a key,
and the number of its line says enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from pipeline.core.redact import redact_keys
from pipeline.edge.config.document import INVALID, Document, Path, YamlMistake, is_plain_key
from pipeline.edge.config.environment import Environment
from pipeline.edge.config.words import did_you_mean, nearest_word
from pipeline.errors import BillferryError, ConfigError, UsageError
from schemas.column_sources import OBJECTS_OF_SOURCES
from schemas.settings import Settings

MAX_REPORTED = 100
"""Lines; a file that is something else altogether has thousands of unknown keys."""
UNION_BRANCHES = {"str", "list", *OBJECTS_OF_SOURCES}
"""What pydantic puts into the place of a problem with a column's source: the kind of source it was read as."""


def raise_all(mistakes: Sequence[ConfigError]) -> None:
    """Raise one ConfigError with a line for each mistake; return when there are none.

    Equal lines are reported once. Whatever looks like a key is masked, also in lines that name paths.
    """
    if not mistakes:
        return
    first, *others = {str(masked := _masked(mistake)): masked for mistake in mistakes}.values()
    more: list[BillferryError] = [*others[:MAX_REPORTED]]
    if (left := len(others) - MAX_REPORTED) > 0:
        more.append(UsageError(problem=f"and {left} mistakes more", remedy="correct these first"))
    raise _masked(first, more)


def _masked(mistake: ConfigError, more: Sequence[BillferryError] = ()) -> ConfigError:
    """The same without anything that looks like a key."""
    return ConfigError(more=more, **{name: redact_keys(str(fact)) for name, fact in mistake.facts.items()})


class ValueLocations:
    """Where a value was given: in the file, on which line, or by which variable."""

    def __init__(self, file: FilePath, document: Document, environment: Environment) -> None:
        self._file, self._document, self._environment = file, document, environment

    def of(self, path: Path) -> str:
        """The start of a message about the value at `path`."""
        found = self._environment.variable_of(path)
        if found is not None:
            variable, rest = found
            return f"{variable}: {self._dotted(path, rest)}" if rest and self._is_plain(path) else variable
        if not self._is_plain(path):
            return self.line(self._line(path))
        return f"{self._file}: {self._dotted(path, path)}"

    def line(self, number: int) -> str:
        """The start of a message about a line; 0 is none in particular."""
        return f"{self._file}, line {number}" if number else str(self._file)

    def mistake_at(self, mistake: YamlMistake) -> ConfigError:
        """A mistake of the text as an error that names its key or, where that could be a secret, its line."""
        where = self.line(mistake.line) if not mistake.path else self.of(mistake.path)
        return ConfigError(where=where, problem=mistake.problem, remedy=mistake.remedy)

    def _is_plain(self, path: Path) -> bool:
        """Whether every key of a path may be repeated in a message."""
        return all(isinstance(part, int) or all(map(is_plain_key, part.split("."))) for part in path)

    def _line(self, path: Path) -> int:
        """The line of the nearest key on the way to a value; 0 when it came from nowhere in the file."""
        lines = (self._document.lines.get(path[:length]) for length in range(len(path), 0, -1))
        return next((line for line in lines if line), 0)

    def _dotted(self, path: Path, shown: Path) -> str:
        """The last parts of a path with dots between them; feeds by their names."""
        parts = [str(part) for part in path]
        if len(parts) > 1 and parts[0] == "feeds" and isinstance(path[1], int):
            name = value_at(self._document.value, (*path[:2], "name"))
            parts[1] = name if isinstance(name, str) and is_feed_name(name) else f"number {path[1] + 1}"
        return ".".join(parts[len(parts) - len(shown) :])


def is_feed_name(name: str) -> bool:
    """Whether it can be shown as the name of a feed."""
    return is_plain_key(name.replace("-", "_"))


def shape_mistakes(problems: Sequence[ErrorDetails], locations: ValueLocations) -> list[ConfigError]:
    """What pydantic found, one line each: an unknown key, and not also the missing one that it was meant to be.

    Args:
        problems: of `ValidationError.errors()`; their `input` is never repeated.
    """
    meant: set[Path] = set()
    found: list[tuple[Path, str, str]] = []
    for problem in problems:
        path = problem["loc"]
        if problem["type"] == "extra_forbidden":
            near = nearest_word(str(path[-1]), _shape_at(path[:-1]).model_fields)
            meant.add((*own_parts(path[:-1]), near))
            found.append((path, "unknown key", did_you_mean(near) or "remove it"))
    for problem in problems:
        path, text = problem["loc"], problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "missing" and own_parts(path) not in meant:
            found.append((path, "is missing", _how_to_add(path)))
        elif problem["type"] not in {"extra_forbidden", "missing"} and problem["input"] is not INVALID:
            found.append((path, text[0].lower() + text[1:], "correct it"))
    return [
        ConfigError(where=locations.of(own_parts(path)), problem=problem, remedy=remedy)
        for path, problem, remedy in found
    ]


def own_parts(path: Path) -> Path:
    """A path as the config has it, without what pydantic adds for unions and keys of mappings."""
    return tuple(part for part in path if part not in UNION_BRANCHES and part != "[key]")


def value_at(values: Any, path: Path) -> Any:
    """The value at a path of nested values; None where there is none."""
    for part in path:
        try:
            values = values[part]
        except (LookupError, TypeError):
            return None
    return values


def _how_to_add(path: Path) -> str:
    """The remedy for a missing key: its choices where there are few, such as `add environment: test`."""
    field = _shape_at(path[:-1]).model_fields.get(str(path[-1]))
    choices = (
        get_args(field.annotation) if field is not None and get_origin(field.annotation) is Literal else ()
    )
    return " or ".join(f"add {path[-1]}: {choice}" for choice in choices) or "add it"


def _shape_at(path: Path) -> type[BaseModel]:
    """The shape below a path of keys and list positions."""
    shape: type[BaseModel] = Settings
    for part in path:
        shape = OBJECTS_OF_SOURCES.get(str(part), shape)
        field = shape.model_fields.get(part) if isinstance(part, str) else None
        if field is not None:
            shape = model_in(field.annotation) or shape
    return shape


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a key holds, if it holds one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := model_in(part))), None)
