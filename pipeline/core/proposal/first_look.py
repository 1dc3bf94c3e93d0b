"""How an unknown file is written, as far as its beginning shows: format, encoding, delimiter, and its rows."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.core.names import printable
from pipeline.core.proposal.fixed_width import fixed_table
from pipeline.core.proposal.json_tables import ObjectList, json_table
from pipeline.core.proposal.name_meaning import meaning_of
from pipeline.core.proposal.readings import Guess
from pipeline.core.proposal.table import SAMPLED, Table, TableRow, numbered_rows, sorted_out, usual_width
from pipeline.errors import UsageError
from schemas.feed import Format
from schemas.text_encoding import Encoding

DELIMITERS = (",", ";", "\t", "|", "^", "~")
"""Those that are looked for, the likelier ones first."""
_SEP_LINE = re.compile(r'("?)[sS][eE][pP]=([^\r\n])\1(?:\r\n|\n|\r|\Z)')
_EVEN = 0.8
"""Share of rows of one width that makes a table of lines without words of a header."""
_NEAR = 0.05
"""Delimiters whose rows are nearly as even fit as well."""


@dataclass(frozen=True, slots=True)
class FirstLook:
    """How a file is written, and its table."""

    format: Format
    encoding: Guess[Encoding]
    delimiter: Guess[str]
    table: Table
    first_row: int = 1
    """Of a sheet, the row that is the first line of our copy."""
    has_sep_line: bool = False
    fixed: dict[str, list[int]] | None = None
    """Of fixed-width lines, the first character of each column, and its length."""
    lists: tuple[ObjectList, ...] = ()
    """Of JSON, the fields that are lists of objects, each with the table of its items."""


def look(
    name: str,
    head: bytes,
    *,
    whole: bool,
    workbook: Format | None = None,
    first_row: int = 1,
    notes: Sequence[str] = (),
) -> FirstLook:
    """Take the beginning of a file apart; an incomplete last line is left out.

    `whole`: whether `head` is all of it. `workbook`, `first_row`: for our CSV of a sheet, the format
    of its workbook and the row that it begins with.
    `notes`: what else was seen, for a message.

    Raises UsageError: it is nothing like a table.
    """
    encoding = guess_encoding(head, whole=whole)
    text = decoded(head, encoding.fits[0] if encoding.fits else "cp1252")
    nothing: Guess[Encoding] = Guess((), 0)
    if workbook is not None:
        rows = numbered_rows(text, ",")
        table = _table(name, rows, 1, notes, whole=whole)
        return FirstLook(workbook, nothing, Guess((), 0), table, first_row)
    text = text if whole else text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    begins = text.lstrip()[:1]
    if begins in ("[", "{"):
        table, lists = json_table(name, text, is_array=begins == "[")
        return FirstLook("json" if begins == "[" else "ndjson", encoding, Guess((), 0), table, lists=lists)
    sep = _SEP_LINE.match(text)
    delimiter = guess_delimiter(text) if sep is None else Guess((sep[2],), 1)
    if not delimiter.fits:
        fixed = fixed_table(text, whole=whole)
        if fixed is not None and fixed[0].records:
            return FirstLook("csv", encoding, delimiter, fixed[0], fixed=fixed[1])
        raise UsageError(
            problem=f"{name} is not delimited text: no delimiter gives rows of equal width",
            remedy="init --from reads CSV, workbooks, JSON, and fixed-width lines with names above their columns",
        )
    first = 1 if sep is None else 2
    table = _table(name, numbered_rows(text, delimiter.fits[0]), first, notes, whole=whole)
    return FirstLook("csv", encoding, delimiter, table, has_sep_line=sep is not None)


def _table(
    name: str, rows: Sequence[TableRow], first_line: int, notes: Sequence[str], *, whole: bool
) -> Table:
    """Raises UsageError where there are no records."""
    table = sorted_out(rows, first_line=first_line, whole=whole and len(rows) <= SAMPLED)
    if table is None or not (table.header or table.records):
        seen = f" ({printable('; '.join(notes))})" if notes else ""
        raise UsageError(
            problem=f"no line of {name} looks like a header{seen}", remedy="add one that names each column"
        )
    return table


def guess_encoding(head: bytes, *, whole: bool) -> Guess[Encoding]:
    """By byte order mark, else UTF-8 where the bytes are, else the two one-byte encodings that bytes cannot tell
    apart.

    `head`: the beginning of the file. `whole`: whether that is all of it; else it may end in the middle of a
    character.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Guess(("utf-16",), 1)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        return Guess(("cp1252", "latin-1"), 1) if _is_western(head) else Guess((), 1)
    return Guess(("utf-8",), 1)


def _is_western(head: bytes) -> bool:
    """Whether most bytes beyond ASCII are letters in cp1252 where letters are around them."""
    text = head.decode("cp1252", errors="replace")
    within = re.findall(r"(?<=[^\W\d_])[^\x00-\x7f]|[^\x00-\x7f](?=[a-z])", text)
    return sum(map(str.isalpha, within)) >= 0.7 * len(within)


def decoded(head: bytes, encoding: str) -> str:
    """The text of a beginning; what cannot be decoded is U+FFFD. Raises LookupError for an unknown encoding."""
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    return head.decode(codec, errors="replace")


def guess_delimiter(text: str) -> Guess[str]:
    """The delimiter under which most rows are of one width, and one of them has words of a header; others that fit
    as well come behind it.

    Empty where none gives more than one column: that is no delimited text.
    """
    scores = {delimiter: _evenness(numbered_rows(text, delimiter)) for delimiter in DELIMITERS}
    best = max(scores.values())
    fits = [
        each
        for each in DELIMITERS
        if scores[each][0] == best[0] and scores[each][1] >= max(best[1] - _NEAR, 0.0 if best[0] else _EVEN)
    ]
    fits.sort(key=lambda each: scores[each], reverse=True)
    return Guess(tuple(fits), text.count("\n"))


def _evenness(rows: Sequence[TableRow]) -> tuple[bool, float, int]:
    """Whether a row of the usual width has words of a header, the share of rows of that width, and the width."""
    filled = [row for row in rows if any(row.fields)]
    width = usual_width(filled)
    if width < 2:
        return False, 0.0, 0
    wide = [row for row in filled if abs(len(row.fields) - width) <= 1 and len(row.fields) > 1]
    words = max((sum(bool(meaning_of(each).concepts) for each in row.fields) for row in wide[:60]), default=0)
    return words >= 2, sum(len(row.fields) == width for row in filled) / len(filled), width
