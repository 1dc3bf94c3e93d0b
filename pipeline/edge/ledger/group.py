"""Group commit: many small changes, one synced transaction. A synced commit takes about 0.3 ms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Self

from pipeline.core.api.ledger_changes import Change
from pipeline.edge.ledger.database import ledger_errors, transaction
from pipeline.edge.ledger.door import BEHIND_OTHERS, BESIDE_OTHERS, Ledger
from pipeline.edge.ledger.group_writer import GroupWriter
from pipeline.edge.ledger.lineage import Lineage
from pipeline.edge.ledger.writes import write

MAX_GROUP = 4096
"""Submissions of one transaction, and the most that may wait in the queue before `soon` waits too."""


REST = 0.5
"""Of a ledger that hosts share (see `GroupWriter`): each group costs its server as much as some bills do. SQLite's
groups are cheap, and a load would wait for nothing.
"""


class GroupCommit(GroupWriter[Sequence[Change]]):
    """A writer thread over one connection that the thread alone uses while it runs; an async context manager.

    The thread ends with the block, after everything that was submitted is written.
    """

    def __init__(
        self,
        connection: Ledger,
        where: str,
        lineage: Lineage | None = None,
        may_write: Callable[[], None] | None = None,
    ) -> None:
        """Args:
        connection: used by nobody else until the block ends.
        where: path of the ledger, for messages.
        lineage: advanced with each group, so that a copy from before one is noticed.
        may_write: called within the transaction of each group, before anything is written; what it raises rolls the
            group back. Others may write meanwhile: what it locks, and that nobody else writes about the same
            customers, must be enough.
        """
        super().__init__("ledger", MAX_GROUP, rest=REST if connection.is_shared else 0.0)
        self._db = connection
        self._where = where
        self._lineage = lineage
        self._may_write = may_write
        self._begin = "BEGIN IMMEDIATE"
        if connection.is_shared:
            self._begin = BEHIND_OTHERS if may_write is None else BESIDE_OTHERS
        self._lost: Exception | None = None
        """Why changes that nobody waits for could not be written."""

    async def __aenter__(self) -> Self:
        with ledger_errors(self._where):
            self._db.prepare_rows()
        return await super().__aenter__()

    async def durable(self, *changes: Change) -> None:
        """Write changes, and return when they, and all that were submitted before, are on disk.

        A waiter that is cancelled does not take them back.

        Raises:
            DiskFull, LedgerBusy, …: the whole group was rolled back; none of it is written.
        """
        await self.submit(changes)

    async def soon(self, *changes: Change) -> None:
        """Write changes before any that are submitted later, without waiting for the disk.

        Where that fails, nothing later is written, and all who wait for something later get the error: an outcome
        that was lost silently would be sent again.
        """
        if self._queue.qsize() >= MAX_GROUP:
            await self.durable()
        self._queue.put((changes, None))

    def commit(self, group: Sequence[Sequence[Change]], *, all_wait: bool) -> Exception | None:
        """Commit a group; what went wrong, or None. Once changes that nobody waited for are lost, none is written."""
        if self._lost is not None:
            return self._lost
        try:
            with ledger_errors(self._where), transaction(self._db, begin=self._begin):
                if self._may_write is not None:
                    self._may_write()
                write(self._db, chain.from_iterable(group))
                if self._lineage is not None:
                    self._lineage.step()
            if self._lineage is not None:
                self._lineage.save_sequence()
        except Exception as error:  # noqa: BLE001 (handed to whoever waits for the commit)
            if not all_wait:
                self._lost = error
            return error
        return None
