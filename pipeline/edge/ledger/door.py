"""What every part of the ledger works with: an open connection, whichever database is behind it.

Statements are SQL that SQLite and PostgreSQL both take, in SQLite's spelling; `postgres.dialect` tells what is spelled
otherwise there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

BEHIND_OTHERS = "BEGIN BEHIND OTHERS"
"""Begins a transaction that waits for other writers and only writes: its statements answer nothing, and what is wrong
with one is told when it commits. Of a ledger that hosts share alone.
"""
BESIDE_OTHERS = "BEGIN BESIDE OTHERS"
"""The same, without waiting for other writers."""


class LedgerRow(Protocol):
    """Values of one row, by the name of their column or by their place."""

    def __getitem__(self, at: Any, /) -> Any:
        """The value of a column."""

    def __iter__(self) -> Iterator[Any]:
        """The values, in the order of the columns."""

    def keys(self) -> Sequence[str]:
        """Names of the columns."""


class LedgerRows(Protocol):
    """What a statement answers."""

    row_factory: Any
    """None: rows are plain tuples."""

    @property
    def rowcount(self) -> int:
        """LedgerRows that the statement changed."""

    def fetchone(self) -> Any:
        """The next row; None when there is none."""

    def fetchmany(self, size: int, /) -> list[Any]:
        """So many of the next rows; none when there are no more."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """The rows that are left, one by one."""


class Ledger(Protocol):
    """An open ledger. It may be handed from one thread to another, but not be used by two at once."""

    @property
    def is_shared(self) -> bool:
        """Whether other hosts may work with it, so that it may have come further than this host knows."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def execute(self, sql: str, parameters: Any = (), /) -> LedgerRows:
        """One statement; a change outside a transaction is durable when this returns."""

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> LedgerRows:
        """The same statement for many rows of values."""

    def hold(self, wait_s: float, /) -> AbstractContextManager[None]:
        """Keep runs of other hosts from this ledger while the block lasts. Raises AnotherRun after `wait_s` seconds."""

    def names_of(self, kind: Literal["index", "trigger"], /) -> set[str]:
        """Names of the indexes or triggers that are in use."""

    def prepare_rows(self) -> None:
        """Make it possible to add rows to the view of `at_once`; where it is so already, nothing happens."""

    def erase(self) -> None:
        """From now on what is deleted is overwritten, as far as the database does that by itself."""

    def overwrite(self) -> None:
        """Write the tables anew, without what was deleted. Raises LedgerBusy, DiskFull."""

    def health(self) -> str:
        """`ok`, or what is wrong with the database."""

    def close(self) -> None:
        """End the connection; an open transaction is rolled back."""
