"""Group commit: many small changes, one synced transaction.

A synced commit takes about 0.3 ms; at thousands of requests per second each waiting for its own would be the
bottleneck. Changes that arrive while one commit is under way go into the next, together.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Self

from pipeline.core.remembered import Change
from pipeline.edge.ledger.database import ledger_errors, transaction
from pipeline.edge.ledger.writes import write

MAX_GROUP = 4096


class GroupCommit:
    """A writer thread over one connection that the thread alone uses while it runs."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._db = connection
        self._where = where
        self._waiting: list[tuple[Sequence[Change], asyncio.Future[None] | None]] = []
        self._lost: Exception | None = None
        """Why changes that nobody waits for could not be made."""
        self._writing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writing is not None:
            await self._writing
        self._thread.shutdown()

    async def durable(self, *changes: Change) -> None:
        """Make changes and come back when they, and all that were asked for before, are on disk.

        Raises what the group raised: then none of it is. Whoever stops waiting does not take them back.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        self._ask(changes, future)
        await future

    async def soon(self, *changes: Change) -> None:
        """Make changes before any that are asked for later. Where that fails, nothing later is made, and all who
        wait for something later are told why.
        """
        if len(self._waiting) >= MAX_GROUP:
            await self.durable()
        self._ask(changes, None)

    def _ask(self, changes: Sequence[Change], future: asyncio.Future[None] | None) -> None:
        self._waiting.append((changes, future))
        if self._writing is None:
            self._writing = self._loop.create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
            problem = self._lost
            if problem is None:
                try:
                    await self._loop.run_in_executor(
                        self._thread, self._commit, [changes for changes, _ in group]
                    )
                except Exception as error:  # noqa: BLE001 (handed to whoever waits for the commit)
                    problem = error
                    if any(future is None for _, future in group):
                        self._lost = error
            _resolve([future for _, future in group if future is not None], problem)
        self._writing = None

    def _commit(self, group: list[Sequence[Change]]) -> None:
        with ledger_errors(self._where), transaction(self._db):
            write(self._db, chain.from_iterable(group))


def _resolve(futures: list[asyncio.Future[None]], problem: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if problem is None:
            future.set_result(None)
        else:
            future.set_exception(problem)
