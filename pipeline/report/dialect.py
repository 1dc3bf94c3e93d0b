"""How a delimited bill file is written, and how our three columns join its lines without touching what stood there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pipeline.core.files import CheckedFile
from pipeline.core.match import REJECT_COLUMNS

_LINE_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_QUOTED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')


@dataclass(frozen=True)
class Dialect:
    """Delimiter, encoding and line end of one bill file.

    Text is searched in a decoding that maps back onto the very same bytes (`_codec`), whatever the encoding.
    """

    header: bytes
    delimiter: str
    encoding: str
    """Of what we write: without a byte order mark of its own."""
    line_end: bytes
    source: str
    """What `reject_source` says: the file that rejected the record last."""
    earlier_source: str | None = None
    """What it said in a file that is itself a corrected rejects file; there our columns take the place of its own."""

    @classmethod
    def of(cls, checked: CheckedFile) -> Dialect:
        """The dialect that a file was read in."""
        feed = checked.landed.feed
        return cls(
            header=checked.header,
            delimiter=feed.delimiter,
            encoding=checked.codec,
            line_end=checked.line_end,
            source=checked.landed.short_name,
            earlier_source=checked.landed.rejects_of,
        )

    def header_line(self) -> bytes:
        """The original header and the names of our columns."""
        kept = self.header
        if self._is_rejects_file:
            kept = self._encoded(self._decoded(kept)[: self._header_fields[-3]])
        names = self.delimiter.join(REJECT_COLUMNS)
        return kept + self._written(self.delimiter + names if self.header else names) + self.line_end

    def record_line(self, original: bytes, codes: str, message: str) -> bytes:
        """The original record and our columns.

        They are always quoted: a quote left open in the original ends there, and does not swallow the next record.
        """
        if self._is_rejects_file:
            original = self._without_earlier_columns(original)
        return original + _ours(codes, message, self.source, self.delimiter, self.encoding) + self.line_end

    def _without_earlier_columns(self, original: bytes) -> bytes:
        """Cut the three columns of an earlier rejects file off, where they surely are ours.

        They are, when they end the record exactly as we write them (even a damaged one), or when a record that
        a spreadsheet has written anew has as many fields as the header. Otherwise everything is kept.
        """
        try:
            text = self._decoded(original)
        except UnicodeDecodeError:  # half a UTF-16 unit
            return original
        tail = self._earlier_columns.search(text) if text.endswith(self._earlier_end) else None
        if tail is not None:
            return self._encoded(text[: tail.start()])
        starts = self._field_starts(text)
        if len(starts) == len(self._header_fields):
            return self._encoded(text[: starts[-3]])
        return original

    @cached_property
    def _is_rejects_file(self) -> bool:
        if self.earlier_source is None or len(self._header_fields) <= len(REJECT_COLUMNS):
            return False
        text = self._decoded(self.header)
        names = text[self._header_fields[-3] + 1 :].split(self.delimiter)
        return tuple(name.strip('"') for name in names) == REJECT_COLUMNS

    @cached_property
    def _header_fields(self) -> list[int]:
        return self._field_starts(self._decoded(self.header))

    @cached_property
    def _earlier_end(self) -> str:
        return self._decoded(self._written(self.delimiter + _quoted(self.earlier_source or "")))

    @cached_property
    def _earlier_columns(self) -> re.Pattern[str]:
        mark = re.escape(self.delimiter)
        return re.compile(
            rf'{mark}"[A-Za-z0-9_.;<>-]*+"{mark}"[^"]*+(?:""[^"]*+)*+"{re.escape(self._earlier_end)}\Z'
        )

    def _field_starts(self, text: str) -> list[int]:
        """Where each field starts, its delimiter included (the first: 0). A quote left open takes all the rest."""
        starts, at = [0], 0
        while at < len(text):
            if text[at] == '"':
                quoted = _QUOTED.match(text, at)
                if quoted is None:
                    break
                at = quoted.end()
            at = text.find(self.delimiter, at)
            if at == -1:
                break
            starts.append(at)
            at += 1
        return starts

    @property
    def _codec(self) -> str:
        return self.encoding if self.encoding.startswith("utf-16") else "latin-1"

    def _decoded(self, raw: bytes) -> str:
        return raw.decode(self._codec, "surrogatepass")

    def _encoded(self, text: str) -> bytes:
        return text.encode(self._codec, "surrogatepass")

    def _written(self, text: str) -> bytes:
        return text.encode(self.encoding, "replace")


@lru_cache(maxsize=256)
def _ours(codes: str, message: str, source: str, delimiter: str, encoding: str) -> bytes:
    """Our columns as they are written. A million records may be rejected, for the same few reasons."""
    fields = delimiter + delimiter.join(map(_quoted, (codes, message, source)))
    return fields.encode(encoding, "replace")


def _quoted(text: str) -> str:
    """A field of ours: quoted, on one line."""
    return '"' + _LINE_BREAKS.sub(" ", text).replace('"', '""') + '"'
