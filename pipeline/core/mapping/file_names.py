"""Which feed a file name fits, and whether a file is one of our rejects files coming back corrected."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from pipeline.core.values import date_formats
from pipeline.errors import FileRefused
from schemas.feed import NAME_PART, Feed
from schemas.text_encoding import Encoding

REJECT_COLUMNS = ("reject_codes", "reject_messages", "reject_record", "reject_source")
"""The last columns of every rejects file. Those of earlier versions have no `reject_record`."""


@dataclass(frozen=True, slots=True)
class FeedMatch:
    """A feed and what the named parts of its `match` stand for; dates as YYYY-MM-DD."""

    feed: Feed
    name_parts: dict[str, str]


def match_name(name: str, feeds: Sequence[Feed]) -> FeedMatch | None:
    """The feed whose `match` fits the whole name, or None where none does. `name` is a label (`names.label`).

    Raises:
        FileRefused: two feeds fit, so that how to read the file would be a guess.
    """
    fits = [FeedMatch(feed, parts) for feed in feeds if (parts := _parts(name, feed)) is not None]
    if len(fits) > 1:
        raise FileRefused(
            name=name,
            rule="file.two_feeds",
            problem="its name matches the feeds " + " and ".join(fit.feed.name for fit in fits),
            remedy="make their match patterns differ",
        )
    return fits[0] if fits else None


def is_ignored(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name fits one of the `ignore` patterns, which are those of a shell."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def match_problems(match: str) -> list[str]:
    """What is wrong with a `match` pattern, each a sentence for a config error; empty when it can be used."""
    problems = []
    for part, date_format in NAME_PART.findall(match):
        if date_format:
            problems += [f"match: part {part}: {each}" for each in date_formats.problems(date_format)]
    if re.search(r"[{}]", NAME_PART.sub("", match)):
        problems.append("match: a brace that belongs to no named part such as {date:%Y-%m-%d}")
    return problems


def _parts(name: str, feed: Feed) -> dict[str, str] | None:
    """Named part → text, dates as YYYY-MM-DD; None where the name does not fit, or a date in it is no date."""
    formats = dict(NAME_PART.findall(feed.match))
    texts = fitting(name, feed.match)
    if texts is None:
        return None
    parts = {}
    for part, text in texts.items():
        value = date_formats.read_date(text, formats[part], feed.date_language) if formats[part] else text
        if value is None:
            return None
        parts[part] = value
    return parts


def fitting(name: str, match: str) -> dict[str, str] | None:
    """What the named parts of a pattern stand for in a name, or None where it does not fit.

    Where it fits in several ways, from the left a star takes as much as it can and a part as little. Names come from
    outside, so nothing is tried twice, as a regular expression would: from the right, for each piece the set of all
    places is found where it may begin so that the rest fits; from the left, the places are read off. A set of places
    is the bits of one integer (bit n: before the n-th character), so the time is that of a few steps per piece.
    """
    pieces = _pieces(match)
    after = [1 << len(name)]
    known: dict[str, int] = {}
    for piece in reversed(pieces):
        after.append(piece.may_begin(name, after[-1], known))
        if not after[-1]:
            return None
    if not after.pop() & 1:
        return None
    begin, parts = 0, dict[str, str]()
    for piece in pieces:
        end = piece.end(name, begin, after.pop())
        if piece.part:
            parts[piece.part] = parts.get(piece.part, "") + name[begin:end]
        begin = end
    return parts


@dataclass(frozen=True, slots=True)
class _Text:
    """Just this."""

    text: str
    part: str = ""

    def may_begin(self, name: str, after: int, _: object) -> int:
        """The places where it may begin so that it ends at one of the places `after` it."""
        found, size, place = 0, len(self.text), name.find(self.text)
        while place >= 0:
            found |= (after >> place + size & 1) << place
            place = name.find(self.text, place + 1)
        return found

    def end(self, _: str, begin: int, __: int) -> int:
        """Where it ends when it begins there."""
        return begin + len(self.text)


@dataclass(frozen=True, slots=True)
class _Some:
    """So many characters of a kind, as many as possible. A date is several pieces of one part."""

    kind: str
    least: int
    most: int | None
    part: str

    def may_begin(self, name: str, after: int, known: dict[str, int]) -> int:
        """The places where it may begin so that it ends at one of the places `after` it.

        `known`: for each kind, the places in the name at which a character of it stands; shared by all pieces of one
        match.
        """
        if self.kind not in known:
            known[self.kind] = sum(1 << found.start() for found in re.finditer(self.kind, name))
        here, found, count = known[self.kind], 0, 0
        while after and (self.most is None or count <= self.most):
            found |= after if count >= self.least else 0
            after, count = after >> 1 & here, count + 1
        return found

    def end(self, name: str, begin: int, after: int) -> int:
        """Where it ends when it begins there: as far as characters of the kind reach and the rest still fits."""
        end = begin
        while (self.most is None or end - begin < self.most) and re.match(self.kind, name[end : end + 1]):
            end += 1
        while not after >> end & 1:
            end -= 1
        return end


@dataclass(frozen=True, slots=True)
class _Any:
    """Any characters: as few as possible and at least one in a named part, as many as possible in a star."""

    part: str = ""

    def may_begin(self, _: str, after: int, __: object) -> int:
        """All places up to the last one where the rest may begin; one fewer where a part needs a character."""
        return (1 << max(after.bit_length() - bool(self.part), 0)) - 1

    def end(self, _: str, begin: int, after: int) -> int:
        """Where it ends when it begins there: a star at the last place of the rest, a part at the first."""
        if not self.part:
            return after.bit_length() - 1
        rest = after >> begin + 1
        return begin + (rest & -rest).bit_length()


@lru_cache(maxsize=256)
def _pieces(match: str) -> tuple[_Text | _Some | _Any, ...]:
    """A pattern in pieces, in order. Cached: every name of a folder is compared with every feed."""
    pieces: list[_Text | _Some | _Any] = []
    end = 0
    for found in NAME_PART.finditer(match):
        pieces += _literal(match[end : found.start()])
        pieces += _date(found[1], found[2]) if found[2] else [_Any(found[1])]
        end = found.end()
    return (*pieces, *_literal(match[end:]))


def _literal(text: str) -> list[_Text | _Any]:
    """Text between named parts; each run of stars is one piece, whatever its length."""
    return [_Any() if piece[0] == "*" else _Text(piece) for piece in re.findall(r"\*+|[^*]+", text)]


def _date(part: str, date_format: str) -> list[_Text | _Some]:
    """A date in a name, as the kinds of characters that its format is made of."""
    return [
        _Text(kind, part) if least is None else _Some(kind, least, most, part)
        for kind, least, most in date_formats.characters(date_format)
    ]


SEP_LINE = re.compile(r'\ufeff?("?)[sS][eE][pP]=([^\r\n])\1\2*(?:\r\n|\n|\r|\Z)')
"""The line with which Excel states the delimiter (group 2), at the beginning of a text; a spreadsheet that took it for
a row gives that row the other delimiters, too."""
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_REJECT_SOURCE = re.compile(r"\breject_source\b")
_BESIDE = re.compile(r'"?([^"\w\r\n]+)')
"""What is between the name of a column and the next one."""
_SOURCE = r"\.[0-9a-f]{8}(?:[0-9a-f]{56})?"
SOURCE_DIGITS = r"\.([0-9a-f]{8}(?:[0-9a-f]{56})?)$"
"""The digits that a `reject_source` ends with. They are the same in any encoding, whatever becomes of its name."""


def is_rejects_header(names: Sequence[str]) -> bool:
    """Whether columns are those of a rejects file, in any order; one or the other of ours may have been removed."""
    return "reject_source" in names and len(set(REJECT_COLUMNS) & set(names)) > 1


@dataclass(frozen=True, slots=True)
class RejectsHeader:
    """The header of a delimited rejects file."""

    names: tuple[str, ...]
    delimiter: str
    end: int
    """Where its line ends."""


def rejects_header(text: str) -> RejectsHeader | None:
    """The header of a text that is a rejects file, whatever is between its fields; None for any other text."""
    stated = SEP_LINE.match(text)
    start = stated.end() if stated else 0
    end = _first_line(text, start)
    line = text[start:end]
    name = _REJECT_SOURCE.search(line)
    if name is None:
        return None
    # Backwards from the name: forwards, a pattern would begin anew at each of very many delimiters.
    before, behind = _BESIDE.match(line[: name.start()][::-1]), _BESIDE.match(line, name.end())
    if before is not None:
        delimiter = before[1][::-1]
    elif behind is not None:
        delimiter = behind[1][0]
    else:
        return None
    if len(delimiter) > 1:
        parts = tuple(name.strip().strip('"') for name in line.split(delimiter))
        if is_rejects_header(parts):
            return RejectsHeader(parts, delimiter, end)
    delimiter = delimiter[-1]
    header = next(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter), [])
    names = tuple(name.strip() for name in header)
    return RejectsHeader(names, delimiter, end) if is_rejects_header(names) else None


def peek_rejects(head: bytes, encoding: Encoding | None = None) -> str | None:
    """Tell a corrected rejects file by the first bytes of a file (64 KiB are plenty).

    None: no rejects file. Otherwise the `reject_source` of the first record that still has one, `""` when none
    has: the first record may be the damaged one that nobody mended.
    Encoding and delimiter are told from the bytes, since the feed is not known before `reject_source` is. Its digits
    are right whatever the encoding; its name is as the records have it only when `encoding` is the feed's.
    """
    text = _decode_head(head, encoding)
    if are_json_rejects(text):
        return _peek_json(text)
    header = rejects_header(text)
    return None if header is None else _peek_records(text, header)


def _peek_records(text: str, header: RejectsHeader) -> str:
    place = header.names.index("reject_source")
    if any(header.names[place + 1 :]):  # somebody moved the columns: whoever did has made whole records
        rows = csv.reader(io.StringIO(text[header.end :], newline=""), delimiter=header.delimiter[-1])
        found = (row[place].strip() for row in rows if len(row) > place)
        return next((source for source in found if re.search(rf"{_SOURCE}\Z", source, re.ASCII)), "")
    delimiter = re.escape(header.delimiter)
    source = re.compile(
        rf'{delimiter}(?:"(?P<quoted>(?:[^"\r\n]|"")+{_SOURCE})"|(?P<plain>[^"{delimiter}\r\n]+{_SOURCE}))'
        rf'(?:{delimiter}|[ \t]|"")*(?:\r\n|\r|\n|\Z)',
        re.ASCII,
    ).search(text, header.end)
    if source is None:
        return ""
    return source["plain"] or source["quoted"].replace('""', '"')


def _first_line(text: str, start: int) -> int:
    """Where the first line from `start` on ends that no quotes hold open."""
    quotes, counted = 0, start
    for found in _LINE_BREAK.finditer(text, start):
        quotes += text.count('"', counted, found.start())
        counted = found.start()
        if quotes % 2 == 0:
            return found.start()
    return len(text)


_JSON_KEY = r'[{,]\s*"%s"\s*:\s*'
_JSON_TEXT = r'("(?:[^"\\\r\n]|\\.)*")'


def are_json_rejects(text: str) -> bool:
    """Whether a text begins as our rejects of NDJSON do: our keys in the first object, or behind what is none."""
    first = re.split("[\r\n]", text.lstrip(), maxsplit=1)[0]
    return all(re.search(_JSON_KEY % name, first) for name in REJECT_COLUMNS if name != "reject_record")


def _peek_json(text: str) -> str:
    for found in re.finditer(_JSON_KEY % REJECT_COLUMNS[-1] + _JSON_TEXT, text):
        try:
            source = json.loads(found[1])
        except ValueError:
            continue
        if re.search(rf"{_SOURCE}\Z", source, re.ASCII):
            return str(source)
    return ""


def _decode_head(head: bytes, encoding: Encoding | None) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", errors="replace")
    if encoding is not None and not head.startswith(codecs.BOM_UTF8):
        return head.decode(encoding, errors="replace")
    for codec in (
        "utf-16-le",
        "utf-16-be",
        "cp037",
    ):  # without a mark; EBCDIC, whose letters are alike in all of them
        place = head.find(REJECT_COLUMNS[-1].encode(codec))
        if place >= 0 and (codec == "cp037" or place % 2 == 0):
            return head.decode(codec, errors="replace")
    try:
        # A character that the end of the head cuts is left out.
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:  # cp1252 or latin-1
        return head.decode("latin-1")
