"""How fast to send: an optional fixed rate, and what the API was found to take once it said "too many requests".

Pure: the caller tells the time (seconds of a monotonic clock) and does the waiting.

Nothing is known at first, so requests start slowly and faster with each answer: that costs a third of a second,
and saves a burst of refusals where the API is strict. The API's limit lies between two figures that are known
when a 429 comes: the useful answers per second since the last one (exact where the API saves up what is not used)
and the rate tried by now (exact where it does not). The rate is cut once per burst of 429s, comes back to the
limit, and later looks for more; the more time the figures cover, the later. So a true limit is soon kept with few
refusals, and a stray 429 soon forgotten. Figures: tests/core/test_pace.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_STARTS = 4
RAMP_S = 0.1
"""At first: so many at once, then (these + answers so far) in this time."""
CUT = 0.9
TRUST_IN_TRIED = 0.5
"""Where the limit is taken to lie between the answers had (0) and the rate tried (1)."""

MOST_TRIED = 2.0
"""Times the answers had: more may have been allowed than there was to send."""
SHORTEST_S = 0.1
"""A rate measured over less would be noise."""
SLOWEST_PER_S = 1.0
CALM_S = (0.5, 20.0)
"""Shortest and longest time in which the rate comes back to the limit, before it looks for more."""
IDLE_S = 5.0
"""After so long without a request the answers before it say nothing of the limit."""
LATE_S = 0.05
"""How much of the time that went by unused may be made up for."""
EARLY_S = 0.001
"""Timers of event loops count in milliseconds."""


@dataclass(slots=True)
class Pace:
    """Tells each request when it may start."""

    max_per_second: float | None = None
    _limit: float | None = field(default=None, init=False)
    _calm_s: float = field(default=CALM_S[0], init=False)
    _closed_until: float = field(default=float("-inf"), init=False)
    _next_at: float = field(default=float("-inf"), init=False)
    _last_told: float = field(default=float("-inf"), init=False)
    _free_starts: int = field(default=FIRST_STARTS, init=False)
    _cut_at: float = field(default=float("-inf"), init=False)
    _asked_at: float = field(default=float("-inf"), init=False)
    _measured_from: float = field(default=0.0, init=False)
    _useful: int = field(default=0, init=False)
    """Useful answers since `_measured_from`."""

    @property
    def limit_per_s(self) -> float | None:
        """Starts per second that are taken to be allowed: what the API showed, or what we were told; None: unknown."""
        known = [limit for limit in (self._limit, self.max_per_second) if limit is not None]
        return min(known, default=None)

    def reserve(self, now: float) -> float:
        """0: start now, the start is counted. Else ask again after so many seconds."""
        if now - max(self._asked_at, self._closed_until) > IDLE_S:
            self._measured_from, self._useful = now, 0
        self._asked_at = now
        due = max(self._next_at, self._closed_until)
        interval = 1.0 / self._rate(now)
        if now + EARLY_S >= due:
            if self._free_starts and self.max_per_second is None:
                self._free_starts -= 1
            else:
                self._next_at = max(due, now - LATE_S) + interval
            return 0.0
        # Those who wait are called one after another, but soon enough to notice that the rate has changed.
        self._last_told = min(max(due, self._last_told + interval), due + LATE_S)
        return max(self._last_told - now, EARLY_S)

    def answered(self) -> None:
        """Count a useful answer, so that the limit is known when the rate must be cut."""
        self._useful += 1

    def slow_down(self, now: float, pause_s: float, *, sent_at: float) -> None:
        """A 429 came for a request sent at `sent_at`: close the gate; cut the rate once for all of one burst."""
        allowed = self._rate(now)
        self._closed_until = max(self._closed_until, now + pause_s)
        if sent_at <= self._cut_at:
            return
        elapsed_s = now - self._measured_from
        had = self._useful / max(elapsed_s, SHORTEST_S)
        tried = min(allowed, MOST_TRIED * had)
        self._limit = max(min(had + TRUST_IN_TRIED * (tried - had), tried), SLOWEST_PER_S)
        self._calm_s = min(max(2 * elapsed_s, CALM_S[0]), CALM_S[1])
        self._free_starts = 0
        self._cut_at = self._measured_from = now
        self._useful = 0

    def _rate(self, now: float) -> float:
        """Starts per second by now."""
        if self._limit is None:
            rate = (FIRST_STARTS + self._useful) / RAMP_S
        else:
            calm = max(0.0, now - self._closed_until) / self._calm_s
            below = (1 - CUT) * max(0.0, 1 - calm) ** 3
            beyond = 2.0 ** min(max(0.0, calm - 1), 50.0)
            rate = self._limit * (1 - below) * beyond
        return min(rate, self.max_per_second) if self.max_per_second else rate
