"""paramiko's client and transport with a bound on whatever a server may send, and every private name of paramiko.

paramiko has no public way to bound an answer, to keep several requests in flight on one file, or to set a deadline for
a whole message, so thirteen of its private names are overridden or called. They stand in this file and nowhere else,
each with the reason beside it; `tests/edge/sftp/test_paramiko_internals.py` fails when a release of paramiko removes
one, gives it another signature, or no longer calls an override. The rest of the room uses the public methods below.

Source: draft-ietf-secsh-filexfer-02, the SFTP version 3 that OpenSSH speaks; RFC 4253 and RFC 4254 for the transport.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA
from paramiko.message import Message
from paramiko.sftp import SFTP_OK, SFTPError
from paramiko.ssh_exception import SSHException

MAX_ANSWER_BYTES = 262_144
"""Source: SFTP_MAX_MSG_LENGTH of OpenSSH. paramiko would gather 16 MiB before it looks at them."""
MAX_PACKET_BYTES = 262_144
"""Source: PACKET_MAX_SIZE of OpenSSH. RFC 4253 asks for 35 000."""
RECEIVE_BYTES = 262_144
"""Many answers are taken at once: fewer would cost a hand-over between two threads for each."""
MAX_UNREQUESTED = 1_000
"""Answers to nobody: reads in flight on a file that was given up have them, but no more than were in flight."""
MIN_BYTES_PER_S = 16_384
"""The slowest line that is waited for: an eighth of a megabit, a bad mobile link, on which 2 GiB take 36 hours."""

_STATUS_TEXTS = {2: "no such file or folder", 3: "permission denied", 8: "not supported by the server"}
"""Status code of SSH_FXP_STATUS → text. Source: draft-ietf-secsh-filexfer-02, section 7."""


class StatusError(OSError):
    """The server refused a request. Its own words are not kept: they may hold anything."""

    def __init__(self, status: int) -> None:
        """
        Args:
            status: the code of SSH_FXP_STATUS, compared with `paramiko.sftp.SFTP_*`.
        """
        self.status = status
        super().__init__(_STATUS_TEXTS.get(status, "refused by the server"))


class AnswerReceiver:
    """Takes the answers to requests made by `HardenedSFTPClient.send_request`, in whatever order they come.

    paramiko refers to it weakly: whoever sends requests keeps it alive until the last answer.
    """

    def on_answer(self, kind: int, answer: Message, request: int) -> None:
        """Take one answer.

        Args:
            kind: `CMD_DATA`, `CMD_STATUS`, … of `paramiko.sftp`.
            answer: the message, read up to and including the request's number.
            request: the number that `send_request` returned.
        """
        raise NotImplementedError

    def _async_response(self, kind: int, answer: Message, request: int) -> None:
        """paramiko hands an answer to the object that made the request, by this name."""
        self.on_answer(kind, answer, request)


class HardenedSFTPClient(paramiko.SFTPClient):
    """SFTP requests on an open channel that neither wait for ever nor believe everything.

    All methods raise one of `client.CONNECTION_ERRORS` when the connection is cut, silent or makes no sense, and
    `StatusError` when the server refuses the request. Not for several threads at once.
    """

    def __init__(self, channel: paramiko.Channel, timeout_s: float) -> None:
        """Agree on the protocol's version over `channel`, on which the subsystem `sftp` runs already.

        Args:
            channel: with a time-out of its own for a single receive or send.
            timeout_s: how long one answer may take, besides its bytes at `MIN_BYTES_PER_S`.
        """
        self._timeout_s = timeout_s
        self._unrequested = 0
        self._received = bytearray()
        self._batch: bytearray | None = None
        self.received_bytes = 0
        """Of names and of files, so far: whether a request made progress before the connection broke."""
        super().__init__(channel)

    def request(self, kind: int, *parts: object) -> tuple[int, Message]:
        """Send one request, wait for its answer: the answer's kind, and the message after the request's number.

        Args:
            kind: `CMD_*` of `paramiko.sftp`.
            parts: fields of the request; text and bytes as strings, `int` in 32 and `int64` in 64 bits.
        """
        # Private, and paramiko has no public way to make a request that its API does not have, like a bounded READDIR.
        return self._request(kind, *parts)  # type: ignore[attr-defined,no-any-return]

    def send_request(self, receiver: AnswerReceiver, kind: int, *parts: object) -> int:
        """Send one request without waiting; its number, with which `receiver` gets the answer."""
        # Private, and the only way to have several reads or writes in flight without a thread for each file.
        return self._async_request(receiver, kind, *parts)  # type: ignore[attr-defined,no-any-return]

    def receive_answer(self) -> None:
        """Wait for the next answer, whichever it is, and hand it to its receiver."""
        self._read_response()

    @contextmanager
    def batched(self) -> Iterator[None]:
        """Requests made in here leave in one piece: each for itself would be encrypted and sent for itself."""
        self._batch = batch = bytearray()
        try:
            yield
        finally:
            self._batch = None
        self._write_all(bytes(batch))

    # -- overridden: paramiko's own versions wait without a limit, or keep what they should not ----------------

    def _read_response(self, waitfor: int | None = None) -> tuple[int | None, Message | None]:
        """Overridden because answers that nobody waits for would keep paramiko here as long as they come."""
        self._unrequested = 0
        return super()._read_response(waitfor)  # type: ignore[misc,no-any-return]

    def _read_packet(self) -> tuple[int, bytes]:
        """Overridden because paramiko's accepts any length below 16 MiB, and stumbles over 0."""
        size_bytes = int.from_bytes(self._read_all(4))
        self._unrequested += 1
        if not 5 <= size_bytes <= MAX_ANSWER_BYTES or self._unrequested > MAX_UNREQUESTED:
            raise SFTPError("nonsense, or answers that were not asked for")
        data = self._read_all(size_bytes)
        return data[0], data[1:]

    def _read_all(self, size_bytes: int) -> bytes:
        """Overridden because a time-out alone lets a server trickle for ever: a slowest rate counts too.

        It also receives more than one answer at once, see `RECEIVE_BYTES`; whatever of paramiko reads has to find them.
        """
        deadline = time.monotonic() + self._timeout_s + size_bytes / MIN_BYTES_PER_S
        while len(self._received) < size_bytes:
            data = self.sock.recv(RECEIVE_BYTES)
            if not data:
                raise EOFError
            self._received += data
            if time.monotonic() > deadline:
                raise TimeoutError
        taken = bytes(self._received[:size_bytes])
        del self._received[:size_bytes]
        return taken

    def _write_all(self, data: bytes) -> None:
        """Overridden because a window that opens byte by byte is no better than an answer that does.

        It is also where `batched` holds requests back.
        """
        if self._batch is not None:
            self._batch += data
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
        """Overridden because paramiko's raises the server's own text, and EOFError for the end of a file, as
        it does for a connection that ended.
        """
        status = answer.get_int()
        if status != SFTP_OK:
            raise StatusError(status)

    def require_success(self, answer: Message) -> None:
        """Raise StatusError unless an answer of the kind `CMD_STATUS` reports success."""
        self._convert_status(answer)


class HardenedTransport(paramiko.Transport):
    """A transport that holds no more of what the server sends than the server was allowed to send.

    paramiko believes the length that a packet states, up to 4 GiB and before the server has proved its key, and keeps
    what comes beyond the channel's window.
    """

    # Overridden because there is no public way to take weak ones out before the transport starts its thread. Nothing
    # weak is offered (paramiko's key exchanges are all SHA-2 or post-quantum). GCM first: a hash of its own for each
    # packet made a fetch take half as long again.
    _preferred_ciphers = (
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
    )
    _preferred_macs = (
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
    )

    def __init__(self, connection: socket.socket) -> None:
        """
        Args:
            connection: connected; the transport closes it, unless this constructor raises.
        """
        # Else a small request waits until the server has acknowledged the one before, which it puts off for 40 ms.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(connection)
        read_all = self.packetizer.read_all

        def read_bounded(size_bytes: int, check_rekey: bool = False) -> bytes:
            if size_bytes > MAX_PACKET_BYTES:
                raise SSHException("a packet larger than any server sends")
            return read_all(size_bytes, check_rekey)

        # Not private, but undocumented: the packet's length is read and obeyed in between, with no hook for us.
        self.packetizer.read_all = read_bounded  # type: ignore[method-assign,assignment]


def _within_window(feed: Callable[[paramiko.Channel, Message], None]) -> Callable[..., None]:
    """A channel's handler of data that first takes it, then checks it against the window. Source: RFC 4254, 5.2."""

    def feed_checked(channel: paramiko.Channel, message: Message) -> None:
        feed(channel, message)
        if len(channel.in_buffer) + len(channel.in_stderr_buffer) > channel.in_window_size + MAX_PACKET_BYTES:
            raise SSHException("more than the channel's window")

    return feed_checked


# The table is private, and so are the two handlers: paramiko calls them through the table only, so overriding them in a
# subclass of Channel would do nothing, and it has no public way to bound what a channel holds.
HardenedTransport._channel_handler_table = {  # type: ignore[attr-defined]  # the stubs leave these out
    **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
    MSG_CHANNEL_DATA: _within_window(paramiko.Channel._feed),  # type: ignore[attr-defined]
    MSG_CHANNEL_EXTENDED_DATA: _within_window(paramiko.Channel._feed_extended),  # type: ignore[attr-defined]
}
