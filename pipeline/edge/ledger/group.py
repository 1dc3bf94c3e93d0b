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
from pipeline.edge.ledger.writes import write

MAX_GROUP = 4096

Waiter = asyncio.Future[None]
Asked = tuple[Sequence[Change], Waiter | None]


class GroupCommit:
    """A writer thread over one connection that the thread alone uses while it runs."""

    def __init__(self, connection: sqlite3.Connection, where: str, lineage: Lineage | None = None) -> None:
        """`lineage`: advanced with each group, so that a copy from before one is noticed."""
        self._db = connection
        self._where = where
        self._lineage = lineage
        self._asked: SimpleQueue[Asked | None] = SimpleQueue()
        """What is to be made, in order; None: nothing more will come."""
        self._lost: Exception | None = None
        """Why changes that nobody waits for could not be made."""
        self._thread = Thread(target=self._write, name="ledger")

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._ended: Waiter = self._loop.create_future()
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._asked.put(None)
        await self._ended
        self._thread.join()

    async def durable(self, *changes: Change) -> None:
        """Make changes and come back when they, and all that were asked for before, are on disk.

        Raises what the group raised: then none of it is. Whoever stops waiting does not take them back.
        """
        waiter: Waiter = self._loop.create_future()
        self._asked.put((changes, waiter))
        await waiter

    async def soon(self, *changes: Change) -> None:
        """Make changes before any that are asked for later. Where that fails, nothing later is made, and all who
        wait for something later are told why.
        """
        if self._asked.qsize() >= MAX_GROUP:
            await self.durable()
        self._asked.put((changes, None))

    def _write(self) -> None:
        """What the thread does. It takes group after group by itself, since the loop is the busier of the two."""
        while (asked := self._asked.get()) is not None:
            group = [asked]
            while len(group) < MAX_GROUP and (more := self._next()) is not None:
                group.append(more)
            problem = self._lost or self._problem_of(group)
            waiters = [waiter for _, waiter in group if waiter is not None]
            self._loop.call_soon_threadsafe(_tell, waiters, problem)
        self._loop.call_soon_threadsafe(self._ended.set_result, None)

    def _next(self) -> Asked | None:
        """What waits by now; the end waits for the next group."""
        try:
            asked = self._asked.get_nowait()
        except Empty:
            return None
        if asked is None:
            self._asked.put(None)
        return asked

    def _problem_of(self, group: Sequence[Asked]) -> Exception | None:
        """Commit a group; what went wrong."""
        try:
            with ledger_errors(self._where), transaction(self._db):
                write(self._db, chain.from_iterable(changes for changes, _ in group))
                if self._lineage is not None:
                    self._lineage.step()
            if self._lineage is not None:
                self._lineage.tell()
        except Exception as error:  # noqa: BLE001 (handed to whoever waits for the commit)
            if any(waiter is None for _, waiter in group):
                self._lost = error
            return error
        return None


def _tell(waiters: Sequence[Waiter], problem: Exception | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if problem is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(problem)
