"""A watch as a process: what it said so far, and how it ends."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.cli.desk import GOOD_BILLS, Desk
from tests.warm import Process


def bill(number: int | str) -> str:
    return f"{GOOD_BILLS.splitlines()[0]}\nC{number},A{number},B{number},10.00\n"


def until(true: Callable[[], bool], within_s: float = 60) -> float:
    """Wait for it; how long that took. Only who waits in vain waits so long: a busy machine may take its time."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < within_s, "it did not come to that in time"
        time.sleep(0.02)
    return time.monotonic() - began


class Watcher:
    """A running `billferry watch`, and what it said so far."""

    def __init__(self, desk: Desk, process: Process) -> None:
        self.desk = desk
        self.process = process
        self.said: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.said.extend(self.process.stderr)

    @property
    def text(self) -> str:
        return "".join(self.said)

    def created(self) -> set[str]:
        return {each["external_reference"] for each in self.desk.api.snapshot()["bills"]}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """The exit status, and how long it took to end."""
        began = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(60)
        self._reading.join(5)
        return status, time.monotonic() - began


@contextmanager
def watching(desk: Desk, *words: str, late: str = "") -> Iterator[Watcher]:
    """A watch while the block lasts; `late` runs in its process before the command."""
    with desk.start("watch", *words, late=late) as process:
        watcher = Watcher(desk, process)
        try:
            until(lambda: "watching" in watcher.text, 60)
            yield watcher
        finally:
            with suppress(ProcessLookupError):
                process.kill()
