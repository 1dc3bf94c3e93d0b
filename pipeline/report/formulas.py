"""Text from outside that a spreadsheet would run as a formula, made plain text for files and pages for people.

An apostrophe goes before what begins a formula, as spreadsheets themselves do it: at the start of a cell, and behind
what another list separator or a line end would make the start of one (`;` is the separator in half of the world).
A reference within the API's alphabet stays as it is, so that programs find it: letters, digits, `_` and `-` call no
function. Never for files that are dropped back, where it would be data.
"""

from __future__ import annotations

import re

import polars as pl

_STARTS = r"(^|[;\t\r\n\v\f\x{85}\x{2028}\x{2029}])([\s\"]*[=+\-@＝＋－＠−]|[\t\r])"
_PLAIN = r"^[A-Za-z0-9_-]+$"
_IN_PYTHON = re.compile(re.sub(r"\\x\{([0-9a-f]+)\}", lambda match: chr(int(match[1], 16)), _STARTS))


def defused(text: str) -> str:
    """The text, fit to be copied from a page into a spreadsheet."""
    return text if re.fullmatch(_PLAIN[1:-1], text) else _IN_PYTHON.sub(r"\1'\2", text)


def defused_column(column: str) -> pl.Expr:
    """The same for a column of text (name kept; null stays null)."""
    text = pl.col(column)
    plain = text.str.contains(_PLAIN)
    return pl.when(plain).then(text).otherwise(text.str.replace_all(_STARTS, "${1}'${2}"))
