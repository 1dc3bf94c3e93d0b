"""How rejected records of JSON are written, of NDJSON as of an array: original objects on a line each, with our keys.

Source: RFC 8259 for JSON, ndjson.org for one value a line. An object is extended as text and never written anew, so
that numbers keep their digits, keys their order and doubled keys their double.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from pipeline.core.byte_text import original_bytes, searchable
from pipeline.core.file_stages import CheckedFile
from pipeline.core.mapping.file_names import REJECT_COLUMNS

_TEXT = r'"(?:[^"\\]|\\.)*+"'
_NUMBER = r'(?:"reject_record"\s*:\s*"?(?P<number>[0-9]*+)"?\s*,\s*)?'
_REJECT_KEYS = (
    rf'"reject_codes"\s*:\s*{_TEXT}\s*,\s*"reject_messages"\s*:\s*{_TEXT}\s*,\s*{_NUMBER}'
    rf'"reject_source"\s*:\s*{_TEXT}'
)
_LINE_ENDS = re.compile(r"[ \t]*[\r\n][ \t\r\n]*")
# Where earlier reject keys are: inside the object, or behind what was not one when it was rejected.
_INSIDE = re.compile(rf"(?:,\s*|(?<=\{{)\s*){_REJECT_KEYS}\s*(?=\}}\s*\Z)", re.DOTALL)
_BEHIND = re.compile(rf" \{{{_REJECT_KEYS}\}}\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class JsonLinesRejects:
    """Encoding and line end of one NDJSON file."""

    encoding: str
    line_end: bytes
    source: str
    """What `reject_source` says: the file that rejected the record last."""
    is_rejects_file: bool = False
    """Whether the file is itself a corrected rejects file; then our keys take the place of its own."""

    @classmethod
    def of(cls, checked: CheckedFile) -> JsonLinesRejects:
        """The encoding and line end that a file was read with."""
        return cls(
            encoding=checked.codec,
            line_end=checked.line_end,
            source=checked.landed.short_name,
            is_rejects_file=checked.landed.rejects_of is not None,
        )

    def header_line(self) -> bytes:
        """Empty: NDJSON has no header. Here so that `rejects_file` need not know which format it writes."""
        return b""

    def record_line(self, original: bytes, codes: str, message: str, number: int | None) -> bytes:
        """The original object with our keys at its end; `number` is that of the first original's record, if known.

        What is no object must not become one by our hand (a line that was cut off, say): our keys follow it in an
        object of their own, and it stays damaged until somebody has mended it.
        """
        text = searchable(original, self.encoding) if self._is_whole(original) else None
        if text is None:
            return (
                original + self._written(f" {{{self._reject_keys(codes, message, number)}}}") + self.line_end
            )
        earlier = (_BEHIND.search(text) or _INSIDE.search(text)) if self.is_rejects_file else None
        if earlier is not None:
            text = text[: earlier.start()] + text[earlier.end() :]
            number = int(earlier["number"]) if number is None and earlier["number"] else number
        keys = self._reject_keys(codes, message, number)
        is_object, text = _is_object(text), self._on_one_line(text)
        if not is_object:
            line = f"{text} {{{keys}}}"
        else:
            end = text.rindex("}")
            comma = "" if text[:end].rstrip().endswith("{") else ","
            line = text[:end] + comma + keys + text[end:]
        return original_bytes(line, self.encoding) + self.line_end

    def _on_one_line(self, text: str) -> str:
        """An element of an array, which may have several lines; of a sound one line ends are mere space."""
        end = self._written("\n" if self.line_end.endswith(self._written("\n")) else "\r")
        return _LINE_ENDS.sub(" ", text) if searchable(end, self.encoding) in text else text

    def _reject_keys(self, codes: str, message: str, number: int | None) -> str:
        """Our keys, in ASCII: they fit every encoding."""
        stated = "" if number is None else str(number)
        values = zip(REJECT_COLUMNS, (codes, message, stated, self.source), strict=True)
        return ",".join(f"{json.dumps(name)}:{json.dumps(text)}" for name, text in values)

    def _is_whole(self, original: bytes) -> bool:
        """Whether the bytes can be decoded at all: a UTF-16 line that was cut off may end in half a unit."""
        return not (self.encoding.startswith("utf-16") and len(original) % 2)

    def _written(self, text: str) -> bytes:
        return text.encode(self.encoding)


def _is_object(text: str) -> bool:
    """Whether a line is one JSON object. Numbers stay text: Python refuses integers of more than 4300 digits."""
    try:
        return isinstance(json.loads(text, parse_int=str, parse_float=str), dict)
    except (ValueError, RecursionError):
        return False
