"""Connects to a ledger in PostgreSQL, and makes its tables where there are none.

Unless the server is reached by a unix socket, its certificate is verified (`sslmode=verify-full`), by default against
the system's authorities.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from psycopg import ClientCursor
from psycopg.conninfo import conninfo_to_dict

from pipeline.edge.ledger.database import require_merchant, transaction
from pipeline.edge.ledger.migrations import MIGRATIONS
from pipeline.edge.ledger.postgres.address import PostgresAddress
from pipeline.edge.ledger.postgres.connection import (
    BUSY_TIMEOUT_S,
    SCHEMA,
    PostgresLedger,
    WholeNumbers,
    postgres_errors,
)
from pipeline.edge.ledger.postgres.parts import APPLICATION, process_name
from pipeline.edge.ledger.postgres.tables import scripts
from pipeline.edge.operator_files import read_secret
from pipeline.errors import ConfigError, LedgerOutdated, LedgerTooNew

# What a broken connection left open is no news to anybody: the error itself is told.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

CONNECT_TIMEOUT_S = 10
"""To each host of the address."""
DEAD_AFTER_S = 30
"""A server that answers nothing for so long is away."""
OLDEST = 150_000
"""The oldest server version that is known to do: functions with a SQL body came with 14, 15 is the oldest tried."""


def open_postgres_ledger(
    address: PostgresAddress, *, merchant: str, environment: str, read_only: bool = False
) -> PostgresLedger:
    """A connection to the ledger at that address. Arguments and errors as of `open_ledger`.

    Raises:
        ConfigError: the address is none, asks for a connection that is not verified, or its password cannot be read.
        LedgerUnreachable: the server is away or refuses us.
    """
    with postgres_errors(str(address)):
        ledger = PostgresLedger(_connect(address), str(address))
        try:
            _bring_up_to_date(ledger, address, read_only=read_only)
            if read_only:
                ledger.script("SET default_transaction_read_only = on")
            require_merchant(ledger, str(address), merchant, environment, read_only=read_only)
        except BaseException:
            ledger.close()
            raise
    return ledger


def _connect(address: PostgresAddress) -> psycopg.Connection[Any]:
    try:
        facts: dict[str, Any] = {**conninfo_to_dict(address.url)}
    except psycopg.ProgrammingError as error:
        problem = " ".join(str(error).split())
        raise _mistake(address, problem, "write it as PostgreSQL's manual has it") from None
    if "password" in facts:
        raise _mistake(
            address, "the address holds a password", "put it into a file and name it in ledger_password_file"
        )
    if address.password_file is not None:
        facts["password"] = read_secret(address.password_file, "ledger_password_file").strip()
    if not _is_local(facts):
        if facts.setdefault("sslmode", "verify-full") != "verify-full":
            raise _mistake(
                address, f"sslmode={facts['sslmode']} does not verify the server", "take sslmode away"
            )
        facts.setdefault("sslrootcert", "system")
    facts.setdefault("connect_timeout", CONNECT_TIMEOUT_S)
    facts |= {
        "client_encoding": "UTF8",
        "application_name": f"{APPLICATION} {process_name()}",
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": DEAD_AFTER_S * 1000,
    }
    connection = psycopg.connect(
        **facts, autocommit=True, cursor_factory=ClientCursor, prepare_threshold=None
    )
    connection.adapters.register_loader("numeric", WholeNumbers)
    # A host that is gone must not keep the lock of runs: the server looks for it, too.
    connection.execute(
        f"SET search_path = {SCHEMA}; SET lock_timeout = '{BUSY_TIMEOUT_S}s'; SET synchronous_commit = on;"
        " SET TimeZone = 'UTC'; SET client_min_messages = warning; SET standard_conforming_strings = on;"
        " SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
        f" SET tcp_user_timeout = '{DEAD_AFTER_S}s'".encode()
    )
    return connection


def _is_local(facts: dict[str, Any]) -> bool:
    """Whether the server is reached by a unix socket alone."""
    hosts = str(facts.get("host") or "").split(",")
    return not facts.get("hostaddr") and all(not host or host.startswith(("/", "@")) for host in hosts)


def _mistake(address: PostgresAddress, problem: str, remedy: str) -> ConfigError:
    return ConfigError(where=f"ledger: {address}", problem=problem, remedy=remedy)


def _bring_up_to_date(ledger: PostgresLedger, address: PostgresAddress, *, read_only: bool) -> None:
    """Make the tables where there are none, and bring older ones up to date. Raises LedgerTooNew, LedgerOutdated."""
    version, newest = _version(ledger), len(MIGRATIONS)
    if version > newest:
        raise LedgerTooNew(where=address, version=version, newest=newest)
    if version == newest:
        return
    if read_only:
        raise LedgerOutdated(where=address, version=version, newest=newest)
    with transaction(ledger):
        if (version := _version(ledger)) >= newest:
            return  # somebody else has made them since we looked
        if version == 0:
            ledger.script(
                f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}; CREATE TABLE version (number bigint NOT NULL)"
            )
            ledger.script("INSERT INTO version VALUES (0)")
        for script in scripts(version):
            ledger.script(script)
        ledger.script(f"UPDATE version SET number = {newest}")  # noqa: S608 (a number)


def _version(ledger: PostgresLedger) -> int:
    """Of the tables; 0 where there are none."""
    found = ledger.execute("SELECT to_regclass(?)", (f"{SCHEMA}.version",)).fetchone()[0]
    return int(ledger.execute("SELECT number FROM version").fetchone()[0]) if found else 0
