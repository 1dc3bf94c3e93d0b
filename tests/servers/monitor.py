"""A monitor that remembers every sign of life, and may be mute, slow or behind HTTPS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self

SECRET = "5f0c-not-for-anybody"


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    path: str
    whole: str
    """Request line, headers and body."""


class Monitor(ThreadingHTTPServer):
    """Use as a context. `url` is what a config is told."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Asked] = []
        self.answers = 200
        self.mute = False
        self.over = Event()
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_port}/{SECRET}"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def asked(self) -> list[str]:
        """What stood behind the secret: `/start`, nothing, `/fail`."""
        return [each.path.removeprefix(f"/{SECRET}") for each in [*self.requests]]

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Monitor

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append(Asked(self.path, f"{self.requestline}\n{self.headers}\n{body!r}"))
        if self.server.mute:
            self.server.over.wait(30)
            return
        self.send_response(self.server.answers)
        self.end_headers()

    do_POST = do_HEAD = do_PUT = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass
