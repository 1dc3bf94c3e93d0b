"""How rejected records of a delimited bill file are written: original bytes first, the four reject columns behind them.

Source: RFC 4180 for quotes (a quote inside a quoted field is doubled), widened to what feeds declare: any delimiter of
one character, any line end, any encoding. What a merchant wrote is never parsed and written anew, because a round
trip through a CSV writer would change quotes and blanks, and so what the merchant's own system finds.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from pipeline.core.byte_text import original_bytes, searchable
from pipeline.core.file_stages import CheckedFile
from pipeline.core.mapping.file_names import REJECT_COLUMNS, is_rejects_header

# Control characters too: a message may quote the API, and somebody may look at the file on a terminal.
_LINE_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_QUOTED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')


@dataclass(frozen=True)
class RejectsDialect:
    """Delimiter, encoding and line end of one bill file.

    Text is searched as `core/byte_text.py` has it, which gives back the very same bytes whatever the encoding.
    """

    header: bytes
    delimiter: str
    encoding: str
    """Of what we write: without a byte order mark of its own."""
    line_end: bytes
    source: str
    """What `reject_source` says: the file that rejected the record last."""
    is_rejects_file: bool = False
    """Whether the file is itself a corrected rejects file; there our columns take the place of its own."""

    @classmethod
    def of(cls, checked: CheckedFile) -> RejectsDialect:
        """The dialect that a file was read in."""
        return cls(
            header=checked.header,
            delimiter=checked.delimiter or checked.landed.feed.delimiter,
            encoding=checked.codec,
            line_end=checked.line_end,
            source=checked.landed.short_name,
            is_rejects_file=checked.landed.rejects_of is not None,
        )

    def header_line(self) -> bytes:
        """The original header with the names of the reject columns behind it, line end included, no byte order mark."""
        kept = self._encoded(self._without(self._earlier, self._decoded(self.header)))
        names = self.delimiter.join(REJECT_COLUMNS)
        return kept + self._written(self.delimiter + names if kept else names) + self.line_end

    def record_line(self, original: bytes, codes: str, message: str, number: int | None) -> bytes:
        """The original record and the reject columns, line end included.

        They are always quoted: a quote left open in the original ends there, and does not swallow the next record.

        Args:
            original: the record's bytes without its line end; it may contain line ends inside quotes.
            codes: joined by `;`.
            message: line breaks and control characters in it become blanks, to keep the columns on one line.
            number: of the record in the first original that this one stands for; None where it is not known.
        """
        if self._earlier:
            original, stated = self._without_earlier_columns(original)
            number = stated if number is None else number
        before, behind = _reject_columns(codes, message, self.source, self.delimiter, self.encoding)
        written = self._written(str(number)) if number is not None else b""
        return original + before + written + behind + self.line_end

    def _without_earlier_columns(self, original: bytes) -> tuple[bytes, int | None]:
        """Cut off the columns of an earlier rejects file, where they surely are that; also the number in them.

        They are, when they end the header and the record exactly as we write them (even a damaged one), or when a
        record that a spreadsheet has written anew has as many fields as the header. Otherwise everything is kept.
        """
        try:
            text = self._decoded(original)
        except UnicodeDecodeError:  # half a UTF-16 unit
            return original, None
        tail = self._earlier_columns.search(text) if self._ends_as_written and text.endswith('"') else None
        if tail is not None:
            return self._encoded(text[: tail.start()]), int(tail["number"]) if tail["number"] else None
        if len(self._field_starts(text)) == len(self._header_fields):
            return self._encoded(self._without(self._earlier, text)), None
        return original, None

    @cached_property
    def _earlier(self) -> tuple[int, ...]:
        """Places of our own columns in the header of a file that is itself a corrected rejects file."""
        if not self.is_rejects_file or not is_rejects_header(self._names):
            return ()
        return tuple(place for place, name in enumerate(self._names) if name in REJECT_COLUMNS)

    @cached_property
    def _names(self) -> list[str]:
        header = self._decoded(self.header)
        if len(self.delimiter) > 1:
            starts = [*self._field_starts(header), len(header)]
            fields = (header[start:end] for start, end in pairwise(starts))
            return [field.removeprefix(self.delimiter).strip().strip('"') for field in fields]
        rows = csv.reader([header], delimiter=self.delimiter)
        return [name.strip() for name in next(rows, [])]

    @cached_property
    def _ends_as_written(self) -> bool:
        """Whether the header ends with our columns in our order; `reject_record` came with a later version."""
        ours = [self._names[place] for place in self._earlier]
        as_written = [name for name in REJECT_COLUMNS if name != "reject_record" or name in ours]
        return self._names[-len(as_written) :] == as_written

    def _without(self, places: tuple[int, ...], text: str) -> str:
        """A record without the fields at these places."""
        if not places:
            return text
        starts = [*self._field_starts(text), len(text)]
        fields = [text[start:end] for start, end in pairwise(starts)]
        kept = "".join(field for place, field in enumerate(fields) if place not in places)
        return kept.removeprefix(self.delimiter) if 0 in places else kept

    @cached_property
    def _header_fields(self) -> list[int]:
        return self._field_starts(self._decoded(self.header))

    @cached_property
    def _earlier_columns(self) -> re.Pattern[str]:
        """The reject columns at the end of a record, exactly as `record_line` writes them, without the last quote.

        Codes have an alphabet of their own and a source ends in 8 or 64 digits of a hash, so a merchant's own last
        fields are not taken for them. Possessive quantifiers (`*+`) keep a hostile line from endless backtracking.
        """
        mark = re.escape(self.delimiter)
        return re.compile(
            rf'{mark}"[A-Za-z0-9_.;<>-]*+"{mark}"[^"]*+(?:""[^"]*+)*+"'
            rf'(?:{mark}"(?P<number>[0-9]*+)")?{mark}"[^"]*+(?:""[^"]*+)*+'
            r'(?:(?<=\.[0-9a-f]{8})|(?<=\.[0-9a-f]{64}))"\Z'
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
            at += len(self.delimiter)
        return starts

    def _decoded(self, raw: bytes) -> str:
        return searchable(raw, self.encoding)

    def _encoded(self, text: str) -> bytes:
        return original_bytes(text, self.encoding)

    def _written(self, text: str) -> bytes:
        return text.encode(self.encoding, "replace")


@lru_cache(maxsize=256)  # bounded: a message may differ from record to record
def _reject_columns(
    codes: str, message: str, source: str, delimiter: str, encoding: str
) -> tuple[bytes, bytes]:
    """The reject columns before and behind the number. A million records may be rejected for the same few reasons."""
    before = "".join(delimiter + _quoted(text) for text in (codes, message)) + f'{delimiter}"'
    behind = f'"{delimiter}{_quoted(source)}'
    return before.encode(encoding, "replace"), behind.encode(encoding, "replace")


def _quoted(text: str) -> str:
    """A field of the reject columns: quoted, on one line."""
    return '"' + _LINE_BREAKS.sub(" ", text).replace('"', '""') + '"'
