"""Pieces of commented YAML, with everything from outside quoted and made visible."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core.names import printable

_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
"""What YAML and people know by these names."""


def key_of(canonical: str) -> str:
    """A key, quoted where it has other characters than ours."""
    return canonical if re.fullmatch(r"[a-z_.]+", canonical, re.ASCII) else quoted(canonical)


def quoted(text: str) -> str:
    """A YAML scalar; what cannot be seen is escaped, a tab as `\\t`."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return _SHORT.get(character, f"\\U{ord(character):08x}")


def listing(texts: Sequence[str]) -> str:
    """A YAML list on one line."""
    return f"[{', '.join(map(quoted, texts))}]"


def value_of(value: Any) -> str:
    """A text, a list of texts or a mapping on one line; true and false as YAML writes them."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow_key(key)}: {value_of(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(value_of, value)) + "]"
    return quoted(value) if isinstance(value, str) else str(value)


def _flow_key(key: str) -> str:
    return key if re.fullmatch("[a-z_]+", key, re.ASCII) else quoted(key)


def line(key: str, value: str, comment: str = "") -> str:
    """One key of the feed, with a comment that says how it was found."""
    text = f"    {key}: {value}"
    return f"{text.ljust(44)}  # {printable(comment)}" if comment else text
