"""SFTP requests on an open channel, with a bound on whatever the server may answer.

paramiko's own `listdir` stops at the first name that is not UTF-8 and believes any count that it is told; its `get`
needs a thread and does not notice a file that shrank; its `put` waits for each answer anew. So listing, looking,
reading and writing are asked for here; the rest is paramiko's.

Source: draft-ietf-secsh-filexfer-02, the SFTP version 3 that OpenSSH speaks.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import paramiko
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
    SFTP_OK,
    SFTPError,
    int64,
)
from paramiko.sftp_attr import SFTPAttributes
from paramiko.ssh_exception import SSHException

from pipeline.edge.sftp.transfer import (
    BLOCK_BYTES,
    MIN_BYTES_PER_S,
    Patience,
    Reads,
    StatusError,
    Writes,
    data_of,
)
from pipeline.errors import Stopped

MAX_LISTED = 200_000
MAX_ANSWER_BYTES = 262_144
"""Source: SFTP_MAX_MSG_LENGTH of OpenSSH. paramiko would gather 16 MiB before it looks at them."""
RECEIVE_BYTES = 262_144
"""Many answers are taken at once: fewer would cost a hand-over between two threads for each."""
MAX_UNASKED = 1_000
"""Answers to nobody: reads in flight on a file that was given up have them, but no more than were in flight."""
MAX_EMPTY = 100
"""READDIR answers without a name, of which an honest server sends none."""
LISTING_TIMEOUTS = 10
"""A listing is cut after this many time-outs even when every answer comes just in time."""


BROKEN = (SSHException, SFTPError, OSError, EOFError)
"""What a cut, silent or nonsensical connection raises. StatusError is among them by kind: catch it first."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says about a path; None where it says nothing."""

    kind: str
    """As `ls -l` writes it: `-` file, `d` folder, `l` link, `?` anything else."""
    size_bytes: int | None
    modified_s: int | None
    writable: bool | None = None
    """Whether anybody at all may write there."""


class ListingEndless(Exception):
    """More names than are taken, or for longer than is waited; those before are good."""


class HardenedSFTPClient(paramiko.SFTPClient):
    """An SFTP client that neither waits for ever nor believes everything."""

    if TYPE_CHECKING:  # paramiko's inner methods, which its stubs leave out

        def _request(self, kind: int, *parts: object) -> tuple[int, Message]: ...
        def _async_request(self, answers: object, kind: int, *parts: object) -> int: ...

    def __init__(self, channel: paramiko.Channel, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._unasked = 0
        self._came = bytearray()
        self._held: bytearray | None = None
        self.got_bytes = 0
        """Of names and of files, so far: whether a request got somewhere before it broke."""
        super().__init__(channel)

    def names(self, folder: str) -> Iterator[tuple[bytes, Facts]]:
        """The entries of a folder as the server has them, in its order.

        Raises:
            ListingEndless: after the last entry that is taken.
        """
        deadline = time.monotonic() + LISTING_TIMEOUTS * self._timeout_s
        listed = empty = 0
        with self._handle(CMD_OPENDIR, folder) as handle:
            while True:
                try:
                    kind, answer = self._request(CMD_READDIR, handle)
                except StatusError as error:
                    if error.status == SFTP_EOF:
                        return
                    raise
                before = listed
                self.got_bytes += len(answer.asbytes())
                for entry in _entries(kind, answer):
                    listed += 1
                    if listed > MAX_LISTED:
                        raise ListingEndless(f"it has more than {MAX_LISTED} entries")
                    if entry[0] not in {b".", b".."}:
                        yield entry
                empty += listed == before
                if empty > MAX_EMPTY or time.monotonic() > deadline:
                    raise ListingEndless("it did not end in time")

    def facts(self, path: bytes | str) -> Facts | None:
        """About a path, links not followed; None when nothing is there."""
        try:
            kind, answer = self._request(CMD_LSTAT, path)
        except StatusError as error:
            if error.status == SFTP_NO_SUCH_FILE:
                return None
            raise
        if kind != CMD_ATTRS:
            raise SFTPError("expected attributes")
        return _facts(answer, b"")

    def head(self, path: bytes | str, size_bytes: int) -> bytes:
        """The first bytes of a file."""
        got, patience = b"", Patience(self._timeout_s)
        with self._handle(CMD_OPEN, path, SFTP_FLAG_READ, SFTPAttributes()) as handle:
            while len(got) < size_bytes:
                wanted = min(BLOCK_BYTES, size_bytes - len(got))
                try:
                    with patience.waiting():
                        kind, answer = self._request(CMD_READ, handle, int64(len(got)), wanted)
                except StatusError as error:
                    if error.status == SFTP_EOF:
                        break
                    raise
                data = data_of(kind, answer, wanted)
                patience.moved(len(data))
                self.got_bytes += len(data)
                got += data
        return got

    def write(self, file: IO[bytes], path: str) -> None:
        """Write a new file, or over an old one, some blocks in flight."""
        flags = SFTP_FLAG_WRITE | SFTP_FLAG_CREATE | SFTP_FLAG_TRUNC
        with self._handle(CMD_OPEN, path, flags, SFTPAttributes()) as handle:
            Writes(self, handle, self._timeout_s).write(file)

    def blocks(self, path: bytes | str, size_bytes: int) -> Iterator[bytes]:
        """The file in order, many reads in flight; NotWhole unless it ends exactly at `size_bytes`."""
        with self._handle(CMD_OPEN, path, SFTP_FLAG_READ, SFTPAttributes()) as handle:
            yield from Reads(self, handle, size_bytes, self._timeout_s).blocks()

    @contextmanager
    def _handle(self, command: int, *parts: object) -> Iterator[bytes]:
        kind, answer = self._request(command, *parts)
        if kind != CMD_HANDLE:
            raise SFTPError("expected a handle")
        handle, listening = answer.get_binary(), True
        try:
            yield handle
        except (*BROKEN, Stopped) as error:
            listening = isinstance(error, StatusError)  # else closing would only wait once more
            raise
        finally:
            if listening:
                with suppress(*BROKEN):
                    self._request(CMD_CLOSE, handle)

    def _read_response(self, waitfor: int | None = None) -> tuple[int | None, Message | None]:
        """Answers that nobody waits for would keep us here as long as they come."""
        self._unasked = 0
        return super()._read_response(waitfor)  # type: ignore[misc,no-any-return]

    def _read_packet(self) -> tuple[int, bytes]:
        size_bytes = int.from_bytes(self._read_all(4))
        self._unasked += 1
        if not 5 <= size_bytes <= MAX_ANSWER_BYTES or self._unasked > MAX_UNASKED:
            raise SFTPError("nonsense, or answers that were not asked for")
        data = self._read_all(size_bytes)
        return data[0], data[1:]

    def _read_all(self, size_bytes: int) -> bytes:
        """A time-out alone lets a server trickle for ever, so a slowest rate counts too."""
        deadline = time.monotonic() + self._timeout_s + size_bytes / MIN_BYTES_PER_S
        while len(self._came) < size_bytes:
            some = self.sock.recv(RECEIVE_BYTES)
            if not some:
                raise EOFError
            self._came += some
            if time.monotonic() > deadline:
                raise TimeoutError
        got = bytes(self._came[:size_bytes])
        del self._came[:size_bytes]
        return got

    @contextmanager
    def together(self) -> Iterator[None]:
        """Requests made in here leave in one piece: each for itself would be encrypted and sent for itself."""
        self._held = held = bytearray()
        try:
            yield
        finally:
            self._held = None
        self._write_all(bytes(held))

    def _write_all(self, data: bytes) -> None:
        """A window that opens byte by byte is no better than an answer that does."""
        if self._held is not None:
            self._held += data
            return
        deadline = time.monotonic() + self._timeout_s + len(data) / MIN_BYTES_PER_S
        while data:
            sent = self.sock.send(data)
            if not sent:
                raise EOFError
            data = data[sent:]
            if time.monotonic() > deadline:
                raise TimeoutError

    def _convert_status(self, answer: Message) -> None:
        status = answer.get_int()
        if status != SFTP_OK:
            raise StatusError(status)


def _entries(kind: int, answer: Message) -> Iterator[tuple[bytes, Facts]]:
    if kind != CMD_NAME:
        raise SFTPError("expected names")
    for _ in range(answer.get_int()):
        _expect_more(answer)
        name, long_name = answer.get_binary(), answer.get_binary()
        yield name, _facts(answer, long_name)


def _facts(answer: Message, long_name: bytes) -> Facts:
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
    return Facts(kind if kind in "-dl" else "?", size_bytes, times[1] if times else None, writable)


def _expect_more(answer: Message) -> None:
    """paramiko reads zeros where an answer has ended, and a count may be four thousand million."""
    if answer.packet.tell() >= answer.packet.getbuffer().nbytes:
        raise SFTPError("an answer shorter than it says")
