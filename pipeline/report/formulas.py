"""Text from outside that a spreadsheet would run as a formula, made plain text for files and pages for people.

An apostrophe goes before what begins a formula, as spreadsheets themselves do it: at the start of a cell, and behind
what another list separator or a line end would make the start of one (`;` is the separator in half of the world).
A reference within the API's alphabet stays as it is, so that programs find it: letters, digits, `_` and `-` call no
function. Never for files that are dropped back, where it would be data.

Source: OWASP, "CSV Injection", and CWE-1236: `=`, `+`, `-`, `@`, tab, carriage return. Their full-width forms and the
minus sign U+2212 are covered as well, for programs that take them for the same characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import polars as pl

from pipeline.core.redact import is_reference

# Written for polars (Rust's regex crate), which has no look-around: what comes before is captured and put back.
_SEPARATORS = r"[;\t\r\n\v\f\x{85}\x{2028}\x{2029}]"
_SPACES = r"[ \"\x{a0}\x{1680}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]"
_STARTS = rf"(^|{_SEPARATORS})({_SPACES}*[=+\-@＝＋－＠−])"
_DROPPED = r"^([\t\r])"
"""What some programs drop from the start of a cell."""
_REFERENCE = r"^[A-Za-z0-9_-]+$"


def _in_python(pattern: str) -> re.Pattern[str]:
    """Python writes a character by its number in another way than polars does."""
    return re.compile(re.sub(r"\\x\{([0-9a-f]+)\}", lambda match: chr(int(match[1], 16)), pattern))


_STARTS_HERE, _DROPPED_HERE = _in_python(_STARTS), _in_python(_DROPPED)


def defused(text: str) -> str:
    """The text, fit to be copied from a page into a spreadsheet; unchanged where nothing in it begins a formula."""
    return text if is_reference(text) else _DROPPED_HERE.sub(r"'\1", _STARTS_HERE.sub(r"\1'\2", text))


def defused_columns(rows: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    """`defused` for whole columns of text (String); null stays null.

    The columns are searched first, and only those in which something begins a formula are written anew: few have any.
    """
    harmful = rows.select(
        (pl.col(name).str.contains(f"{_STARTS}|{_DROPPED}") & ~pl.col(name).str.contains(_REFERENCE)).alias(
            name
        )
        for name in columns
    )
    return rows.with_columns(
        pl.when(harmful[name])
        .then(pl.col(name).str.replace_all(_STARTS, "${1}'${2}").str.replace(_DROPPED, "'${1}"))
        .otherwise(pl.col(name))
        .alias(name)
        for name in columns
        if harmful[name].any()
    )
