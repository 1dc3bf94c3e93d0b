"""A receiver of webhooks that answers as it is told to, and keeps what came."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Delivered:
    headers: Mapping[str, str]
    body: bytes

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def signed_at_s(self) -> int:
        return int(self.headers["webhook-timestamp"])


Answering = Callable[[Delivered], int | None]
"""The status to answer with; None closes the connection instead."""


class Receiver:
    """Keeps deliveries in order of their arrival; `answering` may be replaced at any time."""

    def __init__(self, answering: Answering = lambda _: 200, port: int = 0) -> None:
        self.answering = answering
        self.came: list[Delivered] = []
        self._connections: list[socket.socket] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                receiver._connections.append(self.connection)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                delivered = Delivered({k.lower(): v for k, v in self.headers.items()}, body)
                receiver.came.append(delivered)
                status = receiver.answering(delivered)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                if status in {301, 307}:
                    self.send_header("Location", f"{receiver.url}/elsewhere")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                if not isinstance(sys.exception(), ConnectionError):  # a sender may have stopped waiting
                    super().handle_error(request, client_address)

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/webhooks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """As if it were killed: connections that are open end, too."""
        self._server.shutdown()
        self._server.server_close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()


@contextmanager
def receiving(answering: Answering = lambda _: 200) -> Iterator[Receiver]:
    receiver = Receiver(answering)
    try:
        yield receiver
    finally:
        receiver.stop()
