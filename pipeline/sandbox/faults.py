"""The seam where things are broken on purpose.

For every request the server asks its `Faults` once which faults strike it; each fault names the window in which it
strikes. So a chooser that looks only at a seed and the request's number makes a failure that can be replayed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from pipeline.sandbox.replies import Problem, Reply, problem_reply


class Window(Enum):
    """The moments of a request, in order. The three middle ones come only where that kind is created."""

    BEFORE_RECEIPT = "before receipt"  # nothing has been looked at: neither bearer key nor idempotency key
    AFTER_RECEIPT = "after receipt"  # the idempotency key is claimed, no work is done
    AFTER_CUSTOMER = "after customer"
    AFTER_ACCOUNT = "after account"
    AFTER_BILL = "after bill"
    AFTER_WORK = "after work"  # all is done, the reply is not stored yet
    BEFORE_REPLY = "before reply"  # the reply is stored, but not on its way
    AFTER_REPLY = "after reply"


@dataclass(frozen=True)
class Received:
    """A request as it came in. `number` counts the requests to the API from 1."""

    number: int
    method: str
    path: str
    idempotency_key: str | None
    body: bytes


class Dropped(Exception):
    """Close the connection without (further) reply. Before the reply is stored it also releases the key."""


class Altered(Exception):
    """Go on with the true reply as `change` makes it: in `AFTER_WORK` also for storing, in `BEFORE_REPLY` only on the
    wire. Without effect in other windows, where there is no reply yet."""

    def __init__(self, change: Callable[[Reply], Reply]) -> None:
        super().__init__("altered")
        self.change = change


class Answered(Exception):
    """Stop here and answer this instead. `stored` None leaves it to the switches; it has no effect in other windows
    than those between the claim of an idempotency key and the storing."""

    def __init__(self, reply: Reply, stored: bool | None = None) -> None:
        super().__init__(f"answered {reply.status}")
        self.reply = reply
        self.stored = stored


@dataclass(frozen=True)
class Fault:
    """`strike` may wait, may raise `Dropped`, `Answered` or `Altered`, and may do whatever it likes to the world."""

    window: Window
    strike: Callable[[Received], Awaitable[None]]


class Faults(Protocol):
    """Chooses the faults of each request. `Scripted` goes by number or predicate, `seeded.Seeded` by chance."""

    def chosen_for(self, request: Received) -> tuple[Fault, ...]:
        """Asked exactly once per request, in order of their numbers."""


class NoFaults:
    """An API that works."""

    def chosen_for(self, request: Received) -> tuple[Fault, ...]:  # noqa: ARG002 - the seam's signature
        return ()


Which = int | Callable[[Received], bool]


class Scripted:
    """Faults by request number (from 1) or predicate; all entries that fit strike, those by number first."""

    def __init__(self, script: Mapping[Which, Fault | tuple[Fault, ...]]) -> None:
        self._by_number = {
            which: _several(fault) for which, fault in script.items() if isinstance(which, int)
        }
        self._by_predicate = [(which, _several(fault)) for which, fault in script.items() if callable(which)]

    def chosen_for(self, request: Received) -> tuple[Fault, ...]:
        chosen = self._by_number.get(request.number, ())
        for predicate, faults in self._by_predicate:
            if predicate(request):
                chosen += faults
        return chosen


def _several(fault: Fault | tuple[Fault, ...]) -> tuple[Fault, ...]:
    return fault if isinstance(fault, tuple) else (fault,)


def drop(window: Window) -> Fault:
    """The connection is closed in this window."""

    async def strike(_: Received) -> None:
        raise Dropped

    return Fault(window, strike)


def drop_before() -> Fault:
    """Closed with no work done and no key claimed."""
    return drop(Window.BEFORE_RECEIPT)


def drop_after() -> Fault:
    """All done and stored, but no reply."""
    return drop(Window.BEFORE_REPLY)


def answer(reply: Reply, window: Window, *, stored: bool | None = None) -> Fault:
    """Any reply at all, from this window: what a gateway in between says, for example. `stored`: see `Answered`."""

    async def strike(_: Received) -> None:
        raise Answered(reply, stored)

    return Fault(window, strike)


def status(
    code: int, *, stored: bool | None = None, after_work: bool = False, retry_after: str | None = None
) -> Fault:
    """A problem of this status, without the work or after it; `stored` None: as the switches say.

    Args:
        code: HTTP status.
        after_work: the entities are created, and the client gets an error all the same.
        retry_after: the header's value as it is sent; it need not be a valid one.
    """
    window = Window.AFTER_WORK if after_work else Window.AFTER_RECEIPT
    return status_at(window, code, stored=stored, retry_after=retry_after)


def status_at(
    window: Window, code: int, *, stored: bool | None = None, retry_after: str | None = None
) -> Fault:
    """A problem of this status from this window: between the steps of a nested create it stops half-way."""
    headers = {"Retry-After": retry_after} if retry_after is not None else {}

    async def strike(request: Received) -> None:
        problem = Problem(code, "injected", "this answer was asked for", headers)
        raise Answered(problem_reply(problem, request.number), stored)

    return Fault(window, strike)


def alter(change: Callable[[Reply], Reply], *, stored: bool = False) -> Fault:
    """All is done, and the reply says something else; `stored`: so does its replay.

    With a change of the reply's JSON this is an API that answers a create with other content than it was sent.
    """

    async def strike(_: Received) -> None:
        raise Altered(change)

    return Fault(Window.AFTER_WORK if stored else Window.BEFORE_REPLY, strike)


def cut(share: float = 0.5) -> Fault:
    """All done and stored, but the reply breaks off after this share of its body, from 0 to 1; its Content-Length
    stays."""
    return alter(lambda reply: replace(reply, cut_after_bytes=int(len(reply.body) * share)))


def slow(seconds: float, window: Window = Window.AFTER_RECEIPT) -> Fault:
    """Wait in a window, in seconds of real time. The work goes on although the client may have given up."""

    async def strike(_: Received) -> None:
        await asyncio.sleep(seconds)

    return Fault(window, strike)


def callback(action: Callable[[Received], object], window: Window) -> Fault:
    """The request waits until `action` is done; it runs on a thread of its own, so it may block."""

    async def strike(request: Received) -> None:
        await asyncio.to_thread(action, request)

    return Fault(window, strike)
