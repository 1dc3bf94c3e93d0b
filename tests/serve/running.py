"""`billferry serve` as a process of its own, and deliveries to it as the API sends them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.warm import Process, Warm
from tests.world import feed, merchant_config, write_config, write_key

SECRET = "the signing secret"
PATH = "/webhooks/moment"
STARTS_WITHIN_S = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def payment_body(number: int = 1, **changes: Any) -> bytes:
    """A payment event; fields that are None are left out."""
    data = {
        "id": f"ob_{number}",
        "amount": 2000,
        "currency": "ZAR",
        "payment_id": f"pay_{number}",
        "bill_id": f"bill_{number}",
        "metadata": {},
        "created_at": "2026-11-29T06:30:00Z",
        "updated_at": "2026-11-29T06:30:00Z",
        **changes,
    }
    event = {
        "id": f"evt_{number}",
        "type": "obligation.amount_applied",
        "data": {name: value for name, value in data.items() if value is not None},
    }
    return json.dumps(event).encode()


def delivery_headers(
    body: bytes, *, webhook_id: str = "msg_1", at: int | None = None, secret: str = SECRET
) -> dict[str, str]:
    stamp = str(int(time.time()) if at is None else at)
    mac = hmac.digest(secret.encode(), f"{webhook_id}.{stamp}.".encode() + body, "sha256")
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def request_bytes(
    body: bytes, headers: Mapping[str, str], *, method: str = "POST", path: str = PATH
) -> bytes:
    """A whole HTTP request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: receiver", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Serving:
    """A running receiver, and the folder that it keeps its inbox in."""

    folder: Path
    port: int
    settings: dict[str, Any] = field(default_factory=dict)
    process: Process | None = None
    under: tuple[str, ...] = ()
    """A program that runs it, such as strace."""
    code: str = ""
    """Runs before the command in its process."""
    words: tuple[str, ...] = ("serve",)

    def start(self) -> None:
        """Returns once it answers."""
        write_config(self.folder, self.settings)
        if self.under or self.code:
            self.process = subprocess.Popen(
                [
                    *self.under,
                    sys.executable,
                    "-c",
                    f"{self.code}\nfrom pipeline.cli import main; main()",
                    *self.words,
                ],
                cwd=self.folder,
                stderr=subprocess.PIPE,
                text=True,
            )
        else:
            self.process = Warm(self.words, self.folder, os.environ)
        until = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                if self.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") == 200:
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(self.ended(signal.SIGKILL)[1])

    def ended(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Stop it by a signal: its exit status (minus the signal where that killed it), and what it said."""
        assert self.process is not None
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def ask(self, raw: bytes) -> int | None:
        """The status of the answer to raw bytes; None when the connection ends without one."""
        with self.connected() as connection:
            connection.sendall(raw)
            return status_of(connection)

    def deliver(self, body: bytes, headers: Mapping[str, str] | None = None, **signing: Any) -> int | None:
        """The status of the answer to a delivery, signed unless its headers are given."""
        return self.ask(request_bytes(body, headers or delivery_headers(body, **signing)))

    def kept(self) -> list[tuple[str, str, int]]:
        """Webhook id, SHA-256 and copies of each delivery in the inbox, in order."""
        path = self.folder / "var" / "inbox.sqlite"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as inbox:
            return list(
                inbox.execute("SELECT webhook_id, lower(hex(digest)), copies FROM deliveries ORDER BY seq")
            )


def status_of(connection: socket.socket) -> int | None:
    """The status of the next answer on a connection; None when it ends without one."""
    head = b""
    while b"\r\n" not in head:
        try:
            more = connection.recv(4096)
        except ConnectionError:
            return None
        if not more:
            return None
        head += more
    return int(head.split(b" ", 2)[1])


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@contextmanager
def serving(
    folder: Path, *, code: str = "", words: tuple[str, ...] = ("serve",), **payments: Any
) -> Iterator[Serving]:
    """A receiver in a new folder; `payments` are further keys of that section."""
    write_key(folder)
    secret = folder / "webhook.secret"
    secret.touch(mode=0o600)
    secret.write_text(f"{SECRET}\n")
    (folder / "drop").mkdir()
    (folder / "archive").mkdir()
    port = free_port()
    settings = merchant_config("http://127.0.0.1:1", [feed("bills", "bill", "*.csv", currency="ZAR")])
    settings["payments"] = {
        "listen": f"127.0.0.1:{port}",
        "path": PATH,
        "secret_files": ["webhook.secret"],
        **payments,
    }
    server = Serving(folder, port, settings, code=code, words=words)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.ended(signal.SIGKILL)
