"""Lines that fit a terminal: file names cut in the middle, words kept whole, one line of progress. Pure.

Widths are cells, not characters: CJK and emoji take two, combining marks none (Unicode Standard Annex #11, through
`rich.cells`). A line that is one cell too wide wraps, and a progress line that wraps can no longer be overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

BAR = 20
LEAST_NAME = 12
"""A name that is cut further says nothing."""
ROOM_FOR_KEYS = 3
"""Free at the end of a progress line: the terminal writes `^C` there, and must not begin a line of its own for it."""


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


def progress_line(
    width: int, *, verb: str, name: str, done: int, total: int, unit: str, elapsed_s: float, note: str
) -> str:
    """One line that never wraps. First the bar gives way, then the name, then how much is done, then the note.

    Args:
        width: cells of the terminal; some at its end stay free for the keys that a terminal writes out.
        done, total: in `unit`, `bytes` or `records`. `total` 0 counts as done; `done` may exceed it.
        elapsed_s: since the stage began. For the first half second no speed is shown: it would be chance.
        note: a word on what the work waits for; may be empty.
    """
    share = min(done / total, 1.0) if total else 1.0
    per_s = done / elapsed_s if elapsed_s >= 0.5 else 0.0
    amount, facts = _amount(done, total, unit), [f"{share:.0%}"]
    if per_s:
        facts.append(f"{_size(per_s, unit)}/s")
        if 0 < done < total:
            facts.append(f"{_time((total - done) / per_s)} left")
    summary, notes = ", ".join(facts), [note] if note else []
    everything = ", ".join([amount, summary, *notes])
    bar = "━" * round(BAR * share) + "─" * (BAR - round(BAR * share))
    # From the most to the least that can be said; the first that leaves room for enough of the name is taken.
    tails = (
        f"{bar} {everything}",
        everything,
        ", ".join([summary, *notes]),
        f"{amount}, {summary}",
        summary,
        facts[0],
    )
    for tail, least in zip(tails, (2 * LEAST_NAME, *[LEAST_NAME] * 5), strict=True):
        room = width - ROOM_FOR_KEYS - cell_len(f"{verb}  {tail}")
        if room >= min(cell_len(name), least):
            return f"{verb} {cut_middle(name, room)} {tail}"
    return cut_middle(f"{verb} {name} {facts[0]}", width - ROOM_FOR_KEYS)


def _amount(done: int, total: int, unit: str) -> str:
    if unit == "bytes":
        return f"{_size(done, unit)} of {_size(total, unit)}"
    return f"{done:,} of {total:,}".replace(",", " ")


def _size(number: float, unit: str) -> str:
    """Records as they are, bytes in decimal units (1 kB = 1000 B, as disks and networks count them)."""
    if unit == "records":
        return f"{number:,.{0 if number >= 10 else 1}f}".replace(",", " ")
    for name, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {name}"
    return f"{number:.0f} B"


def _time(seconds: float) -> str:
    """`5 s`, `3 min 05 s`, `2 h 07 min`."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02} min" if hours else f"{minutes} min {left:02} s" if minutes else f"{left} s"
    )
