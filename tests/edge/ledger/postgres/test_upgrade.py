"""A ledger of an earlier version is brought up to date, and is then as one that was made new."""

from __future__ import annotations

import psycopg
import pytest

from pipeline.edge.ledger.migrations import MIGRATIONS
from pipeline.edge.ledger.postgres.address import PostgresAddress
from pipeline.edge.ledger.postgres.connection import SCHEMA
from pipeline.edge.ledger.postgres.opening import open_postgres_ledger
from tests.seeds import some
from tests.servers.postgres import Postgres, database_of, shared_server

EARLIEST = 14
"""The first version with every column that a load writes at once."""
WITHOUT_CHANGES = 16
"""The version before the one whose table of changes begins with all files that there are."""
CATALOGUES = (
    "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name"
    " FROM information_schema.columns WHERE table_schema = '{schema}'",
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = '{schema}'",
    "SELECT tgname, pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
    " WHERE relnamespace = to_regnamespace('{schema}') AND NOT tgisinternal",
    "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = to_regnamespace('{schema}')",
    "SELECT number FROM {schema}.version",
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = to_regnamespace('{schema}')",
)


def opened(url: str) -> None:
    open_postgres_ledger(PostgresAddress(url), merchant="citypower", environment="test").close()


def of_version(version: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of a ledger as that version made it."""
    url = shared_server().new_database()
    with monkeypatch.context() as then:
        for module in ("tables", "opening"):
            then.setattr(f"pipeline.edge.ledger.postgres.{module}.MIGRATIONS", MIGRATIONS[:version])
        opened(url)
    return url


def catalogue(server: Postgres, url: str) -> list[set[tuple[object, ...]]]:
    database = database_of(url)
    return [set(server.execute(sql.format(schema=SCHEMA), database)) for sql in CATALOGUES]


@pytest.mark.parametrize("version", some(range(len(MIGRATIONS) - 1, EARLIEST - 1, -1), 3))
def test_an_upgraded_ledger_is_as_a_new_one(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = of_version(version, monkeypatch), shared_server().new_database()
    opened(new)
    assert catalogue(shared_server(), old) != catalogue(shared_server(), new)
    opened(old)
    assert catalogue(shared_server(), old) == catalogue(shared_server(), new)


def test_what_hosts_of_the_version_before_write_through_is_left_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = of_version(21, monkeypatch)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE VIEW billferry.rows_at_once AS SELECT NULL::jsonb AS closed")
    opened(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT closed FROM billferry.rows_at_once").fetchall() == [(None,)]


def test_rows_are_kept_and_what_a_migration_writes_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    url = of_version(WITHOUT_CHANGES, monkeypatch)
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO billferry.files (sha256, name, source, feed, feed_print, name_parts, size_bytes, state,"
            " landed_at) VALUES ('ab', 'it''s -- no comment', 'sftp', 'bills', '', '{}', 1, 'landed', '')"
        )
    opened(url)
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT name FROM billferry.changes JOIN billferry.files ON files.id = file_id"
        )
        assert rows.fetchall() == [("it's -- no comment",)]
