"""Where the API is, and how a connection to it is made. Until it is open nothing was sent, whatever went wrong."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from socket import SOCK_STREAM

import aiohappyeyeballs

from pipeline.core.api.responses import Failure
from pipeline.edge.billing.connection import Connection
from pipeline.edge.billing.tls import tls_failure

NEXT_ADDRESS_AFTER_S = 0.25
"""A host may have addresses that nothing answers at. Source: RFC 8305, "Connection Attempt Delay"."""
RESOLVED_FOR_S = 60.0
"""As long as an address is used before its name is looked up again; after a failure it is at once."""


class Address:
    """Host and port; the name is looked up once a minute at most."""

    def __init__(self, host: str, port: int | None, *, tls: bool, timeout_s: float) -> None:
        """Args:
        host: name or IP address, without brackets.
        port: None for the usual one.
        timeout_s: for looking up the name, connecting and the TLS handshake together.
        """
        usual = 443 if tls else 80
        self._host = _in_ascii(host)
        self._port = port or usual
        self._timeout_s = timeout_s
        self._tls = ssl.create_default_context() if tls else None
        self.resolved: Sequence[aiohappyeyeballs.AddrInfoType] = []
        self.resolved_until = float("-inf")
        """Time of the loop."""
        name = f"[{host}]" if ":" in host else self._host
        self.authority = name if self._port == usual else f"{name}:{self._port}"
        """As the `Host` header has it."""

    async def connect(self) -> Connection | Failure:
        """A connection of which, with TLS, the certificate is valid for the host; or why none could be made in time.

        Returns:
            Failures say why: no answer, or what is wrong with TLS. In all cases nothing of a request was sent.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._connected()
        except ssl.SSLError as error:
            failure = tls_failure(error)
        except (OSError, ValueError):  # no such name, nobody there, too late
            failure = Failure.NEVER_CONNECTED
        self.resolved_until = float("-inf")
        return failure

    async def _connected(self) -> Connection:
        """Addresses of the host are tried as RFC 8305 says (Happy Eyeballs). Raises OSError, ssl.SSLError,
        ValueError.
        """
        loop = asyncio.get_running_loop()
        if loop.time() >= self.resolved_until:
            self.resolved = await loop.getaddrinfo(self._host, self._port, type=SOCK_STREAM)
            self.resolved_until = loop.time() + RESOLVED_FOR_S
        socket = await aiohappyeyeballs.start_connection(
            self.resolved, happy_eyeballs_delay=NEXT_ADDRESS_AFTER_S
        )
        try:
            _, connection = await loop.create_connection(
                Connection, sock=socket, ssl=self._tls, server_hostname=self._host if self._tls else None
            )
        except BaseException:
            socket.close()
            raise
        return connection


def _in_ascii(host: str) -> str:
    """A name as name servers know it; one that cannot be is left for the look-up to fail on."""
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host
