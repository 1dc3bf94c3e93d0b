"""A far end for the door to the Billing API: real sockets, and a script of what it does with each connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvloop

from pipeline.core.api.responses import Answer, Failure
from pipeline.edge.billing.api import BillingApi
from schemas.settings import Api

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Reply = Answer | Failure

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


async def received(reader: asyncio.StreamReader) -> bytes:
    """One request, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
    )
    return head + await reader.readexactly(length)


def saying(*parts: bytes | float) -> Handler:
    """Reads a request, then sends the parts (numbers are pauses in seconds) and closes."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await received(reader)
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)
        writer.close()

    return handler


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def closing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def api(url: str, **changes: Any) -> BillingApi:
    facts: dict[str, Any] = {"base_url": url, "timeout_s": 0.5}
    return BillingApi(Api(**facts | changes), "sk_test_abcd")


@asynccontextmanager
async def served(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The address of a server that does as `handler` says, and ends with the block whatever is under way."""
    under_way: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
    await asyncio.sleep(0.01)


def send_to(
    handler: Handler,
    *requests: tuple[Any, ...],
    tls: ssl.SSLContext | None = None,
    pause_s: float = 0,
    **settings: Any,
) -> list[Reply]:
    """What `BillingApi.send` gives for each request in turn, from a server that does as `handler` says."""

    async def main() -> list[Reply]:
        replies = []
        async with served(handler, tls) as url, api(url, **settings) as door:
            for request in requests:
                replies.append(await asyncio.wait_for(door.send(*request), 5))
                await asyncio.sleep(pause_s)
        return replies

    return uvloop.run(main())


POST = ("POST", "/billing/bills", b'{"a":1}', "key-1")
