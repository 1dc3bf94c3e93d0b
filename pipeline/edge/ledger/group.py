"""Group commit: many small changes, one synced transaction.

A synced commit takes about 0.3 ms; at thousands of requests per second each waiting for its own would be the
bottleneck. Changes that arrive while one commit is under way go into the next, together.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from itertools import chain
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Self

from pipeline.core.api.ledger_changes import Change
from pipeline.edge.ledger.database import ledger_errors, transaction
from pipeline.edge.ledger.lineage import Lineage
from pipeline.edge.ledger.writes import prepare, write

MAX_GROUP = 4096
"""Submissions of one transaction, and the most that may wait in the queue before `soon` waits too."""

Waiter = asyncio.Future[None]
Submission = tuple[Sequence[Change], Waiter | None]
"""Changes, and who waits for them; None: nobody does."""


class GroupCommit:
    """A writer thread over one connection that the thread alone uses while it runs; an async context manager.

    The thread ends with the block, after everything that was submitted is written.
    """

    def __init__(self, connection: sqlite3.Connection, where: str, lineage: Lineage | None = None) -> None:
        """Args:
        connection: used by nobody else until the block ends.
        where: path of the ledger, for messages.
        lineage: advanced with each group, so that a copy from before one is noticed.
        """
        self._db = connection
        self._where = where
        self._lineage = lineage
        self._queue: SimpleQueue[Submission | None] = SimpleQueue()
        """Changes in the order in which they are to be written; None: nothing more will come."""
        self._lost: Exception | None = None
        """Why changes that nobody waits for could not be written."""
        self._thread = Thread(target=self._write, name="ledger")

    async def __aenter__(self) -> Self:
        with ledger_errors(self._where):
            prepare(self._db)
        self._loop = asyncio.get_running_loop()
        self._stopped: Waiter = self._loop.create_future()
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._queue.put(None)
        await self._stopped
        self._thread.join()

    async def durable(self, *changes: Change) -> None:
        """Write changes, and return when they, and all that were submitted before, are on disk.

        A waiter that is cancelled does not take them back.

        Raises:
            DiskFull, LedgerBusy, …: the whole group was rolled back; none of it is written.
        """
        waiter: Waiter = self._loop.create_future()
        self._queue.put((changes, waiter))
        await waiter

    async def soon(self, *changes: Change) -> None:
        """Write changes before any that are submitted later, without waiting for the disk.

        Where that fails, nothing later is written, and all who wait for something later get the error: an outcome
        that was lost silently would be sent again.
        """
        if self._queue.qsize() >= MAX_GROUP:
            await self.durable()
        self._queue.put((changes, None))

    def _write(self) -> None:
        """The thread. It takes group after group by itself, since the loop is the busier of the two."""
        while (submission := self._queue.get()) is not None:
            group = [submission]
            while len(group) < MAX_GROUP and (more := self._next()) is not None:
                group.append(more)
            problem = self._lost or self._problem_of(group)
            waiters = [waiter for _, waiter in group if waiter is not None]
            self._loop.call_soon_threadsafe(_notify, waiters, problem)
        self._loop.call_soon_threadsafe(self._stopped.set_result, None)

    def _next(self) -> Submission | None:
        """The next submission that waits already, else None. The end of the queue is put back for the next group."""
        try:
            submission = self._queue.get_nowait()
        except Empty:
            return None
        if submission is None:
            self._queue.put(None)
        return submission

    def _problem_of(self, group: Sequence[Submission]) -> Exception | None:
        """Commit a group; what went wrong, or None."""
        try:
            with ledger_errors(self._where), transaction(self._db):
                write(self._db, chain.from_iterable(changes for changes, _ in group))
                if self._lineage is not None:
                    self._lineage.step()
            if self._lineage is not None:
                self._lineage.save_sequence()
        except Exception as error:  # noqa: BLE001 (handed to whoever waits for the commit)
            if any(waiter is None for _, waiter in group):
                self._lost = error
            return error
        return None


def _notify(waiters: Sequence[Waiter], problem: Exception | None) -> None:
    """In the loop: let those waiters go on that have not been cancelled meanwhile."""
    for waiter in waiters:
        if waiter.done():
            continue
        if problem is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(problem)
