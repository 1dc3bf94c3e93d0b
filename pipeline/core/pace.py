"""How fast to send: an optional fixed rate, and one gate that all workers pass after a 429.

Pure: the caller tells the time (seconds of a monotonic clock) and does the waiting. The *rate* is cut once per
burst of 429s and recovers: × 0.85 keeps 0.98 of a server's limit, halving per answer 0.56.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CUT = 0.85
WINDOW_S = 1.0
"""Over which the rate actually reached is measured."""
SHORTEST_S = 0.1
"""A rate measured over less would be noise."""
SLOWEST_PER_S = 1.0


@dataclass(slots=True)
class Pace:
    """Tells each request when it may start."""

    max_per_second: float | None = None
    _rate: float | None = field(default=None, init=False)
    _rate_set_at: float = field(default=0.0, init=False)
    _closed_until: float = field(default=float("-inf"), init=False)
    _next_at: float = field(default=float("-inf"), init=False)
    _window_from: float | None = field(default=None, init=False)
    _window_count: int = field(default=0, init=False)
    _cut_at: float = field(default=float("-inf"), init=False)

    def reserve(self, now: float) -> float:
        """Reserve the next start; seconds to wait until then (0 for at once)."""
        rate = self._current_rate(now)
        start = max(now, self._closed_until)
        if rate is not None:
            start = max(start, self._next_at)
            self._next_at = start + 1.0 / rate
        return start - now

    def closed_for(self, now: float) -> float:
        """Seconds until the gate opens again; it may have closed while somebody waited."""
        return max(0.0, self._closed_until - now)

    def answered(self, now: float) -> None:
        """Count a useful answer, so that the rate reached is known when it must be cut."""
        if self._window_from is None:
            self._window_from = now
        elif now - self._window_from > 2 * WINDOW_S:
            # Half of the old window stays, so that the measure never starts from nothing.
            self._window_count //= 2
            self._window_from = now - WINDOW_S
        self._window_count += 1

    def slow_down(self, now: float, pause_s: float, *, sent_at: float) -> None:
        """A 429 came for a request sent at `sent_at`: close the gate; cut the rate once for all of one burst."""
        self._closed_until = max(self._closed_until, now + pause_s)
        if sent_at <= self._cut_at:
            return
        since = now if self._window_from is None else self._window_from
        reached = max(self._window_count, 1) / max(now - since, SHORTEST_S)
        current = self._current_rate(now)
        self._rate = max((reached if current is None else min(current, reached)) * CUT, SLOWEST_PER_S)
        self._rate_set_at = self._closed_until
        self._cut_at = now
        self._window_from, self._window_count = None, 0

    def _current_rate(self, now: float) -> float | None:
        """Recovers gently near the rate that was too much, then ever faster: one stray 429 must not cost an hour."""
        if self._rate is None:
            return self.max_per_second
        calm_s = max(0.0, now - self._rate_set_at)
        rate = self._rate * (1 + 0.03 * calm_s + (calm_s / 8) ** 3)
        return min(rate, self.max_per_second) if self.max_per_second else rate
