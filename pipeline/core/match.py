"""Which feed a file name fits, and whether a file is one of our rejects files coming back corrected."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.core import date_formats
from pipeline.errors import FileRefused
from schemas.feed import NAME_PART, Encoding, Feed

REJECT_COLUMNS = ("reject_codes", "reject_messages", "reject_source")
"""The last three columns of every rejects file."""


@dataclass(frozen=True, slots=True)
class FeedMatch:
    """A feed and what the named parts of its `match` stand for; dates as YYYY-MM-DD."""

    feed: Feed
    name_parts: dict[str, str]


def match_name(name: str, feeds: Sequence[Feed]) -> FeedMatch | None:
    """The feed whose `match` fits the whole name, or None; FileRefused when two fit."""
    fits = [FeedMatch(feed, parts) for feed in feeds if (parts := _parts(name, feed)) is not None]
    if len(fits) > 1:
        raise FileRefused(
            name=name,
            rule="file.two_feeds",
            problem="its name fits the feeds " + " and ".join(fit.feed.name for fit in fits),
            remedy="make their match patterns differ",
        )
    return fits[0] if fits else None


def match_problems(match: str) -> list[str]:
    """What is wrong with a `match` pattern; a config error when there is anything."""
    problems = []
    for part, date_format in NAME_PART.findall(match):
        if date_format:
            problems += [f"match: part {part}: {each}" for each in date_formats.problems(date_format)]
    if re.search(r"[{}]", NAME_PART.sub("", match)):
        problems.append("match: a brace that belongs to no named part such as {date:%Y-%m-%d}")
    return problems


def _parts(name: str, feed: Feed) -> dict[str, str] | None:
    formats = dict(NAME_PART.findall(feed.match))
    found = re.fullmatch(_pattern(feed.match), name, re.DOTALL)
    if found is None:
        return None
    parts = {}
    for part, text in found.groupdict().items():
        value = date_formats.read_date(text, formats[part], feed.date_language) if formats[part] else text
        if value is None:
            return None
        parts[part] = value
    return parts


def _pattern(match: str) -> str:
    pieces, end = [], 0
    for found in NAME_PART.finditer(match):
        pieces.append(_literal(match[end : found.start()]))
        inner = date_formats.shape(found[2]) if found[2] else ".+?"
        pieces.append(f"(?P<{found[1]}>{inner})")
        end = found.end()
    return "".join([*pieces, _literal(match[end:])])


def _literal(text: str) -> str:
    return ".*".join(re.escape(piece) for piece in text.split("*"))


_HEADER_END = re.compile(
    r'(?P<quote>"?)(?P<delimiter>[^"\r\n])"?reject_codes"?(?P=delimiter)'
    r'"?reject_messages"?(?P=delimiter)"?reject_source"?(?:\r\n|\r|\n|\Z)'
)
_SOURCE = r"\.[0-9a-f]{8}"


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
    header_end = _HEADER_END.search(text)
    if header_end is None or _quotes_are_open(text[: header_end.end()]):
        return None
    header = next(csv.reader(io.StringIO(text, newline=""), delimiter=header_end["delimiter"]), [])
    if tuple(header[-len(REJECT_COLUMNS) :]) != REJECT_COLUMNS:
        return None
    delimiter = re.escape(header_end["delimiter"])
    source = re.compile(
        rf'{delimiter}(?:"(?P<quoted>(?:[^"\r\n]|"")+{_SOURCE})"|(?P<plain>[^"{delimiter}\r\n]+{_SOURCE}))[ \t]*'
        r"(?:\r\n|\r|\n|\Z)",
        re.ASCII,
    ).search(text, header_end.end())
    if source is None:
        return ""
    return source["plain"] or source["quoted"].replace('""', '"')


_JSON_KEY = r'[{,]\s*"%s"\s*:\s*'
_JSON_TEXT = r'("(?:[^"\\\r\n]|\\.)*")'


def are_json_rejects(text: str) -> bool:
    """Whether a text begins as our rejects of NDJSON do: our keys in the first object, or behind what is none."""
    first = re.split("[\r\n]", text.lstrip(), maxsplit=1)[0]
    return all(re.search(_JSON_KEY % name, first) for name in REJECT_COLUMNS)


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
    try:
        # A character that the end of the head cuts is left out.
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:  # cp1252 or latin-1
        return head.decode("latin-1")


def _quotes_are_open(text: str) -> bool:
    return text.count('"') % 2 == 1
