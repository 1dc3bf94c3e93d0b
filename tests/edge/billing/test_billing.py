"""Whatever a network does ends in an answer or a failure of the right kind, and never in an exception.

Real sockets; the far end is a script of what it does with each connection.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
import uvloop

from pipeline.core.api.responses import Answer, Failure, Meaning
from pipeline.core.api.responses import Expected as Sent
from pipeline.core.api.responses import read as meaning_of
from pipeline.edge.billing.connection import MAX_ANSWER_BYTES
from tests.edge.billing.far_end import (
    OK,
    POST,
    Handler,
    Reply,
    api,
    closing,
    received,
    saying,
    send_to,
    served,
    silent,
)
from tests.servers.certificates import Authority


def test_a_request_carries_key_body_and_bearer() -> None:
    heard: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await received(reader))
        writer.write(OK)

    (reply,) = send_to(handler, POST, timeout_s=5)  # the first connection of a process takes its time
    assert reply == Answer(200, {"content-type": "application/json", "content-length": "2"}, b"{}")
    head, _, body = heard[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /billing/bills HTTP/1.1"
    assert {
        b"Authorization: Bearer sk_test_abcd",
        b"Idempotency-Key: key-1",
        b"Content-Type: application/json",
    } <= {*lines}
    assert body == b'{"a":1}'


def test_names_of_headers_come_in_lower_case() -> None:
    (reply,) = send_to(
        saying(b"HTTP/1.1 409 X\r\nIdempotent-REPLAYED: true\r\nContent-Length: 0\r\n\r\n"), POST
    )
    assert isinstance(reply, Answer)
    assert reply.headers["idempotent-replayed"] == "true"


CUT: dict[str, tuple[bytes | float, ...]] = {
    "before any byte": (),
    "within the status line": (b"HTTP/1.1 20",),
    "within the headers": (b"HTTP/1.1 200 OK\r\nContent-Le",),
    "before the body": (b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n",),
    "within the body": (b'HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{"id"',),
    "within a chunk": (b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",),
    "no HTTP at all": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n",),
    "noise": (b"\x00\xff\x16\x03" * 500 + b"\r\n\r\n",),
    "a header without end": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,),
    "a length that is none": (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",),
    "a status that is none": (b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\n{}",),
    "a chunk size that is none": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    ),
}


@pytest.mark.parametrize("how", CUT)
@pytest.mark.parametrize(
    "request_", [POST, ("PATCH", "/billing/customers/C1", b"{}"), ("GET", "/billing/bills/B1")]
)
def test_a_broken_answer_leaves_doubt(how: str, request_: tuple[Any, ...]) -> None:
    (reply,) = send_to(saying(*CUT[how]), request_)
    assert reply is Failure.CUT


@pytest.mark.parametrize(
    "handler",
    [
        silent,
        saying(2.0, OK),
        saying(b"HTTP/1.1 200 OK\r\n", 2.0),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", 2.0),
    ],
    ids=["silence", "late", "headers begun", "body begun"],
)
def test_an_answer_that_takes_too_long_leaves_doubt(handler: Handler) -> None:
    (reply,) = send_to(handler, POST, timeout_s=1.0)
    assert reply is Failure.TIMED_OUT


def test_a_slow_trickle_is_bounded_as_a_whole() -> None:
    trickle: list[bytes | float] = [b"x", 0.1]
    (reply,) = send_to(
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", *trickle * 30), POST, timeout_s=1.0
    )
    assert reply is Failure.TIMED_OUT


# -- never connected: nothing can be in doubt ----------------------------------------------------------------


def send_one(url: str, **changes: Any) -> Reply:
    async def main() -> Reply:
        async with api(url, **changes) as door:
            return await asyncio.wait_for(door.send(*POST), 5)

    return uvloop.run(main())


def test_a_refused_connection_was_never_made() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert send_one(f"http://127.0.0.1:{port}") is Failure.NEVER_CONNECTED


def test_a_name_that_does_not_resolve_was_never_connected_to() -> None:
    assert send_one("http://no-such-host.invalid", timeout_s=8) is Failure.NEVER_CONNECTED


def test_a_host_that_does_not_answer_the_door_was_never_connected_to() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:  # the queue at the door is full: further knocks are not answered
            one.setblocking(False)
            one.connect_ex(address)
        try:
            assert send_one(f"http://127.0.0.1:{address[1]}", timeout_s=1) is Failure.NEVER_CONNECTED
        finally:
            for one in waiting:
                one.close()


def test_a_certificate_that_does_not_hold_is_no_connection(tmp_path: Path) -> None:
    replies = send_to(saying(OK), POST, tls=Authority(tmp_path).context("127.0.0.1"))
    assert replies == [Failure.UNTRUSTED]


def test_a_plain_server_behind_https_is_no_connection() -> None:
    async def main() -> Reply:
        async with served(closing) as url, api(url.replace("http:", "https:")) as door:
            return await door.send(*POST)

    assert uvloop.run(main()) is Failure.NEVER_CONNECTED


# -- odd but whole -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_not_followed(status: int) -> None:
    heard: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await received(reader))
        writer.write(f"HTTP/1.1 {status} Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode())

    (reply,) = send_to(handler, POST)
    assert isinstance(reply, Answer)
    assert reply.status == status
    assert len(heard) == 1


@pytest.mark.parametrize("request_", [POST, ("GET", "/billing/bills/B1")])
def test_a_connection_that_the_server_closed_between_requests_is_no_exception(
    request_: tuple[Any, ...],
) -> None:
    """A POST is not sent again behind our back: whether it arrived is for the load to find out, by the same key."""
    heard: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await received(reader))
        writer.write(OK)
        await writer.drain()
        writer.close()  # without saying so in the answer

    replies = send_to(handler, request_, request_, request_, pause_s=0.05)
    assert all(isinstance(reply, Answer) or reply is Failure.CUT for reply in replies)
    assert isinstance(replies[0], Answer)
    assert len(heard) <= 3


def test_a_post_into_a_connection_that_dies_on_it_is_sent_once_and_in_doubt() -> None:
    heard: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await received(reader))
        writer.write(OK)
        heard.append(await received(reader))
        writer.close()

    first, second = send_to(handler, POST, POST)
    assert isinstance(first, Answer)
    assert second is Failure.CUT
    assert len(heard) == 2


def test_connections_are_kept_for_the_next_request() -> None:
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await received(reader):
            writer.write(OK)

    replies = send_to(handler, *[POST] * 5)
    assert [reply.status for reply in replies if isinstance(reply, Answer)] == [200] * 5
    assert connections == 1


@pytest.mark.parametrize("declared", [True, False])
def test_an_answer_beyond_the_limit_is_cut_and_so_unreadable(declared: bool) -> None:
    size = 3 * MAX_ANSWER_BYTES
    length = f"Content-Length: {size}\r\n" if declared else "Connection: close\r\n"
    body = b'{"id":"' + b"x" * (size - 9) + b'"}'
    (reply,) = send_to(saying(f"HTTP/1.1 201 Created\r\n{length}\r\n".encode(), body), POST)
    assert isinstance(reply, Answer)
    assert len(reply.body) < size
    assert meaning_of(reply, Sent({})).meaning is Meaning.DOUBT


def test_a_compressed_answer_is_not_unpacked() -> None:
    import gzip

    bomb = gzip.compress(b"0" * 10_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    (reply,) = send_to(saying(head.encode(), bomb), POST)
    assert isinstance(reply, Answer)
    assert reply.body == bomb


def test_many_requests_at_once_use_no_more_connections_than_allowed() -> None:
    at_work = most = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal at_work, most
        while await received(reader):
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0.01)
            at_work -= 1
            writer.write(OK)

    async def main() -> list[Reply]:
        async with served(handler) as url, api(url, max_in_flight=4) as door:
            return await asyncio.gather(*[door.send(*POST) for _ in range(30)])

    replies = uvloop.run(main())
    assert all(isinstance(reply, Answer) for reply in replies)
    assert most == 4
