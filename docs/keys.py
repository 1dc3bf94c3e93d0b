"""The keys of config.yaml as tables, from the shapes in schemas/: path, type, default and attribute docstring."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from docs.tables import table
from schemas.column_sources import ColumnSource, Const
from schemas.feed import THOUSANDS_NAMES, Feed
from schemas.settings import Settings

_HEAD = ("key", "type", "default", "meaning")
_SIGNS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
_WORDS: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    Path: "path",
    SecretStr: "secret",
    NoneType: "null",
}
_SPELLED = {character: name for name, character in THOUSANDS_NAMES.items()}


def settings_keys() -> str:
    """Keys outside of feeds."""
    return table(_HEAD, _rows(Settings, ""))


def feed_keys() -> str:
    """Keys of one feed."""
    return table(_HEAD, _rows(Feed, ""))


def key_paths(shape: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key below a shape, as dotted paths; those of a feed are relative to it."""
    for name, field in shape.model_fields.items():
        yield prefix + name
        section = _section(field.annotation)
        if section is not None:
            yield from key_paths(section, f"{prefix}{name}.")


def _rows(shape: type[BaseModel], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, field in shape.model_fields.items():
        section = _section(field.annotation)
        type_ = "section" if section is not None else _type(field.annotation, field)
        yield f"`{prefix}{name}`", type_, _default(field, section), attribute_docstrings(shape).get(name, "")
        if section is not None:
            yield from _rows(section, f"{prefix}{name}.")


def _section(annotation: Any) -> type[BaseModel] | None:
    """The shape of a key that holds keys of its own. Feeds have a table of their own; constants are described there."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in {Const, Feed}:
            return kind
    return None


@cache
def attribute_docstrings(shape: type[BaseModel]) -> dict[str, str]:
    """Each key of a shape → the docstring below it, on one line.

    Read here and not by pydantic (`use_attribute_docstrings`), which would read the source of every shape at each
    start of the command line: a tenth of it.
    """
    found: dict[str, str] = {}
    for kind in reversed(shape.__mro__[: shape.__mro__.index(BaseModel)]):
        (shape_body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        for pair in pairwise(getattr(shape_body, "body", ())):
            match pair:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[name] = " ".join(text.split())
    return found


def _default(field: FieldInfo, section: type[BaseModel] | None) -> str:
    if field.is_required():
        return "**required**"
    if section is not None and not isinstance(field.default, str):
        return "" if field.default is not None else "absent"
    value = str(field.default) if isinstance(field.default, Path) else field.default
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _type(annotation: Any, field: FieldInfo | None = None) -> str:
    bounds = _bounds(field.metadata) if field is not None else ""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        return _type(inner) + _bounds(metadata)
    if origin is Literal:
        return " or ".join(f"`{_SPELLED.get(value, value)}`" for value in get_args(annotation))
    if origin in {Union, UnionType}:
        return " or ".join(dict.fromkeys(_type(part) for part in get_args(annotation))) + bounds
    if origin is list:
        return f"list of {_type(get_args(annotation)[0])}" + bounds
    if origin is dict:
        value = get_args(annotation)[1]
        return "canonical column → source" if value is ColumnSource else f"text → {_type(value)}"
    return (_WORDS.get(annotation) or ("feed" if annotation is Feed else "section")) + bounds


def _bounds(metadata: list[Any]) -> str:
    limits = []
    for each in metadata:
        for part in getattr(each, "metadata", None) or [each]:
            sign = _SIGNS.get(type(part))
            if sign is not None:
                limits.append(f"{sign[0]} {getattr(part, sign[1]):,}".replace(",", " "))
    return f", {' and '.join(limits)}" if limits else ""
