"""The text of one OpenDocument cell: paragraphs as they come, values as they are stored and never as they are shown.

Source: OASIS OpenDocument 1.3, part 3: 6.1 (paragraphs), 19.384 to 19.390 (values).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from pipeline.core.values.xlsx_cells import NOT_A_NUMBER, NOT_COMPUTED, iso_text, number_text
from pipeline.edge.reader.xml_parts import Attributes
from schemas.feed import Feed

_NAMES = "urn:oasis:names:tc:opendocument:xmlns:{}:1.0 {}"
_VALUE_TYPE = _NAMES.format("office", "value-type")
_VALUE, _DATE, _TIME, _BOOLEAN, _STRING = (
    _NAMES.format("office", f"{kind}value") for kind in ("", "date-", "time-", "boolean-", "string-")
)
_FORMULA = _NAMES.format("table", "formula")
_SPACES = _NAMES.format("text", "c")
_OF_CALC = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 value-type"
"""Where LibreOffice says that a value is an error; for other programs it is then an empty text, or zero."""
_ERROR = re.compile(r"#[A-Z0-9/]+[!?]?|Err:[0-9]{3}", re.ASCII)
_DURATION = re.compile(r"PT([0-9]{1,6})H([0-9]{1,2})M([0-9]{1,2})(?:[.,][0-9]{1,12})?S", re.ASCII)
_WHITE = re.compile(r"[ \t\r\n]+")
_NO_TEXT = frozenset(
    {"annotation", "frame", "note", "ruby-text", "custom-shape", "g", "line", "rect", "object"}
)
"""Elements inside a paragraph whose text is none of it: comments, pictures."""


class ParagraphCollector:
    """Joins the paragraphs of one cell; comments and drawings beside them are left out."""

    def __init__(self, max_bytes: int, refuse_long: Callable[[], None]) -> None:
        """`refuse_long` is called when the text becomes longer than `max_bytes`; it raises."""
        self._max, self._refuse_long = max_bytes, refuse_long
        self._paragraphs: list[str] = []
        self._pieces: list[str] = []
        self._length = self._depth = self._beside = 0
        self._is_open = self._after_space = False

    def start(self, element: str, attributes: Attributes) -> None:
        """An element inside of the cell begins."""
        self._depth += 1
        if self._depth == 1:
            self._is_open = self._after_space = element in ("p", "h")
        elif self._beside or element in _NO_TEXT:
            self._beside += 1
        elif self._is_open:
            self._add_special(element, attributes)

    def add(self, piece: str) -> None:
        """Character data: white space counts as one space, and as none at the start of a paragraph."""
        if not self._is_open or self._beside:
            return
        text = _WHITE.sub(" ", piece)
        if self._after_space:
            text = text.removeprefix(" ")
        if text:
            self._after_space = text.endswith(" ")
            self._keep(text)

    def end(self) -> None:
        """What `start` has opened ends."""
        if self._depth == 1 and self._is_open:
            text = "".join(self._pieces)
            self._paragraphs.append(text.removesuffix(" ") if self._after_space else text)
            self._pieces.clear()
            self._is_open = False
        elif self._beside:
            self._beside -= 1
        self._depth -= 1

    def take(self) -> str:
        """The whole text, paragraphs as lines; the next cell starts empty."""
        text = "\n".join(self._paragraphs)
        self._paragraphs.clear()
        self._length = 0
        return text

    def _add_special(self, element: str, attributes: Attributes) -> None:
        if element == "s":
            stated = attributes.get(_SPACES, "1")
            count = int(stated) if stated.isdecimal() and len(stated) < 10 else self._max + 1
            self._keep("", count)
            self._pieces.append(" " * count)
        elif element in ("tab", "line-break"):
            self._keep("\t" if element == "tab" else "\n")
        else:
            return
        self._after_space = False

    def _keep(self, text: str, more: int = 0) -> None:
        self._length += len(text) + more
        if self._length > self._max:
            self._refuse_long()
        self._pieces.append(text)


def cell_text(attributes: Attributes, shown: str, feed: Feed) -> str:
    """The text of a cell with these attributes, which shows `shown`; empty for a cell without a value.

    An error, and a formula without a stored value, become text that no rule accepts as an amount or date.
    """
    kind = attributes.get(_VALUE_TYPE, "")
    is_formula = _FORMULA in attributes
    if attributes.get(_OF_CALC) == "error" or (is_formula and _ERROR.fullmatch(shown)):
        return shown if shown.startswith("#") else NOT_A_NUMBER
    match kind:
        case "float" | "percentage" | "currency":
            return number_text(attributes.get(_VALUE, "").strip(), feed.amount.decimal)
        case "date":
            return iso_text(attributes.get(_DATE, "").strip(), feed.date_formats, feed.date_language)
        case "time":
            return _time(attributes.get(_TIME, "").strip())
        case "boolean":
            return "TRUE" if attributes.get(_BOOLEAN) == "true" else "FALSE"
        case "":
            return shown or (NOT_COMPUTED if is_formula else "")
        case _:
            return attributes.get(_STRING, shown)


def _time(raw: str) -> str:
    found = _DURATION.fullmatch(raw)
    if found is None:
        return NOT_A_NUMBER
    return str(timedelta(hours=int(found[1]), minutes=int(found[2]), seconds=int(found[3])))
