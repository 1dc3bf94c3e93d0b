"""Limits as APIs have them, and a load against them, on a simulated clock: what a pace makes of 429s.

The load is as `Wire.ask` does it: so many slots; each waits for its turn to ask the pace for a start, sends, and waits
for the answer. A refused request waits beside (0.5 s, doubled each time) and leaves its slot to another one.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
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


@dataclass(slots=True)
class _Host:
    """One host's slots: who waits for a start, and what waits beside (when, refusals so far)."""

    pace: Controller
    gate: deque[Iterator[float | None]] = field(default_factory=deque)
    beside: list[tuple[float, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Simulation:
    takes: Takes
    workers: int
    latency_s: float
    retry_after_s: float | None
    exchange: Callable[[int, float], float] | None
    chance: random.Random
    run: Run = field(default_factory=Run)
    now: float = 0.0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def go(self, hosts: Sequence[_Host], seconds: float) -> None:
        for number, host in enumerate(hosts):
            self._meet(number)
            for _ in range(self.workers):
                self._go_on(host, self._slot(host))
        while self._events[0][0] < seconds:
            self.now, _, do = heapq.heappop(self._events)
            do()

    def _at(self, when: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), do))

    def _slot(self, host: _Host) -> Iterator[float | None]:
        """Yields how long it waits, or None for a start."""
        beside, chance = host.beside, self.chance
        while True:
            refusals = heapq.heappop(beside)[1] if beside and beside[0][0] <= self.now else 0
            yield None
            sent_at = self.now
            self.run.starts.append(sent_at)
            yield self.latency_s * chance.uniform(0.4, 0.6)
            taken = self.takes(self.now)
            yield self.latency_s * chance.uniform(0.4, 0.6)
            if taken:
                self.run.useful.append(self.now)
                host.pace.answered(self.now, sent_at)
                continue
            self.run.limited.append(self.now)
            host.pace.refused(self.now, sent_at, self.retry_after_s)
            if self.retry_after_s is None:
                wait_s = min(FIRST_PAUSE_S * 2.0**refusals, MOST_PAUSE_S)
                heapq.heappush(beside, (self.now + wait_s, refusals + 1))
                if len(beside) > ROOM * self.workers:
                    yield max(beside[0][0] - self.now, 0.0)

    def _go_on(self, host: _Host, slot: Iterator[float | None]) -> None:
        wait_s = next(slot)
        if wait_s is not None:
            self._at(self.now + wait_s, partial(self._go_on, host, slot))
            return
        host.gate.append(slot)
        if len(host.gate) == 1:
            self._at(self.now, partial(self._start, host))

    def _start(self, host: _Host) -> None:
        if (wait_s := host.pace.reserve(self.now)) > 0:
            self.run.asked += 1
            self._at(self.now + wait_s, partial(self._start, host))
            return
        self._go_on(host, host.gate.popleft())
        if host.gate:
            self._at(self.now, partial(self._start, host))

    def _meet(self, number: int) -> None:
        if self.exchange is not None:
            again_s = self.exchange(number, self.now)
            self._at(self.now + again_s * self.chance.uniform(1.0, 1.1), partial(self._meet, number))


def simulate(
    pace: Controller,
    takes: Takes,
    *,
    workers: int = 64,
    seconds: float = 60.0,
    latency_s: float = 0.01,
    retry_after_s: float | None = None,
    seed: int = 7,
    others: Sequence[Controller] = (),
    exchange: Callable[[int, float], float] | None = None,
) -> Run:
    """Sends without end for so many seconds.

    Args:
        others: the paces of further hosts, with as many slots each.
        exchange: called with the number of a host and the time; gives the seconds until that host is called again.
    """
    chance = random.Random(seed)  # noqa: S311 (latencies)
    simulation = _Simulation(takes, workers, latency_s, retry_after_s, exchange, chance)
    simulation.go([_Host(each) for each in (pace, *others)], seconds)
    return simulation.run
