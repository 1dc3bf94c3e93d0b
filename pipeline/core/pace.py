"""How fast to send: an optional fixed rate, and one gate that all workers pass after a 429.

Pure: the caller tells the time (seconds of a monotonic clock) and does the waiting. The *rate* is cut once per
burst of 429s and recovers: × 0.85 keeps 0.98 of a server's limit, halving per answer 0.56.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CUT = 0.85
RECOVER_PER_S = 0.02
"""Share of the rate that is won back per second without a 429."""
WINDOW_S = 1.0
"""Over which the rate actually reached is measured."""


@dataclass(slots=True)
class Pace:
    """Tells each request when it may start."""

    max_per_second: float | None = None
    _rate: float | None = field(default=None, init=False)
    _rate_set_at: float = field(default=0.0, init=False)
    _closed_until: float = field(default=0.0, init=False)
    _next_at: float = field(default=0.0, init=False)
    _window_from: float = field(default=0.0, init=False)
    _window_count: int = field(default=0, init=False)
    _reached: float = field(default=0.0, init=False)
    _cut_at: float = field(default=-1.0, init=False)

    def reserve(self, now: float) -> float:
        """Reserve the next start; seconds to wait until then (0 for at once). Ask again after a wait behind a gate."""
        rate = self._current_rate(now)
        start = max(now, self._closed_until)
        if rate is not None:
            start = max(start, self._next_at)
            self._next_at = start + 1.0 / rate
        return start - now

    def closed_for(self, now: float) -> float:
        """Seconds until the gate opens again."""
        return max(0.0, self._closed_until - now)

    def answered(self, now: float) -> None:
        """Count a useful answer, so that the rate reached is known when it must be cut."""
        if now - self._window_from >= WINDOW_S:
            self._reached = self._window_count / max(now - self._window_from, 1e-9)
            self._window_from, self._window_count = now, 0
        self._window_count += 1

    def slow_down(self, now: float, pause_s: float, *, sent_at: float) -> None:
        """A 429 came for a request sent at `sent_at`: close the gate; cut the rate once for all of one burst."""
        self._closed_until = max(self._closed_until, now + pause_s)
        if sent_at <= self._cut_at:
            return
        reached = self._reached or float(max(self._window_count, 1))
        base = min(self._current_rate(now) or reached, reached) if self._reached else reached
        self._rate = max(base * CUT, 0.5)
        self._rate_set_at = now + pause_s
        self._cut_at = now

    def _current_rate(self, now: float) -> float | None:
        if self._rate is None:
            return self.max_per_second
        rate = self._rate * (1 + RECOVER_PER_S * max(0.0, now - self._rate_set_at))
        return min(rate, self.max_per_second) if self.max_per_second else rate
