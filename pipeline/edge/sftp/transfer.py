"""Whole files over an SFTP connection: many reads or writes in flight, and a bound on how slow the line may be.

paramiko's own `get` needs a thread and does not notice a file that shrank, and its `put` waits for each answer anew.
The figures behind the sizes below are in docs/decisions/sftp-transfer.md.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from paramiko.message import Message
from paramiko.sftp import CMD_DATA, CMD_READ, CMD_STATUS, CMD_WRITE, SFTP_EOF, SFTPError, int64

from pipeline.edge.sftp.hardened import MIN_BYTES_PER_S, AnswerReceiver, HardenedSFTPClient, StatusError

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


class SizeMismatch(Exception):
    """The file ends before or after the size that it was listed with."""


class StallTimer:
    """How long data may be waited for: `timeout_s` and the time of a block at the slowest rate, which data fills up
    again at that rate, and never further.

    So a line that slows down to a trickle is noticed soon, however much it has brought before. Only time spent
    waiting counts: our own disk may be slow.
    """

    def __init__(self, timeout_s: float) -> None:
        self._most_s = self._left_s = timeout_s + BLOCK_BYTES / MIN_BYTES_PER_S

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time spent in the block. Raises TimeoutError after it when the time is used up."""
        start_s = time.monotonic()
        yield
        self._left_s -= time.monotonic() - start_s
        if self._left_s < 0:
            raise TimeoutError

    def progressed(self, size_bytes: int) -> None:
        """Give time back for bytes that came, or that the server has taken."""
        self._left_s = min(self._most_s, self._left_s + size_bytes / MIN_BYTES_PER_S)


class WindowedReader(AnswerReceiver):
    """Reads in flight on one open file. Answers may come in any order, and short."""

    def __init__(self, client: HardenedSFTPClient, handle: bytes, size_bytes: int, timeout_s: float) -> None:
        """
        Args:
            handle: of a file opened for reading, as the server named it.
            size_bytes: what the listing stated; the file must end exactly there.
            timeout_s: see `StallTimer`.
        """
        self._client = client
        self._handle = handle
        self._size_bytes = size_bytes
        self._stall_timer = StallTimer(timeout_s)
        self._in_flight: deque[tuple[int, int, int]] = deque()
        """Number of the request, offset and length in bytes, in the file's order."""
        self._answers: dict[int, bytes | None] = {}
        """Number of the request → data; None where the file ends there."""

    def blocks(self) -> Iterator[bytes]:
        """The file's bytes in order, each block at least `GATHERED_BYTES` but for the last.

        Raises:
            SizeMismatch: the file is shorter or longer than stated. Only the last block shows it.
        """
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
        next_offset = 0
        while True:
            if len(self._in_flight) <= REFILL_AT:
                next_offset = self._refill(next_offset)
            request, offset, length = self._in_flight.popleft()
            data = self._answer(request)
            self._client.received_bytes += len(data or b"")
            if (data is None) != (offset == self._size_bytes):
                raise SizeMismatch
            if data is None:
                return
            yield data
            if (
                len(data) < length
            ):  # servers may answer with less than was asked for: ask for the rest, next in turn
                offset, length = offset + len(data), length - len(data)
                self._in_flight.appendleft((self._send_read(offset, length), offset, length))

    def _refill(self, offset: int) -> int:
        """Ask from `offset` on, in one packet; the offset at which the next burst begins."""
        with self._stall_timer.waiting(), self._client.batched():
            while offset <= self._size_bytes and len(self._in_flight) < READS_IN_FLIGHT:
                length = min(BLOCK_BYTES, self._size_bytes - offset) or 1
                self._in_flight.append((self._send_read(offset, length), offset, length))
                offset += length
        return offset

    def _send_read(self, offset: int, length: int) -> int:
        return self._client.send_request(self, CMD_READ, self._handle, int64(offset), length)

    def _answer(self, request: int) -> bytes | None:
        while request not in self._answers:
            with self._stall_timer.waiting():
                self._client.receive_answer()
        return self._answers.pop(request)

    def on_answer(self, kind: int, answer: Message, request: int) -> None:
        """Keep the data until its turn comes. Raises StatusError for anything but data and the end of the file."""
        if kind == CMD_DATA:
            data = data_of(kind, answer, BLOCK_BYTES)
            self._answers[request] = data
            self._stall_timer.progressed(len(data))
            return
        status = answer.get_int()
        if status != SFTP_EOF:
            raise StatusError(status)
        self._answers[request] = None


class WindowedWriter(AnswerReceiver):
    """Writes in flight on one open file. Answers may come in any order."""

    def __init__(self, client: HardenedSFTPClient, handle: bytes, timeout_s: float) -> None:
        """
        Args:
            handle: of a file opened for writing, as the server named it.
            timeout_s: see `StallTimer`.
        """
        self._client = client
        self._handle = handle
        self._stall_timer = StallTimer(timeout_s)
        self._in_flight: dict[int, int] = {}
        """Number of the request → length in bytes."""

    def write(self, file: IO[bytes]) -> None:
        """Send the rest of `file` from offset 0 on, and return when the server has confirmed every block."""
        offset = 0
        while block := file.read(BLOCK_BYTES):
            self._await_answers(leaving=WRITES_IN_FLIGHT - 1)
            with self._stall_timer.waiting():
                request = self._client.send_request(self, CMD_WRITE, self._handle, int64(offset), block)
            self._in_flight[request] = len(block)
            offset += len(block)
        self._await_answers(leaving=0)

    def _await_answers(self, leaving: int) -> None:
        while len(self._in_flight) > leaving:
            with self._stall_timer.waiting():
                self._client.receive_answer()

    def on_answer(self, kind: int, answer: Message, request: int) -> None:
        """Note that a block is written. Raises StatusError when the server refused it."""
        if kind != CMD_STATUS:
            raise SFTPError("expected a status")
        self._client.require_success(answer)
        self._stall_timer.progressed(self._in_flight.pop(request, 0))


def data_of(kind: int, answer: Message, max_bytes: int) -> bytes:
    """The data in an answer to a read. Raises SFTPError when it is no data, empty, or more than was asked for."""
    data = answer.get_binary()
    if kind != CMD_DATA or not 0 < len(data) <= max_bytes:
        raise SFTPError("expected data, no more than asked for")
    return data
