"""A thread that makes what is submitted durable, many at once: a synced commit for each would be the bottleneck.

What arrives while one commit is under way goes into the next, together. A commit that nobody would wait for is put off
until somebody does: what is learned of one bill goes with the beginning of the next.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, Self, TypeVar

T = TypeVar("T")

Waiter = asyncio.Future[None]
LONGEST_REST_S = 0.005
UNAWAITED_S = 0.02
"""How long what nobody waits for may wait itself."""


class GroupWriter(ABC, Generic[T]):
    """An async context manager; the thread ends with the block, after everything that was submitted is written.

    Whoever inherits says how a group is written (`commit`).
    """

    def __init__(self, name: str, most: int, *, rest: float = 0.0) -> None:
        """`name` of the thread; `most` submissions are written together.

        `rest`: after a commit, more is waited for, for this share of the time that it took.
        """
        self._most = most
        self._rest = rest
        self._queue: SimpleQueue[tuple[T, Waiter | None] | None] = SimpleQueue()
        """In the order in which it is to be written, each with who waits for it; None: nothing more will come."""
        self._thread = Thread(target=self._write, name=name)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._stopped: Waiter = self._loop.create_future()
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._queue.put(None)
        await self._stopped
        self._thread.join()

    @abstractmethod
    def commit(self, group: Sequence[T], *, all_wait: bool) -> Exception | None:
        """In the thread: make a group durable; what went wrong, or None.

        Args:
            all_wait: whether somebody waits for each of it.
        """

    async def submit(self, submission: T) -> None:
        """Return when it, and all that was submitted before, is on disk. Raises what `commit` returned.

        A waiter that is cancelled does not take it back.
        """
        waiter: Waiter = self._loop.create_future()
        self._queue.put((submission, waiter))
        await waiter

    def _write(self) -> None:
        """The thread. It takes group after group by itself, since the loop is the busier of the two."""
        rest_s = 0.0
        while (first := self._queue.get()) is not None:
            if rest_s:
                time.sleep(rest_s)
            group = self._together(first)
            waiters = [waiter for _, waiter in group if waiter is not None]
            began = time.monotonic()
            problem = self.commit([each for each, _ in group], all_wait=len(waiters) == len(group))
            rest_s = min(self._rest * (time.monotonic() - began), LONGEST_REST_S)
            self._loop.call_soon_threadsafe(_notify, waiters, problem)
        self._loop.call_soon_threadsafe(self._stopped.set_result, None)

    def _together(self, first: tuple[T, Waiter | None]) -> list[tuple[T, Waiter | None]]:
        """What goes with the first: all that is there by now, and at least one that somebody waits for."""
        group, is_awaited = [first], first[1] is not None
        until = time.monotonic() + UNAWAITED_S
        while len(group) < self._most:
            more = self._next(0.0 if is_awaited else until - time.monotonic())
            if more is None:
                break
            group.append(more)
            is_awaited = is_awaited or more[1] is not None
        return group

    def _next(self, wait_s: float) -> tuple[T, Waiter | None] | None:
        """The next submission, else None. The end of the queue is put back for the next group."""
        try:
            submission = self._queue.get(block=wait_s > 0, timeout=max(wait_s, 0.0))
        except Empty:
            return None
        if submission is None:
            self._queue.put(None)
        return submission


def _notify(waiters: Sequence[Waiter], problem: Exception | None) -> None:
    """In the loop: let those waiters go on that have not been cancelled meanwhile."""
    for waiter in waiters:
        if waiter.done():
            continue
        if problem is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(problem)
