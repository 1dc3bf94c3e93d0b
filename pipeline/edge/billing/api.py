"""Requests as bytes, and the connections that carry them."""

from __future__ import annotations

import asyncio
from typing import Self
from urllib.parse import quote, urlsplit

from pipeline.core.api.responses import Answer, Failure
from pipeline.edge.billing.address import Address
from pipeline.edge.billing.connection import Connection
from schemas.settings import Api

MAX_CONNECT_S = 10.0
"""Longer is not waited for a connection, however long answers may take."""


class BillingApi:
    """The API over HTTP/1.1 keep-alive connections; an async context manager, one per load."""

    def __init__(self, settings: Api, key: str) -> None:
        """Args:
        settings: base_url, timeout_s (of a whole request) and max_in_flight (requests, and so connections, at
            once).
        key: the secret API key; it is sent to the host of base_url alone, since redirects are not followed.
        """
        base = urlsplit(settings.base_url)
        # Connecting has a bound of its own: without a connection nothing was sent, and nothing is in doubt.
        self._address = Address(
            base.hostname or "",
            base.port,
            tls=base.scheme == "https",
            timeout_s=min(settings.timeout_s / 2, MAX_CONNECT_S),
        )
        self._timeout_s = settings.timeout_s
        self._base_path = base.path.rstrip("/")
        self._head = (
            f"Host: {self._address.authority}\r\n"
            f"Authorization: Bearer {key}\r\n"
            "Accept: application/json, application/problem+json\r\n"
            "Accept-Encoding: identity\r\n"  # a compressed answer could be a bomb; none is unpacked
            "User-Agent: billferry\r\n"
        )
        self._slots = asyncio.Semaphore(settings.max_in_flight)
        self._idle: list[Connection] = []
        self.date: str | None = None
        """The `Date` header of the last answer that had one: what time it is there."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._idle:
            connection.close()
        await asyncio.sleep(0)  # lets transports close before the loop does

    async def send(
        self, method: str, path: str, body: bytes | None = None, key: str | None = None
    ) -> Answer | Failure:
        """Send one request, once.

        Args:
            path: starts with a slash, below the path of base_url; not escaped yet.
            body: JSON bytes, or None.
            key: the idempotency key, or None.

        Returns:
            The answer of whatever status, or why there is none. Failure.NEVER_CONNECTED means that nothing was sent;
            with other failures the request may have arrived.
        """
        request = self._request(method, path, body, key)
        async with self._slots:
            deadline = asyncio.get_running_loop().time() + self._timeout_s
            connection = self._idle_connection() or await self._address.connect()
            if isinstance(connection, Failure):
                return connection
            reply = await connection.exchange(request, deadline)
            self._idle.append(connection)
            if isinstance(reply, Answer):
                self.date = reply.headers.get("date", self.date)
            return reply

    def _idle_connection(self) -> Connection | None:
        """An open connection; those that ended are let go."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    def _request(self, method: str, path: str, body: bytes | None, key: str | None) -> bytes:
        """The bytes of a request. Source: RFC 9112; draft-ietf-httpapi-idempotency-key-header for the key."""
        # Escaped, since a path may end in an id, and an id is whatever the API sent.
        head = f"{method} {self._base_path}{quote(path)} HTTP/1.1\r\n{self._head}"
        if key is not None:
            head += f"Idempotency-Key: {key}\r\n"
        if body is None:
            return f"{head}\r\n".encode()
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body
