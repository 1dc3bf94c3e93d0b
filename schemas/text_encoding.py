"""Names of text encodings, as feeds have them and as Python calls them."""

from __future__ import annotations

import codecs
from typing import Annotated

from pydantic import AfterValidator

DOUBLE_BYTE = frozenset(
    (
        *("big5", "big5hkscs", "cp950"),
        *("gb2312", "gbk", "gb18030"),
        *("shift_jis", "shift_jisx0213", "shift_jis_2004", "cp932", "euc_jp"),
        *("euc_kr", "cp949", "johab"),
    )
)
"""Encodings of several bytes a character in which each text has one length in bytes."""
UNICODE = frozenset(("utf-8", "utf-16", "utf-16-le", "utf-16-be"))
_CALLED = {"iso8859-1": "latin-1", "utf-8-sig": "utf-8"}
"""Python's name → ours."""


def known_encoding(name: str) -> str:
    """An encoding by one name: `UTF8`, `utf_8` and `utf-8-sig` are `utf-8`.

    Raises ValueError for names that Python does not know, and for encodings in which records have no bytes of their
    own, since what a byte means depends on what is before it.
    """
    try:
        found = codecs.lookup(name)
        is_text = len("A".encode(found.name)) in (1, 2, 4)
    except (LookupError, ValueError, TypeError):
        is_text = False
    if not is_text:
        raise ValueError(
            "encoding must be one that Python knows by name, such as cp1250, shift_jis or gb18030"
        )
    called = _CALLED.get(found.name, found.name)
    if called in UNICODE | DOUBLE_BYTE or is_single_byte(called):
        return called
    raise ValueError(
        "this encoding is not read, since its bytes depend on those before; convert files to utf-8"
    )


def is_single_byte(encoding: str) -> bool:
    """Whether each byte is a character, or none, whatever is around it."""
    if encoding in UNICODE | DOUBLE_BYTE or encoding.startswith(("iso2022", "hz", "utf", "unicode", "raw")):
        return False
    every = bytes(range(256))
    try:
        return len(every.decode(encoding, "replace")) == len(every)
    except UnicodeError:
        return False


def has_ascii(encoding: str) -> bool:
    """Whether bytes below 128 are those of ASCII; those of EBCDIC (cp037, cp500) are not."""
    return "a,1".encode(encoding) == b"a,1"


def line_ends(encoding: str) -> frozenset[bytes]:
    """The bytes that end lines, each of them alone; of UTF-16 the half that tells them. EBCDIC has NEL as well."""
    if encoding in UNICODE or has_ascii(encoding):
        return frozenset((b"\n", b"\r"))
    return frozenset(end.encode(encoding) for end in "\n\r\x85")


Encoding = Annotated[str, AfterValidator(known_encoding)]
