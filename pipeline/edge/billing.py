"""The door to the Billing API: one request in, one answer or failure out. What an answer means is decided in core.

Nothing here retries, follows redirects (a redirected POST would become a GET) or raises for what networks do.
"""

from __future__ import annotations

import asyncio
from typing import Self

import aiohttp
from yarl import URL

from pipeline.core.answers import Answer, Failure
from schemas.settings import Api

MAX_ANSWER_BYTES = 1_048_576
"""An answer about one object is far smaller; more is cut off and so unreadable."""
MAX_CONNECT_S = 10.0


class BillingApi:
    """The API over HTTP/1.1 keep-alive connections. One per load."""

    def __init__(self, settings: Api, key: str) -> None:
        self._base = settings.base_url.rstrip("/")
        # Connecting has a bound of its own: without a connection nothing was sent, and nothing is in doubt.
        self._timeout = aiohttp.ClientTimeout(
            total=settings.timeout_s, sock_connect=min(settings.timeout_s / 2, MAX_CONNECT_S)
        )
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json, application/problem+json",
            "User-Agent": "billferry",
        }
        self._connections = settings.max_in_flight
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=self._timeout,
            headers=self._headers,
            connector=aiohttp.TCPConnector(limit=self._connections, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,  # a compressed answer could be a bomb; none is asked for
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # lets transports close before the loop does

    async def send(
        self, method: str, path: str, body: bytes | None = None, key: str | None = None
    ) -> Answer | Failure:
        """Send one request. `path` starts with a slash and is already escaped; `body` is JSON bytes."""
        if self._session is None:
            raise RuntimeError("BillingApi is used outside its context")
        headers: dict[str, str] = {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            async with self._session.request(
                method,
                URL(self._base + path, encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
            ) as response:
                content = await response.content.read(MAX_ANSWER_BYTES)
                while not response.content.at_eof() and len(content) < MAX_ANSWER_BYTES:
                    content += await response.content.read(MAX_ANSWER_BYTES)
                return Answer(
                    response.status,
                    {name.lower(): value for name, value in response.headers.items()},
                    content,
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL):
            return Failure.NEVER_CONNECTED
        except TimeoutError:
            return Failure.TIMED_OUT
        except (aiohttp.ClientError, OSError, ValueError):
            return Failure.CUT
