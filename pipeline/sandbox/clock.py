"""The sandbox's time, which a test can move forward: a day passes (idempotency keys are forgotten) without waiting."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Real time plus an offset; safe to read and advance from any thread."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._on_advance: list[Callable[[], object]] = []

    def now(self) -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._ahead_s)

    def monotonic_s(self) -> float:
        """Never goes back, whatever the machine's own clock does."""
        return time.monotonic() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Move time forward, in seconds. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError("the clock only goes forward")
        self._ahead_s += seconds
        for tell in self._on_advance:
            tell()

    def on_advance(self, tell: Callable[[], object]) -> None:
        """Have this called after each jump, from the thread that makes it: whoever waits may be due at once."""
        self._on_advance.append(tell)
