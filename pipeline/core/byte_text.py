"""Bytes of any encoding as text in which ASCII can be searched, and which gives back the very same bytes.

A record may be rejected just because its bytes are not valid in its encoding; so nothing is decoded that has to be
encoded again. In encodings of several bytes a byte of a character may look like a delimiter.
"""

from __future__ import annotations

import codecs
from functools import cache

from pipeline.core.csv_structure import SUBSTITUTE
from schemas.text_encoding import DOUBLE_BYTE, has_ascii

_PRIVATE = 0xF0000
"""Plane 15 is for private use: U+F00XX stands for the byte XX."""


def searchable(raw: bytes, codec: str) -> str:
    """ASCII as it is; each other character, or each byte of it, is some character. Raises UnicodeDecodeError for half a
    unit of UTF-16.
    """
    if codec.startswith("utf-16"):
        return raw.decode(codec, "surrogatepass")
    if codec in DOUBLE_BYTE and not raw.isascii():
        return _by_character(raw, codec)
    return raw.decode("latin-1") if has_ascii(codec) else raw.decode("latin-1").translate(_tables(codec)[0])


def original_bytes(text: str, codec: str) -> bytes:
    """The bytes of a text of `searchable`, or of a part of it."""
    if codec.startswith("utf-16"):
        return text.encode(codec, "surrogatepass")
    if codec in DOUBLE_BYTE:
        return "".join(chr(ord(each) & 0xFF) for each in text).encode("latin-1")
    return (text if has_ascii(codec) else text.translate(_tables(codec)[1])).encode("latin-1")


def _by_character(raw: bytes, codec: str) -> str:
    """Bytes one by one: where they make as many characters as they are, those of ASCII among them stay."""
    decoder = codecs.getincrementaldecoder(codec)(errors="billferry.substitute")
    found, pending = list[str](), bytearray()
    for byte in raw:
        pending.append(byte)
        made = decoder.decode(bytes([byte]))
        if not made:
            continue
        plain = len(made) == len(pending)
        for each, own in zip(made if plain else [SUBSTITUTE] * len(pending), pending, strict=True):
            found.append(
                each if each.isascii() and each != SUBSTITUTE and ord(each) == own else chr(_PRIVATE + own)
            )
        pending.clear()
    return "".join(found) + "".join(chr(_PRIVATE + byte) for byte in pending)


@cache
def _tables(codec: str) -> tuple[dict[int, int], dict[int, int]]:
    """Byte → its character of ASCII, else a private one; and back."""
    there = {}
    for byte in range(256):
        character = bytes([byte]).decode(codec, "replace")
        is_plain = character.isascii() and character.encode(codec) == bytes([byte])
        there[byte] = ord(character) if is_plain else _PRIVATE + byte
    return there, {character: byte for byte, character in there.items()}
