"""Lines that fit a terminal: file names cut in the middle, words kept whole, tables. Pure.

Widths are cells, not characters: CJK and emoji take two, combining marks none (Unicode Standard Annex #11, through
`rich.cells`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

LEAST_NAME = 12
"""A name that is cut further says nothing."""


def cut_middle(text: str, width: int) -> str:
    """The text in at most `width` cells, with `…` for what is left out; both ends stay, since names differ at their
    ends.

    It may come out narrower: a character of two cells is never cut in half. Width 0 or less gives an empty text.
    """
    if cell_len(text) <= width:
        return text
    if width < 3:
        return set_cell_size(text, max(width, 0))
    left = (width - 1) // 2
    end = text
    while cell_len(end) > width - 1 - left:
        end = end[1:]
    start = text
    while cell_len(start) > left:
        start = start[:-1]
    return f"{start}…{end}"


def wrapped(text: str, width: int) -> str:
    """Each line wrapped at spaces, what follows indented below it.

    A word that is wider than the terminal stays whole on a line of its own: a path can then still be copied.
    """
    return "\n".join(part for line in text.split("\n") for part in _parts(line, width))


def _parts(line: str, width: int) -> list[str]:
    """One line as several: broken only before a word, so blanks inside a part stay and columns stay aligned."""
    indent = " " * (len(line) - len(line.lstrip(" ")) + 2)
    parts, now = [], ""
    for word in re.findall(r" *[^ ]+", line):
        if now and cell_len(now + word) > width:
            parts.append(now)
            now = indent + word.lstrip(" ")
        else:
            now += word
    return [*parts, now]


def headed(line: str, width: int) -> str:
    """`<file name>: <state> (feed …)`; where it does not fit, the name gives way, then the rest follows below it."""
    name, colon, rest = line.rpartition(": ")
    room = width - cell_len(colon + rest)
    if room >= min(cell_len(name), LEAST_NAME):
        return cut_middle(name, room) + colon + rest
    return wrapped(cut_middle(name, width - 1) + colon + rest, width)


def aligned(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """A table as lines of at most `width` cells, indented by two.

    Args:
        rows: all of one length; the first column is words, the others are numbers, set to the right.

    Columns that do not fit follow below as a second table with the first column again; a row that has nothing in the
    columns of a table is left out there. Never cut: half an amount is a wrong amount.
    """
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    shown, room = [1], width - 2 - widths[0] - 2 - widths[1]
    lines: list[str] = []
    for column in range(2, len(widths)):
        if room < 2 + widths[column] and len(shown) > 1:
            lines += _lines(rows, widths, shown)
            shown, room = [], width - 2 - widths[0]
        shown.append(column)
        room -= 2 + widths[column]
    return [*lines, *_lines(rows, widths, shown)]


def _lines(rows: Sequence[Sequence[str]], widths: Sequence[int], shown: Sequence[int]) -> list[str]:
    return [
        ("  " + row[0].ljust(widths[0]) + "".join("  " + row[at].rjust(widths[at]) for at in shown)).rstrip()
        for row in rows
        if any(row[at] for at in shown)
    ]
