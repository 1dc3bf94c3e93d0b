"""The server of the ledger is slow, full, has no connection to spare, or is replaced by its replica during a run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path

import psycopg
import pytest

from tests.ledger_of_world import sqlite_alone
from tests.servers.postgres import ACCOUNT, Postgres, database_of
from tests.stories.files import bills
from tests.stories.merchant import Merchant
from tests.stories.test_two_hosts import COUNT, begun, many

pytestmark = sqlite_alone  # they bring a database of their own


@pytest.fixture
def server() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


def all_is_loaded(merchant: Merchant) -> None:
    assert len(merchant.held("bills")) == COUNT
    assert merchant.ledger("SELECT count(*) FROM intents") == [(0,)]


def test_a_slow_server_costs_time_alone(merchant: Merchant, server: Postgres) -> None:
    """Each commit of the load takes a tenth of a second: what waits meanwhile is committed together."""
    url = merchant.settings["ledger"] = server.new_ledger()
    server.execute(
        "CREATE SEQUENCE billferry.waits; CREATE FUNCTION billferry.wait() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(0.1), nextval(''billferry.waits''); RETURN new; END';"
        " CREATE TRIGGER wait INSTEAD OF INSERT ON billferry.group_rows"
        " FOR EACH ROW EXECUTE FUNCTION billferry.wait()",
        database_of(url),
    )
    many(merchant)
    said = merchant.run()
    assert said.outcomes() == {"created": COUNT}
    assert said.exit_status == 0
    ((waits,),) = server.execute("SELECT last_value FROM billferry.waits", database_of(url))
    assert 1 < int(str(waits)) < COUNT
    all_is_loaded(merchant)


def test_a_server_without_a_connection_to_spare_is_told_in_one_line(
    merchant: Merchant, server: Postgres
) -> None:
    url = merchant.settings["ledger"] = server.new_ledger()
    many(merchant)
    server.execute("CREATE ROLE merchant LOGIN CONNECTION LIMIT 1", "postgres")
    for each in ("ALL ON SCHEMA", "ALL ON ALL TABLES IN SCHEMA", "ALL ON ALL SEQUENCES IN SCHEMA"):
        server.execute(f"GRANT {each} billferry TO merchant", database_of(url))
    merchant.settings["ledger"] = url.replace("billferry@", "merchant@")
    with psycopg.connect(url.replace("billferry@", "merchant@")):
        said = merchant.run()
        assert said.exit_status == 3
        assert "too many connections for role" in said.stderr
        assert len(said.stderr.splitlines()) <= 3
        assert said.requests.total() == 0
    server.execute("ALTER ROLE merchant CONNECTION LIMIT 20", "postgres")
    assert merchant.run().outcomes() == {"created": COUNT}
    all_is_loaded(merchant)


def test_a_server_that_is_replaced_by_its_replica_during_a_run_is_found_by_the_next(
    merchant: Merchant,
) -> None:
    primary = Postgres()
    url = primary.new_ledger()
    replica = primary.replica(port=5433)
    try:
        merchant.settings["ledger"] = (
            f"postgresql://billferry@/{database_of(url)}?host={primary.folder},{replica.folder}"
            f"&port={primary.port},{replica.port}&target_session_attrs=read-write"
        )
        many(merchant)
        with begun(merchant) as working:
            assert working.stderr is not None
            primary.kill()
            said = working.stderr.read()
            assert working.wait(60) == 3
        assert [line for line in said.splitlines() if "cannot be reached" in line]
        assert "Traceback" not in said
        merchant.switch()
        replica.promote()
        replica.execute("ALTER SYSTEM RESET synchronous_standby_names", "postgres")
        replica.execute("SELECT pg_reload_conf()", "postgres")
        assert merchant.run().outcomes() == {"created": COUNT}
        all_is_loaded(merchant)
    finally:
        replica.remove()
        primary.remove()


def fill(file: RawIOBase) -> None:
    """Raises OSError once the disk is full."""
    while True:
        file.write(bytes(4096))


@pytest.fixture
def small_disk(server: Postgres) -> Iterator[Path]:
    """A file system of 12 MB that the server may write to."""
    folder = server.folder / "small"
    folder.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m,mode=0777", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if not mounted or mounted.returncode:
        pytest.skip("may not mount a file system")
    yield folder
    server.stop()
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_of_the_server_is_told_in_one_line_and_the_next_run_goes_on(
    merchant: Merchant, server: Postgres, small_disk: Path
) -> None:
    url = server.new_ledger()
    name = database_of(url)
    place = small_disk / "tables"
    place.mkdir(mode=0o700)
    shutil.chown(place, ACCOUNT)
    server.execute(f"CREATE TABLESPACE small LOCATION '{place}'", "postgres")
    for table in ("intents", "outcomes", "entities"):
        server.execute(f"ALTER TABLE billferry.{table} SET TABLESPACE small", name)
    merchant.settings["ledger"] = url
    many(merchant)
    filling = small_disk / "filling"
    with begun(merchant) as working, filling.open("wb", buffering=0) as file:
        assert working.stderr is not None
        with pytest.raises(OSError, match="No space left"):
            fill(file)
        said = working.stderr.read()
        assert working.wait(60) == 3, said
    (line,) = [each for each in said.splitlines() if "cannot write" in each]
    assert "No space left on device" in line
    assert "Traceback" not in said
    merchant.switch()
    filling.unlink()
    assert merchant.run().exit_status == 0
    all_is_loaded(merchant)
    merchant.write("y_bills_2030-01-01.csv", bills("C-Y,A-Y,B-Y,1.00"), merchant.drop)
    assert merchant.run().exit_status == 0
