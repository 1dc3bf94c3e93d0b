"""Other ways to answer 429s, for comparison on the simulated clock. None of them is used by Billferry.

Each does the same job as `pipeline.core.api.rate_limiter.Pace`; constants are those of the sources.
"""

# ruff: noqa: ARG002 (each looks at something else)

from __future__ import annotations

from dataclasses import dataclass, field

NEVER = float("-inf")
LATE_S = 0.05
EARLY_S = 0.001
PER_SECOND_AT_FIRST = 40.0
MOST_PER_SECOND = 1e5


@dataclass(slots=True)
class Gate:
    """Starts at a rate that whoever extends it changes."""

    rate: float = PER_SECOND_AT_FIRST
    next_at: float = NEVER
    changed_at: float = NEVER
    recent: list[float] = field(default_factory=list)
    """Times of useful answers within the last second."""

    def reserve(self, now: float) -> float:
        if now + EARLY_S < self.next_at:
            return min(self.next_at - now, LATE_S)
        self.next_at = max(self.next_at, now - LATE_S) + 1 / self.rate
        return 0.0

    def answered(self, now: float, sent_at: float) -> None:
        self.recent.append(now)
        if len(self.recent) > 2 * self.rate + 64:
            self.recent = [at for at in self.recent if at > now - 1]
        self.faster(now)

    def refused(self, now: float, sent_at: float, pause_s: float | None = None) -> None:
        if sent_at > self.changed_at:
            self.changed_at = now
            self.slower(now)

    def useful_per_s(self, now: float) -> float:
        return max(1.0, sum(at > now - 1 for at in self.recent) / min(1.0, max(now, 0.05)))

    def faster(self, now: float) -> None:
        raise NotImplementedError

    def slower(self, now: float) -> None:
        raise NotImplementedError


@dataclass(slots=True)
class Aimd(Gate):
    """TCP's: twice as fast until the first 429; then a request a second more for each second, half at each 429."""

    met: bool = False

    def faster(self, now: float) -> None:
        self.rate = min(self.rate + (1 / self.rate if self.met else 1.0), MOST_PER_SECOND)

    def slower(self, now: float) -> None:
        self.met = True
        self.rate = max(self.rate / 2, 0.5)


@dataclass(slots=True)
class AwsAdaptive(Gate):
    """The adaptive retry mode of AWS's SDKs. Source: botocore/retries/adaptive.py and throttling.py (CUBIC)."""

    most: float = 0.0
    last_at: float = 0.0

    def faster(self, now: float) -> None:
        window_s = (self.most * 0.3 / 0.4) ** (1 / 3)
        cubic = 0.4 * (now - self.last_at - window_s) ** 3 + self.most
        self.rate = max(0.5, min(cubic, 2 * self.useful_per_s(now))) if self.most else self.rate + 1.0

    def slower(self, now: float) -> None:
        self.most = min(self.rate, self.useful_per_s(now))
        self.last_at = now
        self.rate = max(self.most * 0.7, 0.5)


@dataclass(slots=True)
class BelowProven(Gate):
    """Ignores 429s at rates at which a whole second went well; above them as AIMD does."""

    proven: float = 0.0
    clean_since: float = 0.0

    def faster(self, now: float) -> None:
        self.rate = min(self.rate * (1 + 1 / max(self.rate, 1)), MOST_PER_SECOND)
        if now - self.clean_since >= 1:
            self.proven, self.clean_since = max(self.proven, min(self.rate, self.useful_per_s(now))), now

    def slower(self, now: float) -> None:
        self.clean_since = now
        if self.rate > self.proven:
            self.rate = max(self.rate / 2, 0.5)


@dataclass(slots=True)
class Window:
    """So many in flight, by the latency; a 429 shrinks it (as Netflix's concurrency-limits do on a drop)."""

    limit: float = 4.0
    in_flight: int = 0
    shortest_s: float = float("inf")
    long_s: float = 0.0
    most: float = 64.0

    def reserve(self, now: float) -> float:
        if self.in_flight >= self.limit:
            return 0.002
        self.in_flight += 1
        return 0.0

    def answered(self, now: float, sent_at: float) -> None:
        self.in_flight -= 1
        took_s = now - sent_at
        self.shortest_s = min(self.shortest_s, took_s)
        self.long_s = self.long_s * 0.99 + took_s * 0.01 if self.long_s else took_s
        self.limit = min(max(self.grown(took_s), 1.0), self.most)

    def refused(self, now: float, sent_at: float, pause_s: float | None = None) -> None:
        self.in_flight -= 1
        self.limit = max(self.limit * 0.9, 1.0)

    def grown(self, took_s: float) -> float:
        raise NotImplementedError


class Gradient2(Window):
    """Source: com.netflix.concurrency.limits.limit.Gradient2Limit."""

    def grown(self, took_s: float) -> float:
        gradient = max(0.5, min(1.0, 1.5 * self.long_s / took_s))
        return self.limit * 0.8 + (self.limit * gradient + 4) * 0.2


class Vegas(Window):
    """Source: com.netflix.concurrency.limits.limit.VegasLimit."""

    def grown(self, took_s: float) -> float:
        queue = self.limit * (1 - self.shortest_s / took_s)
        return self.limit + (1 if queue < 3 else -1 if queue > 6 else 0)


@dataclass(slots=True)
class EachRefusalIsALimit(Gate):
    """What Billferry did before: each 429 tells the limit; the way back is counted in seconds."""

    limit: float | None = None
    calm_s: float = 0.5
    cut_at: float = NEVER
    measured_from: float = 0.0
    useful: int = 0

    def reserve(self, now: float) -> float:
        if self.limit is None:
            self.rate = (4 + self.useful) / 0.1
        else:
            calm = max(0.0, now - self.cut_at - 0.5) / self.calm_s
            below = 0.1 * max(0.0, 1 - calm) ** 3
            self.rate = self.limit * (1 - below) * 2.0 ** min(max(0.0, calm - 1), 50.0)
        return Gate.reserve(self, now)

    def faster(self, now: float) -> None:
        self.useful += 1

    def slower(self, now: float) -> None:
        elapsed_s = now - self.measured_from
        had = self.useful / max(elapsed_s, 0.1)
        tried = min(self.rate, 2 * had)
        self.limit = max(min((had + tried) / 2, tried), 1.0)
        self.calm_s = min(max(2 * elapsed_s, 0.5), 20.0)
        self.cut_at = self.measured_from = now
        self.next_at = max(self.next_at, now + 0.5)
        self.useful = 0
