"""What the source asks of an SFTP server: listing, looking, reading and writing, each with a bound.

paramiko's own `listdir` stops at the first name that is not UTF-8 and believes any count that the server states.

Source: draft-ietf-secsh-filexfer-02, the SFTP version 3 that OpenSSH speaks.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from paramiko.message import Message
from paramiko.sftp import (
    CMD_ATTRS,
    CMD_CLOSE,
    CMD_HANDLE,
    CMD_LSTAT,
    CMD_NAME,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    SFTP_EOF,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_READ,
    SFTP_FLAG_TRUNC,
    SFTP_FLAG_WRITE,
    SFTP_NO_SUCH_FILE,
    SFTPError,
    int64,
)
from paramiko.sftp_attr import SFTPAttributes
from paramiko.ssh_exception import SSHException

from pipeline.edge.sftp.hardened import HardenedSFTPClient, StatusError
from pipeline.edge.sftp.transfer import BLOCK_BYTES, StallTimer, WindowedReader, WindowedWriter, data_of
from pipeline.errors import Stopped

MAX_LISTED = 200_000
MAX_EMPTY = 100
"""READDIR answers without a name, of which an honest server sends none."""
LISTING_TIMEOUTS = 10
"""A listing is cut after this many time-outs even when every answer comes just in time."""


CONNECTION_ERRORS = (SSHException, SFTPError, OSError, EOFError)
"""What a cut, silent or nonsensical connection raises. StatusError is among them by kind: catch it first."""


@dataclass(frozen=True, slots=True)
class RemoteAttributes:
    """What a server states about a path; None where it states nothing."""

    kind: str
    """As `ls -l` writes it: `-` file, `d` folder, `l` link, `?` anything else."""
    size_bytes: int | None
    modified_s: int | None
    """Seconds since 1970 in UTC; version 3 has no fractions."""
    writable: bool | None = None
    """Whether anybody at all may write there."""


class ListingTruncated(Exception):
    """The folder has more names than are taken, or they came too slowly. The entries before it are good."""


class RemoteFolderClient(HardenedSFTPClient):
    """An SFTP client with the requests that the source needs. Paths are as the server has them, so bytes or UTF-8.

    Every method raises one of `CONNECTION_ERRORS` when the connection breaks and StatusError when the server refuses.
    Renaming, removing and making folders are paramiko's own, on the same bounded channel.
    """

    def entries(self, folder: str) -> Iterator[tuple[bytes, RemoteAttributes]]:
        """Name and attributes of what is in a folder, in the server's order, without `.` and `..`.

        Raises:
            ListingTruncated: after the last entry that is taken.
        """
        deadline = time.monotonic() + LISTING_TIMEOUTS * self._timeout_s
        listed = empty = 0
        with self._handle(CMD_OPENDIR, folder) as handle:
            while True:
                try:
                    kind, answer = self.request(CMD_READDIR, handle)
                except StatusError as error:
                    if error.status == SFTP_EOF:
                        return
                    raise
                before = listed
                self.received_bytes += len(answer.asbytes())
                for entry in _entries(kind, answer):
                    listed += 1
                    if listed > MAX_LISTED:
                        raise ListingTruncated(f"it has more than {MAX_LISTED} entries")
                    if entry[0] not in {b".", b".."}:
                        yield entry
                empty += listed == before
                if empty > MAX_EMPTY or time.monotonic() > deadline:
                    raise ListingTruncated("it did not end in time")

    def attributes(self, path: bytes | str) -> RemoteAttributes | None:
        """The attributes of a path, links not followed; None when nothing is there."""
        try:
            kind, answer = self.request(CMD_LSTAT, path)
        except StatusError as error:
            if error.status == SFTP_NO_SUCH_FILE:
                return None
            raise
        if kind != CMD_ATTRS:
            raise SFTPError("expected attributes")
        return _attributes(answer, b"")

    def head(self, path: bytes | str, size_bytes: int) -> bytes:
        """The first `size_bytes` of a file, or all of it when it is shorter."""
        head, stall_timer = b"", StallTimer(self._timeout_s)
        with self._handle(CMD_OPEN, path, SFTP_FLAG_READ, SFTPAttributes()) as handle:
            while len(head) < size_bytes:
                length = min(BLOCK_BYTES, size_bytes - len(head))
                try:
                    with stall_timer.waiting():
                        kind, answer = self.request(CMD_READ, handle, int64(len(head)), length)
                except StatusError as error:
                    if error.status == SFTP_EOF:
                        break
                    raise
                data = data_of(kind, answer, length)
                stall_timer.progressed(len(data))
                self.received_bytes += len(data)
                head += data
        return head

    def write(self, file: IO[bytes], path: str) -> None:
        """Write a new file, or over an old one, some blocks in flight. A break leaves a partial file at `path`."""
        flags = SFTP_FLAG_WRITE | SFTP_FLAG_CREATE | SFTP_FLAG_TRUNC
        with self._handle(CMD_OPEN, path, flags, SFTPAttributes()) as handle:
            WindowedWriter(self, handle, self._timeout_s).write(file)

    def blocks(self, path: bytes | str, size_bytes: int) -> Iterator[bytes]:
        """The file in order, many reads in flight.

        Raises:
            SizeMismatch: it does not end exactly at `size_bytes`.
        """
        with self._handle(CMD_OPEN, path, SFTP_FLAG_READ, SFTPAttributes()) as handle:
            yield from WindowedReader(self, handle, size_bytes, self._timeout_s).blocks()

    @contextmanager
    def _handle(self, command: int, *parts: object) -> Iterator[bytes]:
        """An open file or folder by the server's handle, closed after the block unless the connection broke in it."""
        kind, answer = self.request(command, *parts)
        if kind != CMD_HANDLE:
            raise SFTPError("expected a handle")
        handle, listening = answer.get_binary(), True
        try:
            yield handle
        except (*CONNECTION_ERRORS, Stopped) as error:
            listening = isinstance(error, StatusError)  # else closing would only wait once more
            raise
        finally:
            if listening:
                with suppress(*CONNECTION_ERRORS):
                    self.request(CMD_CLOSE, handle)


def _entries(kind: int, answer: Message) -> Iterator[tuple[bytes, RemoteAttributes]]:
    if kind != CMD_NAME:
        raise SFTPError("expected names")
    for _ in range(answer.get_int()):
        _expect_more(answer)
        name, long_name = answer.get_binary(), answer.get_binary()
        yield name, _attributes(answer, long_name)


def _attributes(answer: Message, long_name: bytes) -> RemoteAttributes:
    """Attributes, read past their end; servers that state no permissions state the kind in the long name."""
    flags = answer.get_int()
    size_bytes = answer.get_int64() if flags & SFTPAttributes.FLAG_SIZE else None
    if flags & SFTPAttributes.FLAG_UIDGID:
        answer.get_bytes(8)
    mode = answer.get_int() if flags & SFTPAttributes.FLAG_PERMISSIONS else None
    times = (answer.get_int(), answer.get_int()) if flags & SFTPAttributes.FLAG_AMTIME else None
    for _ in range(answer.get_int() if flags & SFTPAttributes.FLAG_EXTENDED else 0):
        _expect_more(answer)
        answer.get_binary(), answer.get_binary()
    kind = stat.filemode(mode)[0] if mode is not None else (long_name[:1].decode("latin-1") or "-")
    writable = None if mode is None else bool(mode & 0o222)
    return RemoteAttributes(kind if kind in "-dl" else "?", size_bytes, times[1] if times else None, writable)


def _expect_more(answer: Message) -> None:
    """paramiko reads zeros where an answer has ended, and a count may be four thousand million."""
    if answer.packet.tell() >= answer.packet.getbuffer().nbytes:
        raise SFTPError("an answer shorter than it says")
