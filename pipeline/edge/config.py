"""config.yaml and the environment over it, as Settings; every mistake is one line that says what to change.

Secrets come from the environment or from files that nobody else can read, never from config.yaml.
"""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import os
import stat
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from pipeline.core.feeds import feed_problems
from pipeline.errors import ConfigError
from schemas.feed import OBJECTS_OF_SOURCES, Feed
from schemas.settings import Settings

PREFIX = "BILLFERRY_"
NOT_KEYS = {"BILLFERRY_CONFIG"}
UNION_BRANCHES = {"str", "list", *OBJECTS_OF_SOURCES}
"""What pydantic puts into the place of a problem with a column's source: the kind of source it was read as."""
KEY_PREFIX = {"test": "sk_test_", "live": "sk_"}


@dataclass(frozen=True, slots=True)
class Config:
    """Settings with absolute paths, and where they were read."""

    settings: Settings
    path: Path

    def feed(self, name: str) -> Feed:
        """The feed of that name. Raises ConfigError."""
        for feed in self.settings.feeds:
            if feed.name == name:
                return feed
        known = [feed.name for feed in self.settings.feeds]
        raise ConfigError(
            where="--feed", problem=f"there is no feed {name}", remedy=f"use one of {', '.join(known)}"
        )


def load_config(path: Path) -> Config:
    """Read config.yaml at `path` and the environment over it. Raises ConfigError."""
    document = _document(path)
    for section, key in (("api", "key"), ("ping", "url")):
        if isinstance(document.get(section), dict) and key in document[section]:
            raise ConfigError(
                where=f"{path}: {section}.{key}",
                problem="a secret does not belong into this file",
                remedy=f"set BILLFERRY_{section.upper()}__{key.upper()} or {section}.{key}_file",
            )
    document = _merged(document, _environment())
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        raise _first_problem(error, document, path) from None
    settings = _with_absolute_paths(settings, path.resolve().parent)
    _check(settings, path)
    return Config(settings, path)


def api_key(settings: Settings) -> str:
    """The secret key. Raises ConfigError when there is none, when it is a public one, or of another environment."""
    api = settings.api
    key, where = _secret("api", "key", api.key, api.key_file, missing="there is no API key")
    if key.startswith("pk_"):
        raise ConfigError(
            where=where,
            problem="this is a public key (pk_), which cannot load bills",
            remedy="use the secret key",
        )
    is_test = key.startswith("sk_test_")
    if not key.startswith("sk_") or is_test != (settings.environment == "test"):
        raise ConfigError(
            where=where,
            problem=f"the key does not fit environment: {settings.environment}",
            remedy=f"use a key that starts with {KEY_PREFIX[settings.environment]}, or change environment",
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(where=where, problem="the key has characters no key has", remedy="copy it again")
    return key


def ping_url(settings: Settings) -> str | None:
    """Where a monitor is told of runs; None when there is none. Raises ConfigError, which does not repeat it."""
    if settings.ping is None:
        return None
    ping = settings.ping
    url, where = _secret("ping", "url", ping.url, ping.url_file, missing="there is no address")
    _check_url(url, where, whose="a monitor", like="https://host/path", shows="the address")
    return url.rstrip("/")


def _secret(
    section: str, key: str, given: SecretStr | None, file: Path | None, *, missing: str
) -> tuple[str, str]:
    """A secret from the environment or from its file, and where it was found. Raises ConfigError."""
    variable = f"BILLFERRY_{section.upper()}__{key.upper()}"
    if given is not None:
        return given.get_secret_value(), variable
    if file is not None:
        return read_secret(file, f"{section}.{key}_file"), f"{section}.{key}_file"
    raise ConfigError(where=section, problem=missing, remedy=f"set {variable} or {section}.{key}_file")


def read_secret(path: Path, where: str) -> str:
    """A secret from a file that only its owner can read. Raises ConfigError."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            where=where, problem=f"{path} cannot be read", remedy="create it or correct the path"
        ) from error
    require_private(path, mode, where)
    if not text:
        raise ConfigError(where=where, problem=f"{path} is empty", remedy="put the secret into it")
    return text


def require_private(path: Path, mode: int, where: str) -> None:
    """Raises ConfigError when others than the owner can read a secret file."""
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            where=where, problem=f"{path} can be read by others", remedy=f"run chmod 600 {path}"
        )


def feed_print(feed: Feed) -> str:
    """A hash of what a feed says of reading, to notice that a file was read with another version of it."""
    said = feed.model_dump_json(exclude={"expect_by", "expect_on"}, exclude_defaults=True)
    return hashlib.sha256(said.encode()).hexdigest()


class _StandsTwice(Exception):
    def __init__(self, key: str, line: int) -> None:
        super().__init__(key)
        self.key, self.line = key, line


class _OnceOnly(yaml.SafeLoader):
    """YAML without doubled keys, of which the loader itself would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise _StandsTwice(key.value, key.start_mark.line + 1)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _OnceOnly)  # noqa: S506 (a SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            where=path,
            problem="cannot be read",
            remedy="name it with --config or $BILLFERRY_CONFIG, or write one with billferry init",
        ) from error
    except _StandsTwice as error:
        where = f"{path}, line {error.line}"
        raise ConfigError(where=where, problem=f"{error.key} stands twice", remedy="remove one") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise ConfigError(where=where, problem="this is not YAML", remedy="correct the line") from None
    if not isinstance(document, dict):
        raise ConfigError(where=path, problem="this is no list of keys", remedy="start from billferry init")
    return document


class _FromEnvironment(Settings, BaseSettings):
    """Only names the fields; nothing is validated with it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        env_parse_none_str="null",
        case_sensitive=False,
    )


def _environment() -> dict[str, Any]:
    for name in os.environ:
        if not name.startswith(PREFIX) or name in NOT_KEYS:
            continue
        key = name.removeprefix(PREFIX).split("__")[0].lower()
        if key not in Settings.model_fields:
            raise ConfigError(
                where=name,
                problem="there is no such key",
                remedy=_did_you_mean(key, Settings.model_fields) or "unset it",
            )
    try:
        return EnvSettingsSource(_FromEnvironment)()
    except (SettingsError, ValueError):
        raise ConfigError(
            where="environment", problem="a BILLFERRY_ variable cannot be read", remedy="write lists as JSON"
        ) from None


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        held = merged.get(key)
        merged[key] = _merged(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return merged


def _first_problem(error: ValidationError, document: Mapping[str, Any], path: Path) -> ConfigError:
    """One mistake of several: an unknown key before the missing one it was meant to be."""
    problems = error.errors(include_input=False, include_url=False)
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    variable = PREFIX + "__".join(str(part) for part in first["loc"]).upper()
    where = (
        variable
        if variable in (name.upper() for name in os.environ)
        else f"{path}: {_place(first, document)}"
    )
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        known = list(_shape_at(first["loc"][:-1]).model_fields)
        remedy = _did_you_mean(str(first["loc"][-1]), known) or "remove it"
        return ConfigError(where=where, problem=f"unknown key{more}", remedy=remedy)
    if first["type"] == "missing":
        return ConfigError(where=where, problem=f"is missing{more}", remedy=_how_to_add(first["loc"]))
    said = first["msg"].removeprefix("Value error, ")
    return ConfigError(where=where, problem=f"{said[0].lower()}{said[1:]}{more}", remedy="correct it")


def _place(problem: ErrorDetails, document: Mapping[str, Any]) -> str:
    """Where a problem is, as a dotted path; feeds by their names."""
    parts = [str(part) for part in problem["loc"] if part not in UNION_BRANCHES]
    if parts[0] == "feeds" and len(parts) > 1:
        try:
            parts[1] = str(document["feeds"][int(parts[1])]["name"])
        except (LookupError, TypeError, ValueError):
            parts[1] = f"number {int(parts[1]) + 1}" if parts[1].isdecimal() else parts[1]
    return ".".join(parts)


def _how_to_add(path: Sequence[object]) -> str:
    field = _shape_at(path[:-1]).model_fields.get(str(path[-1]))
    choices = (
        get_args(field.annotation) if field is not None and get_origin(field.annotation) is Literal else ()
    )
    return " or ".join(f"add {path[-1]}: {choice}" for choice in choices) or "add it"


def _shape_at(path: Iterable[object]) -> type[BaseModel]:
    """The shape below a path of keys and list positions."""
    shape: type[BaseModel] = Settings
    for part in path:
        shape = OBJECTS_OF_SOURCES.get(str(part), shape)
        field = shape.model_fields.get(part) if isinstance(part, str) else None
        if field is not None:
            shape = _model_in(field.annotation) or shape
    return shape


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean {nearest[0]}?" if nearest else ""


def _with_absolute_paths(settings: Settings, base: Path) -> Settings:
    def absolute(value: Any) -> Any:
        if isinstance(value, Path):
            return base / value.expanduser()
        if isinstance(value, BaseModel):
            return value.model_copy(
                update={name: absolute(getattr(value, name)) for name in type(value).model_fields}
            )
        return value

    result: Settings = absolute(settings)
    return result


def _check(settings: Settings, path: Path) -> None:
    """What no single field can tell. Raises ConfigError."""
    _check_url(settings.api.base_url, "api.base_url")
    _check_metrics_file(settings.metrics_file, settings.work_dir)
    _check_zone(settings.timezone)
    for feed in settings.feeds:
        for problem in feed_problems(feed):
            raise ConfigError(where=f"{path}: feed {feed.name}", problem=problem, remedy="correct the feed")
    folders = [("work_dir", settings.work_dir)]
    if settings.drop is not None:
        folders += [
            (f"drop.{name}", getattr(settings.drop, name)) for name in ("folder", "archive", "quarantine")
        ]
    for key, folder in folders:
        _check_folder(key, folder, settings.work_dir)
    secrets = [("api.key_file", settings.api.key_file)]
    if settings.ping is not None:
        secrets.append(("ping.url_file", settings.ping.url_file))
    if settings.sftp is not None:
        names = ("private_key_file", "passphrase_file", "password_file")
        secrets += [(f"sftp.{name}", getattr(settings.sftp, name)) for name in names]
    for key, file in secrets:
        if file is not None and file.exists():
            require_private(file, file.stat().st_mode, key)


def _check_folder(key: str, folder: Path | None, work_dir: Path) -> None:
    """Folders below work_dir are made when needed; any other must be there, or at least the folder it goes into."""
    if folder is None or folder.is_dir() or (folder != work_dir and folder.is_relative_to(work_dir)):
        return
    if key != "drop.folder" and folder.parent.is_dir() and not folder.exists():
        return
    raise ConfigError(where=key, problem=f"there is no folder {folder}", remedy="create it or name another")


def _check_metrics_file(path: Path | None, work_dir: Path) -> None:
    """It is there for another user to read: not in a folder that only its owner can enter."""
    if path is None:
        return
    problem = None
    if path.suffix != ".prom":
        problem = "node_exporter reads files named *.prom alone"
    elif path.is_relative_to(work_dir):
        problem = "nobody else can enter work_dir"
    elif not path.parent.is_dir():
        problem = f"there is no folder {path.parent}"
    if problem:
        remedy = "name a .prom file in the folder of the textfile collector"
        raise ConfigError(where="metrics_file", problem=problem, remedy=remedy)


def _check_url(
    url: str, where: str, *, whose: str = "an API", like: str = "https://host", shows: str = "the key"
) -> None:
    """Raises ConfigError, which does not repeat the address: that of a monitor is a secret."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    plain = url.isprintable() and " " not in url  # urlsplit drops line breaks without a word
    if parts.scheme not in {"http", "https"} or not host or parts.username or not plain:
        raise ConfigError(
            where=where, problem=f"this is no address of {whose}", remedy=f"write it like {like}"
        )
    if parts.query or parts.fragment:
        problem = f"an address of {whose} has no ? and no #, since more is put behind it"
        raise ConfigError(where=where, problem=problem, remedy=f"write it like {like}")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigError(
            where=where,
            problem=f"plain HTTP to another host would show {shows}",
            remedy="use https://",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigError(
            where="timezone",
            problem=f"there is no time zone {name!r}",
            remedy="use a name like Africa/Johannesburg",
        ) from None
