"""Records of a rejects file with some of their values replaced, as text; all else stays as the merchant wrote it.

Records are taken apart only as far as it takes to find a value, and never written anew: quotes, blanks, digits of
numbers, the order of keys and our own columns stay. Sources: RFC 4180 for quotes, RFC 8259 for JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

_QUOTED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
_BREAKS = re.compile(r"\r\n|\r|\n")
_BLANKS = re.compile(r"[ \t\r\n]*")
_VALUE = json.JSONDecoder(parse_int=str, parse_float=str)


class DoesNotFit(Exception):
    """A value is longer than its place in a line of fixed width. `str()` is a sentence fit to print."""


def same_text(sent: str, own: str) -> bool:
    """Whether a value came back as it was shown: a browser writes every line break as CRLF (HTML, form submission)."""
    return _BREAKS.sub("\n", sent) == _BREAKS.sub("\n", own)


def delimited_record(text: str, edits: Mapping[int, str], *, separator: str, delimiter: str) -> str:
    """A record of CSV.

    Args:
        text: of a sound record.
        edits: position of a column → its value from now on.
        separator: what is between the fields of `text`; one character.
        delimiter: what the file writes for it, perhaps several; in the result too.
    """
    starts = [*_field_starts(text, separator), len(text) + 1]
    fields = [text[start : end - 1] for start, end in pairwise(starts)]
    for position, value in edits.items():
        fields[position] = _quoted_if_needed(value, fields[position], (separator, delimiter))
    return separator.join(fields).replace(separator, delimiter)


def _field_starts(text: str, separator: str) -> Iterator[int]:
    start = 0
    while True:
        yield start
        quoted = _QUOTED.match(text, start)
        at = text.find(separator, quoted.end() if quoted else start)
        if at == -1:
            return
        start = at + 1


def _quoted_if_needed(value: str, before: str, delimiters: tuple[str, str]) -> str:
    """A field of CSV. Line breaks are those that it had before."""
    found = _BREAKS.search(before)
    value = _BREAKS.sub(found[0] if found else "\n", value)
    is_plain = value == value.strip() and not any(each in value for each in ('"', "\r", "\n", *delimiters))
    return value if is_plain and '"' not in before else '"' + value.replace('"', '""') + '"'


def json_record(text: str, edits: Mapping[str, str]) -> str:
    """A sound record of NDJSON, an object. `edits`: key → its text from now on, also of keys that it does not have.

    A value that is replaced becomes a text: numbers are read the same from a text, and how the feed writes them.
    """
    left = dict(edits)
    pieces, end = list[str](), text.index("{") + 1
    added = end
    for key, start, stop in list(_members(text)):
        if (value := left.pop(key.strip(), None)) is not None:
            pieces += [text[end:start], json.dumps(value, ensure_ascii=False)]
            end = stop
    new = "".join(
        f"{json.dumps(key, ensure_ascii=False)}:{json.dumps(value, ensure_ascii=False)},"
        for key, value in left.items()
    )
    whole = "".join((*pieces, text[end:]))
    return f"{text[:added]}{new}{whole}"


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    """Key of each member of an object, and where its value begins and ends."""
    at = _skip(text, text.index("{") + 1)
    while text.startswith('"', at):
        key, at = _VALUE.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, end = _VALUE.raw_decode(text, start)
        yield key, start, end
        at = _skip(text, _skip(text, end) + 1)


def _skip(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def fixed_record(
    text: str,
    edits: Mapping[str, str],
    *,
    columns: Mapping[str, tuple[int, int]],
    length: int,
    ours: re.Pattern[str],
) -> str:
    """A line of fixed width with our columns behind it.

    Args:
        edits: name of a column → its value from now on; where it was on the right of its place, it stays there.
        columns: name → first character, from 0, and length.
        length: characters of a line; spaces that were stripped at its end come back.
        ours: finds our columns.

    Raises:
        DoesNotFit: a value is longer than its place.
    """
    found = ours.search(text)
    line, behind = (text[: found.start()], found[0]) if found else (text, "")
    line = line.ljust(length)
    for name, value in edits.items():
        first, size = columns[name]
        if len(value) > size:
            raise DoesNotFit(f"{name}: at most {size} characters fit here")
        before = line[first : first + size]
        is_right = before.startswith(" ") and not before.endswith(" ")
        line = line[:first] + (value.rjust(size) if is_right else value.ljust(size)) + line[first + size :]
    return line + behind
