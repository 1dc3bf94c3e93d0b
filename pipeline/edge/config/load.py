"""config.yaml and the environment over it, as Settings; all mistakes are reported at once, one line each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from pipeline.core.mapping.feed_validation import feed_problems
from pipeline.core.redact import redact_keys
from pipeline.edge.config import document as yaml_text
from pipeline.edge.config.addresses import is_address, page_mistake, store_mistake, url_mistake, zone_mistake
from pipeline.edge.config.document import INVALID, Document, UnreadableYaml
from pipeline.edge.config.environment import merged, read_environment
from pipeline.edge.config.folders import path_mistakes
from pipeline.edge.config.mistakes import ValueLocations, model_in, own_parts, raise_all, shape_mistakes
from pipeline.edge.config.unset import paths_within, repaired, without_unset
from pipeline.edge.operator_files import NotASmallFile, read_small
from pipeline.errors import ConfigError
from schemas.feed import Feed
from schemas.settings import Settings

MAX_CONFIG_BYTES = 1_048_576
SECRETS = (("api", "key"), ("ping", "url"))
"""Section and key of values that may come from the environment or a private file only."""


@dataclass(frozen=True, slots=True)
class Config:
    """Settings with absolute paths, and where they were read."""

    settings: Settings
    path: Path

    def feed(self, name: str) -> Feed:
        """The feed of that name. Raises ConfigError, which lists the names there are."""
        for feed in self.settings.feeds:
            if feed.name == name:
                return feed
        known = [feed.name for feed in self.settings.feeds]
        raise ConfigError(
            where="--feed",
            problem=f"unknown feed {redact_keys(name)}",
            remedy=f"use one of {', '.join(known)}",
        )


def load_config(path: Path | str, *, folders_may_be_missing: bool = False) -> Config:
    """Read config.yaml at `path` and the environment over it.

    `folders_may_be_missing`: for what looks at the set-up and needs no folder; a run needs them.

    A mistake in one place does not hide those in others: what is right is checked further, so that one run of the
    command shows everything that has to be corrected.

    Raises:
        ConfigError: with all that is wrong, one line each, and no value repeated.
    """
    path, environment = Path(path), read_environment()
    mistakes: list[ConfigError] = []
    document = _document(path, mistakes)
    locations = ValueLocations(path, document, environment)
    mistakes += [*map(locations.mistake_at, document.mistakes), *environment.mistakes]
    if isinstance(document.value, dict):
        mistakes += _secrets_in_the_file(document.value, path)
        values = _text_only(merged(document.value, environment.values), (), locations, mistakes)
        values = without_unset(values, path, mistakes)
        settings, leaves = _settings(values, locations, mistakes)
        base = Path(os.path.realpath(path)).parent
        mistakes += _semantic_mistakes(leaves, path, base, folders_may_be_missing=folders_may_be_missing)
        if settings is not None and settings.page is not None:
            mistakes += [wrong] if (wrong := page_mistake(settings.page)) else []
        if settings is not None and not mistakes:
            return Config(_with_absolute_paths(settings, base), path)
    raise_all(mistakes)
    raise RuntimeError("a config without settings and without mistakes")


def _document(path: Path, mistakes: list[ConfigError]) -> Document:
    """The file's values; an empty document, and a line in `mistakes`, when it cannot be read."""
    where, problem = str(path), "cannot be read"
    remedy = "name it with --config or $BILLFERRY_CONFIG, or write one with billferry init"
    try:
        document = yaml_text.read_document(read_small(path, MAX_CONFIG_BYTES)[0].decode("utf-8"))
    except NotASmallFile as error:
        problem = f"cannot be read ({error.strerror})"
    except (OSError, UnicodeDecodeError):
        pass
    except UnreadableYaml as error:
        where = f"{path}, line {error.line}" if error.line else where
        problem, remedy = error.problem, error.remedy
    else:
        if isinstance(document.value, dict) or document.mistakes:
            return document
        problem, remedy = "this is not a list of keys", "start from billferry init"
    mistakes.append(ConfigError(where=where, problem=problem, remedy=remedy))
    return Document()


def _secrets_in_the_file(values: dict[str, Any], path: Path) -> Iterator[ConfigError]:
    """Taken out of `values` as well: the environment may set them."""
    for section, key in SECRETS:
        if isinstance(values.get(section), dict) and key in values[section]:
            values[section] = {name: value for name, value in values[section].items() if name != key}
            yield ConfigError(
                where=f"{path}: {section}.{key}",
                problem="secrets must not be in this file",
                remedy=f"set BILLFERRY_{section.upper()}__{key.upper()} or {section}.{key}_file",
            )


def _text_only(
    value: Any, path: yaml_text.Path, locations: ValueLocations, mistakes: list[ConfigError]
) -> Any:
    """The same values, without text that no file, address or message can hold: NUL and halves of characters."""
    if isinstance(value, str) and not _is_text(value):
        problem, remedy = "it has a character that is not text", "write it again"
        mistakes.append(ConfigError(where=locations.of(path), problem=problem, remedy=remedy))
        return INVALID
    if isinstance(value, list):
        return [_text_only(each, (*path, number), locations, mistakes) for number, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, held in value.items():
        here = (*path, key)
        if _text_only(key, here, locations, mistakes) is not INVALID:
            kept[key] = _text_only(held, here, locations, mistakes)
    return kept


def _is_text(value: str) -> bool:
    """Neither NUL, which no file name can have, nor half of a UTF-16 pair, which no encoding can write."""
    return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _settings(
    values: dict[str, Any], locations: ValueLocations, mistakes: list[ConfigError]
) -> tuple[Settings | None, dict[str, Any]]:
    """The settings unless something is wrong with them, and in any case what is right in them.

    Returns:
        Settings or None, and dotted key → value of every leaf that is valid by itself (`feeds` → list of Feed).
    """
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        mistakes += shape_mistakes(problems, locations)
        wrong = [own_parts(problem["loc"]) for problem in problems]
        return None, dict(_valid_leaves(Settings, values, (), wrong))
    return settings, dict(_valid_leaves(Settings, values, (), []))


def _valid_leaves(
    shape: type[BaseModel], values: Any, path: yaml_text.Path, wrong: Sequence[yaml_text.Path]
) -> Iterator[tuple[str, Any]]:
    """Keys with values that hold by themselves, though others beside them may not; paths as Path, feeds as Feed."""

    def is_valid(place: yaml_text.Path) -> bool:
        return not any(each[: len(place)] == place for each in wrong)

    for name, field in shape.model_fields.items():
        here = (*path, name)
        value = values.get(name, field.default)
        if name == "feeds":
            feeds = enumerate(value if isinstance(value, list) else [])
            read = (repaired(each, list(paths_within(wrong, (*here, at)))) for at, each in feeds)
            yield name, [feed for feed in read if feed is not None]
        elif (section := model_in(field.annotation)) is not None:
            if isinstance(value, dict):
                yield from _valid_leaves(section, value, here, wrong)
        elif is_valid(here) and value is not None:
            if isinstance(value, list) and _is_path(field.annotation):
                for at, each in enumerate(value):
                    yield ".".join(map(str, (*here, at))), Path(each)
            else:
                is_path = _is_path(field.annotation) and not is_address(value)
                yield ".".join(map(str, here)), Path(value) if is_path else value


def _semantic_mistakes(
    leaves: Mapping[str, Any], path: Path, base: Path, *, folders_may_be_missing: bool
) -> Iterator[ConfigError]:
    """Mistakes that types cannot show: addresses, time zones, feeds that contradict themselves, places of files."""
    if isinstance(url := leaves.get("api.base_url"), str) and (wrong := url_mistake(url, "api.base_url")):
        yield wrong
    if (wrong := store_mistake(leaves.get("store"), leaves.get("s3.endpoint"))) is not None:
        yield wrong
    if isinstance(zone := leaves.get("timezone"), str) and (wrong := zone_mistake(zone)):
        yield wrong
    has_payments = any(key.startswith("payments.") for key in leaves)
    for feed in leaves.get("feeds", ()):
        for problem in feed_problems(feed):
            yield ConfigError(where=f"{path}: feed {feed.name}", problem=problem, remedy="correct the feed")
        if feed.is_of_reports and not has_payments:
            problem = "kind: reconciliation compares reports with payments, and there is no payments section"
            yield ConfigError(where=f"{path}: feed {feed.name}", problem=problem, remedy="add payments:")
    paths = {}
    for key, value in (*leaves.items(), *_key_files(leaves.get("feeds", ()))):
        if isinstance(value, Path):
            try:
                paths[key] = base / value.expanduser()
            except RuntimeError:
                problem = "the home folder that ~ stands for is not known"
                yield ConfigError(where=key, problem=problem, remedy="write the whole path")
    yield from path_mistakes(paths, path, folders_may_be_missing=folders_may_be_missing)


def _key_files(feeds: Sequence[Feed]) -> Iterator[tuple[str, Path]]:
    """Dotted key → path of the files of keys that feeds name."""
    for feed in feeds:
        for name, value in feed.pgp or ():
            if isinstance(value, Path):
                yield f"feeds.{feed.name}.pgp.{name}", value


def _with_absolute_paths(settings: Settings, base: Path) -> Settings:
    """Paths in a config are relative to the folder of the config file, not to where the command is started."""

    def absolute(value: Any) -> Any:
        if isinstance(value, Path):
            return base / value.expanduser()
        if isinstance(value, list):
            return [absolute(each) for each in value]
        if isinstance(value, BaseModel):
            return value.model_copy(
                update={name: absolute(getattr(value, name)) for name in type(value).model_fields}
            )
        return value

    result: Settings = absolute(settings)
    return result


def _is_path(annotation: Any) -> bool:
    """Whether a key of this type holds a path, also an optional one."""
    return annotation is Path or any(map(_is_path, get_args(annotation)))
