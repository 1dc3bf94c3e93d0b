"""Limits as APIs have them, and a load against them, on a simulated clock: what a pace makes of 429s.

The load is as `Wire.ask` does it: so many slots; each waits for its turn to ask the pace for a start, sends, and waits
for the answer. A refused request waits beside (0.5 s, doubled each time) and leaves its slot to another one.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

FIRST_PAUSE_S = 0.5
MOST_PAUSE_S = 30.0
ROOM = 4
"""Refused requests that may wait beside, per slot."""

Takes = Callable[[float], bool]
"""Whether a request that comes at this second is taken; else it is answered 429."""


class Controller(Protocol):
    """What `pipeline.core.api.rate_limiter.Pace` offers to the load."""

    def reserve(self, now: float) -> float: ...

    def answered(self, now: float, sent_at: float) -> None: ...

    def refused(self, now: float, sent_at: float, pause_s: float | None = None) -> None: ...


@dataclass(slots=True)
class Bucket:
    """Takes `per_second` requests a second and saves up to `burst` of them. 1: every request must keep its distance."""

    per_second: float
    burst: float
    changes: tuple[tuple[float, float], ...] = ()
    """From this second on, so many a second."""
    tokens: float = field(default=0.0, init=False)
    at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def __call__(self, now: float) -> bool:
        while self.changes and now >= self.changes[0][0]:
            self._fill(self.changes[0][0])
            self.per_second = self.changes[0][1]
            self.changes = self.changes[1:]
        self._fill(now)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def _fill(self, now: float) -> None:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.per_second)
        self.at = now


@dataclass(slots=True)
class FixedWindow:
    """So many in each second of the clock."""

    per_second: float
    second: int = -1
    taken: int = 0

    def __call__(self, now: float) -> bool:
        if int(now) != self.second:
            self.second, self.taken = int(now), 0
        if self.taken >= self.per_second:
            return False
        self.taken += 1
        return True


@dataclass(slots=True)
class SlidingWindow:
    """So many within any second."""

    per_second: float
    taken: deque[float] = field(default_factory=deque)

    def __call__(self, now: float) -> bool:
        while self.taken and self.taken[0] <= now - 1:
            self.taken.popleft()
        if len(self.taken) >= self.per_second:
            return False
        self.taken.append(now)
        return True


@dataclass(slots=True)
class Shared:
    """A limit that another client uses too: at random moments, so often a second."""

    limit: Takes
    others_per_second: float
    chance: random.Random
    next_at: float = 0.0
    taken_by_others: int = 0

    def __call__(self, now: float) -> bool:
        while self.next_at <= now:
            self.taken_by_others += self.limit(self.next_at)
            self.next_at += self.chance.expovariate(self.others_per_second)
        return self.limit(now)


@dataclass(slots=True)
class Stray:
    """Refuses a share of the requests for no reason, before the limit sees them."""

    share: float
    chance: random.Random
    limit: Takes = lambda _: True

    def __call__(self, now: float) -> bool:
        return self.chance.random() >= self.share and self.limit(now)


@dataclass(slots=True)
class Run:
    """What happened: times of starts, of useful answers, and of 429s."""

    starts: list[float] = field(default_factory=list)
    useful: list[float] = field(default_factory=list)
    limited: list[float] = field(default_factory=list)
    asked: int = 0
    """How often a slot asked in vain for a start."""

    @property
    def limited_share(self) -> float:
        return len(self.limited) / max(1, len(self.useful) + len(self.limited))

    def useful_between(self, first: float, last: float) -> int:
        return sum(first <= at < last for at in self.useful)


def simulate(
    pace: Controller,
    takes: Takes,
    *,
    workers: int = 64,
    seconds: float = 60.0,
    latency_s: float = 0.01,
    retry_after_s: float | None = None,
    seed: int = 7,
) -> Run:
    """Sends without end for so many seconds."""
    run, chance = Run(), random.Random(seed)  # noqa: S311 (latencies)
    events: list[tuple[float, int, Iterator[float | None] | None]] = []
    numbers = count()
    gate: deque[Iterator[float | None]] = deque()
    beside: list[tuple[float, int]] = []
    now = 0.0

    def slot() -> Iterator[float | None]:
        """Yields how long it waits, or None for a start."""
        while True:
            refusals = heapq.heappop(beside)[1] if beside and beside[0][0] <= now else 0
            yield None
            sent_at = now
            run.starts.append(now)
            yield latency_s * chance.uniform(0.4, 0.6)
            taken = takes(now)
            yield latency_s * chance.uniform(0.4, 0.6)
            if taken:
                run.useful.append(now)
                pace.answered(now, sent_at)
                continue
            run.limited.append(now)
            pace.refused(now, sent_at, retry_after_s)
            if retry_after_s is None:
                heapq.heappush(beside, (now + min(FIRST_PAUSE_S * 2.0**refusals, MOST_PAUSE_S), refusals + 1))
                if len(beside) > ROOM * workers:
                    yield max(beside[0][0] - now, 0.0)

    def go_on(one: Iterator[float | None]) -> None:
        wait_s = next(one)
        if wait_s is not None:
            heapq.heappush(events, (now + wait_s, next(numbers), one))
            return
        gate.append(one)
        if len(gate) == 1:
            heapq.heappush(events, (now, next(numbers), None))

    for _ in range(workers):
        go_on(slot())
    while events[0][0] < seconds:
        now, _, one = heapq.heappop(events)
        if one is not None:
            go_on(one)
        elif (wait_s := pace.reserve(now)) > 0:
            run.asked += 1
            heapq.heappush(events, (now + wait_s, next(numbers), None))
        else:
            go_on(gate.popleft())
            if gate:
                heapq.heappush(events, (now, next(numbers), None))
    return run
