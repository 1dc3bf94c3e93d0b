"""A server on one address or unix socket, with limits on requests that are slow, endless or too many.

uvicorn has no limit for the time in which a request's head must arrive, nor for its size over httptools: both are
added to its protocol here. Headers of proxies are not believed, and nothing says which server this is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline.core.payments.listen_address import ListenAddress, listen_address
from pipeline.edge.log import get_logger, masked_trace
from pipeline.errors import UsageError

log = get_logger()

HEAD_TIMEOUT_S = 10.0
"""From the first byte of a connection or request to the end of its headers."""
MAX_HEAD_BYTES = 65_536
MAX_CONNECTIONS = 1000
KEEP_ALIVE_S = 15
GRACE_S = 10
"""After a stop signal, so long requests that are under way may take."""


Listener = socket.socket
"""A socket that is bound, for those who only hand it on."""
Stopping = Callable[[Callable[[Exception], None]], contextlib.AbstractContextManager[None]]
"""Within its block, a call of what it was given stops the server."""


class _BoundedProtocol(HttpToolsProtocol):
    """A connection that is closed when the head of a request takes too long or grows too large."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = self.loop.call_later(HEAD_TIMEOUT_S, self._too_slow)

    def data_received(self, data: bytes) -> None:
        room = MAX_HEAD_BYTES - self._head_bytes
        if self._awaits_head() and len(data) > room:
            # What came together with the end of a head is of its body, and may be large.
            self._head_bytes, behind = MAX_HEAD_BYTES, data[room:]
            super().data_received(data[:room])
            if self._awaits_head():
                self.send_400_response("Request head too large.")
            elif not self.transport.is_closing():
                super().data_received(behind)
            return
        self._head_bytes += len(data)
        super().data_received(data)

    def _awaits_head(self) -> bool:
        return self._head_timer is not None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_timer is None:
            self._head_bytes = 0
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._too_slow)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        self.transport.abort()


class _OnlyBugs(logging.Handler):
    """Of what uvicorn logs, errors alone, masked: a line for each malformed request would let anybody fill the log."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        log.error("server.error", trace=masked_trace(error) if error is not None else None)


class Served(NamedTuple):
    """An ASGI application, and the socket that it is served on."""

    app: Any
    listener: Listener
    end: Callable[[], None] = lambda: None
    """Called, from any thread, when the server is to end: answers that would go on end now."""


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves signals to `serve_apps`: there may be several, and the exit status says which
    signal it was.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bound_socket(listen: str, where: str) -> socket.socket:
    """A socket that listens where the config says.

    Args:
        listen: `ADDRESS:PORT`, `[IPv6]:PORT` or `unix:/PATH`.
        where: the key of the config that says so.

    Raises:
        UsageError: it is not an address, or cannot be listened on.
    """
    try:
        address = listen_address(listen)
        return _bound_tcp(address) if address.path is None else _bound_unix(Path(address.path))
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) and error.strerror else "not an address"
        raise UsageError(
            problem=f"{where}: cannot listen on {listen} ({problem})",
            remedy="write ADDRESS:PORT or unix:/PATH, and stop what else listens there",
        ) from error


def free_socket() -> socket.socket:
    """A socket on a free port that this machine alone reaches; who connects before it is served waits."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    bound.listen()
    return bound


def _bound_tcp(listen: ListenAddress) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound


def _bound_unix(path: Path) -> socket.socket:
    """A socket for its owner and group, in the place of one that a killed server left behind."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.lstat().st_mode):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                if probe.connect_ex(str(path)) != 0:
                    path.unlink()
        bound.bind(str(path))
        path.chmod(0o660)
    except BaseException:
        bound.close()
        raise
    return bound


async def serve_apps(apps: Sequence[Served], stopping: Stopping) -> Exception | None:
    """Serve applications until they are stopped, and end what is under way. One that ends ends the others.

    Args:
        stopping: within its block, a call of what it is given stops: `on_stop`, for signals.

    Returns:
        What stopped them; None where they ended by themselves.
    """
    of_uvicorn = logging.getLogger("uvicorn.error")
    of_uvicorn.handlers, of_uvicorn.propagate = [_OnlyBugs(logging.ERROR)], False
    servers = [_Server(_configured(each.app)) for each in apps]
    stopped_by: list[Exception] = []

    def stop(stopped: Exception) -> None:
        stopped_by.append(stopped)
        end()

    def end() -> None:
        for server, each in zip(servers, apps, strict=True):
            server.should_exit = True
            each.end()

    async def serve(server: _Server, listener: Listener) -> None:
        try:
            await server.serve([listener])
        finally:
            end()

    with stopping(stop):
        async with asyncio.TaskGroup() as group:
            for server, each in zip(servers, apps, strict=True):
                group.create_task(serve(server, each.listener))
    return stopped_by[0] if stopped_by else None


def _configured(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
