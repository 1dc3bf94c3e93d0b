"""Delivers events as the vendor does: signed, again and again until they are taken, in no promised order.

Source: the vendor's public documentation of webhooks; the Standard Webhooks specification, whose symmetric signature
(`v1`) has the same form. All of it happens in tasks of one event loop; `Sender`'s public methods are safe from any
thread.
"""

import asyncio
import base64
import hmac
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Condition
from typing import Literal

import aiohttp

from pipeline.sandbox.clock import Clock
from pipeline.sandbox.payments import Payment
from pipeline.sandbox.replies import Json

THREE_DAYS_S = 3 * 24 * 3600.0
PREFIX = "whsec_"
REST_S = 0.05
"""A sender that reached nobody rests before its next delivery: thousands may wait for a receiver that is down."""
ANSWER_BYTES = 200
"""So much of an answer is kept, to show it."""


@dataclass(frozen=True)
class RetrySchedule:
    """When a delivery that was not taken is tried again, in seconds of the sandbox's clock.

    The first pause is `first_s`, each further one `factor` times as long, at most `most_s`; while nobody listens at
    all, at most `unreachable_s`, so that a receiver that was restarted is soon told. After `give_up_s` since the event
    nothing is tried any more.
    """

    first_s: float = 5.0
    factor: float = 4.0
    most_s: float = 6 * 3600.0
    unreachable_s: float = 60.0
    give_up_s: float = THREE_DAYS_S

    def pause_s(self, attempts: int, *, reached: bool) -> float:
        """How long after the last of so many attempts the next one comes."""
        pause_s = self.first_s
        for _ in range(attempts - 1):
            if pause_s >= self.most_s:
                break
            pause_s *= self.factor
        return min(pause_s, self.most_s if reached else min(self.unreachable_s, self.most_s))


@dataclass(frozen=True)
class Webhook:
    """Where events go, and how. Raises ValueError: a secret is no base64.

    Args:
        secrets: deliveries are signed with each, as while one takes the place of another.
        encoding: whether a secret is text, or base64 after `whsec_`; None: what it begins with decides.
        senders: so many deliveries are under way at once.
        timeout_s: so long a receiver may take to answer.
        seconds: the time of signing, since 1970. The machine's own by default: a receiver cannot jump with the
            sandbox's clock, and would refuse its time stamps.
    """

    url: str
    secrets: tuple[str, ...]
    encoding: Literal["text", "base64"] | None = None
    schedule: RetrySchedule = RetrySchedule()
    senders: int = 10
    timeout_s: float = 15.0
    seconds: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self.keys()

    def keys(self) -> list[bytes]:
        """What deliveries are signed with. Raises ValueError: a secret is no base64."""
        return [signing_key(secret, self.encoding) for secret in self.secrets]


@dataclass(frozen=True)
class Attempt:
    """One delivery on its way: `number` counts from 1 under each webhook id; `status` is None where no answer came, and
    `error` says why. `signed_at_s` is the time stamp that it carried."""

    webhook_id: str
    event_id: str
    payment_id: str
    number: int
    signed_at_s: int
    status: int | None
    answer: str
    error: str
    forged: bool

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass
class Message:
    """One event under one webhook id, to be delivered once. `late_s`: its first delivery carries a time stamp so long
    ago; `delay_s` passes on the sandbox's clock before it. Nobody tries a forged one twice."""

    payment: Payment
    late_s: float = 0.0
    delay_s: float = 0.0
    forged: bool = False
    attempts: list[Attempt] = field(default_factory=list)


def signing_key(secret: str, encoding: Literal["text", "base64"] | None = None) -> bytes:
    """The key of a signing secret; `encoding` as in `Webhook`. Raises ValueError for what is no base64."""
    if encoding == "text" or (encoding is None and not secret.startswith(PREFIX)):
        return secret.encode()
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)


def signature(keys: Iterable[bytes], webhook_id: str, signed_at_s: int, body: bytes) -> str:
    """The header `webhook-signature`: for each key `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = f"{webhook_id}.{signed_at_s}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)


class Sender:
    """Delivers messages to `webhook`, which may be replaced at any time; `log` is every attempt in order of its end."""

    def __init__(self, clock: Clock) -> None:
        self.webhook: Webhook | None = None
        self.log: list[Attempt] = []
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None
        self._senders: tuple[int, asyncio.Semaphore] | None = None
        self._jumped = asyncio.Event()
        self._attempted = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[Message] | None = None
        self._numbers: Counter[str] = Counter()
        self._open = 0
        self._changed = Condition()
        clock.on_advance(self._wake)

    @property
    def is_running(self) -> bool:
        return self._loop is not None

    async def start(self) -> None:
        """From now on what is sent is delivered by this loop."""
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Stop delivering; what was not delivered stays undelivered."""
        self._loop = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None
        with self._changed:
            self._open = 0

    def send(self, *messages: Message) -> None:
        """Deliver in the background, or keep back while deliveries are held. Raises RuntimeError when not running."""
        if self._loop is None:
            raise RuntimeError("the sandbox is not running")
        with self._changed:
            if self._held is not None:
                self._held += messages
                return
            self._open += len(messages)
        for message in messages:
            self._loop.call_soon_threadsafe(self._begin, [message])

    def hold(self) -> None:
        """Keep what is sent from now on, until it is released."""
        with self._changed:
            self._held = self._held or []

    def release(self, order: Callable[[list[Message]], Iterable[Message]] = list) -> None:
        """Deliver what was held, and hold no more. One after the other: the next is first tried when the one before it
        was answered. What `order` leaves out is never delivered. Raises RuntimeError when not running."""
        if self._loop is None:
            raise RuntimeError("the sandbox is not running")
        with self._changed:
            messages, self._held = list(order(self._held or [])), None
            self._open += len(messages)
        self._loop.call_soon_threadsafe(self._begin, messages)

    def wait(self, timeout_s: float) -> None:
        """Returns when all that is not held was taken or given up. Raises TimeoutError, in real seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._open == 0, timeout_s):
                raise TimeoutError(f"{self._open} deliveries are still open after {timeout_s} s")

    async def attempts(self, webhook_id: str, count: int, timeout_s: float) -> list[Attempt]:
        """For the loop itself: the attempts under this id, when there are so many or time is up."""
        found: list[Attempt] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while True:
                    attempted = self._attempted
                    found = [each for each in self.log if each.webhook_id == webhook_id]
                    if len(found) >= count:
                        break
                    await attempted.wait()
        return found

    def snapshot(self) -> list[Json]:
        """The log as plain data."""
        return [dict(vars(attempt)) for attempt in list(self.log)]

    def _wake(self) -> None:
        """After a jump of the clock, from any thread: whoever waits looks again whether he is due."""
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._wake_here)

    def _wake_here(self) -> None:
        jumped, self._jumped = self._jumped, asyncio.Event()
        jumped.set()

    def _begin(self, messages: list[Message]) -> None:
        if self._loop is not None:  # else it was stopped meanwhile
            self._in_background(self._deliver_in_order(messages))

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)  # the loop itself would let it be collected
        task.add_done_callback(self._tasks.discard)

    async def _deliver_in_order(self, messages: list[Message]) -> None:
        for message in messages:
            if await self._first_attempt(message):
                self._finish()
            else:
                self._in_background(self._retry(message))

    async def _first_attempt(self, message: Message) -> bool:
        """Whether there is nothing more to do."""
        await self._pause(self._clock.monotonic_s() + message.delay_s)
        attempt = await self._attempt(message, message.late_s)
        return attempt.taken or message.forged

    async def _retry(self, message: Message) -> None:
        began_s = self._clock.monotonic_s()
        while True:
            last = message.attempts[-1]
            schedule = self._target().schedule
            pause_s = schedule.pause_s(len(message.attempts), reached=last.status is not None)
            due_s = self._clock.monotonic_s() + pause_s
            if due_s - began_s > schedule.give_up_s:
                break
            await self._pause(due_s)
            if (await self._attempt(message)).taken:
                break
        self._finish()

    def _finish(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    async def _pause(self, until_s: float) -> None:
        """Until the sandbox's clock shows this, however it gets there."""
        while (left_s := until_s - self._clock.monotonic_s()) > 0:
            jumped = self._jumped
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await jumped.wait()

    def _target(self) -> Webhook:
        if self.webhook is None:
            raise RuntimeError("no webhook is set")
        return self.webhook

    def _senders_of(self, webhook: Webhook) -> asyncio.Semaphore:
        if self._senders is None or self._senders[0] != webhook.senders:
            self._senders = webhook.senders, asyncio.Semaphore(webhook.senders)
        return self._senders[1]

    async def _attempt(self, message: Message, late_s: float = 0.0) -> Attempt:
        """One delivery, signed now, when one of the senders is free."""
        payment = message.payment
        async with self._senders_of(self._target()):
            webhook = self._target()
            if self._session is None:
                # How many are under way at once is ours to say, not the connector's.
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
                )
            signed_at_s = int(webhook.seconds() - late_s)
            headers = _headers(webhook, message, signed_at_s)
            status, answer, error = await _posted(self._session, webhook, payment.body, headers)
            self._numbers[payment.webhook_id] += 1
            attempt = Attempt(
                webhook_id=payment.webhook_id,
                event_id=payment.event["id"],
                payment_id=payment.id,
                number=self._numbers[payment.webhook_id],
                signed_at_s=signed_at_s,
                status=status,
                answer=answer,
                error=error,
                forged=message.forged,
            )
            message.attempts.append(attempt)
            self.log.append(attempt)
            attempted, self._attempted = self._attempted, asyncio.Event()
            attempted.set()
            if status is None:
                await asyncio.sleep(REST_S)
        return attempt


async def _posted(
    session: aiohttp.ClientSession, webhook: Webhook, body: bytes, headers: dict[str, str]
) -> tuple[int | None, str, str]:
    """Status, answer and error of one delivery. Redirects are not followed: it was signed for this address alone."""
    timeout = aiohttp.ClientTimeout(total=webhook.timeout_s)
    try:
        async with session.post(
            webhook.url, data=body, headers=headers, allow_redirects=False, timeout=timeout
        ) as response:
            answer = await response.content.read(ANSWER_BYTES)
            return response.status, answer.decode(errors="replace").strip(), ""
    except TimeoutError:
        return None, "", f"no answer within {webhook.timeout_s:g} s"
    except aiohttp.ClientConnectorError as error:
        return None, "", error.os_error.strerror or str(error)
    except (aiohttp.ClientError, OSError) as error:
        return None, "", str(error) or type(error).__name__


def _headers(webhook: Webhook, message: Message, signed_at_s: int) -> dict[str, str]:
    keys = webhook.keys()
    if message.forged:
        keys = [b"a guess: " + key for key in keys]
    payment = message.payment
    return {
        "Content-Type": "application/json",
        "webhook-id": payment.webhook_id,
        "webhook-timestamp": str(signed_at_s),
        "webhook-signature": signature(keys, payment.webhook_id, signed_at_s, payment.body),
    }
