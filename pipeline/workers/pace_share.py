"""One host's share of the pace of all hosts, between two exchanges (`core.api.shared_pace`)."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

from pipeline.core.api.rate_limiter import EARLY_S, LATE_S, NEVER, NOTICE_S
from pipeline.core.api.shared_pace import EXCHANGE_S, Answers, Said, Told

AT_FIRST_PER_S = 1.0
"""What a host sends until it has a share."""


class PaceShare:
    """A `Pacing` for a load, which another thread brings up to date. Times are by this host's monotonic clock."""

    def __init__(self) -> None:
        self.again_s = EXCHANGE_S
        """Until the next exchange."""
        self._lock = Lock()
        self._per_second = AT_FIRST_PER_S
        self._round_began = NEVER
        self._round_known_at = NEVER
        self._next_at = self._closed_until = NEVER
        self._of_round, self._earlier = Answers(), Answers()

    @property
    def closed_until(self) -> float:
        """Until then nobody may start, since the API asked for a pause."""
        return self._closed_until

    def reserve(self, now: float) -> float:
        """0: start now. Else ask again after so many seconds."""
        with self._lock:
            due = max(self._next_at, self._closed_until)
            if now + EARLY_S < due:
                return min(due - now, NOTICE_S)
            self._next_at = max(due, now - LATE_S) + 1.0 / self._per_second
            return 0.0

    def answered(self, _: float, sent_at: float) -> None:
        """A useful answer came to a request sent at `sent_at`."""
        with self._lock:
            self._answers(sent_at).useful += 1

    def refused(self, now: float, sent_at: float, pause_s: float | None = None) -> None:
        """A 429 came for a request sent at `sent_at`; with a pause asked for, this host keeps it at once."""
        with self._lock:
            self._answers(sent_at).refused += 1
            if pause_s is not None:
                self._closed_until = max(self._closed_until, now + pause_s)

    def said(self, now: float) -> Said:
        """What there is to tell; it is kept until it was told (`take_up`)."""
        with self._lock:
            pause_s = max(0.0, self._closed_until - now)
            return Said(self._round_began, replace(self._of_round), replace(self._earlier), pause_s)

    def take_up(self, told: Told, said: Said, now: float) -> None:
        """Go on as told, after `said` was known to all."""
        with self._lock:
            self._of_round.less(said.of_round)
            self._earlier.less(said.earlier)
            if told.round_began != self._round_began:
                self._round_began, self._round_known_at = told.round_began, now
                self._earlier.useful += self._of_round.useful
                self._earlier.refused += self._of_round.refused
                self._of_round = Answers()
            self._per_second, self.again_s = told.per_second, told.again_s
            self._closed_until = max(self._closed_until, now + told.pause_s)
            # A turn that was far off at the old rate is not waited for.
            self._next_at = min(self._next_at, now + 1.0 / told.per_second)

    def _answers(self, sent_at: float) -> Answers:
        return self._of_round if sent_at >= self._round_known_at else self._earlier
