"""Small XLS workbooks (BIFF8 in a compound file), written by hand: as Excel 97 would, or with bad intentions.

Source: [MS-XLS], [MS-CFB].
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

DATE, DATE_TIME, PERCENT, GENERAL, TIME = 1, 2, 3, 0, 5
"""Styles of `_FORMATS`, by their place."""
_FORMATS = (0, 164, 22, 10, 0, 46)
_SECTOR = 512
_FREE, _END, _IS_TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD

Cell = str | int | float | None | tuple[object, ...]


def record(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _text(text: str, length: str = "<H") -> bytes:
    raw = text.encode("utf-16-le")
    return struct.pack(length, len(raw) // 2) + b"\1" + raw


def number(row: int, column: int, value: float, style: int = GENERAL) -> bytes:
    return record(0x203, struct.pack("<HHHd", row, column, style, value))


def label(row: int, column: int, text: str) -> bytes:
    return record(0x204, struct.pack("<HHH", row, column, 0) + _text(text))


def error(row: int, column: int, code: int = 0x2A) -> bytes:
    return record(0x205, struct.pack("<HHHBB", row, column, 0, code, 1))


def truth(row: int, column: int, value: bool) -> bytes:
    return record(0x205, struct.pack("<HHHBB", row, column, 0, value, 0))


def formula(row: int, column: int, result: bytes) -> bytes:
    """A formula with that stored result of eight bytes."""
    return record(
        0x6, struct.pack("<HHH", row, column, 0) + result + struct.pack("<HLH", 0, 0, 3) + b"\x1e\1\0"
    )


def wrong(code: int) -> bytes:
    """The stored result of a formula that is an error."""
    return b"\2\0" + bytes([code]) + b"\0\0\0\xff\xff"


def hidden(row: int) -> bytes:
    return record(0x208, struct.pack("<HHHHHHHH", row, 0, 9, 255, 0, 0, 0x20, 0))


def merged(first: int, last: int, left: int = 0, right: int = 0) -> bytes:
    """A merged range: its first and last row, its first and last column."""
    return record(0xE5, struct.pack("<HHHHH", 1, first, last, left, right))


def row(at: int, *cells: Cell) -> bytes:
    """The cells of a row, from 0: a text, a number, nothing, or a function of this module and its further arguments."""
    written = b""
    for column, cell in enumerate(cells):
        match cell:
            case None:
                pass
            case str():
                written += label(at, column, cell)
            case int() | float():
                written += number(at, column, cell)
            case (make, *rest):
                written += make(at, column, *rest)  # type: ignore[operator]
    return written


def old_workbook(
    sheets: Mapping[str, bytes] | bytes, *, hidden_sheets: tuple[str, ...] = (), globals_: bytes = b""
) -> bytes:
    """An XLS of sheets by name, in order; `globals_` are records beside the list of sheets."""
    named = {"Bills": sheets} if isinstance(sheets, bytes) else sheets
    head = _begin(5) + record(0x42, struct.pack("<H", 1200))
    head += record(0x41E, struct.pack("<H", 164) + _text("dd/mm/yyyy"))
    head += (
        b"".join(record(0xE0, struct.pack("<HHH", 0, each, 0) + bytes(14)) for each in _FORMATS) + globals_
    )
    listed = [_text(name, "<B") for name in named]
    place = len(head) + sum(10 + len(each) for each in listed) + 4
    contents = [_begin(0x10) + each + record(0xA) for each in named.values()]
    for name, shown, content in zip(named, listed, contents, strict=True):
        head += record(0x85, struct.pack("<LBB", place, name in hidden_sheets, 0) + shown)
        place += len(content)
    return compound(head + record(0xA) + b"".join(contents))


def _begin(kind: int) -> bytes:
    return record(0x809, struct.pack("<HHHHLL", 0x600, kind, 0x0DBB, 1996, 0, 6))


def compound(stream: bytes, name: str = "Workbook", *, beside: str = "") -> bytes:
    """A compound file of one stream; `beside` is the name of an empty storage."""
    stream = stream.ljust(max(8 * _SECTOR, -(-len(stream) // _SECTOR) * _SECTOR), b"\0")
    count, tables = len(stream) // _SECTOR, 1
    while tables * 128 < count + 1 + tables:
        tables += 1
    table = [_IS_TABLE] * tables + [_END] + [at + tables + 2 for at in range(count - 1)] + [_END]
    table += [_FREE] * (tables * 128 - len(table))
    entries = _entry("Root Entry", 5, _END, 0, child=1) + _entry(name, 2, tables + 1, len(stream))
    entries += (_entry(beside, 1, 0, 0) if beside else bytes(128)) + bytes(128)
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
        + bytes(6)
    )
    header += struct.pack("<LLLLLLLLL", 0, tables, tables, 0, 4096, _END, 0, _END, 0)
    header += struct.pack("<109L", *range(tables), *[_FREE] * (109 - tables))
    return header + struct.pack(f"<{len(table)}L", *table) + entries + stream


def _entry(name: str, kind: int, start: int, size: int, child: int = _FREE) -> bytes:
    raw = name.encode("utf-16-le") + b"\0\0"
    beside = struct.pack("<HBBLLL", len(raw), kind, 1, _FREE, _FREE, child)
    return raw.ljust(64, b"\0") + beside + bytes(36) + struct.pack("<LQ", start, size)
