"""`billferry serve` under a storm of deliveries, beside an idle `billferry watch`: rate, waiting times, memory."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import uvloop

from benchmarks.merchant import Merchant, stub_api
from benchmarks.surroundings import surroundings
from tests.serve.running import PATH, SECRET, delivery_headers, free_port, payment_body, request_bytes

ASKED_PER_S = 5_000
OFFERED_S = 20
SENDERS = 64
STARTED_S = 4
"""So long after its start a watch is idle."""
EVENTS = 1_000_000
P99_MS = 20.0


def measure() -> str:
    """The section of RESULTS.md."""
    with tempfile.TemporaryDirectory() as place, stub_api() as url:
        merchant = Merchant(Path(place), url)
        port = _configured(merchant)
        with _running(merchant, "watch"), _running(merchant, "serve") as serve:
            wait_for_listener(port)
            time.sleep(STARTED_S)
            offered = uvloop.run(_offered(port, ASKED_PER_S, OFFERED_S))
            memory = [_anonymous_mib(serve.pid)]
            began, sent = time.perf_counter(), 0
            while sent < EVENTS:
                uvloop.run(_as_fast_as_it_goes(port, sent, EVENTS // 10))
                sent += EVENTS // 10
                memory.append(_anonymous_mib(serve.pid))
            rate = EVENTS / (time.perf_counter() - began)
        kept = _kept(merchant.folder)
        if kept != EVENTS + ASKED_PER_S * OFFERED_S:
            raise SystemExit(f"{kept} of {EVENTS + ASKED_PER_S * OFFERED_S} deliveries are in the inbox")
    offered.sort()
    p99_ms = offered[int(len(offered) * 0.99)] * 1e3
    return "\n".join(
        [
            "## Receiving payments",
            "",
            f"Signed deliveries to `billferry serve` over {SENDERS} connections, each answered once it is on disk"
            " (synchronous=FULL), beside an",
            "idle `billferry watch`; the sender, in Python, shares the two cores.",
            f"{surroundings()}.",
            "",
            "| what | measured | asked for |",
            "| --- | --- | --- |",
            f"| {ASKED_PER_S} deliveries a second for {OFFERED_S} s: 99 of 100 are answered within | {p99_ms:.1f} ms"
            f" | {P99_MS:.0f} ms{'' if p99_ms < P99_MS else ': not reached'} |",
            f"| the same, half of them | {offered[len(offered) // 2] * 1e3:.1f} ms | |",
            f"| {EVENTS} deliveries, as fast as it goes | {rate:.0f} a second | {ASKED_PER_S} a second"
            f"{'' if rate >= ASKED_PER_S else ': not reached'} |",
            f"| anonymous memory before these, and after each tenth | {', '.join(map(str, memory))} MiB | flat |",
            "",
            "Every delivery that was answered is in the inbox, which was counted afterwards.",
        ]
    )


def _configured(merchant: Merchant) -> int:
    """Write the config with a free port; the port."""
    port = free_port()
    secret = merchant.folder / "webhook.secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    merchant.write_config(
        payments={"listen": f"127.0.0.1:{port}", "path": PATH, "secret_files": ["webhook.secret"]}
    )
    return port


@contextmanager
def _running(merchant: Merchant, command: str) -> Iterator[subprocess.Popen[bytes]]:
    words = [str(Path(sys.executable).with_name("billferry")), command]
    with subprocess.Popen(words, cwd=merchant.folder, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def wait_for_listener(port: int) -> None:
    """Until something takes connections at that port of this machine."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("billferry serve does not listen")


def _request(number: int) -> bytes:
    body = payment_body(number)
    return request_bytes(body, delivery_headers(body, webhook_id=f"msg_{number}"))


class _Sender:
    """One connection, one delivery at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, request: bytes) -> None:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head.decode())
        await self._reader.readexactly(2)

    def close(self) -> None:
        self._writer.close()


async def _senders(port: int) -> list[_Sender]:
    return [_Sender(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(SENDERS)]


async def _offered(port: int, per_s: int, seconds: int) -> list[float]:
    """Seconds from when each delivery was due to its answer, at a fixed rate: waiting for a free sender counts."""
    free: asyncio.Queue[_Sender] = asyncio.Queue()
    senders = await _senders(port)
    for sender in senders:
        free.put_nowait(sender)
    took: list[float] = []
    tasks: set[asyncio.Task[None]] = set()
    begin = time.perf_counter() + 0.1

    async def one(number: int, due: float) -> None:
        sender = await free.get()
        await sender.send(_request(-1 - number))
        took.append(time.perf_counter() - due)
        free.put_nowait(sender)

    for number in range(per_s * seconds):
        due = begin + number / per_s
        if (wait := due - time.perf_counter()) > 0.001:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(number, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for sender in senders:
        sender.close()
    return took


async def _as_fast_as_it_goes(port: int, first: int, count: int) -> None:
    numbers = iter(range(first, first + count))

    async def work(sender: _Sender) -> None:
        for number in numbers:
            await sender.send(_request(number))
        sender.close()

    await asyncio.gather(*[work(sender) for sender in await _senders(port)])


def _anonymous_mib(pid: int) -> int:
    found = re.search(r"^RssAnon:\s+([0-9]+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) >> 10 if found else 0


def _kept(folder: Path) -> int:
    with closing(sqlite3.connect(os.fspath(folder / "var" / "inbox.sqlite"))) as inbox:
        return int(inbox.execute("SELECT count(*) FROM deliveries WHERE copies = 0").fetchone()[0])
