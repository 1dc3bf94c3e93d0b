"""Text that a program wrote as a formula, so that a spreadsheet leaves it alone: `="007"` in a CSV file.

To RFC 4180 that is a quote inside a field. Here it is another way of quoting one, also where the writer quoted the
formula once more, with its quotes doubled.
"""

from __future__ import annotations

import re
from functools import cache

import polars as pl

_SIGN = '="'
"""Without it, no line has such a field."""


def with_plain_quotes(lines: pl.DataFrame, suspect: pl.Series, delimiter: str) -> pl.DataFrame:
    """Physical lines (of `csv_structure.lines_of`) whose formulas of text are quoted fields.

    `suspect`: which lines to look at. A line that does not begin with a whole field stays as it is.
    """
    rows = (suspect & lines["text"].str.contains(_SIGN, literal=True)).arg_true()
    if rows.is_empty():
        return lines
    formula, pieces = _patterns(delimiter)
    texts = lines["text"].gather(rows)
    mark = re.escape(delimiter)
    simple = texts.str.contains(f'^(?:{formula}|[^"{mark}]*)(?:{mark}(?:{formula}|[^"{mark}]*))*$')
    plain = (
        texts.to_frame("text")
        .select(
            pl.col("text")
            .str.replace_all(f'(^|{mark})"=""([^"]*)"""', '${1}"${2}"')
            .str.replace_all(f'(^|{mark})="', '${1}"')
        )
        .to_series()
    )
    others = (~simple).arg_true()
    if len(others):
        rewritten = [_rewritten(text, pieces) for text in texts.gather(others)]
        plain = plain.scatter(others, rewritten)
    return lines.with_columns(lines["text"].scatter(rows, plain))


@cache
def _patterns(delimiter: str) -> tuple[str, re.Pattern[str]]:
    """A field that is a formula, and a field of any kind with the delimiter before it; a quoted one may go on in the
    next line.
    """
    mark = re.escape(delimiter)
    formula = '(?:="[^"]*"|"=""[^"]*""")'
    field = f'="(?P<bare>[^"]*)"|"=""(?P<quoted>[^"]*)"""|"(?:[^"]|"")*"|"(?:[^"]|"")*$|[^"{mark}]*'
    return formula, re.compile(f"(?P<before>^|{mark})(?:{field})(?={mark}|$)", re.DOTALL)


def _rewritten(text: str, pieces: re.Pattern[str]) -> str:
    """A line that has other quoted fields as well."""
    found = list(pieces.finditer(text))
    if "".join(each[0] for each in found) != text:
        return text
    return "".join(
        each[0]
        if (inside := each["bare"] if each["bare"] is not None else each["quoted"]) is None
        else f'{each["before"]}"{inside}"'
        for each in found
    )
