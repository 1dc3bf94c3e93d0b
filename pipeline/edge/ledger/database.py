"""Opens the ledger's SQLite database: WAL, synchronous=FULL, migrations behind a backup, bound to one merchant.

WAL lets `status` read while a run writes; FULL syncs the WAL at each commit, so that what is committed survives a power
cut. Source: sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Literal, Self

from pipeline.edge.disk import new_file, put_in_place, remove, sync_file
from pipeline.edge.ledger.at_once import SETUP
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.migrations import MIGRATIONS
from pipeline.errors import (
    BillferryError,
    DiskFull,
    LedgerBusy,
    LedgerDamaged,
    LedgerOfAnother,
    LedgerOutdated,
    LedgerTooNew,
    WorkDirGone,
)

BUSY_TIMEOUT_S = 30.0
"""How long SQLite waits for another writer. Source: sqlite3_busy_timeout()."""
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
"""Primary result codes of a lock that another process holds."""
_OF_THE_DISK = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
)
"""Primary result codes that a disk or its rights cause. Source: sqlite.org/rescode.html."""

COPIED = -1
"""Sequence of a copy (see `lineage`)."""


class _Cursor(sqlite3.Cursor):
    """A statement may fail when it begins, and at each row that is fetched."""

    connection: SqliteLedger

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        with self.connection.translated_errors():
            return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        with self.connection.translated_errors():
            return super().executemany(sql, parameters)

    def fetchone(self) -> Any:
        with self.connection.translated_errors():
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with self.connection.translated_errors():
            return super().fetchall()

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # a generator costs nothing per row
        with self.connection.translated_errors():
            yield from iter(super().fetchone, None)


class SqliteLedger(sqlite3.Connection):
    """An open ledger, or inbox. Whoever uses it gets errors of ours for a full disk, a held lock and a damaged file."""

    where: Path
    """Path of the ledger, for messages."""
    read_only: bool
    file: tuple[int, int] | None = None
    """Device and inode of the ledger that a writer opened."""

    is_shared = False
    """Its file is in the work_dir that one run at a time works in."""

    def cursor(self, factory: Any = None, /) -> Any:
        return super().cursor(factory or _Cursor)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self.cursor().execute(sql, parameters)
        return cursor

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self.cursor().executemany(sql, parameters)
        return cursor

    def hold(self, wait_s: float, /) -> AbstractContextManager[None]:  # noqa: ARG002
        """Nothing: whoever has the lock of the work_dir, where the file is, has the ledger."""
        return nullcontext()

    def names_of(self, kind: Literal["index", "trigger"], /) -> set[str]:
        """Names of the indexes or triggers of the database."""
        return {name for (name,) in self.execute("SELECT name FROM sqlite_schema WHERE type = ?", (kind,))}

    def prepare_rows(self) -> None:
        """Make the view of `at_once`, of this connection alone.

        Within a transaction, it ends with that one if it is rolled back.
        """
        for statement in SETUP:
            self.execute(statement)

    def erase(self) -> None:
        """What is deleted is overwritten. Source: sqlite.org/pragma.html#pragma_secure_delete."""
        self.execute("PRAGMA secure_delete = ON")

    def overwrite(self) -> None:
        """Write the database anew without free pages, empty its log, and remove copies of earlier versions.

        Raises:
            LedgerBusy: another program reads it, so that its log cannot be emptied.
            DiskFull: there is no room for a second copy of it.
        """
        self.erase()
        self.execute("VACUUM")
        (busy, *_) = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LedgerBusy(where=self.where, problem="its log could not be emptied")
        for copy in copies_of_earlier_versions(self.where):
            remove(copy)

    def health(self) -> str:
        """`ok`, or what SQLite finds wrong."""
        return str(self.execute("PRAGMA quick_check").fetchone()[0])

    def translated_errors(self) -> AbstractContextManager[None]:
        """For statements: what SQLite raises as errors of ours, with the path of this ledger."""
        return ledger_errors(self.where, read_only=self.read_only)

    def require_in_place(self) -> None:
        """SQLite goes on writing into a file that has lost its name. Raises WorkDirGone."""
        if self.file is not None and _identity(self.where) != self.file:
            raise WorkDirGone(where=self.where)


def open_sqlite_ledger(
    path: Path, *, merchant: str, environment: str, read_only: bool = False
) -> SqliteLedger:
    """A connection to the ledger in SQLite at `path`. Arguments and errors as of `open_ledger`."""
    return open_database(
        path, merchant=merchant, environment=environment, read_only=read_only, migrations=MIGRATIONS
    )


def open_database(
    path: Path,
    *,
    merchant: str,
    environment: str,
    read_only: bool = False,
    migrations: Sequence[str],
) -> SqliteLedger:
    """A connection to the SQLite database at `path`, a ledger or an inbox, as `migrations` lead to its tables.

    Other arguments and errors as of `open_ledger`.
    """
    with ledger_errors(path):
        connection = _connect(path, read_only=read_only)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(migrations):
                raise LedgerTooNew(where=path, version=version, newest=len(migrations))
            if read_only and version < len(migrations):
                raise LedgerOutdated(where=path, version=version, newest=len(migrations))
            if not read_only:
                _migrate(connection, path, version, migrations)
            require_merchant(connection, path, merchant, environment, read_only=read_only)
        except BaseException:
            connection.close()
            raise
    return connection


def copy_ledger(connection: sqlite3.Connection, target: Path) -> str:
    """Write a consistent copy of a ledger to `target`; its SHA-256. Raises as `copy_database`.

    It is marked as a copy, so that it is noticed wherever it is put in place, also when a load was under way.
    """
    return copy_database(connection, target, ("UPDATE lineage SET sequence = ?", (COPIED,)))


def copy_database(
    connection: sqlite3.Connection, target: Path, mark: tuple[str, Sequence[object]] | None = None
) -> str:
    """Write a consistent copy to `target`, safe while others write; in place only when it is whole and checked. Its
    SHA-256.

    Source: sqlite.org/backup.html.

    Args:
        mark: a statement and its values, for the copy alone.

    Raises:
        FileExistsError: `target` is there; copies are never overwritten.
        DiskFull: no room. LedgerDamaged: the copy fails its integrity check.
    """
    if target.exists():
        raise FileExistsError(target)
    part = target.with_name(f".{target.name}.part")
    remove(part)
    with new_file(part, durable=False):
        pass
    try:
        with ledger_errors(target), closing(sqlite3.connect(part)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            if mark is not None:
                copy.execute(*mark)
                copy.commit()
            problem = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if problem != "ok":
            raise LedgerDamaged(where=target, problem=problem)
        put_in_place(part, target)
        sync_file(target)
    except BaseException:
        with suppress(BillferryError):
            remove(part)
        raise
    with ledger_errors(target), target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copies_of_earlier_versions(where: Path) -> list[Path]:
    """Copies of a ledger or an inbox beside it that an upgrade has left: all that was known then is in them."""
    return sorted(where.parent.glob(f"{where.name}.before-v*"))


@contextmanager
def ledger_errors(path: Path | str, *, read_only: bool = False) -> Iterator[None]:
    """What SQLite raises as errors of ours: a full disk or a lock is the operator's matter, damage a bug's.

    Args:
        path: of the ledger, for messages.
        read_only: whether the connection is; then a refused write is a bug of ours and not a matter of rights.
    """
    try:
        yield
    except OSError as error:
        raise DiskFull(where=path, problem=error.strerror) from error
    except sqlite3.OperationalError as error:
        kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if kind in _LOCKED:
            raise LedgerBusy(where=path, problem=error) from error
        # Nothing but a disk or its rights keeps a writer from writing; a reader must not try.
        if kind in _OF_THE_DISK or (kind == sqlite3.SQLITE_READONLY and not read_only):
            raise DiskFull(where=path, problem=error) from error
        raise
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise LedgerDamaged(where=path, problem=error) from error
        raise


@contextmanager
def transaction(connection: Ledger, *, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All or nothing, durable when the block ends; inside another transaction, a part of that one.

    Any exception rolls back. BEGIN IMMEDIATE takes the write lock at once: a later upgrade from reading to writing
    could fail in the middle.

    Raises:
        WorkDirGone: the ledger's file was removed or replaced under us. LedgerBusy, DiskFull: see `ledger_errors`.
    """
    inside_another = connection.in_transaction
    if inside_another:
        yield
        return
    if isinstance(connection, SqliteLedger):
        connection.require_in_place()
    connection.execute(begin)
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def snapshot(connection: Ledger) -> Iterator[None]:
    """Within the block everything that is read is of one moment, whatever a run writes meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def _connect(path: Path, *, read_only: bool) -> SqliteLedger:
    """A connection with our settings; the database file is private from its first byte."""
    if not read_only:
        # SQLite gives its WAL and shared-memory files the mode of the database file.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rw'}"
    connection: SqliteLedger = sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_S,
        check_same_thread=False,
        factory=SqliteLedger,
    )
    connection.where, connection.read_only = path, read_only
    if not read_only:
        connection.file = _identity(path)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    return connection


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of what is at a path; None when nothing is."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _migrate(connection: SqliteLedger, path: Path, version: int, migrations: Sequence[str]) -> None:
    """Bring the tables up to date, each step in a transaction of its own, after a backup beside the ledger.

    A new ledger has nothing to keep, and is made in one transaction: a disk is waited for once and not at each step.
    """
    if version == len(migrations):
        return
    if version > 0:
        copy = path.with_name(f"{path.name}.before-v{len(migrations)}")
        copy.unlink(missing_ok=True)  # left by a migration that was cut off
        connection.execute("VACUUM INTO ?", (str(copy),))
        copy.chmod(0o600)
    steps = list(enumerate(migrations[version:], start=version + 1))
    if version == 0:
        steps = [(len(migrations), ";".join(migrations))]
    for number, script in steps:
        with transaction(connection):
            if connection.execute("PRAGMA user_version").fetchone()[0] >= number:
                continue  # somebody else has made this step since we looked
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one; those of a trigger have semicolons inside."""
    begun = ""
    for piece in script.split(";"):
        begun += f"{piece};"
        if sqlite3.complete_statement(begun):
            yield begun
            begun = ""


def require_merchant(
    ledger: Ledger, where: Path | str, merchant: str, environment: str, *, read_only: bool
) -> None:
    """Bind a new ledger to merchant and environment, unless it is only read.

    Raises LedgerOfAnother for one that is bound to others.
    """
    row = ledger.execute("SELECT merchant, environment FROM binding").fetchone()
    if row is None:
        if not read_only:
            ledger.execute(
                "INSERT INTO binding SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM binding)",
                (merchant, environment),
            )
            require_merchant(ledger, where, merchant, environment, read_only=True)
    elif tuple(row) != (merchant, environment):
        raise LedgerOfAnother(where=where, bound=f"{row[0]} ({row[1]})", given=f"{merchant} ({environment})")
