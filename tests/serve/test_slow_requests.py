"""Connections that are slow, endless or too many are ended, and others are served meanwhile."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.running import (
    PATH,
    Serving,
    delivery_headers,
    payment_body,
    request_bytes,
    serving,
    status_of,
)

FAST = """
import pipeline.serve.listener as listener, pipeline.serve.receiver as receiver
listener.HEAD_TIMEOUT_S = receiver.BODY_TIMEOUT_S = 0.5
listener.MAX_CONNECTIONS = 30
"""
"""The same limits, shorter."""


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, code=FAST) as running:
        yield running


def ends_within(connection: socket.socket, seconds: float) -> bool:
    """Whether the other side ends a connection in time."""
    connection.settimeout(seconds)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("begun", [b"", b"POST /webh", f"POST {PATH} HTTP/1.1\r\nHost: x\r\n".encode()])
def test_a_head_that_does_not_come_ends_the_connection(receiver: Serving, begun: bytes) -> None:
    with receiver.connected() as connection:
        connection.sendall(begun)
        assert ends_within(connection, 5)


def test_a_head_that_drips_ends_all_the_same(receiver: Serving) -> None:
    with receiver.connected() as connection:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            for byte in (f"POST {PATH} HTTP/1.1\r\n" + "x: y\r\n" * 1000).encode():
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
        assert time.monotonic() - began < 5


def test_an_endless_head_is_refused(receiver: Serving) -> None:
    with receiver.connected() as connection:
        with contextlib.suppress(OSError):
            connection.sendall(f"POST {PATH} HTTP/1.1\r\n".encode() + b"x: y\r\n" * 20_000)
        assert status_of(connection) in {400, None}
    assert receiver.deliver(payment_body()) == 200


def test_a_body_that_does_not_come_is_answered_and_leaves_nothing(receiver: Serving) -> None:
    body = payment_body()
    raw = request_bytes(body, delivery_headers(body))
    with receiver.connected() as connection:
        connection.sendall(raw[:-5])
        assert status_of(connection) == 408
        assert ends_within(connection, 5)
    assert receiver.kept() == []


def test_many_idle_connections_do_not_keep_a_delivery_out_for_long(receiver: Serving) -> None:
    idle = [receiver.connected() for _ in range(60)]
    try:
        until = time.monotonic() + 10
        while receiver.deliver(payment_body()) != 200:
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        for connection in idle:
            connection.close()


def test_several_deliveries_over_one_connection(receiver: Serving) -> None:
    with receiver.connected() as connection:
        for number in range(5):
            body = payment_body(number)
            connection.sendall(request_bytes(body, delivery_headers(body, webhook_id=f"msg_{number}")))
            answer = b""
            while not answer.endswith(b"ok"):
                answer += connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200")
    assert len(receiver.kept()) == 5
