"""Where the elements of a JSON array begin and end: structure before content, as `csv_structure` does it for CSV.

Nothing here reads a value. Text is UTF-8 in bytes. RFC 8259 allows no line break in a string, which keeps damage small:
a quote that is never closed ends with its line. Source: RFC 8259.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cache

_STRING = rb'"(?:[^"\\\r\n]|\\[^\r\n])*+"'


def _value(levels: int) -> bytes:
    """A pattern of a value that has at most so many levels; possessive throughout, so that matching is linear."""
    value = _STRING + rb'|[^\s,:\[\]{}"]++'
    for _ in range(levels):
        inner = rb"(?:" + value + rb")\s*+"
        members = rb"(?:" + _STRING + rb"\s*+:\s*+" + inner + rb'(?:,\s*+(?=")|(?=\})))*+'
        items = rb"(?:" + inner + rb"(?:,\s*+(?!\])|(?=\])))*+"
        value = _STRING + rb'|[^\s,:\[\]{}"]++|\{\s*+' + members + rb"\}|\[\s*+" + items + rb"\]"
    return value


_LEVELS = 4
_TOKEN = re.compile(_STRING + rb'|[\[\]{}"]')
_KEY = re.compile(_STRING + rb"\s*+:")
_SPACE = re.compile(rb"[ \t\r\n]*+")
_COMMAS = re.compile(rb",(?:[ \t\r\n]*+,)*+")
_BREAK = re.compile(rb"[\r\n]")
_FIRST_KEY = re.compile(rb"\{\s*+(" + _STRING + rb")\s*+:")
_CLOSED_BY = {b"{": b"}", b"[": b"]"}
_ARRAY = re.compile(r"\s*\[\s*[\]{]")


@cache
def _shallow() -> re.Pattern[bytes]:
    """A whole value of few levels, as nearly all are. It takes as long to make as a module to import: not at start."""
    return re.compile(_value(_LEVELS))


@cache
def _ordinary() -> re.Pattern[bytes]:
    """An object behind one comma, and before another one with an object behind it."""
    return re.compile(
        rb"[ \t\r\n]*+,[ \t\r\n]*+((?=\{)(?:" + _value(_LEVELS) + rb"))(?=[ \t\r\n]*+,[ \t\r\n]*+\{)"
    )


OPEN, BROKEN = -1, -2
"""In place of the end of a value: the text ends within it; its brackets or quotes do not fit each other."""


def is_array(text: str) -> bool:
    """Whether a text begins as an array of objects, or an empty one; `[name],[amount]` is a header."""
    return _ARRAY.match(text) is not None


def end_of_shallow(text: bytes, at: int, end: int) -> int | None:
    """Where the value ends that begins at `at`, not behind `end`; None for one of many levels, damaged or cut."""
    found = _shallow().match(text, at, end)
    if found is None:
        return None
    is_cut = found.end() == end and text[end - 1] not in b'}]"'
    return OPEN if is_cut else found.end()


def end_of_deep(text: bytes, at: int, end: int) -> int:
    """As `end_of_shallow`, bracket by bracket; OPEN or BROKEN where it has no end."""
    if text[at : at + 1] not in (b"{", b"["):
        is_string = text[at : at + 1] == b'"'
        return BROKEN if not is_string or _BREAK.search(text, at, end) else OPEN
    stack = bytearray()
    for token in _TOKEN.finditer(text, at, end):
        mark = token[0]
        if mark in _CLOSED_BY:
            stack += _CLOSED_BY[mark]
        elif mark in (b"}", b"]"):
            if stack.pop() != mark[0]:
                return BROKEN
            if not stack:
                return token.end()
        elif mark == b'"':
            return BROKEN if _BREAK.search(text, token.end(), end) else OPEN
        else:  # a string: behind one that began a quote too late there is no sign
            behind = _behind_space(text, token.end())
            if behind < end and text[behind] not in b":,]}":
                return BROKEN
    return OPEN


@dataclass(frozen=True, slots=True)
class Element:
    """One element of an array, or bytes between two that are none."""

    start: int
    end: int
    damaged: bool = False
    """Whether its end is not certain, or what is before it is not one comma."""


@dataclass(slots=True)
class ArrayScan:
    """An array that comes piece by piece; each piece begins with the `rest` of the one before.

    As long as brackets and quotes fit, an element ends where its own brackets say. Where they do not, it ends before
    the next place that looks like the beginning of an element: a comma, the space that the file writes there, and an
    object with the first key of the others. From then on no element is looked for beyond such a place, unless its
    brackets fit: so damage takes few bytes and its search is linear. Nothing depends on how a text is cut into pieces.
    """

    max_element_bytes: int
    rest: int = 0
    """Where the part of the piece begins that belongs to the next one."""
    closed: bool = False
    """Whether its closing bracket was there, and nothing but space behind it."""
    followed: bool = False
    """Whether another array follows."""
    _begun: bool = False
    _commas: int = 1
    """Since the last element; before the first one none is needed."""
    _bracket: bool = False
    """Whether a closing bracket was there, and so far nothing but space behind it."""
    _trusted: bool = True
    """Whether brackets and quotes fitted up to here."""
    _first_key: bytes = b""
    _space: bytes | None = None
    """Between a comma and a whole element behind it, as the file writes it."""
    _gap: bytes | None = None
    """The same before the next element."""
    _begins: re.Pattern[bytes] | None = None
    """How they begin, by what is known so far."""
    _searched: int = 0
    _found: int = -1
    """The last answer of `_next`, and from where on it is right."""

    def elements(self, text: bytes, *, final: bool) -> Iterator[Element]:
        """The elements that end in this piece. `final`: the file ends with it."""
        self._searched, self._found = 0, -1
        at = _behind_space(text, 0)
        while at < len(text):
            if self._bracket:
                self._bracket, self._trusted = False, False
            mark = text[at : at + 1]
            if not self._begun:
                self._begun = True
                at += 1
            elif mark == b"]" and (behind := _behind_space(text, at + 1)) == len(text):
                if self._waits(behind - at, final):
                    break
                self._bracket, at = True, behind
            elif mark == b"]" and self._trusted and text[behind : behind + 1] == b"[":
                self.followed = True
                break
            elif mark == b",":
                last = _end_of(_COMMAS, text, at)
                behind = _behind_space(text, last)
                if behind == len(text) and self._waits(behind - last, final):
                    break
                self._gap = text[last:behind]
                self._commas += text.count(b",", at, last)
                at = behind
            else:
                found = self._element(text, at, final)
                if found is None:
                    break
                yield found
                at, self._commas = found.end, 0
                if found.damaged:
                    at = yield from self._hopeless(text, at, final)
                elif self._space is not None:
                    at = yield from self._ordinary(text, at)
            at = _behind_space(text, at)
        self.rest = at
        self.closed = final and self._bracket

    def _ordinary(self, text: bytes, at: int) -> Generator[Element, None, int]:
        """Elements as nearly all are: behind one comma, of few levels, and followed by another one. Returns where the
        last one ends.
        """
        pattern = _ordinary()
        while found := pattern.match(text, at):
            at = found.end(1)
            yield Element(found.start(1), at)
        return at

    def _hopeless(self, text: bytes, at: int, final: bool) -> Generator[Element, None, int]:
        """Elements as they are where all are damaged: each ends where the next one seems to begin. Returns where the
        last one ends.
        """
        if self._trusted or at != self._next(text, at):
            return at
        beginning, size = self._beginning(), len(text)
        while at < size:
            begin = _behind_space(text, at + 1)
            found = beginning.search(text, begin + 1)
            end = found.start() if found else size
            self._searched, self._found = begin + 1, end
            levels = text.count(b"{", begin, end) + text.count(b"[", begin, end)
            if end == size or end - begin > self.max_element_bytes or levels > _LEVELS:
                break
            if end_of_shallow(text, begin, size) is not None or self._waits(size - begin, final):
                break
            yield Element(begin, end, damaged=True)
            at = end
        return at

    def _waits(self, length: int, final: bool) -> bool:
        """Whether more of the text has to come before it is clear what these bytes are."""
        return not final and length <= self.max_element_bytes

    def _element(self, text: bytes, at: int, final: bool) -> Element | None:
        """The element that begins here; None where the text ends too early to tell."""
        limit = min(len(text), at + self.max_element_bytes + 1)
        end = end_of_shallow(text, at, limit)
        if end is None:
            end = self._end_of_odd(text, at, limit, final)
        if end == OPEN and limit == len(text) and self._waits(limit - at, final):
            return None
        if end < 0:
            return self._damaged(text, at, final)
        behind = _behind_space(text, end)
        if self._is_cut(text, behind) and self._waits(len(text) - end, final):
            return None
        if not self._may_follow(text, end, behind):
            return self._damaged(text, at, final)
        self._trusted &= self._commas == 1
        if self._trusted and self._space is None and text[behind : behind + 1] == b",":
            self._learn(text, at)
        return Element(at, end, damaged=self._commas != 1)

    def _learn(self, text: bytes, at: int) -> None:
        """How elements of this file begin, from one of the first."""
        self._space, self._begins = self._gap, None
        if not self._first_key and (key := _FIRST_KEY.match(text, at)):
            self._first_key = key[1]

    def _end_of_odd(self, text: bytes, at: int, limit: int, final: bool) -> int:
        """Where a value ends that has many levels, is cut or damaged; after damage not beyond the next beginning.

        That may be the beginning of an item in it, so it is not cut there while more of the text may show it whole.
        """
        if self._trusted:
            return end_of_deep(text, at, limit)
        if self._waits(len(text) - at, final):
            return OPEN
        beginning = self._next(text, at + 1)
        if beginning >= limit:
            return end_of_deep(text, at, limit)
        levels = text.count(b"{", at, beginning) + text.count(b"[", at, beginning)
        found = end_of_deep(text, at, beginning) if levels > _LEVELS else BROKEN
        return BROKEN if found == OPEN else found

    @staticmethod
    def _is_cut(text: bytes, behind: int) -> bool:
        """Whether the text ends before it is clear what follows an element."""
        if text[behind : behind + 1] != b",":
            return behind == len(text)
        beyond = _behind_space(text, behind + 1)
        if text[beyond : beyond + 1] != b'"':
            return beyond == len(text)
        string = _KEY.match(text, beyond)
        return string is None and _BREAK.search(text, beyond) is None

    @staticmethod
    def _may_follow(text: bytes, end: int, behind: int) -> bool:
        """Whether this can be what follows an element: `, "key":` is the rest of one that a stray brace ended."""
        mark = text[behind : behind + 1]
        if mark == b",":
            beyond = _behind_space(text, behind + 1)
            return _KEY.match(text, beyond) is None
        return mark in b"]" or (mark == b"{" and text[end - 1 : end] == b"}")

    def _damaged(self, text: bytes, at: int, final: bool) -> Element | None:
        """What is from here to the next beginning of an element, or to the end of the array."""
        self._trusted = False
        end = self._next(text, at + 1)
        if end < len(text):
            return Element(at, end, damaged=True)
        if self._waits(end - at, final):
            return None
        stripped = text.rstrip(_SPACES)
        if final and stripped.endswith(b"]"):
            stripped = stripped[:-1].rstrip(_SPACES)
        return Element(at, max(at + 1, len(stripped)), damaged=True)

    def _beginning(self) -> re.Pattern[bytes]:
        """A comma behind which an element seems to begin."""
        if self._begins is None:
            space = rb"\s*+" if self._space is None else re.escape(self._space)
            key = re.escape(self._first_key) if self._first_key else _STRING
            self._begins = re.compile(b"," + space + rb"\{\s*+" + key + rb"\s*+:")
        return self._begins

    def _next(self, text: bytes, at: int) -> int:
        """Where the next comma is behind which an element seems to begin, from here on; else where the text ends."""
        if not self._searched <= at <= self._found:
            found = self._beginning().search(text, at)
            self._searched, self._found = at, found.start() if found else len(text)
        return self._found


def _behind_space(text: bytes, at: int) -> int:
    return _end_of(_SPACE, text, at)


def _end_of(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


_SPACES = b" \t\r\n"
