"""A ledger whose server is killed, away, slow, full or in use: told in one line, and nothing half done."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.postgres import connection as of_connection
from pipeline.edge.ledger.postgres.address import PostgresAddress
from pipeline.edge.ledger.postgres.connection import PostgresLedger
from pipeline.edge.ledger.postgres.opening import open_postgres_ledger
from pipeline.edge.ledger.postgres.parts import process_name
from pipeline.errors import (
    AnotherRun,
    ConfigError,
    DiskFull,
    LedgerBusy,
    LedgerOfAnother,
    LedgerOutdated,
    LedgerTooNew,
    LedgerUnreachable,
    Stopped,
)
from pipeline.signals import answered, stoppable
from tests.edge.ledger.conftest import land
from tests.servers.certificates import Authority
from tests.servers.postgres import ACCOUNT, Postgres, shared_server
from tests.servers.proxy import SpoilingProxy


def opened(url: str, *, merchant: str = "citypower", read_only: bool = False) -> PostgresLedger:
    return open_postgres_ledger(
        PostgresAddress(url), merchant=merchant, environment="test", read_only=read_only
    )


@pytest.fixture
def url() -> str:
    return shared_server().new_ledger()


@pytest.fixture
def server() -> Iterator[Postgres]:
    own = Postgres()
    yield own
    own.remove()


def feeds(ledger: Ledger) -> list[str]:
    return [feed for (feed,) in ledger.execute("SELECT feed FROM arrivals ORDER BY feed")]


def write_while_it_is_killed(ledger: Ledger, server: Postgres) -> None:
    with transaction(ledger):
        ledger.execute("INSERT INTO arrivals VALUES ('lost', 'x')")
        server.kill()
        ledger.execute("INSERT INTO arrivals VALUES ('lost too', 'x')")


def read_much(ledger: Ledger) -> None:
    for _ in range(1_000):
        ledger.execute("SELECT repeat('x', 1000)").fetchone()


def test_a_killed_server_loses_what_was_not_committed_and_nothing_else(server: Postgres) -> None:
    url = server.new_database()
    ledger = opened(url)
    ledger.execute("INSERT INTO arrivals VALUES ('kept', 'x')")
    with pytest.raises(LedgerUnreachable) as told:
        write_while_it_is_killed(ledger, server)
    assert "\n" not in str(told.value)
    assert not ledger.in_transaction
    with pytest.raises(LedgerUnreachable):
        ledger.execute("SELECT 1")
    ledger.close()
    with pytest.raises(LedgerUnreachable, match="sends nothing more"):
        opened(url)
    server.start()
    with closing(opened(url)) as again:
        assert feeds(again) == ["kept"]


def test_a_reader_cannot_write(url: str) -> None:
    opened(url).close()
    with closing(opened(url, read_only=True)) as ledger, pytest.raises(DiskFull):
        ledger.execute("INSERT INTO arrivals VALUES ('bills', 'x')")


def test_a_reader_makes_no_tables() -> None:
    with pytest.raises(LedgerOutdated) as told:
        opened(shared_server().new_database(), read_only=True)
    assert told.value.facts["version"] == 0


def test_a_ledger_that_a_later_version_has_upgraded_is_left_alone(url: str) -> None:
    with closing(opened(url)) as ledger:
        ledger.execute("UPDATE version SET number = number + 1")
    for read_only in (False, True):
        with pytest.raises(LedgerTooNew, match="update Billferry on this host"):
            opened(url, read_only=read_only)


def test_a_ledger_of_another_merchant_is_not_opened(url: str) -> None:
    opened(url).close()
    with pytest.raises(LedgerOfAnother):
        opened(url, merchant="joburgwater")


def test_one_writer_at_a_time_and_the_other_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(opened(url)) as one, closing(opened(url)) as other:
        other.script("SET lock_timeout = '200ms'")
        with transaction(one):
            assert feeds(other) == [], "readers do not wait"
            with pytest.raises(LedgerBusy):
                other.execute("INSERT INTO arrivals VALUES ('bills', 'x')")
        other.execute("INSERT INTO arrivals VALUES ('bills', 'x')")


def test_one_run_at_a_time_over_all_hosts(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_connection, "POLL_S", 0.01)
    with closing(opened(url)) as one, closing(opened(url)) as other:
        with one.hold(0), pytest.raises(AnotherRun, match=f"process {process_name()}"), other.hold(0.05):
            pass
        with other.hold(0):
            pass


def test_a_run_whose_process_was_killed_holds_nothing(url: str) -> None:
    program = (
        "import sys, time\n"
        "from pipeline.edge.ledger.postgres.address import PostgresAddress\n"
        "from pipeline.edge.ledger.postgres.opening import open_postgres_ledger\n"
        "ledger = open_postgres_ledger(PostgresAddress(sys.argv[1]), merchant='citypower', environment='test')\n"
        "with ledger.hold(0):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with closing(opened(url)) as ledger:
        with pytest.raises(AnotherRun), ledger.hold(0):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
        with ledger.hold(5):
            pass


def test_nothing_of_the_audit_trail_is_changed(url: str) -> None:
    import psycopg

    with closing(opened(url)) as ledger:
        ledger.execute("INSERT INTO audit VALUES (1, '{}', 'y')")
        for statement in ("UPDATE audit SET entry = ''", "DELETE FROM audit", "TRUNCATE audit"):
            with pytest.raises(psycopg.Error, match="append-only"):
                ledger.execute(statement)
        assert {"audit_is_never_changed", "audit_is_never_shortened"} <= ledger.names_of("trigger")
        ledger.script("ALTER TABLE audit DISABLE TRIGGER audit_is_never_changed")
        assert "audit_is_never_changed" not in ledger.names_of("trigger")


def test_a_bug_in_a_statement_shows_no_value_of_a_record(url: str) -> None:
    import psycopg

    with closing(opened(url)) as ledger:
        land(Files(ledger))
        with pytest.raises(psycopg.Error) as told:
            ledger.execute("INSERT INTO files (sha256, name) VALUES (?, ?)", ("a" * 64, "Naledi Khumalo"))
        assert "Naledi" not in str(told.value)
        assert told.value.__cause__ is None


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("postgresql://me:secret@/a", "holds a password"),
        ("postgresql://me@db.example/a?sslmode=prefer", "does not verify"),
        ("postgresql://me@db.example/a?sslmode=disable", "does not verify"),
        ("postgresql://me@/a?host=/run/x,db.example&sslmode=require", "does not verify"),
        ("postgresql://me@/a?nonsense=1", "nonsense"),
    ],
)
def test_an_address_that_is_not_safe_is_a_mistake(address: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as told:
        opened(address)
    assert "secret" not in str(told.value)


# -- over a network --


class Networked:
    """A server with a certificate, on a port of loopback."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        keys = Path(shared_server().folder) / f"tls{self.port}"
        keys.mkdir()
        pair = self.authority.key_pair("localhost", keys)
        pair.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(keys, ACCOUNT)
            shutil.chown(pair, ACCOUNT)
        self.server = Postgres(
            "listen_addresses=127.0.0.1",
            "ssl=on",
            f"ssl_cert_file={pair}",
            f"ssl_key_file={pair}",
            port=self.port,
        )

    def url(self, port: int, *, authority: bool = True) -> str:
        trusted = f"&sslrootcert={self.authority.path}" if authority else ""
        return f"postgresql://billferry@localhost:{port}/postgres?connect_timeout=5{trusted}"


@pytest.fixture
def networked(tmp_path: Path) -> Iterator[Networked]:
    found = Networked(tmp_path)
    yield found
    found.server.remove()


def test_over_a_network_the_server_is_verified(networked: Networked) -> None:
    with closing(opened(networked.url(networked.port))) as ledger:
        rows = ledger.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert rows.fetchone()[0]
    with pytest.raises(LedgerUnreachable, match="certificate"):
        opened(networked.url(networked.port, authority=False))


def test_a_cut_line_is_told_and_the_lock_of_runs_is_free_again(networked: Networked) -> None:
    opened(networked.url(networked.port)).close()
    with SpoilingProxy(networked.port, good_bytes=20_000, spoiled=1) as proxy:
        ledger = opened(networked.url(proxy.port))
        with ledger.hold(0), pytest.raises(LedgerUnreachable):
            read_much(ledger)
        ledger.close()
    with closing(opened(networked.url(networked.port))) as again, again.hold(10):
        pass


def test_a_stop_waits_for_the_answer_and_the_connection_is_of_use_after_it(url: str) -> None:
    with closing(opened(url)) as ledger:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        with pytest.raises(Stopped), answered(), stoppable():
            ledger.execute("SELECT pg_sleep(1)")
        with transaction(ledger):
            ledger.execute("INSERT INTO arrivals VALUES ('bills', 'x')")
        assert feeds(ledger) == ["bills"]
