"""UTF-8 in a file that is declared to be in an older encoding: it would be read without an error, as `MÃ¼ller`.

Nearly any bytes are text in an encoding of one byte a character, so only the bytes themselves tell: letters of such an
encoding hardly ever stand together as UTF-8 demands it, let alone in the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.edge.reader.text import TextFile
from pipeline.errors import FileRefused
from schemas.text_encoding import DOUBLE_BYTE, UNICODE, has_ascii

_BLOCK_BYTES = 1 << 20
_ALONE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])")
_TOGETHER = re.compile(rb"[\x80-\xff]{2,}")
_LIKELY = re.compile(
    "[\u00a0-\u017f\u0218-\u021b\u0370-\u06ff\u0900-\u0e7f\u1e00-\u1eff\u2010-\u2122\u3000-\u9fff\uac00-\ud7a3\uff00-\uffef]+"
)
"""Letters and marks of languages that bills are written in. A capital letter and a sign, such as `É®`, make others."""
_SURE_CHARACTERS = 2
"""In encodings of two bytes a character, one character may look like UTF-8 by chance."""


@dataclass(slots=True)
class _Found:
    places: int = 0
    """Where bytes are UTF-8, and likely."""
    first_line: int = 0
    characters: int = 0
    others: bool = False
    """Whether there are bytes beyond ASCII that are not."""


def utf8_notes(file: TextFile, name: str) -> tuple[str, ...]:
    """What a person should know of UTF-8 among the bytes of another encoding, as sentences.

    Raises:
        FileRefused: all of the file is UTF-8. `name`: of the bill file, for messages.
    """
    if file.encoding in UNICODE or not has_ascii(file.encoding):
        return ()
    found = _found_in(file)
    is_double = file.encoding in DOUBLE_BYTE
    if not found.places or (is_double and (found.others or found.characters < _SURE_CHARACTERS)):
        return ()
    if not found.others:
        raise FileRefused(
            name=name,
            rule="file.encoding",
            problem=f"its bytes are UTF-8, first on line {found.first_line}, and the feed says {file.encoding}:"
            " ü would be read as Ã¼",
            remedy="set feed.encoding to utf-8, or export it again",
        )
    places = "place" if found.places == 1 else "places"
    return (
        f"UTF-8 in {found.places} {places} of a {file.encoding} file, first on line {found.first_line}; read as"
        f" {file.encoding}, ü looks like Ã¼ there: have it exported in one encoding",
    )


def _found_in(file: TextFile) -> _Found:
    found, line = _Found(), 1
    shortest = "\u0800" if file.encoding in DOUBLE_BYTE else "\u0080"
    for block in _blocks(file):
        if not block.isascii():
            found.others = found.others or _ALONE.search(block) is not None
            for run in _TOGETHER.finditer(block):
                try:
                    text = run[0].decode()
                except UnicodeDecodeError:
                    text = ""
                if not _LIKELY.fullmatch(text) or min(text) < shortest:
                    found.others = True
                    continue
                found.first_line = found.first_line or line + block.count(b"\n", 0, run.start())
                found.places += 1
                found.characters += len(text)
        line += block.count(b"\n")
    return found


def _blocks(file: TextFile) -> Iterator[bytes]:
    """The bytes of a file in pieces that end at ASCII, however long that takes within the next block."""
    rest = b""
    with file.path.open("rb") as raw:
        while block := raw.read(_BLOCK_BYTES):
            block = rest + block
            end = len(block)
            while end and block[end - 1] >= 0x80 and len(block) - end < _BLOCK_BYTES:
                end -= 1
            end = end if end and len(block) - end < _BLOCK_BYTES else len(block)
            yield block[:end]
            rest = block[end:]
    yield rest
