"""A thread that makes what is submitted durable, many at once: a synced commit for each would be the bottleneck.

What arrives while one commit is under way goes into the next, together.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, Self, TypeVar

T = TypeVar("T")

Waiter = asyncio.Future[None]


class GroupWriter(ABC, Generic[T]):
    """An async context manager; the thread ends with the block, after everything that was submitted is written.

    Whoever inherits says how a group is written (`commit`).
    """

    def __init__(self, name: str, most: int) -> None:
        """`name` of the thread; `most` submissions are written together."""
        self._most = most
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
        while (first := self._queue.get()) is not None:
            group = [first]
            while len(group) < self._most and (more := self._next()) is not None:
                group.append(more)
            waiters = [waiter for _, waiter in group if waiter is not None]
            problem = self.commit([each for each, _ in group], all_wait=len(waiters) == len(group))
            self._loop.call_soon_threadsafe(_notify, waiters, problem)
        self._loop.call_soon_threadsafe(self._stopped.set_result, None)

    def _next(self) -> tuple[T, Waiter | None] | None:
        """The next submission that waits already, else None. The end of the queue is put back for the next group."""
        try:
            submission = self._queue.get_nowait()
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
