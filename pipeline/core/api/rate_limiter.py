"""How fast to send: an optional fixed rate, and what the API was found to take once it answers "too many requests".

Pure: the caller tells the time (seconds of a monotonic clock) and does the waiting.

Nothing is known at first, so requests start slowly and faster with each answer. From then on a 429 is not taken for a
limit, nor for chance: what counts is their share. When it rises above what is known to be chance, one round is sent
slower. Where the share falls, there is a limit: the rate goes on from what was useful, and grows until it rises again.
Where it does not, it was chance, and the rate from before is back. What is refused in slow rounds is chance.

Rounds are counted in answers, not in seconds: however slow it went, the way back takes the same number of requests. The
more often slowing down has helped, the surer is the limit: growth is slower then, and one slow round that did not help
does not unsettle it. Figures, and what else was tried: benchmarks/pace.py, docs/reliability.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log

NEVER = float("-inf")
FIRST_STARTS = 4
RAMP_S, MANY_ANSWERS = 0.1, 1_000
"""At first: so many at once, then (1 + answers so far) in this time."""

SLOWER = 0.85
"""The rate of a slow round, in useful answers a second of before; nothing useful at all: `DEEPEST` of the rate."""
DEEPEST = 0.25
BLACKOUT = 1 / 16
"""An API that takes nothing for a while is asked so often, in parts of the limit."""
BACK = 0.95
"""Where the rate goes on after a slow round, in parts of the limit."""
BEYOND = 1.3
"""After a slow round that did not help, in parts of the rate from before."""
SLOWEST_PER_S = 0.5

ROUND_ANSWERS = 20
SHORT_ROUND = 5, 2.0
"""Answers and seconds that are enough where 20 answers take longer."""
UNSURE_ANSWERS = 60
"""A slow round takes as many answers as it took to suspect a limit, up to these or those of a second."""
NOTHING_USEFUL = 3
HALF_REFUSED = 4
MOSTLY_REFUSED = 0.4
"""So many refused in a slow round with nothing useful; with as many useful; such a share: still far too fast."""

SURE = 5.0
"""How sure a limit can be: refusals that were to be expected in slow rounds, were they chance, and did not come."""
FAR_TOO_FAST = 3.5
DID_NOT_HELP = 3.0
GROW_ANSWERS = 20
GROW_S = 1.0
GROWTH_SURE = -2.0, 3.0
"""The rate doubles in so many answers, and so long at least; times 2 to the power of how sure the limit is, plus the
first of these, at most the second."""

WORSE = 0.1
"""What is looked for: a share of 429s that is so much above that of chance."""
LEAST_SUSPICION, MOST_SUSPICION, FIRST_SUSPICION, SUSPICION_STEP = 3.5, 12.0, 9.0, 1.5
"""How much likelier (the logarithm) that must be: once a limit was met, after many false alarms, at first."""
REFUSED_AT_FIRST, ANSWERS_AT_FIRST = 0.05, 50
"""What is believed of chance before anything was seen."""
MOST_NOISE = 0.25
REMEMBERED = 4000
END_OF_BURST = 0.5
"""How much of what is refused in a slow round that helped is taken for chance."""

RECENT_S = 0.1
"""Useful answers a second are counted over so long at least, and over a round of answers."""
SHORTEST_S = 0.02
"""A rate measured over less would be noise."""

LATE_S = 0.05
"""How much of the time that went by unused may be made up for."""
EARLY_S = 0.001
"""Timers of event loops count in milliseconds."""
NOTICE_S = 0.05
"""Who waits asks again after so long, for the rate may have changed."""
IDLE_S = 5.0
"""After so long without a request the answers before it say nothing of the rate."""


@dataclass(slots=True)
class Suspicion:
    """Whether the share of 429s is higher than chance: how much likelier that is by now (a logarithm)."""

    noise: float = field(default=0.0, init=False)
    """The share that is chance: what was refused in slow rounds."""
    _weight: float = field(default=0.0, init=False)
    _enough: float = field(default=FIRST_SUSPICION, init=False)
    _refused: float = field(default=REFUSED_AT_FIRST, init=False)
    _answers: float = field(default=ANSWERS_AT_FIRST, init=False)
    _up: float = field(default=0.0, init=False)
    _down: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._learn(0, 0)

    def clear(self) -> None:
        self._weight = 0.0

    def useful(self) -> None:
        if self._weight > 0:
            self._weight += self._down

    def refused(self) -> None:
        self._weight = max(self._weight, 0.0) + self._up

    @property
    def is_strong(self) -> bool:
        return self._weight >= self._enough

    def was_chance(self, refused: int, answers: int) -> None:
        """A slow round did not help."""
        self._learn(refused, answers)
        self._enough = min(self._enough + SUSPICION_STEP, MOST_SUSPICION)

    def was_limit(self, refused: int, answers: int, *, first: bool) -> None:
        """A slow round helped."""
        self._learn(refused * END_OF_BURST, answers)
        self._enough = LEAST_SUSPICION if first else max(self._enough - SUSPICION_STEP, LEAST_SUSPICION)

    def _learn(self, refused: float, answers: int) -> None:
        if self._answers > REMEMBERED:
            self._refused, self._answers = self._refused / 2, self._answers / 2
        self._refused += refused
        self._answers += answers
        self.noise = min(self._refused / self._answers, MOST_NOISE)
        worse = self.noise + WORSE
        self._up, self._down = log(worse / self.noise), log((1 - worse) / (1 - self.noise))


@dataclass(slots=True)
class Recent:
    """Useful answers a second by now: over the stretch before this one, and this one."""

    _before_s: float | None = None
    _before: int = 0
    _since_s: float = 0.0
    _useful: int = 0

    def restart(self, now: float) -> None:
        self._before_s, self._before, self._since_s, self._useful = None, 0, now, 0

    def useful(self, now: float) -> None:
        self._useful += 1
        if self._useful >= ROUND_ANSWERS and now - self._since_s >= RECENT_S:
            self._before_s, self._before, self._since_s, self._useful = self._since_s, self._useful, now, 0

    def per_s(self, now: float) -> float:
        began = self._since_s if self._before_s is None else self._before_s
        return (self._before + self._useful) / max(now - began, SHORTEST_S)


@dataclass(slots=True)
class Round:
    """What came since it began: of requests sent since then, and (`came_…`) of those that were under way too."""

    began: float = NEVER
    useful: int = 0
    refused: int = 0
    came_useful: int = 0
    came_refused: int = 0

    @property
    def answers(self) -> int:
        return self.useful + self.refused

    def per_s(self, now: float) -> float:
        """Useful answers: an API at its limit has as many of them whatever is sent."""
        return self.came_useful / max(now - self.began, SHORTEST_S / 2)

    def is_long(self, now: float) -> bool:
        answers, seconds = SHORT_ROUND
        return self.answers >= ROUND_ANSWERS or (self.answers >= answers and now - self.began >= seconds)

    def is_far_too_fast(self, now: float) -> bool:
        return (
            (self.refused >= NOTHING_USEFUL and not self.useful)
            or (self.refused >= HALF_REFUSED and self.refused >= self.useful)
            or (self.is_long(now) and self.refused >= MOSTLY_REFUSED * self.answers)
        )


@dataclass(slots=True)
class Pace:
    """Tells each request when it may start. Who waits, waits in a row: the first alone asks."""

    max_per_second: float | None = None
    ramp_s: float = RAMP_S
    lag_s: float = 0.0
    """How late answers are told: before, a round says nothing."""
    _rate: float | None = field(default=None, init=False)
    """At the start of this round; None: no 429 has ever slowed us, or all turned out to be chance."""
    _closed_until: float = field(default=NEVER, init=False)
    _next_at: float = field(default=NEVER, init=False)
    _asked_at: float = field(default=NEVER, init=False)
    _free_starts: int = field(default=FIRST_STARTS, init=False)
    _useful: int = field(default=0, init=False)
    """Since ever: for the first ramp."""
    _round: Round = field(default_factory=Round, init=False)
    _recent: Recent = field(default_factory=Recent, init=False)
    _suspicion: Suspicion = field(default_factory=Suspicion, init=False)
    _since_slowed: Round = field(default_factory=Round, init=False)
    _sure: float = field(default=0.0, init=False)
    """That there is a limit: see `SURE`."""
    _slow: bool = field(default=False, init=False)
    _limit: float = field(default=0.0, init=False)
    """Useful answers a second when it was slowed."""
    _before: float | None = field(default=None, init=False)
    """The rate when it was slowed, to come back to."""
    _share: float = field(default=0.0, init=False)
    """Of 429s then."""
    _enough_answers: float = field(default=ROUND_ANSWERS, init=False)
    """For a slow round without refusals."""
    _cut_under_way: bool = field(default=False, init=False)
    _took_again: bool = field(default=False, init=False)
    """The API took nothing for a while, and then something."""

    @property
    def limit_per_s(self) -> float | None:
        """Starts per second that are taken to be allowed: what the API showed, or what we were told; None: unknown."""
        shown = self._limit if self._sure > 0 else None
        return min((limit for limit in (shown, self.max_per_second) if limit is not None), default=None)

    @property
    def round_began(self) -> float:
        """Since then requests start at the rate that is tried now."""
        return self._round.began

    @property
    def is_free(self) -> bool:
        """Nothing has been found that speaks for a limit, in many answers."""
        return self._rate is None and self._useful >= MANY_ANSWERS

    @property
    def closed_until(self) -> float:
        """Before then nobody may start: the API has asked for a pause."""
        return self._closed_until

    def reserve(self, now: float) -> float:
        """0: start now, the start is counted. Else ask again after so many seconds."""
        due = max(self._next_at, self._closed_until)
        if now + EARLY_S < due:
            return min(due - now, NOTICE_S)
        rate = self.per_second(now)
        if self._free_starts and self.max_per_second is None:
            self._free_starts -= 1
        else:
            self._next_at = max(due, now - LATE_S) + 1.0 / rate
        return 0.0

    def per_second(self, now: float) -> float:
        """Starts per second by now, for who is about to send."""
        if now - max(self._asked_at, self._closed_until) > IDLE_S:
            self._recent.restart(now)
            self._since_slowed = Round(now)
        self._asked_at = now
        return self._rate_by(now)

    def answered(self, now: float, sent_at: float) -> None:
        """A useful answer came to a request sent at `sent_at`."""
        self._useful += 1
        self._recent.useful(now)
        if self._rate is None and not self._slow:
            self._suspicion.useful()
            self._round.useful += 1
            return
        self._since_slowed.came_useful += 1
        this = self._round
        this.came_useful += 1
        if sent_at < this.began:
            return
        if self._slow and this.refused and not this.useful and not self._took_again:
            self._took_again = True
            self._begin(now)
            return
        this.useful += 1
        self._suspicion.useful()
        if self._slow:
            self._quicken()
            self._judge(now)

    def refused(self, now: float, sent_at: float, pause_s: float | None = None) -> None:
        """A 429 came for a request sent at `sent_at`. With a pause asked for, nobody starts before it is over."""
        if pause_s is not None:
            self._closed_until = max(self._closed_until, now + pause_s)
        this = self._round
        this.came_refused += 1
        if sent_at < this.began:
            came = this.came_useful + this.came_refused
            if (
                self._slow
                and not self._cut_under_way
                and now - this.began >= self.lag_s
                and came >= ROUND_ANSWERS
                and this.came_refused > came / 2
            ):
                self._cut_under_way = True
                self._slow_down(now, this.per_s(now))
            return
        this.refused += 1
        self._suspicion.refused()
        if self._slow:
            self._judge(now)
        elif self._suspicion.is_strong:
            self._slow_down(now, self._useful_per_s(now))

    def _useful_per_s(self, now: float) -> float:
        """Where what is not used is saved up, all since the last slow round is exact; else the last bit is."""
        recent = self._recent.per_s(now)
        if not self._sure:
            return recent
        return min(recent, (recent + self._since_slowed.per_s(now)) / 2)

    def _slow_down(self, now: float, useful_per_s: float) -> None:
        """Begin a slow round, or a slower one."""
        this, rate = self._round, self._rate_by(now)
        if useful_per_s:
            rate = min(rate, 2 * useful_per_s)
        least = max(DEEPEST * rate, SLOWEST_PER_S)
        if not self._slow:
            self._before = None if self._rate is None else rate
            self._share = (this.refused - 0.5) / max(this.answers, 1)
            enough = min(max(ROUND_ANSWERS, this.answers), max(UNSURE_ANSWERS, rate) / (1 + self._sure))
            self._enough_answers = max(enough, ROUND_ANSWERS)
            self._cut_under_way = self._took_again = False
        else:
            self._share = max(self._share, this.refused / max(this.answers, 1))
        if this.useful or not self._slow:
            self._limit = max(min(useful_per_s, rate), least)
        self._rate = max(SLOWER * min(useful_per_s, rate), least, SLOWER * self._limit * BLACKOUT)
        self._slow = True
        self._free_starts = 0
        self._begin(now)
        self._since_slowed = Round(now)

    def _quicken(self) -> None:
        """After a time in which nothing was taken: back to the limit, doubling with each few useful answers."""
        this, goal = self._round, SLOWER * self._limit
        if (
            self._took_again
            and not this.refused
            and not this.useful % NOTHING_USEFUL
            and self._rate is not None
        ):
            self._rate = max(self._rate, min(2 * self._rate, goal))

    def _judge(self, now: float) -> None:
        """Has the slow round shown yet whether it helps?"""
        this = self._round
        if now - this.began >= self.lag_s and this.is_far_too_fast(now):
            self._sure = max(self._sure, FAR_TOO_FAST)
            self._slow_down(now, this.per_s(now))
            return
        if not this.is_long(now):
            return
        is_over = this.answers >= self._enough_answers or now - this.began >= SHORT_ROUND[1]
        expected = self._share * this.answers
        if self._suspicion.is_strong or (is_over and this.refused >= max(2, expected / 2)):
            # Held up by pauses that were asked for, it went at another rate than this one.
            was_held_up = this.answers < self._rate_by(now) * (now - this.began) / 2
            self._sure -= 0.0 if was_held_up else DID_NOT_HELP
            if was_held_up or self._sure > 0:
                self._slow_down(now, this.per_s(now))
                return
            self._sure = 0.0
            self._suspicion.was_chance(this.refused, this.answers)
            self._rate = None if self._before is None else self._before * BEYOND
        elif is_over:
            self._suspicion.was_limit(this.refused, this.answers, first=self._before is None)
            self._sure = min(max(self._sure + expected - 2 * this.refused, 0.0), SURE)
            self._rate = BACK * self._limit
        else:
            return
        self._slow = False
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._round = Round(now)
        self._suspicion.clear()

    def _rate_by(self, now: float) -> float:
        """Starts per second by now."""
        if self._rate is None:
            rate = (1 + self._useful) / self.ramp_s
        elif self._slow:
            rate = self._rate
        else:
            this, (least, most) = self._round, GROWTH_SURE
            grown = min(this.useful / GROW_ANSWERS, (now - this.began) / GROW_S)
            grown /= 2.0 ** min(self._sure + least, most)
            rate = self._rate * 2.0 ** min(grown * (1 + grown), 30.0)
        return min(rate, self.max_per_second) if self.max_per_second else rate
