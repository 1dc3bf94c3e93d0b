"""Requests with patience: the pace gate, retries bounded in number and time, look-ups, and what was counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from tenacity import AsyncRetrying, RetryCallState, retry_if_result
from tenacity.wait import wait_exponential_jitter

from pipeline.core.api.rate_limiter import Pace
from pipeline.core.api.requests import PATH_OF, Json, Kind
from pipeline.core.api.responses import Answer, Expected, Failure, Meaning, Reading, pause_s, read, unanswered
from pipeline.core.redact import redact
from pipeline.errors import ApiUnauthorised, ApiUnavailable, BillferryError
from schemas.results import RequestCounts
from schemas.settings import Api

FIRST_BACKOFF_S = 0.2
MAX_BACKOFF_S = 30.0
FIRST_PAUSE_S = 0.5
"""After a 429 without `Retry-After`, of the refused request alone; grows with each one in a row."""
BESIDE = 4
"""Refused requests that leave their place to others while they wait, per request in flight; any more keep theirs."""
NOTICE_S = 0.25
"""Who waits longer looks so often whether the load stops."""

UNANSWERED = frozenset({Meaning.DOUBT, Meaning.NOT_SENT})
HOPELESS_IN_A_ROW = 20
"""So many requests without a usable answer, and nothing created or changed between them: the API cannot work now."""
NOBODY = "billferry-is-there-anybody"
"""A reference that nobody has; any answer about it shows that the API is up."""


class Sender(Protocol):
    """The Billing API, as the load needs it."""

    async def send(
        self, method: str, path: str, body: bytes | None = None, key: str | None = None
    ) -> Answer | Failure:
        """One request; never raises for what networks do."""
        ...


class Halted(Exception):
    """Unwinds one task because the whole load stops; what to say of it is `Wire.halt_reason`."""


class Uncertain(Exception):
    """A look-up got no usable answer: neither found nor missing."""


@dataclass(slots=True)
class SendState:
    """Whether a request may have been received without our knowing what came of it, and how often it was sent."""

    doubtful: bool = False
    sends: int = 0
    sent_at: float = float("-inf")
    """When it was last sent in this run, by `Wire.now`."""


class RetryingClient:
    """Sends requests for one file, at one pace for all workers."""

    def __init__(
        self,
        sender: Sender,
        settings: Api,
        pace: Pace,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        self._sender = sender
        self._settings = settings
        self._pace = pace
        self._clock = clock or asyncio.get_running_loop().time
        self._sleep = sleep
        self._last_good_at = float("-inf")
        self._hopeless = 0
        self._gate = asyncio.Lock()
        self._aside = 0
        self.when_aside: Callable[[], None] = lambda: None
        """Called when a request leaves its place to another one."""
        self._sent = self._retried = self._rate_limited = self._looked_up = 0
        self.halt_reason: BillferryError | None = None

    @property
    def counts(self) -> RequestCounts:
        return RequestCounts(
            sent=self._sent, retried=self._retried, rate_limited=self._rate_limited, looked_up=self._looked_up
        )

    @property
    def retried(self) -> int:
        return self._retried

    @property
    def beside(self) -> int:
        """Refused requests that wait and use none of the `max_in_flight` places."""
        return min(self._aside, BESIDE * self._settings.max_in_flight)

    def halt(self, reason: BillferryError) -> None:
        """Stop the load: nothing new is sent. The first reason counts."""
        self.halt_reason = self.halt_reason or reason

    def check_halt(self) -> None:
        """Raises Halted once the load stops."""
        if self.halt_reason is not None:
            raise Halted

    async def ask(
        self,
        method: str,
        path: str,
        expected: Expected,
        *,
        body: bytes | None = None,
        key: str | None = None,
        doubt: SendState | None = None,
    ) -> Reading:
        """One request until it is answered with anything but "slow down".

        Raises Halted when the load stops, or when the API refuses our key (which stops it).
        """
        doubt = doubt or SendState()
        limited, limited_since = 0, 0.0
        while True:
            await self._pass_gate()
            sent_at = self._clock()
            before, doubt.doubtful = doubt.doubtful, True  # a cancelled wait leaves the doubt standing
            doubt.sends += 1
            doubt.sent_at = sent_at
            self._sent += 1
            self._retried += doubt.sends > 1
            answer = await self._sender.send(method, path, body, key)
            reading = read(answer, expected)
            if reading.message:
                reading = reading._replace(message=redact(reading.message))
            if reading.meaning is not Meaning.DOUBT:
                doubt.doubtful = before
                if reading.meaning is not Meaning.NOT_SENT:
                    self._last_good_at = self._clock()
                    self._hopeless = self._hopeless if method == "GET" else 0
            if reading.meaning is Meaning.UNAUTHORISED:
                self.halt(ApiUnauthorised(base_url=self._settings.base_url, status=reading.status))
                raise Halted
            if reading.meaning is not Meaning.SLOW_DOWN:
                self._pace.answered(self._clock(), sent_at)
                return reading
            now = self._clock()
            limited_since = limited_since if limited else now
            self._rate_limited += 1
            asked_s = pause_s(reading.retry_after, now=datetime.now(UTC))
            self._pace.refused(now, sent_at, asked_s)
            own_s = min(FIRST_PAUSE_S * 2**limited, MAX_BACKOFF_S) if asked_s is None else 0.0
            limited += 1
            if now + (asked_s or own_s) > limited_since + self._settings.max_retry_s:
                self.halt(self._unavailable("too many requests, for too long"))
                raise Halted
            if own_s:
                await self._step_aside(own_s)

    async def persist(self, once: Callable[[], Coroutine[Any, Any, Reading]]) -> Reading:
        """Repeat a request while it is in doubt or cannot be sent; the last reading when patience ends.

        Nothing but failures since this one began, and no answer to a harmless question either, means that the API is
        down: the load stops. One object that the API chokes on must not stop the others; many of them in a row do.
        """
        began = self._clock()
        said = [await once()]
        if said[0].meaning not in UNANSWERED:
            return said[0]  # nearly always: what patience takes is made for the others alone

        async def attempt() -> Reading:
            return said.pop() if said else await once()

        retrying = AsyncRetrying(
            retry=retry_if_result(lambda reading: reading.meaning in UNANSWERED),
            stop=lambda state: (
                state.attempt_number >= self._settings.max_attempts
                or self._clock() - began >= self._settings.max_retry_s
            ),
            wait=wait_exponential_jitter(
                multiplier=FIRST_BACKOFF_S, max=MAX_BACKOFF_S, jitter=FIRST_BACKOFF_S
            ),
            sleep=self.pause,
            retry_error_callback=_last_result,
        )
        reading: Reading = await retrying(attempt)
        if reading.meaning in UNANSWERED:
            self._hopeless += 1
            if self._hopeless >= HOPELESS_IN_A_ROW or (
                self._last_good_at < began and not await self._is_up()
            ):
                self.halt(self._unanswered(reading))
        return reading

    async def _is_up(self) -> bool:
        self._looked_up += 1
        expected = Expected({"external_reference": NOBODY}, statuses=(200,))
        reading = await self.ask("GET", f"{PATH_OF['customer']}/{NOBODY}", expected)
        return reading.meaning not in UNANSWERED

    async def look_up(self, kind: Kind, reference: str) -> Json | None:
        """What the API holds under a reference, or None when it says that there is none.

        An object with another reference (an id that looks like ours) is none of ours. Raises Uncertain.
        """
        path = f"{PATH_OF[kind]}/{reference}"
        expected = Expected({"external_reference": reference}, statuses=(200,))

        async def once() -> Reading:
            self._looked_up += 1
            reading = await self.ask("GET", path, expected)
            another = reading.status == 200 and reading.code == "api.echo_differs"
            return reading._replace(meaning=Meaning.UNKNOWN) if another else reading

        reading = await self.persist(once)
        if reading.meaning is Meaning.DONE:
            return reading.entity
        if reading.meaning is Meaning.UNKNOWN:
            return None
        self.check_halt()
        raise Uncertain

    async def pause(self, seconds: float) -> None:
        """Wait, unless the load stops."""
        self.check_halt()
        until = self._clock() + seconds
        while (left_s := until - self._clock()) > 0:
            await self._sleep(min(left_s, NOTICE_S))
            self.check_halt()

    @property
    def now(self) -> float:
        """Seconds of the monotonic clock that the bounds are measured with."""
        return self._clock()

    async def _pass_gate(self) -> None:
        """One after another: the first in the row asks the pace, the others wait for their turn."""
        self.check_halt()
        if not self._gate.locked() and self._pace.reserve(self._clock()) == 0:
            return
        async with self._gate:
            self.check_halt()
            while (wait_s := self._pace.reserve(self._clock())) > 0:
                await self._sleep(wait_s)
                self.check_halt()

    async def _step_aside(self, seconds: float) -> None:
        self._aside += 1
        self.when_aside()
        try:
            await self.pause(seconds)
        finally:
            self._aside -= 1

    def _unanswered(self, reading: Reading) -> BillferryError:
        if reading.failure is not None:
            return unanswered(self._settings.base_url, reading.failure)
        return self._unavailable(reading.message)

    def _unavailable(self, problem: str) -> ApiUnavailable:
        return ApiUnavailable(base_url=self._settings.base_url, problem=problem)


def _last_result(state: RetryCallState) -> Reading:
    if state.outcome is None:
        raise RuntimeError("tenacity stopped without an attempt")
    reading: Reading = state.outcome.result()
    return reading
