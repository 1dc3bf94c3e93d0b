"""One pace for several hosts that use one API key together.

What was learned of the API's limit is one `Pace` for all, kept where every host can reach it. Some times a second each
host adds what it was answered since (`Said`), and goes on at its share of the rate until the next time. A
round of the pace is a slow or a fast stretch: of an answer it must be known whether its request started in the round
that is judged, so a host counts apart what it sent before it knew of the round.

Pure: the caller tells the time, by the clock of the place where the pace is kept. Hosts have clocks of their own: only
stretches of time go from one to the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

from pipeline.core.api.rate_limiter import NEVER, Pace

EXCHANGE_S = 0.02
"""Between two exchanges of a host, where there are few hosts."""
EXCHANGES_PER_S = 200
"""Of all hosts together, at most."""
CALM_S = 0.1
"""Between two exchanges of a host, once there seems to be no limit."""
LAG = 2
"""After so many exchanges every host has told what it was answered."""
RAMP_S = 0.2
"""Slower at first than one host alone, since what one host was answered is known to the others a little later."""
NEAR_S = 1.0
"""A host that was not heard of for so long has no share."""


@dataclass(slots=True)
class Answers:
    """What a host was answered between two exchanges."""

    useful: int = 0
    refused: int = 0

    def less(self, told: Answers) -> None:
        """Forget so many."""
        self.useful -= told.useful
        self.refused -= told.refused

    def spread(self) -> Iterator[tuple[float, bool]]:
        """Each answer: when it came, between 0 and 1, and whether it was useful; both kinds evenly."""
        yield from (((nth + 0.5) / self.useful, True) for nth in range(self.useful))
        yield from (((nth + 0.5) / self.refused, False) for nth in range(self.refused))


@dataclass(frozen=True, slots=True)
class Said:
    """What one host tells the others."""

    round_began: float
    """The round that `of_round` is about."""
    of_round: Answers
    earlier: Answers
    """To requests that were sent before the host knew of that round."""
    pause_s: float
    """For so long nobody may start, as the API asked this host."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one host is to do until the next exchange."""

    round_began: float
    per_second: float
    pause_s: float
    again_s: float
    """Until the next exchange."""


@dataclass(slots=True)
class SharedPace:
    """What the hosts know together, and which of them send now."""

    pace: Pace = field(default_factory=lambda: Pace(ramp_s=RAMP_S))
    heard_at: dict[str, float] = field(default_factory=dict)
    """Host → when it was last heard of."""
    _told_until: float = field(default=NEVER, init=False)
    """Answers up to then are known."""

    def exchange(self, host: str, said: Said, now: float) -> Told:
        """Learn what a host was answered, and tell it its share."""
        if (
            now < self._told_until
        ):  # another server, or a clock that was set back: no time that is known counts
            self.pace, self.heard_at = Pace(self.pace.max_per_second, RAMP_S), {}
            self._told_until = now
        self.heard_at = {each: at for each, at in self.heard_at.items() if at > now - NEAR_S} | {host: now}
        self._learn(said, now)
        pace, hosts = self.pace, len(self.heard_at)
        again_s = max(CALM_S if pace.is_free else EXCHANGE_S, hosts / EXCHANGES_PER_S)
        pace.lag_s = LAG * again_s
        pause_s = max(0.0, pace.closed_until - now)
        return Told(pace.round_began, pace.per_second(now) / hosts, pause_s, again_s)

    def _learn(self, said: Said, now: float) -> None:
        """Answers of one host since its last exchange, as if they came since anybody's: time must not go back."""
        pace, is_latest = self.pace, said.round_began == self.pace.round_began
        answers = [
            (at, said.round_began if is_latest else NEVER, useful) for at, useful in said.of_round.spread()
        ]
        answers += [(at, NEVER, useful) for at, useful in said.earlier.spread()]
        since = max(self._told_until, now - NEAR_S)
        for at, sent_at, useful in sorted(answers):
            came_at = since + (now - since) * at
            if useful:
                pace.answered(came_at, sent_at)
            else:
                pace.refused(came_at, sent_at, said.pause_s or None)
        self._told_until = now

    def as_json(self) -> dict[str, Any]:
        """For the place where it is kept."""
        return asdict(self)

    @classmethod
    def of(cls, kept: Mapping[str, Any], max_per_second: float | None) -> SharedPace:
        """As it was kept; what an earlier version did not know begins anew.

        `max_per_second`: what the config of this host allows all of them together.
        """
        shared: SharedPace = _filled(cls(), kept)
        shared.pace.max_per_second = max_per_second
        return shared


def _filled(made: Any, kept: Mapping[str, Any]) -> Any:
    for each in fields(made):
        if each.name in kept:
            now, value = getattr(made, each.name), kept[each.name]
            setattr(made, each.name, _filled(now, value) if is_dataclass(now) else value)
    return made
