"""A TCP proxy that spoils what a server sends: cuts the line, falls silent, or trickles."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import Literal, Self

HOST = "127.0.0.1"
Fault = Literal["cut", "freeze"]


class SpoilingProxy:
    """Passes `good_bytes` of what the server sends, then cuts or freezes; the first `spoiled` connections only."""

    def __init__(
        self,
        port: int,
        *,
        fault: Fault = "cut",
        good_bytes: int | None = None,
        spoiled: int = 1_000,
        bytes_per_s: float | None = None,
    ) -> None:
        self.target = port
        self.fault = fault
        self.good_bytes = good_bytes
        self.bytes_per_s = bytes_per_s
        self.most_bytes = 65_536
        """How much is passed on at a time."""
        self.connections = 0
        self._spoiled = spoiled
        self._over = threading.Event()
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _run(self, work: object, *parts: object) -> None:
        thread = threading.Thread(target=work, args=parts, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        self._listener.settimeout(0.05)
        while not self._over.is_set():
            try:
                client = self._listener.accept()[0]
            except TimeoutError:
                continue
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection((HOST, self.target))
            limit = self.good_bytes if self.connections <= self._spoiled else None
            self._run(self._pump, client, server, None)
            self._run(self._pump, server, client, limit)

    def _pump(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        passed = 0
        source.settimeout(0.05)
        with source, sink:
            while not self._over.is_set():
                if limit is not None and passed >= limit:
                    if self.fault == "freeze":
                        self._over.wait()
                    return
                try:
                    some = source.recv(
                        min(self.most_bytes, self.most_bytes if limit is None else limit - passed)
                    )
                    if not some:
                        return
                    sink.sendall(some)
                except TimeoutError:
                    continue
                except OSError:
                    return
                passed += len(some)
                if self.bytes_per_s:
                    time.sleep(len(some) / self.bytes_per_s)
