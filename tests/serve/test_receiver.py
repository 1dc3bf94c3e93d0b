"""The receiver over real sockets: acknowledged is kept, kept once, and nothing else is acknowledged."""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.seeds import cases, drawn
from tests.serve.running import (
    PATH,
    Serving,
    delivery_headers,
    payment_body,
    request_bytes,
    serving,
    sha256,
    status_of,
)

BODY = payment_body()


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serving"), max_body_bytes=4096) as running:
        yield running


def test_a_signed_delivery_is_in_the_inbox_once_however_often_it_comes(receiver: Serving) -> None:
    for _ in range(3):
        assert receiver.deliver(BODY, webhook_id="msg_thrice") == 200
    assert [each for each in receiver.kept() if each[0] == "msg_thrice"] == [("msg_thrice", sha256(BODY), 2)]


def test_any_body_is_kept_as_it_came(receiver: Serving) -> None:
    """What it says is looked at later."""
    for number, body in enumerate((b"", b"\xff\x00", b"[]")):
        assert receiver.deliver(body, webhook_id=f"msg_any_{number}") == 200
        assert (f"msg_any_{number}", sha256(body), 0) in receiver.kept()


def test_what_is_not_signed_is_refused_and_leaves_nothing(receiver: Serving) -> None:
    before = receiver.kept()
    right = delivery_headers(BODY)
    now = int(time.time())
    assert receiver.deliver(BODY, secret="another") == 401
    assert receiver.deliver(BODY, at=now - 200) == 401
    assert receiver.deliver(BODY, at=now + 200) == 401
    assert receiver.deliver(BODY + b" ", right) == 401
    for name in right:
        assert receiver.deliver(BODY, {each: value for each, value in right.items() if each != name}) == 400
    doubled = request_bytes(BODY, {**right, "Webhook-Id": right["webhook-id"]})
    assert receiver.ask(doubled) == 400
    assert receiver.kept() == before


def test_only_its_own_address_and_post_are_answered(receiver: Serving) -> None:
    headers = delivery_headers(BODY)
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
        assert receiver.ask(request_bytes(BODY, headers, method=method)) == 405
    for path in ("/", PATH + "/", PATH.upper(), "/webhooks/../webhooks/moment", "/%00", "//x", "*"):
        assert receiver.ask(request_bytes(BODY, headers, path=path)) in {400, 404, 307}


def test_large_bodies_are_refused_before_they_are_read(receiver: Serving) -> None:
    large = b"x" * 5000
    assert receiver.deliver(large) == 413
    with receiver.connected() as connection:  # its length is announced, and nothing of it comes
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n".encode())
        assert status_of(connection) == 413
    with receiver.connected() as connection:  # nothing is announced, and it does not end
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(5):
            with contextlib.suppress(OSError):
                connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
        assert status_of(connection) == 413


def test_pipelined_half_closed_and_split_deliveries_are_all_answered(receiver: Serving) -> None:
    bodies = [payment_body(number) for number in range(5)]
    raw = [
        request_bytes(body, delivery_headers(body, webhook_id=f"msg_pipe_{n}"))
        for n, body in enumerate(bodies)
    ]
    with receiver.connected() as connection:
        connection.sendall(b"".join(raw))
        connection.shutdown(socket.SHUT_WR)
        answers = b""
        with contextlib.suppress(OSError):
            while more := connection.recv(4096):
                answers += more
    kept = {webhook_id for webhook_id, _, _ in receiver.kept()}
    assert answers.count(b" 200 OK") <= sum(f"msg_pipe_{n}" in kept for n in range(5))
    with receiver.connected() as connection:
        for byte in raw[0]:
            connection.sendall(bytes([byte]))
        assert status_of(connection) == 200


def test_ten_senders_at_once_are_all_kept_and_stopping_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        acknowledged: list[str] = []

        def send(sender: int) -> None:
            for number in range(20):
                body, webhook_id = payment_body(number), f"msg_{sender}_{number}"
                with contextlib.suppress(OSError):
                    if running.deliver(body, webhook_id=webhook_id) == 200:
                        acknowledged.append(webhook_id)

        senders = [threading.Thread(target=send, args=(number,)) for number in range(10)]
        for sender in senders:
            sender.start()
        while len(acknowledged) < 60:
            time.sleep(0.01)
        exit_status, said = running.ended(signal.SIGTERM)
        for sender in senders:
            sender.join()
        kept = [webhook_id for webhook_id, _, _ in running.kept()]
        assert sorted(set(kept)) == sorted(kept)
        assert set(acknowledged) <= set(kept)
        assert exit_status == 128 + signal.SIGTERM
        assert "everything that was acknowledged or taken in is kept" in said


def test_a_full_inbox_is_never_acknowledged(tmp_path: Path) -> None:
    with serving(tmp_path, max_inbox_bytes=1) as running:
        assert running.deliver(BODY) == 503
        assert running.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") == 503
        assert running.kept() == []


def test_no_bytes_bring_a_server_error(receiver: Serving) -> None:
    """Mutated requests over raw sockets; the receiver then still works."""
    chance = drawn()
    for _ in range(cases(1_000, soak=100_000)):
        raw = mangled(request_bytes(BODY, delivery_headers(BODY, webhook_id="msg_fuzz")), chance)
        with receiver.connected() as connection:
            with contextlib.suppress(OSError):
                connection.sendall(raw)
                connection.shutdown(socket.SHUT_WR)
            status = status_of(connection)
        assert status is None or status < 500, raw
    assert receiver.deliver(BODY, webhook_id="msg_after_fuzz") == 200


def mangled(raw: bytes, chance: random.Random) -> bytes:
    """A request with bytes cut, changed, doubled or added somewhere."""
    data = bytearray(raw)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                del data[at : at + chance.randint(1, 40)]
            case 1:
                data[at:at] = chance.randbytes(chance.randint(1, 20))
            case 2:
                data[at:at] = data[at : at + 60]
            case 3:
                data[at : at + 1] = chance.choice((b"\r\n", b"\0", b"\xff", b": ", b"%00", b"\n"))
            case _:
                data[at:at] = chance.choice(
                    (
                        b"Transfer-Encoding: chunked\r\n",
                        b"Expect: 100-continue\r\n",
                        b"Upgrade: websocket\r\n",
                    )
                )
    return bytes(data)
