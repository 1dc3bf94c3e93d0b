"""Where a merchant's ledger is, by the config: a file below work_dir, or a database in PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.postgres.address import PostgresAddress
from pipeline.errors import ConfigError, ExtraMissing
from schemas.settings import Settings

if TYPE_CHECKING:  # an extra
    from pipeline.edge.ledger.postgres.connection import PostgresLedger

LedgerPlace = Path | PostgresAddress
"""Where a ledger is: its file, or its database."""


def ledger_place(settings: Settings) -> LedgerPlace:
    """Where a merchant's ledger is."""
    if settings.ledger != "sqlite":
        return PostgresAddress(settings.ledger, settings.ledger_password_file)
    return sqlite_path(settings)


def sqlite_path(settings: Settings) -> Path:
    """Where the ledger is, or was before it was moved into a database."""
    return settings.work_dir / "ledger.sqlite"


def open_merchants_ledger(settings: Settings, *, read_only: bool = False) -> Ledger:
    """The merchant's ledger.

    Raises:
        ConfigError: it is to be in a database, and is still in SQLite.
        And as `open_ledger`.
    """
    if settings.ledger != "sqlite" and (left := sqlite_path(settings)).exists():
        raise ConfigError(
            where="ledger",
            problem=f"the ledger is still in {left}",
            remedy="move it into the database with billferry ledger move",
        )
    return open_ledger(
        ledger_place(settings),
        merchant=settings.merchant,
        environment=settings.environment,
        read_only=read_only,
    )


def open_ledger(place: LedgerPlace, *, merchant: str, environment: str, read_only: bool = False) -> Ledger:
    """A connection to the ledger at `place`, made if it is not there.

    Transactions are explicit (see `transaction`). It may be handed from one thread to another, but not be used by two
    at once.

    Args:
        merchant, environment: what the ledger is bound to, at its first opening for good.
        read_only: never creates, migrates or writes; for commands that only show.

    Raises:
        LedgerOfAnother: it is bound to another merchant or environment.
        LedgerDamaged: it is no ledger.
        LedgerTooNew: a later version of the program has upgraded it.
        LedgerOutdated: it is of an older version and may not be migrated, since it is only read.
        LedgerBusy: another process holds its lock for longer than BUSY_TIMEOUT_S.
        DiskFull: it cannot be written.
        LedgerUnreachable, ConfigError: see `open_postgres_ledger`. ExtraMissing: its driver is not installed.
    """
    if isinstance(place, Path):
        return open_sqlite_ledger(place, merchant=merchant, environment=environment, read_only=read_only)
    return open_postgres(place, merchant=merchant, environment=environment, read_only=read_only)


def open_postgres(
    address: PostgresAddress, *, merchant: str, environment: str, read_only: bool = False
) -> PostgresLedger:
    """The same of a ledger in PostgreSQL alone."""
    try:
        from pipeline.edge.ledger.postgres.opening import open_postgres_ledger  # noqa: PLC0415 (an extra)
    except ImportError:
        raise ExtraMissing(
            name="ledger", what="a ledger in PostgreSQL", package="psycopg", extra="postgres"
        ) from None
    return open_postgres_ledger(address, merchant=merchant, environment=environment, read_only=read_only)


def may_be_there(place: LedgerPlace) -> bool:
    """Whether there may be a ledger: a file is looked for, a server is not asked."""
    return not isinstance(place, Path) or place.exists()
