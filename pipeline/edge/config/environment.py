"""BILLFERRY_ variables as nested values, to be put over those of the file; each is read by itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.edge.config.document import MAX_DEPTH, Path
from pipeline.edge.config.words import did_you_mean, nearest_word
from pipeline.errors import ConfigError
from schemas.settings import Settings

PREFIX = "BILLFERRY_"
NOT_KEYS = {"BILLFERRY_CONFIG"}
"""Variables with our prefix that set no key of the file."""


@dataclass(slots=True)
class Environment:
    """What the variables set, by the path of each."""

    values: dict[str, Any] = field(default_factory=dict)
    """Nested as in the file, keys in small letters."""
    variables: dict[Path, str] = field(default_factory=dict)
    """Path, in small letters → the variable's name."""
    mistakes: list[ConfigError] = field(default_factory=list)

    def variable_of(self, path: Path) -> tuple[str, Path] | None:
        """The variable that a value was set by, and the rest of its path within that variable's JSON."""
        small = tuple(str(part).lower() for part in path)
        for length in range(len(path), 0, -1):
            if (name := self.variables.get(small[:length])) is not None:
                return name, path[length:]
        return None


def read_environment() -> Environment:
    """All variables whose names begin with BILLFERRY_, in any case; empty ones do not count.

    `BILLFERRY_SFTP__HOST` sets `sftp.host`; lists and sections are JSON. Nothing is raised: mistakes are in the result,
    beside those of the file, so that all are reported at once.
    """
    found = Environment()
    for name, text in sorted(os.environ.items()):
        if not name.upper().startswith(PREFIX) or name.upper() in NOT_KEYS:
            continue
        path = tuple(name[len(PREFIX) :].lower().split("__"))
        if path[0] not in Settings.model_fields or len(path) > MAX_DEPTH:
            remedy = did_you_mean(nearest_word(path[0], Settings.model_fields)) or "unset it"
            found.mistakes.append(ConfigError(where=name, problem="there is no such key", remedy=remedy))
            continue
        try:
            values = _values_of(name[len(PREFIX) :], text)
        except ValueError:
            problem, remedy = (
                "it is not valid JSON",
                'write a list like ["a", "b"] and a section like {"key": 1}',
            )
            found.mistakes.append(ConfigError(where=name, problem=problem, remedy=remedy))
            continue
        if values:
            found.values = merged(found.values, values)
            found.variables[path] = name
    return found


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested mappings as one; where both have a value, that of `above`. Lists are replaced, not joined."""
    result = dict(below)
    for key, value in above.items():
        held = result.get(key)
        result[key] = merged(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return result


def _values_of(name: str, text: str) -> dict[str, Any]:
    """What a variable sets. Raises ValueError."""
    from pipeline.edge.config.one_variable import values_of  # noqa: PLC0415 - pydantic-settings loads asyncio

    return values_of(name, text)
