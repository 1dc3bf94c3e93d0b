"""What a file is by its first bytes, whatever it is called, and our plain copy of one that is packed.

Nothing is unpacked further than `limits` allow: not by what an archive says of itself, and not by what comes out of it.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, NoReturn

from pipeline.core.csv_structure import GZIP, PACKED, ZIP, with_short_lines
from pipeline.edge.disk import new_file, remove
from pipeline.errors import BillferryError, FileRefused
from schemas.settings import Limits

Packing = Literal["gzip", "zip", "xlsx"]

STEP_BYTES = 1 << 18
"""Unpacked at once: the most that can come out before the budget is asked."""
_FOREIGN = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Excel file (.xls), or one with a password",
    **{b"BZh%d1AY&SY" % level: "bzip2" for level in range(1, 10)},
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
}
"""First bytes → format that is not read. Sources: [MS-CFB] 2.2, ISO 32000-1, and the format of each packer."""
_DIRECTORY_BYTES = 1 << 20
"""Longest directory of a zip archive that is read: some ten thousand names."""
_WORKBOOK = "xl/workbook.xml"
"""What a zip archive contains when it is an XLSX workbook."""


@dataclass(slots=True)
class UnpackBudget:
    """How much may still come out of one packed file."""

    name: str
    """Of the bill file, for messages."""
    size_bytes: int
    """Of the packed file: the ratio is to this."""
    limits: Limits
    spent_bytes: int = field(default=0)
    """What came out so far."""

    def spend(self, size_bytes: int) -> None:
        """Count bytes that came out, or that an archive says will. Raises FileRefused when they are too many."""
        self.spent_bytes += size_bytes
        if self.spent_bytes > self.limits.max_decompressed_bytes:
            bound = f"limits.max_decompressed_bytes ({self.limits.max_decompressed_bytes})"
            self._refuse(f"it unpacks to more than {bound}")
        if self.spent_bytes > self.limits.max_decompression_ratio * self.size_bytes:
            ratio = f"limits.max_decompression_ratio ({self.limits.max_decompression_ratio:g})"
            self._refuse(f"it unpacks to more than {ratio} times its size")

    def _refuse(self, problem: str) -> NoReturn:
        refuse_archive(self.name, "file.archive_too_large", problem, "send it unpacked, or raise the limit")


def packing_of(path: Path, name: str) -> Packing | None:
    """How a file is packed, by its first bytes; None for text.

    Raises:
        FileRefused: it is neither text nor a format that is read here, or a damaged archive.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(16)
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            refuse_archive(name, "file.format", f"its content is {kind}", "export it as CSV, XLSX or NDJSON")
    if head.startswith(GZIP):
        return "gzip"
    if not head.startswith(ZIP):
        return None
    with zip_archive(path, name) as archive:
        names = archive.namelist()
    if _WORKBOOK in names:
        return "xlsx"
    if "[Content_Types].xml" in names:
        refuse_archive(
            name, "file.format", "its content is an Office file other than XLSX", "export it as XLSX or CSV"
        )
    return "zip"


def unpacked(path: Path, packing: Packing, copy: Path, allowance: UnpackBudget) -> None:
    """Write the one file inside a gzip or zip to `copy`, for us alone to read.

    Raises:
        FileRefused: it is damaged, nested, holds several files, or passes the budget. Nothing is left of the copy
            then.
        DiskFull: no room for it.
    """
    blocks = _gunzipped(path, allowance.name) if packing == "gzip" else _unzipped(path, allowance)
    first = True
    with plain_copy(copy) as file:
        for block in with_short_lines(blocks, allowance.limits.max_record_bytes, name=allowance.name):
            if first:
                _refuse_nested(block, allowance.name)
            first = False
            allowance.spend(len(block))
            file.write(block)


@contextmanager
def plain_copy(path: Path) -> Iterator[IO[bytes]]:
    """A private file to write our copy into, in place of an earlier one; nothing is left of it after an error."""
    remove(path)
    try:
        with new_file(path, durable=False) as file:
            yield file
    except BaseException:
        with suppress(BillferryError):
            remove(path)
        raise


@contextmanager
def zip_archive(path: Path, name: str) -> Iterator[zipfile.ZipFile]:
    """An archive whose directory is whole, short and ends the file, for the length of the block.

    Refused are archives that two programs could read differently: bytes before or after, equal names, exotic methods.
    Source: APPNOTE 6.3, PKWARE.

    Raises:
        FileRefused: for such an archive, and for what turns out damaged while the block reads members.
    """
    with _BoundedReads(path) as file:
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, struct.error, OSError, ValueError, OverflowError, NotImplementedError):
            refuse_damaged(name, "the zip archive is damaged or cut off")
        with archive:
            _refuse_unusual(archive, path, name)
            try:
                yield archive
            except (zipfile.BadZipFile, zlib.error, EOFError):
                refuse_damaged(name, "the zip archive is damaged or cut off")


def _refuse_unusual(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    if not _ends_with_its_directory(path, len(archive.comment)):
        refuse_damaged(name, "bytes follow the end of the zip archive")
    if min((member.header_offset for member in archive.infolist()), default=0):
        refuse_damaged(name, "other bytes precede the zip archive, perhaps another one")
    names = archive.namelist()
    if len(set(names)) != len(names):
        refuse_damaged(name, "the zip archive contains a name twice")
    if any(member.flag_bits & 0x1 for member in archive.infolist()):
        refuse_archive(name, "file.archive_encrypted", "it is encrypted", "send it without a password")
    if any(member.compress_type not in _METHODS for member in archive.infolist()):
        refuse_damaged(name, "it is packed by a method other than deflate")


_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Others are rare, and LZMA takes as much memory as the file asks for."""


class _BoundedReads(io.FileIO):
    """A zip file that returns only so much at once: `zipfile` would read a directory of any length."""

    def read(self, size: int | None = -1) -> bytes:
        """At most a directory of the longest kind. Raises BadZipFile, which `zip_archive` reports."""
        if size is None or size < 0:
            size = _DIRECTORY_BYTES + 1
        if size > _DIRECTORY_BYTES + 1:
            raise zipfile.BadZipFile
        return super().read(size) or b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET and not 0 <= offset < 1 << 62:
            raise zipfile.BadZipFile  # a damaged directory points anywhere
        return super().seek(offset, whence)


def open_member(archive: zipfile.ZipFile, member: str) -> IO[bytes]:
    """A file inside an archive. Raises BadZipFile; KeyError when there is none of that name."""
    try:
        return archive.open(member)
    except (NotImplementedError, RuntimeError, ValueError) as error:
        raise zipfile.BadZipFile from error


def _ends_with_its_directory(path: Path, comment_bytes: int) -> bool:
    """Whether the end record (22 bytes and the comment) ends the file. Source: APPNOTE 6.3, 4.3.16."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END) - 22 - comment_bytes
        if end < 0:
            return False
        file.seek(end)
        return file.read(4) == ZIP[1]


def _unzipped(path: Path, allowance: UnpackBudget) -> Iterator[bytes]:
    """The one file of an archive, in blocks; what the directory states of its size is checked before anything
    is read.
    """
    name = allowance.name
    with zip_archive(path, name) as archive:
        members = [member for member in archive.infolist() if member.file_size or not member.is_dir()]
        if len(members) != 1:
            problem = f"the zip archive holds {len(members)} files"
            refuse_archive(name, "file.archive_members", problem, "pack each bill file by itself")
        stated_budget = UnpackBudget(name, allowance.size_bytes, allowance.limits)
        stated_budget.spend(members[0].file_size)
        with open_member(archive, members[0].filename) as content:
            while block := content.read(STEP_BYTES):
                yield block


def _gunzipped(path: Path, name: str) -> Iterator[bytes]:
    """The content of one gzip member, in blocks. What follows it is refused: tools differ on whether they read it.

    Source: RFC 1952, 2.2.
    """
    unpacker = zlib.decompressobj(wbits=31)
    with path.open("rb") as file:
        while not unpacker.eof:
            packed = unpacker.unconsumed_tail or file.read(STEP_BYTES)
            if not packed:
                refuse_damaged(name, "the gzip content is cut off")
            try:
                block = unpacker.decompress(packed, STEP_BYTES)
            except zlib.error:
                refuse_damaged(name, "the gzip content is damaged")
            if block:
                yield block
        rest = unpacker.unused_data or file.read(2)
        if len(rest) < 2:
            rest += file.read(2)
    if rest.startswith(GZIP):
        problem = "it is several gzip files in one"
        refuse_archive(name, "file.archive_members", problem, "pack each bill file by itself")
    if rest:
        refuse_damaged(name, "bytes follow the end of the gzip content")


def _refuse_nested(head: bytes, name: str) -> None:
    if head.startswith((*PACKED, *_FOREIGN)):
        problem = "what is packed in it is packed again, or is not text"
        refuse_archive(name, "file.archive_nested", problem, "pack it once, or send it unpacked")


def refuse_damaged(name: str, problem: str) -> NoReturn:
    """Raise FileRefused with the rule for archives that cannot be read for certain."""
    refuse_archive(name, "file.archive_damaged", problem, "send it again")


def refuse_archive(name: str, rule: str, problem: str, remedy: str) -> NoReturn:
    """Raise FileRefused.

    Args:
        name: of the bill file.
        rule: a code of the catalogue, `file.…`.
    """
    raise FileRefused(name=name, rule=rule, problem=problem, remedy=remedy)
