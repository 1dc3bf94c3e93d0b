"""Requests with patience: the rate limiter's gate, retries bounded in number and time, look-ups, and what was counted.

What a load must never get wrong is whether a request may have worked although no usable answer came. `Delivery` keeps
that for one intent, whatever ends the sending: an answer, a stop of the load, a cancelled wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.core.api.requests import PATH_OF, Json, Kind
from pipeline.core.api.responses import Answer, Expected, Failure, Meaning, Reading, pause_s, read, unanswered
from pipeline.core.redact import redact
from pipeline.errors import ApiUnauthorised, ApiUnavailable, BillferryError
from schemas.results import RequestCounts
from schemas.settings import Api

if TYPE_CHECKING:
    import tenacity

FIRST_BACKOFF_S = 0.2
MAX_BACKOFF_S = 30.0
FIRST_PAUSE_S = 0.5
"""After a 429 without `Retry-After`, of the refused request alone; doubles with each one in a row."""
BESIDE = 4
"""Rate-limited requests that leave their place to others while they wait, per request in flight; more keep theirs."""
TURN_S = 0.25
"""So long a turn may wait for the ledger: a commit of a slow database, and no burst of what a stall has held up."""
NOTICE_S = 0.25
"""How often a longer wait looks whether the load stops."""

UNANSWERED = frozenset({Meaning.DOUBT, Meaning.NOT_SENT})
HOPELESS_IN_A_ROW = 20
"""So many requests without a usable answer, and nothing created or changed between them: the API cannot work now."""
NOBODY = "billferry-is-there-anybody"
"""A reference that nobody has; any answer about it shows that the API is up."""
NEVER = float("-inf")


class Sender(Protocol):
    """The Billing API, as the load needs it."""

    async def send(
        self, method: str, path: str, body: bytes | None = None, key: str | None = None
    ) -> Answer | Failure:
        """One request; never raises for what networks do."""
        ...


class Pacing(Protocol):
    """Tells each request when it may start: the pace of this host, or its share of that of all hosts."""

    @property
    def closed_until(self) -> float:
        """Until then nobody may start, since the API asked for a pause."""

    def reserve(self, now: float, /) -> float:
        """0: start now, the start is counted. Else ask again after so many seconds."""

    def answered(self, now: float, sent_at: float, /) -> None:
        """A useful answer came to a request sent at `sent_at`."""

    def refused(self, now: float, sent_at: float, pause_s: float | None = None, /) -> None:
        """A 429 came for a request sent at `sent_at`, and asked for this pause."""


class Halted(Exception):
    """Unwinds one task because the whole load stops; the reason is `RetryingClient.halt_reason`."""


class Uncertain(Exception):
    """A look-up got no usable answer: neither found nor missing."""


class RetryingClient:
    """Sends requests for one file, at one pace for all workers."""

    def __init__(
        self,
        sender: Sender,
        settings: Api,
        pace: Pacing,
        *,
        when_aside: Callable[[], None] = lambda: None,
        may_send: Callable[[], BillferryError | None] | None = None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        """`when_aside` is called when a rate-limited request leaves its place to another one, `may_send` right before
        each request: a reason that it gives halts the load.

        `clock` gives monotonic seconds (default: the running event loop's time), `sleep` waits for so many.
        """
        self._sender = sender
        self._settings = settings
        self._pace = pace
        self._when_aside = when_aside
        self._may_send = may_send
        self._clock = clock or asyncio.get_running_loop().time
        self._sleep = sleep
        self._answered = 0
        """Usable answers so far: whether one came since is not left to a clock that may stand still between two."""
        self._hopeless = 0
        self._gate = asyncio.Lock()
        self._aside = 0
        self._sent = self._retried = self._rate_limited = self._looked_up = 0
        self._halt_reason: BillferryError | None = None

    @property
    def halt_reason(self) -> BillferryError | None:
        """Why the load stops; None while it goes on."""
        return self._halt_reason

    @property
    def counts(self) -> RequestCounts:
        """Requests of this load so far, for its summary."""
        return RequestCounts(
            sent=self._sent, retried=self._retried, rate_limited=self._rate_limited, looked_up=self._looked_up
        )

    @property
    def retried(self) -> int:
        """Requests that repeated an earlier one."""
        return self._retried

    @property
    def beside(self) -> int:
        """Rate-limited requests that wait and use none of the `max_in_flight` places."""
        return min(self._aside, BESIDE * self._settings.max_in_flight)

    @property
    def now(self) -> float:
        """Seconds of the monotonic clock that the bounds are measured with."""
        return self._clock()

    def halt(self, reason: BillferryError) -> None:
        """Stop the load: nothing new is sent. The first reason counts."""
        self._halt_reason = self._halt_reason or reason

    def check_halt(self) -> None:
        """Raises Halted once the load stops."""
        if self._halt_reason is not None:
            raise Halted

    async def ask(self, method: str, path: str, expected: Expected, *, body: bytes | None = None) -> Reading:
        """A request that may be repeated at will, as `Delivery.ask` sends it. Raises Halted."""
        return await Delivery(self).ask(method, path, expected, body=body)

    async def turn(self) -> float:
        """Wait until the next request may be sent; the time of then. Raises Halted when the load stops."""
        self.check_halt()
        if self._gate.locked() or self._pace.reserve(self._clock()) > 0:
            await self._wait_at_gate()
        return self._clock()

    def is_over(self, turn: float) -> bool:
        """Whether a turn was not used for too long, or the API has asked for a pause since."""
        now = self._clock()
        return now - turn > TURN_S or self._pace.closed_until > now

    def start(self, *, again: bool) -> float:
        """Count a request whose turn it is and that is sent now, and give the time.

        `again`: it repeats an earlier one. Raises Halted when the load stops.
        """
        self.check_halt()
        if self._may_send is not None and (reason := self._may_send()) is not None:
            self.halt(reason)
            raise Halted
        self._sent += 1
        self._retried += again
        return self._clock()

    async def exchange(
        self,
        method: str,
        path: str,
        expected: Expected,
        body: bytes | None,
        key: str | None,
        *,
        sent_at: float,
    ) -> Reading:
        """Send a request that was started at `sent_at`, and read its answer; the pace learns from it.

        A refused API key halts the load. Never raises for what networks do.
        """
        reading = read(await self._sender.send(method, path, body, key), expected)
        if reading.message:
            reading = reading._replace(message=redact(reading.message))
        if reading.meaning not in UNANSWERED:
            self._answered += 1
            # Look-ups do not count: an API that can show and cannot create is of no use to a load.
            self._hopeless = self._hopeless if method == "GET" else 0
        if reading.meaning is Meaning.UNAUTHORISED:
            self.halt(ApiUnauthorised(base_url=self._settings.base_url, status=reading.status))
        elif reading.meaning is not Meaning.SLOW_DOWN:
            self._pace.answered(self._clock(), sent_at)
        return reading

    async def wait_after_429(self, reading: Reading, sent_at: float, *, limited: int, since: float) -> None:
        """Wait as a 429 asks: everybody as long as `Retry-After` says, or this request alone, longer each time.

        `limited`: how many 429s in a row came before it; `since`: when the first of the row came, by `now`.
        Raises Halted, and halts the load, where waiting would go on beyond `max_retry_s`.
        """
        now = self._clock()
        self._rate_limited += 1
        asked_s = pause_s(reading, now=datetime.now(UTC))
        self._pace.refused(now, sent_at, asked_s)
        own_s = min(FIRST_PAUSE_S * 2**limited, MAX_BACKOFF_S) if asked_s is None else 0.0
        if now + (asked_s or own_s) > since + self._settings.max_retry_s:
            self.halt(self._unavailable("too many requests, for too long"))
            raise Halted
        if own_s:
            await self._step_aside(own_s)

    async def persist(self, once: Callable[[], Coroutine[Any, Any, Reading]]) -> Reading:
        """Repeat a request while it is in doubt or cannot be sent; the last reading when patience ends.

        Nothing but failures since this one began, and no answer to a harmless question either, means that the API is
        down: the load stops. One object that the API chokes on must not stop the others; many of them in a row do.
        Raises Halted.
        """
        began, answered_before = self._clock(), self._answered
        first = [await once()]
        if first[0].meaning not in UNANSWERED:
            return first[0]  # nearly always: the machinery of retries is made for the others alone

        async def attempt() -> Reading:
            return first.pop() if first else await once()

        import tenacity  # noqa: PLC0415 (most requests are answered at once)

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_result(lambda reading: reading.meaning in UNANSWERED),
            stop=lambda state: (
                state.attempt_number >= self._settings.max_attempts
                or self._clock() - began >= self._settings.max_retry_s
            ),
            wait=tenacity.wait_exponential_jitter(
                multiplier=FIRST_BACKOFF_S, max=MAX_BACKOFF_S, jitter=FIRST_BACKOFF_S
            ),
            sleep=self.pause,
            retry_error_callback=_last_result,
        )
        reading: Reading = await retrying(attempt)
        if reading.meaning in UNANSWERED:
            self._hopeless += 1
            if self._hopeless >= HOPELESS_IN_A_ROW or (
                self._answered == answered_before and not await self._is_up()
            ):
                self.halt(self._unanswered(reading))
        return reading

    async def look_up(self, kind: Kind, reference: str) -> Json | None:
        """What the API holds under a reference, or None when it says that there is nothing.

        An object with another reference (one whose id looks like our reference) is not ours: None as well.
        Raises Uncertain and Halted.
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
        """Wait. Raises Halted as soon as the load stops."""
        self.check_halt()
        until = self._clock() + seconds
        while (left_s := until - self._clock()) > 0:
            await self._sleep(min(left_s, NOTICE_S))
            self.check_halt()

    async def _is_up(self) -> bool:
        self._looked_up += 1
        expected = Expected({"external_reference": NOBODY}, statuses=(200,))
        reading = await self.ask("GET", f"{PATH_OF['customer']}/{NOBODY}", expected)
        return reading.meaning not in UNANSWERED

    async def _wait_at_gate(self) -> None:
        """One after another: the first in the queue asks the pace, the others wait behind it."""
        async with self._gate:
            self.check_halt()
            while (wait_s := self._pace.reserve(self._clock())) > 0:
                await self._sleep(wait_s)
                self.check_halt()

    async def _step_aside(self, seconds: float) -> None:
        self._aside += 1
        self._when_aside()
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


class Delivery:
    """The requests of one intent: sends them one at a time, and knows whether one may have worked unseen.

    Nobody else changes these facts, and they outlive the exception that ended the sending.
    """

    def __init__(self, client: RetryingClient, *, may_have_worked: bool = False) -> None:
        """`may_have_worked`: an earlier run may have sent the intent, and nobody knows what came of it."""
        self._client = client
        self._may_have_worked = may_have_worked
        self._sends = 0
        self._turn: float | None = None
        self._last_sent_at = NEVER

    @property
    def may_have_worked(self) -> bool:
        """Whether the API may have done what was sent although no usable answer came."""
        return self._may_have_worked

    @property
    def sends(self) -> int:
        """Requests sent in this run, including those answered with 429."""
        return self._sends

    @property
    def last_sent_at(self) -> float:
        """When the last request left in this run, by `RetryingClient.now`; -inf before the first."""
        return self._last_sent_at

    def account_for_sends(self) -> None:
        """Call when it has come to light what became of everything sent so far."""
        self._may_have_worked = False

    async def wait_for_turn(self) -> None:
        """Wait already now until `ask` may send: for what is not to be noted as sent while it waits. Raises Halted."""
        self._turn = await self._client.turn()

    async def ask(
        self, method: str, path: str, expected: Expected, *, body: bytes | None = None, key: str | None = None
    ) -> Reading:
        """Send until the answer is anything but 429; what to do then is up to the caller.

        Raises Halted when the load stops, or when the API refuses our key (which stops it).
        """
        limited, limited_since = 0, 0.0
        while True:
            if self._turn is None or self._client.is_over(self._turn):
                await self._client.turn()
            self._turn = None
            sent_at = self._client.start(again=self._sends > 0)
            # True before the first byte leaves, and still so when the wait for the answer is cancelled.
            earlier, self._may_have_worked = self._may_have_worked, True
            self._sends += 1
            self._last_sent_at = sent_at
            reading = await self._client.exchange(method, path, expected, body, key, sent_at=sent_at)
            if reading.meaning is not Meaning.DOUBT:
                self._may_have_worked = earlier  # this answer proves nothing about the sends before it
            if reading.meaning is Meaning.UNAUTHORISED:
                raise Halted
            if reading.meaning is not Meaning.SLOW_DOWN:
                return reading
            limited_since = limited_since if limited else self._client.now
            await self._client.wait_after_429(reading, sent_at, limited=limited, since=limited_since)
            limited += 1


def _last_result(state: tenacity.RetryCallState) -> Reading:
    if state.outcome is None:
        raise RuntimeError("tenacity stopped without an attempt")
    reading: Reading = state.outcome.result()
    return reading
