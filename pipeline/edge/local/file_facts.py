"""Whole files of this machine: what is read is what was seen before and is there afterwards."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.core.names import label_of_path, shown_name
from pipeline.errors import SourceError, SourceFileUnsettled

BLOCK_BYTES = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_named(path: Path) -> Iterator[bytes]:
    """The whole of a file named on the command line, in blocks; a link to it is followed.

    Raises:
        SourceFileUnsettled: it changed while it was read.
        SourceError: it is not there, not readable, or not a regular file.
    """
    where, name = "named file", label_of_path(path.name)
    with open_regular_file(path, where, name, follow=True) as handle:
        yield from read_whole(handle, path, where, name, follow=True)


def read_beside_named(path: Path, ending: str, most_bytes: int) -> bytes | None:
    """The beginning of the file whose name is that of a named one and `ending`; None when there is none.

    Raises:
        SourceFileUnsettled, SourceError: see `read_named`.
    """
    beside = path.with_name(path.name + ending)
    if not beside.exists():
        return None
    content = b""
    for block in read_named(beside):
        content += block
        if len(content) >= most_bytes:
            break
    return content[:most_bytes]


def modified_at(facts: os.stat_result) -> datetime:
    """Modification time in UTC, to the microsecond; the epoch when it is beyond what dates can be."""
    try:
        return _EPOCH + timedelta(microseconds=facts.st_mtime_ns // 1000)
    except OverflowError:
        return _EPOCH


class FileHandle:
    """An open file descriptor that is closed with the block."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __enter__(self) -> FileHandle:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.number)

    def facts(self) -> os.stat_result:
        """What the system knows of the open file now, whatever has become of its name."""
        return os.fstat(self.number)


def open_regular_file(path: Path, where: str, name: str, *, follow: bool = False) -> FileHandle:
    """A regular file, opened for reading.

    Args:
        where: the source, as messages name it.
        name: the file's label (see `core.names`), for messages.
        follow: whether `path` may be a link.

    Raises:
        SourceError: it is missing, not readable, not a regular file, or a link that is not followed.
    """
    # O_NONBLOCK: a named pipe in place of a file must not hang the run.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        handle = FileHandle(os.open(path, flags))
    except OSError as error:
        raise SourceError(
            source=where,
            problem=f"{shown_name(name)} cannot be read ({os.strerror(error.errno or 0)})",
            remedy="check the file and its rights",
        ) from error
    if not stat.S_ISREG(handle.facts().st_mode):
        with handle:
            raise SourceError(
                source=where, problem=f"{shown_name(name)} is not a regular file", remedy="name a file"
            )
    return handle


def read_whole(
    handle: FileHandle, path: Path, where: str, name: str, *, follow: bool = False
) -> Iterator[bytes]:
    """All of an open file, in order, in blocks of BLOCK_BYTES.

    Raises:
        SourceFileUnsettled: it changed meanwhile, or another file has taken its name.
    """
    unsettled = SourceFileUnsettled(source=where, name=shown_name(name))
    before, read_bytes = handle.facts(), 0
    # One byte beyond the stated size is asked for, so that growth shows at once.
    while block := os.read(handle.number, min(BLOCK_BYTES, before.st_size - read_bytes + 1)):
        read_bytes += len(block)
        if read_bytes > before.st_size:
            raise unsettled
        yield block
    after, named_now = handle.facts(), stat_of(path, follow=follow)
    if read_bytes != before.st_size or not same_file(before, after):
        raise unsettled
    if named_now is None or not os.path.samestat(named_now, after):
        raise unsettled  # another file has taken the name


def stat_of(path: Path, *, follow: bool = False) -> os.stat_result | None:
    """The status of a path; None when nothing is there. Raises OSError when that may not be seen."""
    try:
        return path.stat(follow_symlinks=follow)
    except FileNotFoundError:
        return None


def same_file(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether both are of one file (device, inode), and nobody has written into it between them (size, time)."""
    written = (one.st_size, one.st_mtime_ns) != (other.st_size, other.st_mtime_ns)
    return os.path.samestat(one, other) and not written
