"""The sandbox's time, which a test can move forward: a day passes (idempotency keys are forgotten) without waiting."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Real time plus an offset; safe to read and advance from any thread."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

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
