"""When a watch looks again: each place at its own interval, sooner while something there must still settle, later
while it fails.

The intervals themselves are `DROP_S` and its like in `run/watch.py`, and `sftp.poll_interval_s` in the config. Pure:
the caller tells the time, in seconds of a monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_BACKOFF_S = 1.0
OUT_OF_REACH_S = 60.0
"""Longest back-off for a server that is away: when it is back, files are taken within a minute."""
NEEDS_A_PERSON_S = 900.0
"""Longest back-off where waiting alone is no cure: a refused log-in asked for too often locks the account."""
BUSY_FOLDER_PAUSE_S = 0.3
"""Between two looks at a folder in which something is written all the time."""


@dataclass(slots=True)
class PollSchedule:
    """One place to look at, and when its turn comes."""

    interval_s: float
    at: float = float("-inf")
    failures: int = 0
    """In a row."""
    looked_at: float = float("-inf")

    def done(self, now: float, *, again_in_s: float | None = None) -> None:
        """It was looked at; `again_in_s` where something must stand still so long to be taken."""
        self.failures, self.looked_at = 0, now
        self.at = now + (self.interval_s if again_in_s is None else min(again_in_s, self.interval_s))

    def failed(self, now: float, *, longest_s: float) -> None:
        """It could not be done. Each time in a row the wait is doubled, up to `longest_s`."""
        self.failures += 1
        self.looked_at = now
        self.at = now + min(FIRST_BACKOFF_S * 2.0 ** min(self.failures - 1, 30), longest_s)

    def called(self, now: float) -> None:
        """Something changed there: its turn comes at once, or a pause after the last look. A back-off goes on."""
        if not self.failures:
            self.at = min(self.at, max(now, self.looked_at + BUSY_FOLDER_PAUSE_S))
