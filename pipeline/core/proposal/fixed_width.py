"""Columns of fixed-width lines, where a line of dashes below the header or gaps through all lines show them.

What only one line shows is not believed: a name may have a gap of its own. Where neither is there, a person has to say
where columns begin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from pipeline.core.proposal.name_meaning import meaning_of
from pipeline.core.proposal.table import Table, TableRow, is_value, with_records

_RULER = re.compile(r"\s*([-=]{2,})(\s+[-=]{2,})+\s*")
_LOOKED_AT = 60
_FEWEST_RECORDS = 5
"""Lines that must agree on where gaps are."""
Span = tuple[int, int]


def fixed_table(text: str, *, whole: bool) -> tuple[Table, dict[str, list[int]]] | None:
    """The table, and of each column its first character, counted from 1, and its length; None where lines show none."""
    lines = re.split("\r\n|\n|\r", text)
    found = _by_ruler(lines) or _by_gaps(lines)
    if found is None:
        return None
    header, start, spans = found
    names = tuple(lines[header][first:end].strip() for first, end in spans)
    if not all(names) or len(set(names)) < len(names) or any(map(is_value, names)):
        return None
    rows = [
        TableRow(number, _cells(line, spans), line)
        for number, line in enumerate(lines, start=1)
        if number > header
    ]
    above = tuple(
        TableRow(number, (line.strip(),), line)
        for number, line in enumerate(lines[:header], start=1)
        if line.strip()
    )
    table = Table(names, tuple(range(header + 1, start + 1)), 1, (), above=above)
    table = with_records(table, rows, start + 1, whole=whole)
    return table, {name: [first + 1, end - first] for name, (first, end) in zip(names, spans, strict=True)}


def _cells(line: str, spans: Sequence[Span]) -> tuple[str, ...]:
    """The fields of a line; only one where something is between the columns, for that is no record."""
    between = "".join(line[before[1] : after[0]] for before, after in pairwise(spans))
    if between.strip():
        return (line.strip(),)
    return tuple(line[first:end].strip() for first, end in spans)


def _by_ruler(lines: Sequence[str]) -> tuple[int, int, list[Span]] | None:
    """Index of the header, lines up to the first record, and the spans of a line of dashes below the header."""
    for at, line in enumerate(lines[:_LOOKED_AT]):
        if at and _RULER.fullmatch(line) and lines[at - 1].strip():
            return at - 1, at + 1, [found.span() for found in re.finditer("[-=]{2,}", line)]
    return None


def _by_gaps(lines: Sequence[str]) -> tuple[int, int, list[Span]] | None:
    """The same by two or more spaces that go through the header and all records below it."""
    for at, line in enumerate(lines[:_LOOKED_AT]):
        words = [each for each in re.split(r"\s{2,}", line.strip()) if meaning_of(each).concepts]
        below = [each for each in lines[at + 1 : at + 1000] if len(each.strip()) > 0.8 * len(line.strip())]
        if len(words) < 3 or len(below) < _FEWEST_RECORDS:
            continue
        width = max(map(len, (line, *below)))
        filled = [
            any(place < len(each) and each[place] != " " for each in (line, *below)) for place in range(width)
        ]
        marks = "".join("x" if each else " " for each in filled)
        spans = [found.span() for found in re.finditer(r"x(?: ?x)*", marks)]
        if len(spans) >= 3:
            return at, at + 1, spans
    return None
