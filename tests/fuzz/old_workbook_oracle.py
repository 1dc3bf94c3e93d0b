"""The rows of an old Excel workbook, told by `struct` alone: which of them are records, and what its header says.

Source: [MS-XLS], [MS-CFB]. It knows the kinds of record that `tests/check/old_workbooks.py` writes; where it meets
another one, whose cell it cannot place, the rows are not clear.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
END_OF_CHAIN = 0xFFFFFFFE
BEGIN, END, SHEET = 0x809, 0xA, 0x85
WITHOUT_CELLS = (0x208, 0x42, 0xE0, 0xE5, 0x41E)
"""Facts of rows, the code page, formats and merged cells."""


class Unclear(Exception):
    """The file is damaged in a way that leaves open which rows it has."""


def rows_of_records(raw: bytes, needed: Collection[str]) -> list[int] | None:
    """Rows of the first sheet below its first filled one, from 1; None for a header without what is needed.

    Raises Unclear.
    """
    try:
        filled = _filled(_stream(raw))
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise Unclear from error
    if not filled or not set(needed) <= {text.strip() for text in filled[min(filled)]}:
        return None
    last = max(row for row, texts in filled.items() if any(text.strip(" ") for text in texts))
    return list(range(min(filled) + 2, last + 2))


def _stream(raw: bytes) -> bytes:
    """What is in the chain of sectors of the first stream of the directory."""
    if raw[:8] != MAGIC or raw[30:32] != b"\x09\x00":
        raise Unclear
    count, directory = struct.unpack_from("<LL", raw, 44)
    table: list[int] = []
    for sector in struct.unpack_from(f"<{min(count, 109)}L", raw, 76):
        table += struct.unpack_from("<128L", raw, 512 * (sector + 1))
    entry = raw[512 * (directory + 1) + 128 :][:128]
    sector, size = struct.unpack_from("<LL", entry, 116)
    if entry[:18] != "Workbook\0".encode("utf-16-le"):
        raise Unclear
    pieces: list[bytes] = []
    while sector != END_OF_CHAIN and len(pieces) <= len(table):
        pieces.append(raw[512 * (sector + 1) : 512 * (sector + 2)])
        sector = table[sector]
    stream = b"".join(pieces)
    if len(stream) < size:
        raise Unclear
    return stream[:size]


def _filled(stream: bytes) -> dict[int, list[str]]:
    """Each filled row of the first sheet, from 0, with its texts; a value of another kind is any text."""
    places = [struct.unpack_from("<L", data)[0] for kind, data in _records(stream, 0) if kind == SHEET]
    cells: dict[tuple[int, int], str] = {}
    for kind, data in _records(stream, places[0]):
        match kind:
            case 0x204:
                row, column, _, length, wide = struct.unpack_from("<HHHHB", data)
                if wide != 1 or len(data) != 9 + 2 * length:
                    raise Unclear
                cells[row, column] = data[9:].decode("utf-16-le")
            case 0x203 | 0x205 | 0x6:
                row, column = struct.unpack_from("<HH", data)
                cells[row, column] = "x"
            case _ if kind not in WITHOUT_CELLS:
                raise Unclear
    filled: dict[int, list[str]] = {}
    for (row, _), text in cells.items():
        if text:
            filled.setdefault(row, []).append(text)
    return filled


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Kind and content of the records of a substream, between its beginning and its end."""
    kind, size = struct.unpack_from("<HH", stream, at)
    if kind != BEGIN:
        raise Unclear
    while True:
        at += 4 + size
        kind, size = struct.unpack_from("<HH", stream, at)
        if kind == END:
            return
        if at + 4 + size > len(stream) or kind == BEGIN:
            raise Unclear
        yield kind, stream[at + 4 : at + 4 + size]
