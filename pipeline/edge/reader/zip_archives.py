"""Zip archives: those whose content any two programs would read alike, and the bill file inside one.

Source: APPNOTE 6.3, PKWARE.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.core.csv_structure import ZIP
from pipeline.core.names import label_of_path
from pipeline.edge.reader.compressed import (
    STEP_BYTES,
    UnpackBudget,
    refuse_archive,
    refuse_damaged,
    within_budget,
)

_DIRECTORY_BYTES = 1 << 20
"""Longest directory of a zip archive that is read: some ten thousand names."""
_MAX_MEMBERS = 1000
"""Bill files in one archive."""
_OF_WORKBOOKS = frozenset({"[Content_Types].xml", "mimetype", "_rels/.rels"})
"""Files that workbooks begin with."""
_OF_THE_SYSTEM = frozenset({".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini"})
"""Files that macOS and Windows put beside those that people pack."""


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


def bill_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The members of an archive but for empty folders and what macOS and Windows add."""
    return [
        member
        for member in archive.infolist()
        if not _is_of_the_system(member.filename) and (member.file_size or not member.is_dir())
    ]


def names_at_start(head: bytes) -> Iterator[str]:
    """Names, without folders, of the files whose headers are in the first bytes of an archive, as far as they tell.

    A workbook has none. Source: APPNOTE 6.3, 4.3.7; where bit 3 of the flags is set, a file's length follows it.
    """
    at = 0
    while head[at : at + 4] == ZIP[0] and at + 30 <= len(head):
        flags, packed_bytes, name_bytes, extra_bytes = struct.unpack_from("<6xH10xL4xHH", head, at)
        raw = head[at + 30 : at + 30 + name_bytes]
        name = raw.decode("utf-8" if flags & 0x800 else "cp437", "replace")
        if name in _OF_WORKBOOKS:
            return
        if not _is_of_the_system(name) and not name.endswith("/"):
            yield plain_name(name)
        if flags & 0x8:
            return
        at += 30 + name_bytes + extra_bytes + packed_bytes


def plain_name(member: str) -> str:
    """The label of a member without its folders."""
    return label_of_path(member.replace("\\", "/").rpartition("/")[2])


def left_alone(path: Path, name: str) -> tuple[str, ...]:
    """A note on the members that macOS or Windows has added, as a sentence; none where there are none."""
    with zip_archive(path, name) as archive:
        count = sum(
            _is_of_the_system(member.filename) and not member.is_dir() for member in archive.infolist()
        )
    return (f"files of macOS or Windows in the archive, left alone: {count}",) if count else ()


def _is_of_the_system(member: str) -> bool:
    folders = member.split("/")
    name = folders[-1].lower()
    return "__MACOSX" in folders[:-1] or name in _OF_THE_SYSTEM or name.startswith("._")


def spend_stated(archive: zipfile.ZipFile, allowance: UnpackBudget) -> None:
    """Count what the directory states of the size of all members. Raises FileRefused when that is too much."""
    _spend_stated(archive.infolist(), allowance)


def _spend_stated(members: Iterable[zipfile.ZipInfo], allowance: UnpackBudget) -> None:
    for member in members:
        allowance.spend(member.file_size)


def _ends_with_its_directory(path: Path, comment_bytes: int) -> bool:
    """Whether the end record (22 bytes and the comment) ends the file. Source: APPNOTE 6.3, 4.3.16."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END) - 22 - comment_bytes
        if end < 0:
            return False
        file.seek(end)
        return file.read(4) == ZIP[1]


def unzipped(path: Path, allowance: UnpackBudget) -> Iterator[bytes]:
    """The one file of an archive, in blocks; what the directory states of its size is checked before anything
    is read. Of an archive of several, whatever speaks against it is found before it is refused.
    """
    name = allowance.name
    with zip_archive(path, name) as archive:
        members = bill_members(archive)
        if len(members) != 1:
            for _, blocks in member_contents(archive, members, allowance):
                deque(blocks, maxlen=0)
            problem = f"the zip archive holds {len(members)} files"
            refuse_archive(name, "file.archive_members", problem, "pack each bill file by itself")
        _spend_stated(members, UnpackBudget(name, allowance.size_bytes, allowance.limits))
        yield from _blocks(archive, members[0])


def member_contents(
    archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], allowance: UnpackBudget
) -> Iterator[tuple[zipfile.ZipInfo, Iterator[bytes]]]:
    """The bill files of an archive, each with its content in blocks, which are read before the next one is asked for.

    Raises FileRefused, also while content is read: there are too many, one has a name that leads out of its folder or
    is packed again, or they are larger than `allowance` has left.
    """
    name = allowance.name
    if len(members) > _MAX_MEMBERS:
        problem = f"the zip archive holds more than {_MAX_MEMBERS} files"
        refuse_archive(name, "file.archive_members", problem, "pack fewer files into one archive")
    if any(_leads_out(member.filename) for member in members):
        problem = "a file in the zip archive has a name that leads out of its folder"
        refuse_archive(name, "file.archive_members", problem, "pack files by their plain names")
    _spend_stated(members, UnpackBudget(name, allowance.size_bytes, allowance.limits))
    for member in members:
        yield member, within_budget(_blocks(archive, member), allowance)


def _blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with open_member(archive, member.filename) as content:
        while block := content.read(STEP_BYTES):
            yield block


def _leads_out(member: str) -> bool:
    """Whether a program that unpacks it might write elsewhere. Source: APPNOTE 6.3, 4.4.17."""
    parts = member.replace("\\", "/").split("/")
    return ".." in parts or not parts[0] or ":" in parts[0] or "\0" in member
