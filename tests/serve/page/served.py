"""`billferry serve` as a process of its own, with the page of a merchant, to be killed and started again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.serve.page.browsing import Showing, Visiting
from tests.serve.running import STARTS_WITHIN_S, free_port
from tests.stories.merchant import Merchant
from tests.warm import Process

WITHIN_S = 60


def until(what: Callable[[], Any], why: str = "", *, within_s: float = WITHIN_S) -> Any:
    """What is asked for, once it is there."""
    end = time.monotonic() + within_s
    while not (found := what()):
        assert time.monotonic() < end, why or "it does not come about"
        time.sleep(0.02)
    return found


@dataclass
class Served:
    """A server that runs, or did."""

    merchant: Merchant
    port: int
    words: tuple[str, ...]
    late: str = ""
    """Runs in its process before the command."""
    process: Process | None = None

    def start(self) -> None:
        """Returns once it answers."""
        self.process = self.merchant.start(
            "serve", *self.words, "--config", str(self.merchant.config), late=self.late
        )

        def answers() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.process.communicate()
            with suppress(OSError):
                return self.me.get("/healthz").status == 200
            return False

        until(answers, "it does not answer", within_s=STARTS_WITHIN_S)

    @property
    def me(self) -> Visiting:
        """The only person there is."""
        return self.visitor()

    def visitor(self, name: str | None = None) -> Visiting:
        return Showing(self.port, "between proxy and page").visitor(name)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def children(self) -> list[int]:
        """Processes that it started and that are at work."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]

    def kill(self) -> None:
        """As the kernel does where memory is short: without a word."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate(timeout=WITHIN_S)

    def ended(self, number: int = signal.SIGTERM) -> tuple[int, str, float]:
        """Stop it by a signal: its exit status, what it said, and how many seconds that took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=WITHIN_S)
        return self.process.returncode, said, time.monotonic() - began


@contextmanager
def served(merchant: Merchant, *words: str, late: str = "", **page: Any) -> Iterator[Served]:
    """Serve the page of a merchant; `page` are keys of that section besides `listen`, `late` as of `Served`."""
    port = free_port()
    merchant.settings["page"] = {"listen": f"127.0.0.1:{port}", "identity": "local", **page}
    merchant.write_config()
    server = Served(merchant, port, words, late)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.ended()
