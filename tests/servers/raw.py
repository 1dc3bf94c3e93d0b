"""An SFTP server that answers in bytes of the test's own making: what no library would send."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh

from pipeline.sandbox.sftp import SandboxSftp, _Door

INIT, VERSION, OPEN, CLOSE, READ, LSTAT, OPENDIR, READDIR = 1, 2, 3, 4, 5, 7, 11, 12
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
OK, EOF, NO_SUCH_FILE = 0, 1, 2
MODIFIED_S = 1_700_000_000

Answer = Callable[[int, int, bytes], Iterator[bytes]]
"""Kind, request number and the rest of a request → packets."""


def packet(kind: int, *parts: bytes) -> bytes:
    body = bytes([kind]) + b"".join(parts)
    return struct.pack(">I", len(body)) + body


def number(value: int) -> bytes:
    return struct.pack(">I", value)


def text(value: bytes) -> bytes:
    return number(len(value)) + value


def attributes(size_bytes: int, mode: int = 0o100644) -> bytes:
    return struct.pack(">IQIII", 1 | 4 | 8, size_bytes, mode, MODIFIED_S, MODIFIED_S)


def status(request: int, code: int) -> bytes:
    return packet(STATUS, number(request), number(code), text(b""), text(b""))


def names(request: int, *entries: tuple[bytes, bytes]) -> bytes:
    listed = (text(name) + text(b"") + facts for name, facts in entries)
    return packet(NAME, number(request), number(len(entries)), *listed)


class RawSftp(SandboxSftp):
    """Serves `files`, honestly but for what `answer` says: its packets are sent where it has any."""

    def __init__(
        self,
        root: Path,
        answer: Answer,
        *,
        authorized_key: str,
        files: dict[bytes, bytes] | None = None,
    ) -> None:
        super().__init__(root, authorized_key=authorized_key)
        self.answer = answer
        self.files = files or {}
        self.opened: list[bytes] = []

    async def _listen(self) -> None:
        self._listener = await asyncssh.listen(
            self.host,
            self.port,
            server_host_keys=[self._host_key],
            server_factory=lambda: _RawDoor(self),
            encoding=None,
        )
        self.port = self._listener.get_port()


class _RawDoor(_Door):
    def __init__(self, server: RawSftp) -> None:
        super().__init__(server.username, None, server._authorized_key, server._connections)
        self._server = server

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        return _RawSession(self._server)


class _RawSession(asyncssh.SSHServerSession[bytes]):
    def __init__(self, server: RawSftp) -> None:
        self._server = server
        self._got = b""
        self._listing = 0

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:  # noqa: ARG002 - its signature
        self._got += data
        while len(self._got) >= 5:
            end = 4 + int.from_bytes(self._got[:4])
            if len(self._got) < end:
                return
            whole, self._got = self._got[4:end], self._got[end:]
            for reply in self._replies(whole[0], int.from_bytes(whole[1:5]), whole[5:]):
                if self._channel.is_closing():
                    return
                self._channel.write(reply)

    def _replies(self, kind: int, request: int, rest: bytes) -> Iterator[bytes]:
        if kind == INIT:
            yield packet(VERSION, number(3))
            return
        scripted = False
        for reply in self._server.answer(kind, request, rest):
            scripted = True
            yield reply
        if not scripted:
            yield self._honest(kind, request, rest)

    def _honest(self, kind: int, request: int, rest: bytes) -> bytes:
        length = int.from_bytes(rest[:4])
        said, after = rest[4 : 4 + length], rest[4 + length :]
        if kind == OPENDIR:
            self._listing = 0
            return packet(HANDLE, number(request), text(b"folder"))
        if kind == READDIR:
            entries = [(name, attributes(len(content))) for name, content in self._server.files.items()]
            some = entries[self._listing : self._listing + 20]
            self._listing += len(some)
            return names(request, *some) if some else status(request, EOF)
        if kind == CLOSE:
            return status(request, OK)
        content = self._server.files.get(said.rpartition(b"/")[2])
        if kind == READ:
            offset, size_bytes = struct.unpack(">QI", after)
            data = self._server.files[said][offset : offset + size_bytes]
            return packet(DATA, number(request), text(data)) if data else status(request, EOF)
        if content is None:
            return status(request, NO_SUCH_FILE)
        if kind == OPEN:
            name = said.rpartition(b"/")[2]
            self._server.opened.append(name)
            return packet(HANDLE, number(request), text(name))
        return packet(ATTRS, number(request), attributes(len(content)))
