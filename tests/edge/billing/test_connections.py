"""What stands on a connection is read as HTTP/1.1 has it, and belongs to the request that was asked on it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import uvloop

from pipeline.core.api.responses import Answer, Failure
from pipeline.edge.billing.address import Address
from tests.edge.billing.far_end import OK, POST, Reply, api, received, saying, send_to, served

GET = ("GET", "/billing/bills/B1")
CREATED = b'HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{"id":"a"'


def body_of(reply: Reply) -> bytes:
    assert isinstance(reply, Answer), reply
    return reply.body


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n", OK),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nIdempotent-Replayed: true\r\n\r\n" + OK,),
    ],
    ids=["by itself", "with hints"],
)
def test_an_interim_answer_is_not_the_answer(parts: tuple[bytes, ...]) -> None:
    (reply,) = send_to(saying(*parts), POST)
    assert reply == Answer(200, {"content-type": "application/json", "content-length": "2"}, b"{}")


def test_an_answer_that_becomes_another_protocol_leaves_doubt(caplog: pytest.LogCaptureFixture) -> None:
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nnoise"
    assert send_to(saying(switched, 0.1), POST) == [Failure.CUT]
    assert not caplog.records


def test_an_answer_in_chunks_is_put_together() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    (reply,) = send_to(saying(head, b'3\r\n{"a\r\n', 0.01, b'4\r\n":1}\r\n0\r\n\r\n'), POST)
    assert body_of(reply) == b'{"a":1}'


def test_what_stands_behind_the_chunks_is_no_header() -> None:
    head = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    (reply,) = send_to(saying(head + b"Idempotent-Replayed: true\r\n\r\n"), POST)
    assert isinstance(reply, Answer)
    assert "idempotent-replayed" not in reply.headers


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    replies = send_to(saying(b"HTTP/1.1 200 OK\r\n\r\n", b'{"a"', 0.01, b":1}"), POST, GET)
    assert [body_of(reply) for reply in replies] == [b'{"a":1}'] * 2


def test_a_chunked_answer_without_its_last_chunk_is_cut() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
    assert send_to(saying(head), POST) == [Failure.CUT]


@pytest.mark.parametrize("at_once", [0, 20, len(OK)])
def test_a_second_answer_to_one_request_is_nobodys(at_once: int) -> None:
    """Taken for the answer to the next request, it would show another bill as created."""
    stray = OK.replace(b"{}", b"[]")
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await received(reader)
        writer.write(OK + stray[:at_once])
        await asyncio.sleep(0.01)
        if at_once == 0:
            writer.write(stray)
        await received(reader)
        writer.write(stray[at_once:] + OK)

    replies = send_to(handler, POST, POST, pause_s=0.05)
    assert [body_of(reply) for reply in replies] == [b"{}"] * 2
    assert connections == 2


def test_a_connection_that_is_to_be_closed_is_not_used_again() -> None:
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await received(reader):
            writer.write(OK.replace(b"Content-Type", b"Connection: close\r\nContent-Type"))

    replies = send_to(handler, POST, POST)
    assert [body_of(reply) for reply in replies] == [b"{}"] * 2
    assert connections == 2


def test_an_answer_after_its_time_is_not_the_next_ones() -> None:
    requests = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while await received(reader):
            requests += 1
            late = requests == 1
            await asyncio.sleep(0.7 if late else 0)
            writer.write(OK.replace(b"{}", b"[]") if late else OK)

    first, second = send_to(handler, POST, POST)
    assert first is Failure.TIMED_OUT
    assert body_of(second) == b"{}"


def test_a_request_that_is_given_up_takes_its_connection_with_it() -> None:
    ended = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await received(reader)
        await reader.read()
        ended.set()

    async def main() -> None:
        async with served(handler) as url, api(url, timeout_s=30) as door:
            given_up = asyncio.create_task(door.send(*POST))
            await asyncio.sleep(0.1)
            given_up.cancel()
            await asyncio.wait([given_up])
            await asyncio.wait_for(ended.wait(), 5)

    uvloop.run(main())


def test_headers_without_end_are_not_collected() -> None:
    flood: list[bytes | float] = [b"X: " + b"x" * 8000 + b"\r\n"]
    (reply,) = send_to(saying(b"HTTP/1.1 200 OK\r\n", *flood * 1000), POST)
    assert reply is Failure.CUT


def test_no_compressed_answer_is_asked_for() -> None:
    assert b"\r\naccept-encoding: identity\r\n" in heard_from(POST).lower()


def test_an_id_of_the_api_cannot_write_a_request_of_its_own() -> None:
    heard = heard_from(("GET", "/billing/bills/b 1\r\nX-Evil: 1\r\n\r\n?#é"))
    assert (
        heard.splitlines()[0]
        == b"GET /billing/bills/b%201%0D%0AX-Evil%3A%201%0D%0A%0D%0A%3F%23%C3%A9 HTTP/1.1"
    )
    assert b"\r\nX-Evil" not in heard


def test_a_path_of_the_base_url_is_kept_and_its_name_told() -> None:
    heard = heard_from(GET, path="/v2/")
    assert heard.startswith(b"GET /v2/billing/bills/B1 HTTP/1.1\r\nHost: 127.0.0.1:")


def heard_from(request: tuple[Any, ...], path: str = "") -> bytes:
    """One request as its server gets it."""
    heard: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await received(reader))
        writer.write(OK)

    async def main() -> None:
        async with served(handler) as url, api(url + path) as door:
            await door.send(*request)

    uvloop.run(main())
    return heard[0]


def test_an_address_that_does_not_answer_does_not_hide_another_of_the_same_name() -> None:
    async def main() -> bool:
        with socket.create_server(("127.0.0.1", 0)) as dead, socket.create_server(("127.0.0.1", 0)) as alive:
            dead.listen(0)
            ports = [one.getsockname()[1] for one in (dead, alive)]
            with socket.create_connection(dead.getsockname()):  # the queue at the door is full
                address = Address("name.invalid", 1, tls=False, timeout_s=2)
                address.resolved = [
                    (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports
                ]
                address.resolved_until = float("inf")
                connection = await address.connect()
            if not isinstance(connection, Failure):
                connection.close()
            await asyncio.sleep(0)
            return not isinstance(connection, Failure)

    assert uvloop.run(main())


def test_a_connection_made_after_a_failed_one_asks_for_the_name_again() -> None:
    async def main() -> list[Reply]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        async with api(f"http://127.0.0.1:{port}") as door:
            replies = [await door.send(*POST)]
            server = await asyncio.start_server(saying(OK), "127.0.0.1", port)
            async with server:
                return [*replies, await door.send(*POST)]

    first, second = uvloop.run(main())
    assert first is Failure.NEVER_CONNECTED
    assert isinstance(second, Answer)
