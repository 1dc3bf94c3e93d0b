"""A landed file as text, block by block: what its first bytes say it is, and bytes that are no characters marked.

Text is UTF-8 in bytes, whatever the file's own encoding: that is what polars works with, and most files are it already.
A byte that cannot be decoded becomes U+001A, one for each unit of the encoding, so that the length of a text in the
file's own bytes can be computed from the text alone and only the record around it is damaged.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import polars as pl

from pipeline.core.csv_structure import SUBSTITUTE
from pipeline.core.foreign_formats import TELLING_BYTES, foreign_format
from pipeline.errors import FileRefused
from schemas.feed import NoRecords
from schemas.text_encoding import DOUBLE_BYTE, UNICODE, Encoding, has_ascii

BLOCK_BYTES = 8 * 1024 * 1024
"""8 MiB of a file at once: large enough that polars works in parallel, small enough for several in memory."""
BLANKS = " \t\r\n"
"""What a text may begin with that holds nothing."""
SEPARATOR = "\x1f"
"""U+001F (unit separator), which stands for a delimiter of several characters: parsers take one alone."""
_SLICE_BYTES = 65_536
"""Undecodable bytes are looked for in slices of this size, so that only a damaged slice is decoded and copied."""
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order mark → encoding as feeds name it. Source: Unicode Standard, 23.8."""
_OWN_MARKS = {b"\x84\x31\x95\x33": "gb18030"}
"""What is one in this encoding alone."""


def _substitute(error: UnicodeError) -> tuple[str, int]:
    """Error handler of the codecs: U+001A for each undecodable unit (two bytes of UTF-16, else one)."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    unit_bytes = 2 if error.encoding.startswith("utf-16") else 1
    count = max(1, (error.end - error.start) // unit_bytes)
    return SUBSTITUTE * count, error.end


codecs.register_error("billferry.substitute", _substitute)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file's encoding as its first bytes confirm it."""

    path: Path
    encoding: Encoding
    """As feeds name it."""
    codec: str
    """What Python calls it, with its byte order."""
    byte_order_mark: bytes
    delimiter: str = ""
    """A delimiter of several characters, which its text has as SEPARATOR."""

    def head(self, head_bytes: int) -> str:
        """Some text from the start: that of at most `head_bytes` bytes."""
        return next(self.blocks(head_bytes))[0].decode()

    def beginnings(self, declared: NoRecords | None) -> tuple[str, ...]:
        """How lines begin that the feed declares to be no records, as this text has them."""
        texts = declared.starts_with if declared else []
        if not self.delimiter:
            return tuple(texts)
        within = [self.delimiter[:size] for size in range(1, len(self.delimiter))]
        cut = [
            text.removesuffix(part) + self.delimiter
            for text in texts
            for part in within
            if text.endswith(part)
        ]
        return tuple(text.replace(self.delimiter, SEPARATOR) for text in (*texts, *cut))

    def filled_head(self, head_bytes: int) -> str:
        """Some text from the first place on that is not blank, as `head`; empty where the file is blank to its end."""
        text = b""
        for block, _ in self.blocks(head_bytes):
            is_next = bool(text)
            text = (text + block).lstrip(BLANKS.encode())
            if is_next:
                break
        return text.decode()

    def ends_within(self, size_bytes: int) -> bool:
        """Whether there is no more text than of so many bytes."""
        return self.path.stat().st_size - len(self.byte_order_mark) <= size_bytes

    def blocks(self, block_bytes: int = BLOCK_BYTES) -> Iterator[tuple[bytes, int]]:
        """UTF-8 text, and the bytes of the file read so far.

        Blocks end between characters, not between lines. The last one is empty or follows the file's last byte.
        """
        whole = self._whole()
        with self.path.open("rb") as file:
            position = file.seek(len(self.byte_order_mark))
            rest = b""
            while block := file.read(block_bytes):
                position += len(block)
                text, rest = whole(rest + block, False)
                yield text, position
            yield whole(rest, True)[0], position

    def texts(self, places: pl.DataFrame) -> list[str]:
        """The text of stretches of the file, each of whole characters: `byte_start` and `byte_end` of them."""
        whole, found = self._whole(), list[str]()
        with self.path.open("rb") as file:
            number = file.fileno()
            for start, end in places.select("byte_start", "byte_end").iter_rows():
                found.append(whole(os.pread(number, end - start, start), True)[0].decode())
        return found

    def _whole(self) -> Whole:
        """A decoder of one reading."""
        whole = _whole_utf8 if self.codec == "utf-8" else self._recoded()
        return _separated(whole, self.delimiter.encode()) if self.delimiter else whole

    def _recoded(self) -> Callable[[bytes, bool], tuple[bytes, bytes]]:
        """A decoder from the file's encoding to UTF-8 that keeps cut characters for the next block."""
        decoder = codecs.getincrementaldecoder(self.codec)(errors="billferry.substitute")
        if self.codec == "euc_jp":
            return lambda block, final: _whole_euc(block, final, decoder)
        if not self.codec.startswith("utf-16") and not has_ascii(self.codec):  # EBCDIC ends lines with NEL
            return lambda block, final: (decoder.decode(block, final).replace("\x85", "\n").encode(), b"")
        return lambda block, final: (decoder.decode(block, final).encode(), b"")

    def own_bytes(self, text: bytes) -> int:
        """Length of UTF-8 text in the file's own encoding, and with its own delimiter."""
        if self.delimiter:
            return self._size_of(text) + text.count(SEPARATOR.encode()) * self._longer
        return self._size_of(text)

    def _size_of(self, text: bytes) -> int:
        if self.codec in UNICODE | DOUBLE_BYTE:
            return len(text if self.codec == "utf-8" else text.decode().encode(self.codec))
        return len(text.decode())

    def size_bytes(self, text: pl.Expr) -> pl.Expr:
        """Length of texts in the file's own encoding, as Int64; `text` is a String expression."""
        if self.delimiter:
            longer = text.str.count_matches(SEPARATOR, literal=True).cast(pl.Int64) * self._longer
            return replace(self, delimiter="").size_bytes(text) + longer
        if self.codec == "utf-8":
            return text.str.len_bytes().cast(pl.Int64)
        if self.codec in DOUBLE_BYTE:
            return text.map_batches(self._sizes, return_dtype=pl.Int64)
        characters = text.str.len_chars().cast(pl.Int64)
        if self.codec.startswith("utf-16"):
            return 2 * (characters + text.str.count_matches("[\U00010000-\U0010ffff]"))
        return characters

    @property
    def _longer(self) -> int:
        """Bytes that the delimiter has more than SEPARATOR."""
        return len(self.delimiter.encode(self.codec)) - len(SEPARATOR.encode(self.codec))

    def written(self, text: str) -> bytes:
        """Text in the file's own bytes; what its encoding lacks becomes a question mark."""
        own = text.replace(SEPARATOR, self.delimiter) if self.delimiter else text
        return own.encode(self.codec, "replace")

    def _sizes(self, texts: pl.Series) -> pl.Series:
        return pl.Series(texts.name, [len(text.encode(self.codec)) for text in texts], dtype=pl.Int64)


Whole = Callable[[bytes, bool], tuple[bytes, bytes]]
"""The whole characters of a block as UTF-8, and the rest of its bytes; true for the last block."""


def _separated(whole: Whole, delimiter: bytes) -> Whole:
    """With SEPARATOR in place of the delimiter; one of the text's own becomes another control character."""
    separator, held = SEPARATOR.encode(), b""

    def convert(block: bytes, final: bool) -> tuple[bytes, bytes]:
        nonlocal held
        text, rest = whole(block, final)
        text = held + text.replace(separator, b"\x1e")
        text = text.replace(delimiter, separator)
        sizes = range(len(delimiter) - 1, 0, -1)
        cut = 0 if final else next((size for size in sizes if text.endswith(delimiter[:size])), 0)
        held = text[len(text) - cut :]
        return text[: len(text) - cut], rest

    return convert


_SECOND_TILDE = b"\x8f\xa2\xb7"
"""In EUC-JP a tilde of three bytes, which Python decodes to that of one: its text would not tell its length."""


def _whole_euc(block: bytes, final: bool, decoder: codecs.IncrementalDecoder) -> tuple[bytes, bytes]:
    """EUC-JP with the one character whose length is uncertain marked as undecodable."""
    end = len(block) if final else max(0, len(block) - len(_SECOND_TILDE) + 1)
    if not final and _SECOND_TILDE in block[max(0, end - 2) :]:
        end = len(block)
    marked = block[:end].replace(_SECOND_TILDE, b"\xff\xff\xff")
    return decoder.decode(marked, final).encode(), block[end:]


def _whole_utf8(block: bytes, final: bool) -> tuple[bytes, bytes]:
    """The whole characters of a block, with what is none of them marked, and the part of one that its end cuts."""
    end = len(block)
    if not final:
        lead = next((at for at in range(end - 1, max(end - 4, 0) - 1, -1) if block[at] & 0xC0 != 0x80), end)
        end = lead if lead < end and block[lead] >= 0xC0 else end
    return _marked(block[:end]), block[end:]


def _marked(text: bytes) -> bytes:
    """The text with SUBSTITUTE for each byte that is no UTF-8. Most slices have none, and are only looked at."""
    if text.isascii():
        return text
    marked: bytearray | None = None
    start = 0
    while start < len(text):
        end = (text.find(b"\n", start + _SLICE_BYTES) + 1) or len(text)
        piece = text[start:end]
        if not piece.isascii():
            try:
                piece.decode()
            except UnicodeDecodeError:
                marked = bytearray(text) if marked is None else marked
                marked[start:end] = piece.decode(errors="billferry.substitute").encode()  # as long as before
        start = end
    return text if marked is None else bytes(marked)


def open_text(path: Path, encoding: Encoding, *, name: str, corrected: bool = False) -> TextFile:
    """Look at a file's first bytes.

    A corrected rejects file may be marked as UTF-8 whatever the feed declares: we write one of a spreadsheet so, and
    what people correct files with marks them.

    Args:
        encoding: as the feed declares it.
        name: of the bill file, for messages.
        corrected: whether it is a corrected rejects file.

    Raises:
        FileRefused: it is empty, or marked as another encoding than declared.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        _refuse(name, "file.empty", "the file is empty: it does not even have a header", "export it again")
    marks = _MARKS | (_OWN_MARKS if encoding == "gb18030" else {})
    mark = next((mark for mark in marks if head.startswith(mark)), b"")
    if corrected and mark == codecs.BOM_UTF8:
        encoding = "utf-8"
    stated = marks.get(mark, encoding)
    if encoding.startswith("utf-16-") and stated == "utf-16":
        stated = codecs.lookup("utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be").name
    if stated != encoding:
        _refuse_encoding(name, f"at byte 0 its byte order mark says {stated}, the feed says {encoding}")
    if encoding == "utf-16" and not mark:
        _refuse_encoding(name, "UTF-16 without a byte order mark at byte 0")
    codec: str = encoding
    if encoding == "utf-16":
        codec = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
    return TextFile(path, encoding, codec, mark)


def line_end_of(head: str) -> str:
    """The line end by the beginning of a text: `"\\n"` (which covers CRLF) or `"\\r"`."""
    return "\r" if "\r" in head and "\n" not in head else "\n"


def refuse_foreign(path: Path, name: str) -> None:
    """Raises FileRefused for a file that is plainly of a format which is not read here. `name`: for the message."""
    with path.open("rb") as file:
        found = foreign_format(file.read(TELLING_BYTES))
    if found is not None:
        kind, remedy = found
        _refuse(name, "file.format", f"its content is {kind}", remedy)


def _refuse_encoding(name: str, problem: str) -> NoReturn:
    _refuse(name, "file.encoding", problem, "export it again, or correct feed.encoding")


def _refuse(name: str, rule: str, problem: str, remedy: str) -> NoReturn:
    raise FileRefused(name=name, rule=rule, problem=problem, remedy=remedy)
