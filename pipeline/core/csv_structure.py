"""Where records begin and end in delimited text, and which of them are damaged: structure before content.

The scan knows physical lines, quotes with line breaks inside, field counts and blank lines, so that a CSV parser is
given only text that it cannot misread. Source of the quoting rules: RFC 4180, strictly: a quote opens only at the start
of a field, closes only at its end, and is doubled inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import polars as pl

from pipeline.core.foreign_formats import TELLING_BYTES, foreign_format
from pipeline.core.formula_text import with_plain_quotes
from pipeline.core.json_structure import is_array
from pipeline.core.openpgp import begins_encrypted
from pipeline.errors import FileRefused
from schemas.text_encoding import Encoding, line_ends

SUBSTITUTE = "\x15"
"""U+0015 (negative acknowledge), which stands for a byte that cannot be decoded. No program is known to write it into
text; U+001A, which ISO 646 has for this, ends the files of DOS.
"""

GZIP = b"\x1f\x8b"
XZ = b"\xfd7zXZ\x00"
ZSTANDARD = b"\x28\xb5\x2f\xfd"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
WORKBOOKS = (*ZIP, COMPOUND)
PACKED = (GZIP, XZ, ZSTANDARD, *WORKBOOKS)
"""How packed files and workbooks begin (Source: RFC 1952; The .xz File Format, 2.1.1.1; RFC 8878, 3.1.1; PKWARE's
APPNOTE, 4.3.7 and 4.3.16; [MS-CFB] 2.2)."""

DAMAGE = (
    "record.blank",
    "record.undecodable",
    "record.control_characters",
    "record.open_quote",
    "record.stray_quote",
    "record.too_few_fields",
    "record.too_many_fields",
    "record.json",
    "record.duplicate_key",
    "record.value_type",
    "record.line_length",
    "record.items",
)
"""What is wrong with the structure of a record. The last ones are about JSON and fixed width alone."""
BLANK, CONTROL = DAMAGE.index("record.blank"), DAMAGE.index("record.control_characters")
ITEMS = DAMAGE.index("record.items")
"""Its object can be read and its item cannot: what the object states is known, so that the other lines of its bill
are."""


def with_short_lines(
    blocks: Iterable[bytes], max_record_bytes: int, *, name: str, encodings: Iterable[Encoding] = ("utf-8",)
) -> Iterator[bytes]:
    """The blocks of a text as they come; FileRefused as soon as a line is surely longer than any may be.

    A JSON array may be one line; of it the stretches between closing braces are measured.

    A file with an endless line need not be copied or unpacked to its end before it is refused. The reader measures
    exactly: lines within one block are not looked at here, and what is packed has no lines. `encodings`: those that
    the text may have.
    """
    position = line_start = 0
    packed, head, marks = False, b"", [*frozenset[bytes]().union(*map(line_ends, encodings))]
    for block in blocks:
        if position == 0:
            head = block[:TELLING_BYTES]
            packed = head.startswith(PACKED) or begins_encrypted(head)
            if is_array(head.replace(b"\x00", b"").decode("utf-8-sig", "replace").lstrip("\ufffd")):
                marks.append(b"}")
        ends = [] if packed else [at for mark in marks if (at := block.find(mark)) >= 0]
        length = position + min(ends, default=len(block)) - line_start
        # Some room for a byte order mark, and for the other half of a line end.
        if not packed and length > max_record_bytes + 4:
            kind, remedy = foreign_format(head) or (None, "")
            if kind is not None:
                raise FileRefused(
                    name=name, rule="file.format", problem=f"its content is {kind}", remedy=remedy
                )
            where = "its first line" if line_start == 0 else f"the line from byte {line_start} on"
            raise FileRefused(
                name=name,
                rule="file.record_too_long",
                problem=f"{where} has more than {max_record_bytes} bytes",
                remedy="check that it is a bill file, or raise limits.max_record_bytes",
            )
        if ends:
            line_start = position + max(map(block.rfind, marks)) + 1
        position += len(block)
        yield block


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How a file separates fields and lines."""

    delimiter: str
    line_end: str
    """`"\\n"` (which covers CRLF) or `"\\r"`."""
    width: int
    """Fields of a whole record."""
    max_record_bytes: int

    @property
    def stray_end(self) -> str:
        """The other line end, which outside quotes is a control character."""
        return "\r" if self.line_end == "\n" else "\n"


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns over one physical line without its line end."""

    whole: str
    """A record by itself."""
    opens: str
    """Well-formed up to a quote that is still open at the end of the line."""
    continues: str
    """Read from inside a quoted field: still, or again, inside one at the end."""
    closes: str
    """Read from inside a quoted field: closes it and ends a record."""
    control: str


@cache
def patterns(delimiter: str) -> Patterns:
    """Patterns for a delimiter. Every repetition is over disjoint characters, so matching is linear."""
    d = re.escape(delimiter)
    quoted = '"(?:[^"]|"")*"'
    field = f'(?:{quoted}|[^"{d}]*)'
    inside = '(?:[^"]|"")*'
    allowed = delimiter if delimiter < " " else ""
    controls = "".join(f"\\x{code:02x}" for code in _CONTROLS if chr(code) not in allowed)
    return Patterns(
        whole=f"(?s)^{field}(?:{d}{field})*$",
        opens=f'(?s)^(?:{field}{d})*"{inside}$',
        continues=f'(?s)^{inside}(?:"(?:{d}{field})*{d}"{inside})?$',
        closes=f'(?s)^{inside}"(?:{d}{field})*$',
        control=f"[{controls}\u0080-\u009f\ufeff]",
    )


_TAB, _LINE_FEED, _CARRIAGE_RETURN, _SPACE, _QUOTE, _DEL = b'\t\n\r "\x7f'
_LATE_CONTROLS = "[\u0080-\u009f\ufeff]"
"""C1 controls, and byte order marks within a text: what no field may have that takes several bytes."""

_CONTROLS = [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F]
"""C0 controls but for tab, line feed and carriage return; and DEL."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Records of a batch of text.

    `records`: `text` (String, without the closing line end), `line` (Int64, 0-based from the batch's first line),
    `start`, `end` (Int64, byte offsets from the batch's start) and `damage` (UInt8, index into `DAMAGE`, or null).
    `open_line`: first line of a record that the batch's end cuts; None when nothing is cut.
    """

    records: pl.DataFrame
    open_line: int | None


def lines_of(text: bytes, line_end: str, size_bytes: pl.Expr) -> pl.DataFrame:
    """Physical lines of UTF-8 text that ends with a line end or with the file.

    Columns: `text` (without line end), `line` (0-based), `start`, `end` (byte offsets, line end not included),
    `carriage` (whether a carriage return stands before the line end). `size_bytes` is the length of the column `raw` in
    the file's own encoding.
    """
    unit = pl.select(raw=pl.lit(line_end)).select(size_bytes).item()
    raw = pl.Series("raw", [text], dtype=pl.Binary).cast(pl.String).str.split(line_end).explode()
    raw = raw.head(-1) if text.endswith(line_end.encode()) else raw
    carriage, stated = pl.lit(value=False), pl.col("raw")
    if line_end == "\n" and b"\r" in text:
        carriage = pl.col("raw").str.ends_with("\r")
        stated = pl.when(carriage).then(pl.col("raw").str.head(-1)).otherwise(pl.col("raw"))
    return (
        raw.to_frame()
        .select(text=stated, past=(size_bytes + unit).cum_sum().cast(pl.Int64), carriage=carriage)
        .select(
            "text",
            line=pl.int_range(pl.len(), dtype=pl.Int64),
            start=pl.col("past").shift(1, fill_value=0),
            end=pl.col("past") - unit - pl.col("carriage").cast(pl.Int64) * unit,
            carriage="carriage",
        )
    )


def scan_lines(lines: pl.DataFrame, text: bytes, dialect: CsvDialect, *, final: bool) -> Scan:
    """Find the records in physical lines (of `lines_of`) of a text; `final` when the file ends with them.

    Most lines are plain: a whole record without quotes, which the bytes of all lines together tell. Quotes and damage
    are looked for in the others alone. A record that the end of `lines` cuts is left out (`Scan.open_line`): the next
    batch begins with it.
    """
    lines = lines.with_columns(plain=plain_lines(lines, text, dialect))
    lines = with_plain_quotes(lines, ~lines["plain"], dialect.delimiter)
    quoted = lines.filter(~pl.col("plain") & pl.col("text").str.contains('"', literal=True))
    spans, damaged, open_line = _spans(quoted, dialect, final=final, size_bytes=int(lines["end"][-1]))
    if open_line is not None:
        lines = lines.head(open_line)
    records = _join(lines, spans, dialect.line_end)
    odd = _with_damage(records.filter(~pl.col("plain")), damaged, dialect)
    none = pl.Series("damage", [None], dtype=pl.UInt8).new_from_index(0, records.height)
    damage = none.scatter(records["line"].search_sorted(odd["line"]), odd["damage"])
    return Scan(records.drop("plain").with_columns(damage), open_line)


def plain_lines(lines: pl.DataFrame, text: bytes, dialect: CsvDialect) -> pl.Series:
    """Whether each line of `lines_of(text, …)` is a whole record without quotes, damage, and is not empty (Boolean).

    Only the bytes that mean something are taken out of the text, in order; between two line ends among them there are
    as many delimiters as a record has, and nothing else.
    """
    byte = pl.Series([text], dtype=pl.Binary).cast(pl.List(pl.UInt8)).explode(empty_as_null=False)
    mark, end = ord(dialect.delimiter), ord(dialect.line_end)
    telling = byte.filter((byte == mark) | (byte < _SPACE) | (byte == _QUOTE) | (byte == _DEL))
    if b"\t" in text and mark != _TAB:
        telling = telling.filter(telling != _TAB)
    ends = (telling == end).arg_true()
    if len(ends) < lines.height:  # the file ends without a line end
        ends = ends.append(pl.Series([len(telling)], dtype=ends.dtype))
    # The last line may lack its end, so its place counts instead.
    count = ends.cast(pl.Int64).diff().fill_null(ends[0] + 1)
    odd = (telling != mark) & (telling != end)
    plain = count == dialect.width
    if end == _LINE_FEED and b"\r" in text:
        returns = telling == _CARRIAGE_RETURN
        before = returns.cast(pl.Int64).cum_sum().gather(ends.clip(upper_bound=len(telling) - 1))
        within = before.diff().fill_null(before[0])
        plain = (count - within == dialect.width) & (within == lines["carriage"].cast(pl.Int64))
        odd &= ~returns
    if odd.any():
        plain = plain.scatter(ends.search_sorted(odd.arg_true()), values=False)
    if not text.isascii() and _has_late_controls(byte, text):
        plain &= ~lines["text"].str.contains(_LATE_CONTROLS)
    if dialect.width == 1:
        plain &= lines["text"].str.strip_chars(" ") != ""
    short = lines.filter(_is_short(dialect)).filter(_is_empty(dialect))
    return plain if short.is_empty() else plain.scatter(short["line"], values=False)


def _has_late_controls(byte: pl.Series, text: bytes) -> bool:
    """Whether a text may have any of `_LATE_CONTROLS`."""
    second = byte.shift(-1)
    return b"\xef\xbb\xbf" in text or bool(((byte == 0xC2) & (second >= 0x80) & (second <= 0x9F)).any())


def _is_short(dialect: CsvDialect) -> pl.Expr:
    """Of lines and records: whether there is hardly more than delimiters. Nearly free, where patterns are not."""
    return pl.col("end") - pl.col("start") <= 4 * dialect.width + 16


def _is_empty(dialect: CsvDialect) -> pl.Expr:
    """Whether a short line has nothing but delimiters and spaces, however many."""
    return pl.col("text").str.contains(f"^[{re.escape(dialect.delimiter)} ]*$")


def _spans(
    quoted: pl.DataFrame, dialect: CsvDialect, *, final: bool, size_bytes: int
) -> tuple[list[tuple[int, int]], dict[int, int], int | None]:
    """First and last line of each record over several lines, damaged lines, and the line that is cut by the end.

    `quoted`: the lines with quotes; all others leave open what is open. `size_bytes`: where the last line ends.
    """
    shapes = patterns(dialect.delimiter)
    whole = quoted["text"].str.contains(shapes.whole)
    if whole.all():
        return [], {}, None
    classes = quoted.select(
        whole=whole,
        opens=pl.col("text").str.contains(shapes.opens),
        goes_on=pl.col("text").str.contains(shapes.continues),
        closes=pl.col("text").str.contains(shapes.closes),
        line=pl.col("line"),
        start=pl.col("start"),
        end=pl.col("end"),
    ).with_columns(
        stop=pl.when(~pl.col("goes_on")).then(pl.col("line")).shift(-1).backward_fill(),
        closing=pl.when(~pl.col("goes_on")).then(pl.col("closes")).shift(-1).backward_fill(),
        stop_end=pl.when(~pl.col("goes_on")).then(pl.col("end")).shift(-1).backward_fill(),
    )
    spans: list[tuple[int, int]] = []
    damaged: dict[int, int] = {}
    covered = -1
    odd = classes.filter(~pl.col("whole")).select("line", "opens", "start", "stop", "closing", "stop_end")
    for line, opens, start, stop, closing, stop_end in odd.iter_rows():
        if line <= covered:
            continue
        if not opens:
            damaged[line] = DAMAGE.index("record.stray_quote")
        elif stop is None and not final and size_bytes - start <= dialect.max_record_bytes:
            return spans, damaged, line
        elif stop is not None and closing and stop_end - start <= dialect.max_record_bytes:
            spans.append((line, stop))
            covered = stop
        else:
            damaged[line] = DAMAGE.index("record.open_quote")
    return spans, damaged, None


def _join(lines: pl.DataFrame, spans: list[tuple[int, int]], line_end: str) -> pl.DataFrame:
    """Lines of a record over several of them, joined by their line ends; all other lines as they are."""
    if not spans:
        return lines
    many = pl.DataFrame(spans, schema={"first": pl.Int64, "last": pl.Int64}, orient="row")
    owners = lines.join_asof(many, left_on="line", right_on="first", strategy="backward")
    inside = (pl.col("line") <= pl.col("last")).fill_null(value=False)
    owners = owners.with_columns(first=pl.when(inside).then(pl.col("first")).otherwise(pl.col("line")))
    single = owners.filter(~inside).select(*lines.columns)
    whole_text = pl.when(pl.col("carriage") & (pl.col("line") < pl.col("last"))).then(pl.col("text") + "\r")
    joined = (
        owners.filter(inside)
        .with_columns(text=whole_text.otherwise(pl.col("text")))
        .group_by("first", maintain_order=True)
        .agg(
            pl.col("text").str.join(line_end),
            pl.col("start").first(),
            pl.col("end").last(),
            pl.col("carriage").last(),
            plain=pl.lit(value=False),
        )
        .rename({"first": "line"})
        .select(lines.columns)
    )
    return pl.concat([single, joined]).sort("line")


def _with_damage(records: pl.DataFrame, damaged: dict[int, int], dialect: CsvDialect) -> pl.DataFrame:
    """`line` and `damage`: by quotes, or by what every record must be: filled, decodable, as wide as the header, free
    of controls.

    Controls come last, so that a record that has them can be parsed: in a column that nothing reads they do no harm.
    """
    marks = pl.DataFrame(
        {"line": list(damaged), "damage": list(damaged.values())},
        schema={"line": pl.Int64, "damage": pl.UInt8},
    )
    records = records.join(marks, on="line", how="left")
    shapes = patterns(dialect.delimiter)
    text = pl.col("text")
    quoted = text.str.contains('"', literal=True)
    outside = pl.when(quoted).then(text.str.replace_all('(?s)"(?:[^"]|"")*"', "")).otherwise(text)
    blank = (text.str.strip_chars(" ") == "") | (_is_short(dialect) & _is_empty(dialect))
    mark = re.escape(dialect.delimiter)
    nothing = _is_short(dialect) & text.str.contains(f'^(?:" *"[{mark} ]|" *"$|[{mark} ])*$')
    stray_end = outside.str.contains(dialect.stray_end, literal=True)
    width = outside.str.count_matches(dialect.delimiter, literal=True) + 1
    damage = (
        pl.when(blank)
        .then(BLANK)
        .when(text.str.contains(SUBSTITUTE, literal=True))
        .then(DAMAGE.index("record.undecodable"))
        .when(pl.col("damage").is_not_null())
        .then(pl.col("damage"))
        .when(nothing)
        .then(BLANK)
        .when(width < dialect.width)
        .then(DAMAGE.index("record.too_few_fields"))
        .when(width > dialect.width)
        .then(DAMAGE.index("record.too_many_fields"))
        .when(text.str.contains(shapes.control) | stray_end)
        .then(CONTROL)
    )
    return records.select("line", damage=damage.cast(pl.UInt8))
