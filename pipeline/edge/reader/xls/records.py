"""What python-calamine does not tell of an old workbook: cells with errors, hidden rows, macros, links.

Only as much of the file is read as that needs. Sources: [MS-CFB] (the container), [MS-XLS] 2.4 (the records).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LAST_SECTOR = 0xFFFFFFF0
"""Sector numbers from here on end a chain or mark what is none of one. Source: [MS-CFB] 2.1."""
_FORMULAS = frozenset({0x0006, 0x0206, 0x0406})
_BOOL_OR_ERROR, _ROW, _SHEET, _LINKED = 0x0205, 0x0208, 0x0085, 0x01AE
_ENCRYPTED, _BEGIN, _END = 0x002F, 0x0809, 0x000A
_ITSELF, _ADD_IN = 0x0401, 0x3A01
"""What a workbook links to without another file."""
_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}


class NoWorkbook(Exception):
    """A sound container of something else, such as an old Word document."""


@dataclass(slots=True)
class SheetFacts:
    """What is found of one sheet. Rows and columns count from 0."""

    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    """Row and column → the error that the cell shows."""
    hidden: set[int] = field(default_factory=set)
    """Hidden rows."""


class OldWorkbook:
    """The records of one workbook. Raises NoWorkbook where it is none, and ValueError, struct.error or
    IndexError where they make no sense.
    """

    def __init__(self, raw: bytes) -> None:
        """`raw`: the whole file."""
        container = _Container(raw)
        self.is_active = container.has_macros
        """Whether it holds programs, or links to other workbooks."""
        self.is_encrypted = container.is_encrypted
        """Whether it has a password: one of this format, or a newer one inside of the same container."""
        self._stream = container.workbook
        self._sheets: list[int] = []
        for kind, start, size in self._records(0):
            if kind == _SHEET:
                self._sheets.append(*struct.unpack_from("<L", self._stream, start))
            elif kind == _ENCRYPTED:
                self.is_encrypted = True
            elif kind == _LINKED and size >= 4:
                (linked,) = struct.unpack_from("<H", self._stream, start + 2)
                self.is_active |= linked not in (_ITSELF, _ADD_IN)

    def sheet(self, number: int) -> SheetFacts:
        """What is found of a sheet, by its place among all."""
        found, stream = SheetFacts(), self._stream
        for kind, start, size in self._records(self._sheets[number]):
            if kind == _BOOL_OR_ERROR and size >= 8:
                row, column, _, code, is_error = struct.unpack_from("<HHHBB", stream, start)
                if is_error:
                    found.errors[row, column] = _ERRORS.get(code, "#VALUE!")
            elif kind in _FORMULAS and size >= 14:
                row, column, _, what, _, code, _, _, is_special = struct.unpack_from(
                    "<HHHBBBBHH", stream, start
                )
                if is_special == 0xFFFF and what == 2:
                    found.errors[row, column] = _ERRORS.get(code, "#VALUE!")
            elif kind == _ROW and size >= 16 and stream[start + 12] & 0x20:
                found.hidden.add(*struct.unpack_from("<H", stream, start))
        return found

    def _records(self, start: int) -> Iterator[tuple[int, int, int]]:
        """Kind, place and size of the records of one substream, without those of charts inside of it."""
        depth = 0
        while start + 4 <= len(self._stream):
            kind, size = struct.unpack_from("<HH", self._stream, start)
            start += 4
            depth += (kind == _BEGIN) - (kind == _END)
            if depth <= 0:
                return
            if depth == 1:
                yield kind, start, min(size, len(self._stream) - start)
            start += size


class _Container:
    """The compound file around a workbook."""

    def __init__(self, raw: bytes) -> None:
        if not raw.startswith(MAGIC):
            raise ValueError
        self._raw = raw
        shift: int = struct.unpack_from("<H", raw, 30)[0]
        if shift not in (9, 12):
            raise ValueError
        self._sector_bytes = 1 << shift
        self._next = self._table()
        (first,) = struct.unpack_from("<L", raw, 48)
        entries = self._chain(first)
        self.has_macros = self.is_encrypted = False
        self.workbook = b""
        root = entries[:128]
        for at in range(0, len(entries) - 127, 128):
            entry = entries[at : at + 128]
            (length,) = struct.unpack_from("<H", entry, 64)
            name = entry[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace").lower()
            self.is_encrypted |= name == "encryptedpackage"
            self.has_macros |= name in ("_vba_project_cur", "_vba_project")
            if name in ("workbook", "book") and entry[66] == 2 and not self.workbook:
                self.workbook = self._content(entry, root)
        if not self.workbook and not self.is_encrypted:
            raise NoWorkbook

    def _table(self) -> list[int]:
        """For each sector the one that follows it."""
        extra, count = struct.unpack_from("<LL", self._raw, 68)
        sectors: list[int] = list(struct.unpack_from("<109L", self._raw, 76))
        each = self._sector_bytes // 4
        for _ in range(min(count, len(self._raw) // self._sector_bytes)):
            *more, extra = struct.unpack_from(f"<{each}L", self._raw, self._place(extra))
            sectors += more
        table: list[int] = []
        for sector in sectors:
            if sector < _LAST_SECTOR:
                table += struct.unpack_from(f"<{each}L", self._raw, self._place(sector))
        return table

    def _place(self, sector: int) -> int:
        return (sector + 1) * self._sector_bytes

    def _chain(self, sector: int) -> bytes:
        """The content of a chain of sectors."""
        pieces, left = [], len(self._next)
        while sector < _LAST_SECTOR and left:
            place, left = self._place(sector), left - 1
            pieces.append(self._raw[place : place + self._sector_bytes])
            sector = self._next[sector]
        return b"".join(pieces)

    def _content(self, entry: bytes, root: bytes) -> bytes:
        """A stream by its directory entry; a small one is inside of the root's."""
        first, size = struct.unpack_from("<LL", entry, 116)
        (limit,) = struct.unpack_from("<L", self._raw, 56)
        if size >= limit:
            return self._chain(first)[:size]
        (table_at,) = struct.unpack_from("<L", self._raw, 60)
        table = self._chain(table_at)
        small = self._chain(struct.unpack_from("<L", root, 116)[0])
        pieces, left = [], len(table) // 4
        while first < _LAST_SECTOR and left:
            left -= 1
            pieces.append(small[first * 64 : first * 64 + 64])
            (first,) = struct.unpack_from("<L", table, first * 4)
        return b"".join(pieces)[:size]
