"""An open ledger in PostgreSQL, which behaves as one in SQLite does.

As there, one writer works at a time: whoever changes something first takes a lock of the database, which ends with the
transaction. So what one writer reads is not changed before it has written. Only groups of a leased part are written
beside others (see `parts`).

The statements of a group of a load, its lock the first of them, are sent to the server together and are one
transaction: each statement that is waited for costs a thread the interpreter's lock twice, which the event loop would
rather have. Their values go beside them, so that the server's log does not show them where it tells what has failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Literal

import psycopg
from psycopg import ClientCursor, errors
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus

from pipeline.edge.ledger import door
from pipeline.edge.ledger.postgres.dialect import Statement, spelled, storable
from pipeline.edge.ledger.postgres.parts import LEASE_LOST, RUNS, WITHDRAW, LoadParts
from pipeline.errors import (
    AnotherRun,
    DiskFull,
    LeaseLost,
    LedgerBusy,
    LedgerDamaged,
    LedgerUnreachable,
)
from pipeline.signals import held_back

WRITERS = 0x62696C6C
"""Key of the lock that writers take: "bill"."""
_BEHIND_OTHERS = f"SELECT pg_advisory_xact_lock({WRITERS})"
SCHEMA = "billferry"
"""Where the ledger's tables are."""
BUSY_TIMEOUT_S = 30
"""How long a writer waits for another one; as with SQLite."""
POLL_S = 0.5
"""Between two looks whether another run has ended."""
ROWS_AT_ONCE = 500
"""Rows that one statement adds."""
_AWAY = psycopg.OperationalError, psycopg.InterfaceError, errors.IdleInTransactionSessionTimeout
"""The last: this host was asleep within a transaction, and the server is set up to end that."""
_IN_TRANSACTION = {TransactionStatus.ACTIVE, TransactionStatus.INTRANS, TransactionStatus.INERROR}
_CHANGES = ("INSERT", "UPDATE", "DELETE")


class PostgresRow:
    """Values of one row, by the name of their column or by their place."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: Mapping[str, int], values: Sequence[Any]) -> None:
        self._names = names
        self._values = values

    def __getitem__(self, at: int | str) -> Any:
        return self._values[self._names[at] if isinstance(at, str) else at]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def keys(self) -> list[str]:
        """Names of the columns; of two that are alike, one."""
        return list(self._names)


class PostgresRows:
    """What a statement answers."""

    def __init__(self, cursor: psycopg.Cursor[tuple[Any, ...]]) -> None:
        self._cursor = cursor
        self._names = {column.name: at for at, column in enumerate(cursor.description or ())}
        self.row_factory: Any = PostgresRow

    @property
    def rowcount(self) -> int:
        """Rows that the statement changed."""
        return self._cursor.rowcount

    def fetchone(self) -> Any:
        """The next row; None when there is none."""
        row = self._cursor.fetchone()
        return None if row is None else self._made(row)

    def fetchmany(self, size: int) -> list[Any]:
        """So many of the next rows."""
        return [self._made(row) for row in self._cursor.fetchmany(size)]

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        return [self._made(row) for row in self._cursor.fetchall()]

    def __iter__(self) -> Iterator[Any]:
        return (self._made(row) for row in self._cursor)

    def _made(self, row: tuple[Any, ...]) -> Any:
        return row if self.row_factory is None else PostgresRow(self._names, row)


class PostgresLedger:
    """A connection to the ledger's database. Not for several threads at once."""

    is_shared = True
    """Runs of other hosts work with it, one after another."""

    def __init__(self, connection: psycopg.Connection[Any], where: str) -> None:
        """`where`: the address without its password, for messages."""
        self._connection = connection
        self.where = where
        self._gathered: list[tuple[str, Sequence[Any]]] | None = None
        """Statements of a transaction that only writes: they go to the server together, when it commits."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._gathered is not None or self._connection.info.transaction_status in _IN_TRANSACTION

    def execute(self, sql: str, parameters: Any = ()) -> PostgresRows:
        """One statement; a change outside a transaction is one transaction, durable when this returns.

        Raises:
            LedgerUnreachable, LedgerBusy, DiskFull, LedgerDamaged: see `postgres_errors`.
        """
        statement = spelled(sql)
        return self._within(sql, lambda: self._run(statement.text, statement.values(parameters)))

    def executemany(self, sql: str, parameters: Iterable[Any]) -> PostgresRows:
        """The same statement for many rows of values; rows are added many at once. Raises as `execute`."""
        statement = spelled(sql)
        return self._within(sql, lambda: self._many(statement, iter(parameters)))

    @contextmanager
    def copying(self, table: str, columns: Sequence[str]) -> Iterator[Callable[[Sequence[Any]], None]]:
        """Many rows of a table as one stream, within the caller's transaction; what is given writes one row."""
        into = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with self._connection.cursor() as cursor, cursor.copy(into.encode()) as copy:
            yield lambda row: copy.write_row([storable(value) for value in row])

    def script(self, sql: str) -> None:
        """Statements in PostgreSQL's own spelling, without values. Raises as `execute`."""
        with postgres_errors(self.where), held_back(), self._connection.cursor() as cursor:
            cursor.execute(sql.encode())

    @contextmanager
    def hold(self, wait_s: float) -> Iterator[None]:
        """Hold the lock of runs, of this connection: it ends with it, also where the host is gone.

        Parts that an earlier holder has given to other hosts are taken back (see `parts`).

        Raises:
            AnotherRun: a run of another host has it for longer than `wait_s` seconds.
        """
        deadline = time.monotonic() + wait_s
        while not self.execute(f"SELECT pg_try_advisory_lock({RUNS})").fetchone()[0]:
            if time.monotonic() >= deadline:
                raise AnotherRun(where=self.where, pid=LoadParts(self).leader() or "on another host")
            time.sleep(POLL_S)
        self.execute(WITHDRAW)
        try:
            yield
        finally:
            if not self._connection.closed and not self._connection.broken:
                self.execute(f"SELECT pg_advisory_unlock({RUNS})")

    def names_of(self, kind: Literal["index", "trigger"]) -> set[str]:
        """Names of the indexes or triggers of the ledger; a trigger that is switched off is none."""
        if kind == "index":
            rows = self.execute("SELECT indexname FROM pg_indexes WHERE schemaname = ?", (SCHEMA,))
        else:
            rows = self.execute(
                "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
                " WHERE relnamespace = to_regnamespace(?) AND NOT tgisinternal AND tgenabled IN ('O', 'A')",
                (SCHEMA,),
            )
        return {name for (name,) in rows}

    def prepare_rows(self) -> None:
        """Nothing: the view is among the tables."""

    def erase(self) -> None:
        """Nothing: PostgreSQL leaves what is deleted until the table is written anew."""

    def overwrite(self) -> None:
        """Write the tables anew. What is in the server's log and in its backups is the server's matter.

        Raises as `execute`.
        """
        self.script("VACUUM (FULL) entities, outcomes, decisions, write_offs, files")

    def health(self) -> str:
        """`ok`, or the setting of the server for which a commit may be lost."""
        off = [name for name in ("fsync", "full_page_writes") if self._setting(name) != "on"]
        return f"the server has {off[0]} = off, so that a power cut may damage the ledger" if off else "ok"

    def _setting(self, name: str) -> str:
        return str(self.execute("SELECT current_setting(?)", (name,)).fetchone()[0])

    def close(self) -> None:
        """End the connection; an open transaction is rolled back."""
        self._connection.close()

    def _within(self, sql: str, work: Callable[[], PostgresRows]) -> PostgresRows:
        """The answer of `work`; begins a transaction, or ends one, as the statement says."""
        with postgres_errors(self.where), held_back():
            match sql:
                case "BEGIN IMMEDIATE":
                    return self._begin()
                case door.BESIDE_OTHERS:
                    self._gathered = []
                    return PostgresRows(ClientCursor(self._connection))
                case door.BEHIND_OTHERS:
                    self._gathered = []
                    return self._run(_BEHIND_OTHERS, [])
                case "BEGIN":
                    return self._run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", [])
                case "COMMIT" | "ROLLBACK" if self._gathered is not None:
                    together, self._gathered = self._gathered, None
                    return self._run_together(together if sql == "COMMIT" else ())
            if self.in_transaction or not sql.lstrip().startswith(_CHANGES):
                return work()
            with self._rolled_back():
                self._begin()
                found = work()
                self._run("COMMIT", [])
            return found

    def _begin(self) -> PostgresRows:
        with self._rolled_back():
            self._run("BEGIN", [])
            return self._run(_BEHIND_OTHERS, [])

    @contextmanager
    def _rolled_back(self) -> Iterator[None]:
        """A transaction that the block has begun ends with what it raises."""
        try:
            yield
        except BaseException:
            if self.in_transaction:
                self._run("ROLLBACK", [])
            raise

    def _run(self, text: str, values: Sequence[Any]) -> PostgresRows:
        cursor = ClientCursor(self._connection)
        self._send(cursor, text, values)
        return PostgresRows(cursor)

    def _send(self, cursor: psycopg.Cursor[Any], text: str, values: Sequence[Any]) -> None:
        """Now, or with the others of a transaction that only writes."""
        if self._gathered is None:
            cursor.execute(text.encode(), values)
        else:
            self._gathered.append((text, values))

    def _run_together(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> PostgresRows:
        """One transaction: all, or none. Source: PostgreSQL's manual, 34.5 (pipeline mode)."""
        cursor = psycopg.Cursor(self._connection)
        with self._connection.pipeline():
            for text, values in statements:
                cursor.execute(text.encode(), values)
        return PostgresRows(ClientCursor(self._connection))

    def _many(self, statement: Statement, rows: Iterator[Any]) -> PostgresRows:
        cursor, adding = psycopg.Cursor(self._connection), statement.of_many
        while some := list(islice(rows, ROWS_AT_ONCE)):
            if adding is not None:
                self._send(cursor, adding.text, adding.values(some))
                continue
            for row in some:
                self._send(cursor, statement.text, statement.values(row))
        return PostgresRows(cursor)


class WholeNumbers(Loader):
    """Sums, which PostgreSQL gives as exact decimals, as whole numbers; the ledger has no others."""

    def load(self, data: Any) -> int:
        """The number."""
        return int(bytes(data))


@contextmanager
def postgres_errors(where: str) -> Iterator[None]:
    """What psycopg raises as errors of ours: a server that is away is the operator's matter, damage a bug's.

    Source: PostgreSQL's manual, appendix A (error codes).

    Raises:
        DiskFull: the server has no room, or may not write.
        LedgerBusy: another program holds a lock, or all connections.
        LedgerUnreachable: the server is away, or the connection broke.
        LedgerDamaged: the server says that its data is damaged.
        LeaseLost: `parts.hold_fast` says so.
    """
    try:
        yield
    except (errors.DiskFull, errors.ReadOnlySqlTransaction, errors.InsufficientPrivilege) as error:
        raise DiskFull(where=where, problem=_told(error)) from error
    except (errors.LockNotAvailable, errors.TooManyConnections, errors.DeadlockDetected) as error:
        raise LedgerBusy(where=where, problem=_told(error)) from error
    except (errors.DataCorrupted, errors.IndexCorrupted) as error:
        raise LedgerDamaged(where=where, problem=_told(error)) from error
    except _AWAY as error:
        raise LedgerUnreachable(where=where, problem=_told(error)) from error
    except psycopg.Error as error:
        if error.sqlstate == LEASE_LOST:
            raise LeaseLost(part=int(_told(error))) from None
        raise type(error)(_told(error)) from None  # a bug, whose trace must not show values of records


def _told(error: psycopg.Error) -> str:
    """What went wrong, in one line and without values of records."""
    text = error.diag.message_primary or str(error) or type(error).__name__
    return " ".join(text.split())
