"""Whole files over an SFTP connection: many reads or writes in flight, and patience with a slow line that ends."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from paramiko.message import Message
from paramiko.sftp import CMD_DATA, CMD_READ, CMD_STATUS, CMD_WRITE, SFTP_EOF, SFTPError, int64

if TYPE_CHECKING:
    from pipeline.edge.sftp.client import HardenedSFTPClient

BLOCK_BYTES = 32_768
"""Every server answers reads of this size."""
READS_IN_FLIGHT = 32
"""1 MiB: 10 MiB/s on a line of 100 ms. Twice as many (the channel's window) made a fetch a fifth slower: what lies
about leaves the processor's cache before it is looked at."""
REFILL_AT = 16
"""Reads are asked for in bursts: one by one, our two threads would hand the interpreter to and fro at each answer."""
GATHERED_BYTES = 262_144
"""Handed on at once, for the same reason: a hash and a write of each block give the interpreter away twice."""
WRITES_IN_FLIGHT = 64
MIN_BYTES_PER_S = 16_384
"""The slowest line that is waited for: an eighth of a megabit, a bad mobile link, on which 2 GiB take 36 hours."""

_SAID = {2: "no such file or folder", 3: "permission denied", 8: "not supported by the server"}


class StatusError(OSError):
    """The server refused a request. Its own words are not kept: they may hold anything."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(_SAID.get(status, "refused by the server"))


class NotWhole(Exception):
    """The file ends before or after the size it was said to have."""


class Patience:
    """How long data may be waited for: `timeout_s` and the time of a block at the slowest rate, which data fills up
    again at that rate, and never further.

    So a line that slows down to a trickle is noticed soon, however much it has brought before. Only time spent
    waiting counts: our own disk may be slow.
    """

    def __init__(self, timeout_s: float) -> None:
        self._most_s = self._left_s = timeout_s + BLOCK_BYTES / MIN_BYTES_PER_S

    @contextmanager
    def waiting(self) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._left_s -= time.monotonic() - start
        if self._left_s < 0:
            raise TimeoutError

    def moved(self, size_bytes: int) -> None:
        """So much has come, or was taken."""
        self._left_s = min(self._most_s, self._left_s + size_bytes / MIN_BYTES_PER_S)


class Reads:
    """Reads in flight on one open file. Answers may come in any order, and short."""

    def __init__(self, wire: HardenedSFTPClient, handle: bytes, size_bytes: int, timeout_s: float) -> None:
        self._wire = wire
        self._handle = handle
        self._size_bytes = size_bytes
        self._patience = Patience(timeout_s)
        self._asked: deque[tuple[int, int, int]] = deque()  # request, offset, length
        self._answers: dict[int, bytes | None] = {}  # None: the file ends there

    def blocks(self) -> Iterator[bytes]:
        """In order, some gathered into one."""
        gathered = bytearray()
        for block in self._blocks():
            gathered += block
            if len(gathered) >= GATHERED_BYTES:
                yield bytes(gathered)
                gathered.clear()
        if gathered:
            yield bytes(gathered)

    def _blocks(self) -> Iterator[bytes]:
        """In order; one read beyond the stated size proves that the file ends there."""
        ahead = 0
        while True:
            if len(self._asked) <= REFILL_AT:
                ahead = self._refill(ahead)
            request, offset, length = self._asked.popleft()
            data = self._answer(request)
            self._wire.got_bytes += len(data or b"")
            if (data is None) != (offset == self._size_bytes):
                raise NotWhole
            if data is None:
                return
            yield data
            if len(data) < length:
                offset, length = offset + len(data), length - len(data)
                self._asked.appendleft((self._ask(offset, length), offset, length))

    def _refill(self, ahead: int) -> int:
        """Ask from `ahead` on, in one packet; where the next burst begins."""
        with self._patience.waiting(), self._wire.together():
            while ahead <= self._size_bytes and len(self._asked) < READS_IN_FLIGHT:
                length = min(BLOCK_BYTES, self._size_bytes - ahead) or 1
                self._asked.append((self._ask(ahead, length), ahead, length))
                ahead += length
        return ahead

    def _ask(self, offset: int, length: int) -> int:
        return self._wire._async_request(self, CMD_READ, self._handle, int64(offset), length)

    def _answer(self, request: int) -> bytes | None:
        while request not in self._answers:
            with self._patience.waiting():
                self._wire._read_response()
        return self._answers.pop(request)

    def _async_response(self, kind: int, answer: Message, request: int) -> None:
        """paramiko hands every answer to the object that asked."""
        if kind == CMD_DATA:
            data = data_of(kind, answer, BLOCK_BYTES)
            self._answers[request] = data
            self._patience.moved(len(data))
            return
        status = answer.get_int()
        if status != SFTP_EOF:
            raise StatusError(status)
        self._answers[request] = None


class Writes:
    """Writes in flight on one open file. Answers may come in any order."""

    def __init__(self, wire: HardenedSFTPClient, handle: bytes, timeout_s: float) -> None:
        self._wire = wire
        self._handle = handle
        self._patience = Patience(timeout_s)
        self._open: dict[int, int] = {}  # request: length

    def write(self, file: IO[bytes]) -> None:
        offset = 0
        while block := file.read(BLOCK_BYTES):
            self._answers(leaving=WRITES_IN_FLIGHT - 1)
            with self._patience.waiting():
                number = self._wire._async_request(self, CMD_WRITE, self._handle, int64(offset), block)
            self._open[number] = len(block)
            offset += len(block)
        self._answers(leaving=0)

    def _answers(self, leaving: int) -> None:
        while len(self._open) > leaving:
            with self._patience.waiting():
                self._wire._read_response()

    def _async_response(self, kind: int, answer: Message, request: int) -> None:
        if kind != CMD_STATUS:
            raise SFTPError("expected a status")
        self._wire._convert_status(answer)
        self._patience.moved(self._open.pop(request, 0))


def data_of(kind: int, answer: Message, max_bytes: int) -> bytes:
    data = answer.get_binary()
    if kind != CMD_DATA or not 0 < len(data) <= max_bytes:
        raise SFTPError("expected data, no more than asked for")
    return data
