"""config.yaml and the environment over it, as Settings; all mistakes are told at once, one line each."""

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
from pipeline.edge.config.addresses import url_mistake, zone_mistake
from pipeline.edge.config.document import MISTAKEN, Document, NotYaml
from pipeline.edge.config.environment import merged, read_environment
from pipeline.edge.config.folders import path_mistakes
from pipeline.edge.config.mistakes import ValueLocations, model_in, raise_all, shape_mistakes
from pipeline.edge.small_files import NotSmall, read_small
from pipeline.errors import ConfigError
from schemas.feed import Feed
from schemas.settings import Settings

MAX_CONFIG_BYTES = 1_048_576
SECRETS = (("api", "key"), ("ping", "url"))


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
            where="--feed",
            problem=f"there is no feed {redact_keys(name)}",
            remedy=f"use one of {', '.join(known)}",
        )


def load_config(path: Path) -> Config:
    """Read config.yaml at `path` and the environment over it. Raises ConfigError, with all that is wrong."""
    environment = read_environment()
    mistakes: list[ConfigError] = []
    document = _document(path, mistakes)
    places = ValueLocations(path, document, environment)
    mistakes += [*map(places.slip, document.slips), *environment.mistakes]
    if isinstance(document.value, dict):
        mistakes += _secrets_in_the_file(document.value, path)
        values = _text_only(merged(document.value, environment.values), (), places, mistakes)
        settings, leaves = _settings(values, places, mistakes)
        base = Path(os.path.realpath(path)).parent
        mistakes += _what_no_shape_can_tell(leaves, path, base)
        if settings is not None and not mistakes:
            return Config(_with_absolute_paths(settings, base), path)
    raise_all(mistakes)
    raise RuntimeError("a config without settings and without mistakes")


def _document(path: Path, mistakes: list[ConfigError]) -> Document:
    where, problem = str(path), "cannot be read"
    remedy = "name it with --config or $BILLFERRY_CONFIG, or write one with billferry init"
    try:
        document = yaml_text.read_document(read_small(path, MAX_CONFIG_BYTES)[0].decode("utf-8"))
    except NotSmall as error:
        problem = f"cannot be read ({error.strerror})"
    except (OSError, UnicodeDecodeError):
        pass
    except NotYaml as error:
        where = f"{path}, line {error.line}" if error.line else where
        problem, remedy = error.problem, error.remedy
    else:
        if isinstance(document.value, dict) or document.slips:
            return document
        problem, remedy = "this is no list of keys", "start from billferry init"
    mistakes.append(ConfigError(where=where, problem=problem, remedy=remedy))
    return Document()


def _secrets_in_the_file(values: dict[str, Any], path: Path) -> Iterator[ConfigError]:
    """Taken out of `values` as well: the environment may set them."""
    for section, key in SECRETS:
        if isinstance(values.get(section), dict) and key in values[section]:
            values[section] = {name: value for name, value in values[section].items() if name != key}
            yield ConfigError(
                where=f"{path}: {section}.{key}",
                problem="a secret does not belong into this file",
                remedy=f"set BILLFERRY_{section.upper()}__{key.upper()} or {section}.{key}_file",
            )


def _text_only(value: Any, path: yaml_text.Path, places: ValueLocations, mistakes: list[ConfigError]) -> Any:
    """The same values, without text that no file, address or message can hold: NUL and halves of characters."""
    if isinstance(value, str) and not _is_text(value):
        problem, remedy = "it has a character that is not text", "write it again"
        mistakes.append(ConfigError(where=places.of(path), problem=problem, remedy=remedy))
        return MISTAKEN
    if isinstance(value, list):
        return [_text_only(each, (*path, number), places, mistakes) for number, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, held in value.items():
        here = (*path, key)
        if _text_only(key, here, places, mistakes) is not MISTAKEN:
            kept[key] = _text_only(held, here, places, mistakes)
    return kept


def _is_text(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _settings(
    values: dict[str, Any], places: ValueLocations, mistakes: list[ConfigError]
) -> tuple[Settings | None, dict[str, Any]]:
    """The settings unless something is wrong with them, and in any case what is right in them, by dotted keys."""
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        mistakes += shape_mistakes(problems, places)
        wrong = [problem["loc"] for problem in problems]
        return None, dict(_sound(Settings, values, (), wrong))
    return settings, dict(_sound(Settings, values, (), []))


def _sound(
    shape: type[BaseModel], values: Any, path: yaml_text.Path, wrong: Sequence[yaml_text.Path]
) -> Iterator[tuple[str, Any]]:
    """Keys with values that hold by themselves, though others beside them may not; paths as Path, feeds as Feed."""

    def is_sound(place: yaml_text.Path) -> bool:
        return not any(each[: len(place)] == place for each in wrong)

    for name, field in shape.model_fields.items():
        here = (*path, name)
        value = values.get(name, field.default)
        if name == "feeds":
            feeds = enumerate(value if isinstance(value, list) else [])
            yield name, [Feed.model_validate(each) for at, each in feeds if is_sound((*here, at))]
        elif (section := model_in(field.annotation)) is not None:
            if isinstance(value, dict):
                yield from _sound(section, value, here, wrong)
        elif is_sound(here) and value is not None:
            yield ".".join(map(str, here)), Path(value) if _is_path(field.annotation) else value


def _what_no_shape_can_tell(leaves: Mapping[str, Any], path: Path, base: Path) -> Iterator[ConfigError]:
    if isinstance(url := leaves.get("api.base_url"), str) and (wrong := url_mistake(url, "api.base_url")):
        yield wrong
    if isinstance(zone := leaves.get("timezone"), str) and (wrong := zone_mistake(zone)):
        yield wrong
    for feed in leaves.get("feeds", ()):
        for problem in feed_problems(feed):
            yield ConfigError(where=f"{path}: feed {feed.name}", problem=problem, remedy="correct the feed")
    paths = {}
    for key, value in leaves.items():
        if isinstance(value, Path):
            try:
                paths[key] = base / value.expanduser()
            except RuntimeError:
                problem = "the home folder that ~ stands for is not known"
                yield ConfigError(where=key, problem=problem, remedy="write the whole path")
    yield from path_mistakes(paths, path)


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


def _is_path(annotation: Any) -> bool:
    return annotation is Path or any(map(_is_path, get_args(annotation)))
