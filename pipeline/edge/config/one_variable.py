"""One BILLFERRY_ variable as nested values, by pydantic-settings, which is loaded only where a variable is set."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError
from pydantic_settings.sources.utils import parse_env_vars

from pipeline.edge.config.document import MAX_DEPTH
from schemas.settings import Settings


def values_of(name: str, text: str) -> dict[str, Any]:
    """What a variable sets, nested as in the file; `name` without our prefix (`SFTP__HOST`).

    Raises ValueError: it is not valid JSON, or nested too deep.
    """
    try:
        return _OneVariable(name, text)()
    except (SettingsError, RecursionError) as error:
        raise ValueError("not valid JSON") from error


class _FromEnvironment(Settings, BaseSettings):
    """Only names the fields; nothing is validated with it."""

    model_config = SettingsConfigDict(
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
