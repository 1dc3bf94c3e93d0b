"""What a loader costs that does nothing but send: `python -m benchmarks.bare_loaders aiohttp|httpx URL BODIES`.

Both read the bodies from a file, keep so many requests in flight, give each a key, read each answer whole, and fail
unless it is a 201. They remember nothing: killed, they would not know what was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import uvloop

Send = Callable[[bytes], Awaitable[int]]
"""Body → status."""
HEADERS = {"Authorization": "Bearer sk_test_bare", "Content-Type": "application/json"}


async def by_aiohttp(url: str, bodies: Iterator[bytes], in_flight: int) -> None:
    """ClientSession with its usual settings."""
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:

        async def send(body: bytes) -> int:
            async with session.post(url, data=body, headers={"Idempotency-Key": str(uuid4())}) as response:
                await response.read()
                return response.status

        await _all(send, bodies, in_flight)


async def by_httpx(url: str, bodies: Iterator[bytes], in_flight: int) -> None:
    """AsyncClient with its usual settings."""
    import httpx  # noqa: PLC0415 (only `make bench` installs it)

    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with httpx.AsyncClient(limits=limits, headers=HEADERS) as client:

        async def send(body: bytes) -> int:
            response = await client.post(url, content=body, headers={"Idempotency-Key": str(uuid4())})
            return int(response.status_code)

        await _all(send, bodies, in_flight)


async def _all(send: Send, bodies: Iterator[bytes], in_flight: int) -> None:
    async def worker() -> None:
        for body in bodies:  # one iterator for all workers
            status = await send(body)
            if status != 201:
                raise SystemExit(f"answered {status}")

    await asyncio.gather(*[worker() for _ in range(in_flight)])


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("client", choices=["aiohttp", "httpx"])
    words.add_argument("url")
    words.add_argument("bodies", type=Path)
    words.add_argument("--in-flight", type=int, default=64)
    given = words.parse_args()

    load = by_aiohttp if given.client == "aiohttp" else by_httpx
    started_s = time.perf_counter()
    with given.bodies.open("rb") as lines:
        bodies = (line.rstrip(b"\n") for line in lines)
        uvloop.run(load(f"{given.url}/billing/bills", bodies, given.in_flight))
    sys.stdout.write(f"{time.perf_counter() - started_s:.2f} s, {os.times().user:.2f} s of CPU\n")


if __name__ == "__main__":
    main()
