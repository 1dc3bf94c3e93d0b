"""BILLFERRY_ variables as nested values, to be put over those of the file; each is read by itself."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError
from pydantic_settings.sources.utils import parse_env_vars

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
            values = _OneVariable(name, text)()
        except (SettingsError, ValueError, RecursionError):
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


class _FromEnvironment(Settings, BaseSettings):
    """Only names the fields; nothing is validated with it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        env_parse_none_str="null",
        case_sensitive=False,
    )


class _OneVariable(EnvSettingsSource):
    """One variable alone, so that a mistake is reported under its own name."""

    def __init__(self, name: str, text: str) -> None:
        self._one = {name: text}
        super().__init__(_FromEnvironment)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        """Overridden so that pydantic-settings sees this variable alone, and not the whole environment."""
        return parse_env_vars(self._one, self.case_sensitive, self.env_ignore_empty, self.env_parse_none_str)

    def decode_complex_value(self, _name: str, _field: FieldInfo, value: Any) -> Any:
        """JSON, by the rules of the file: no key twice, nothing nested without end. Raises ValueError."""
        decoded = json.loads(value, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
        _require_shallow([decoded], MAX_DEPTH)
        return decoded


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object as a dict. Raises ValueError where `json` would silently keep the last of two equal keys."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _refuse_constant(_: str) -> NoReturn:
    """`json` accepts NaN and Infinity, which RFC 8259 does not have."""
    raise ValueError("NaN and Infinity are not JSON")


def _require_shallow(values: Iterable[Any], levels: int) -> None:
    """Raise ValueError when values are nested deeper than `levels`: later steps recurse."""
    for value in values:
        if isinstance(value, dict | list):
            if levels == 0:
                raise ValueError("nested too deep")
            _require_shallow(value.values() if isinstance(value, dict) else value, levels - 1)
