"""One keep-alive connection, and one request on it at a time.

Once a request was written it may have arrived, so nothing is ever written twice here: a connection that dies leaves
doubt, and what to do about that is for the load to decide.
"""

from __future__ import annotations

import asyncio

import httptools

from pipeline.core.api.responses import Answer, Failure

MAX_ANSWER_BYTES = 1_048_576
"""An answer about one object is far smaller; more is cut off and so unreadable."""
MAX_HEAD_BYTES = 65_536
"""Of status line and headers."""
FRAMED_BY = ("content-length", "transfer-encoding")
"""An answer without both ends where the connection does. Source: RFC 9112, 6.3."""


class Connection(asyncio.Protocol):
    """One connection. Its methods below `usable` are called by the event loop and, from `data_received`, by
    the parser.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer | Failure] | None = None
        """Whoever waits for the answer; None where nothing was asked."""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._reset()

    async def exchange(self, request: bytes, deadline: float) -> Answer | Failure:
        """Write a request and wait for its answer.

        Args:
            request: all bytes of it.
            deadline: in the loop's time; then the answer is Failure.TIMED_OUT, and the connection is dropped.

        Returns:
            The answer, or why there is none. Nothing is raised but CancelledError.
        """
        loop = asyncio.get_running_loop()
        if self._transport is None:
            return Failure.NEVER_CONNECTED  # lost as soon as it was made: nothing was written
        self._reset()
        self._waiting = loop.create_future()
        timeout = loop.call_at(deadline, self._end, Failure.TIMED_OUT)
        self._transport.write(request)
        try:
            return await self._waiting
        finally:
            timeout.cancel()
            if self._waiting is not None:  # nobody waits any more: the answer may still come, to nobody
                self.close()

    def close(self) -> None:
        """Drop the connection, without waiting for what is still to be written."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    @property
    def usable(self) -> bool:
        """Whether the next request can be written."""
        return self._waiting is None and self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From now on requests can be written; with TLS, the handshake is over."""
        self._transport = transport  # type: ignore[assignment]  # a stream's can write

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer without a length ends with the connection, if that ended well. Source: RFC 9112, 6.3."""
        self._transport = None
        unframed = self._in_body and self._headers.keys().isdisjoint(FRAMED_BY)
        self._end(self._answer() if unframed and exc is None else Failure.CUT)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, within bounds: a head that is too long is an answer that was cut off."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._end(Failure.CUT)
            return
        if self._received > MAX_HEAD_BYTES and not self._in_body:
            self._end(Failure.CUT)
        elif self._received > MAX_ANSWER_BYTES:
            self._end(self._answer())

    def on_message_begin(self) -> None:
        """An answer begins; one that nobody asked for ends the connection, lest it be taken for the next one's."""
        if self._waiting is None:
            self.close()  # nothing was asked, or it was answered
        self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Names are kept in small letters; of equal ones the last."""
        if not self._in_body:  # trailers after a chunked body are not headers: RFC 9112, 7.1.2
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """An answer below 200 is interim, and has no body."""
        self._status = self._parser.get_status_code()
        self._in_body = self._status >= 200

    def on_body(self, body: bytes) -> None:
        """A piece of the body; its chunks are unpacked already."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A whole answer goes to whoever waits; the connection stays open if the server allows it."""
        if self._status < 200:
            return  # an interim answer; the real one follows
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(self._answer())
        if not self._parser.should_keep_alive():
            self.close()

    def _reset(self) -> None:
        """Forget the answer before."""
        self._headers, self._body = {}, []
        self._status = self._received = 0
        self._in_body = False

    def _answer(self) -> Answer:
        return Answer(self._status, self._headers, b"".join(self._body))

    def _end(self, reply: Answer | Failure) -> None:
        """Give whoever waits this reply, and drop the connection: what is not whole ends it."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)
        self.close()
