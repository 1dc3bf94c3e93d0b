"""A real PostgreSQL server in a folder of its own, reached by a unix socket, and databases on it.

It does not run as root: where the tests do, it is run as Debian's user `postgres`. It syncs nothing, for what is killed
here is never the machine.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest

from pipeline.edge.ledger.postgres.address import PostgresAddress
from pipeline.edge.ledger.postgres.opening import open_postgres_ledger

START_S = 20
ACCOUNT = "postgres"
"""Who the server runs as where the tests are root's."""
_PR_SET_PDEATHSIG = 1
_TEMPLATE = "made"


def _programs() -> Path | None:
    """The folder of `initdb` and its like, of the newest version; None where none is installed."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.environ["PATH"].split(":"))]
    found = [each for each in folders if all((each / name).exists() for name in ("initdb", "pg_basebackup"))]
    return max(found, key=lambda folder: folder.parent.name, default=None)


def database_of(url: str) -> str:
    """Name of the database at the address of a ledger of these servers."""
    return url.removeprefix("postgresql://billferry@/").partition("?")[0]


class Postgres:
    """One server. `stop` ends it as an operator does, `kill` as a fault does; `start` is for both."""

    def __init__(self, *options: str, port: int = 5432, of: Postgres | None = None) -> None:
        """Make it and start it.

        Args:
            options: settings of the server, `name=value`.
            port: names its socket.
            of: the server that it is a replica of.
        """
        programs = _programs()
        if programs is None:
            if os.environ.get("CI"):
                pytest.fail("PostgreSQL is not installed (Debian: postgresql)")
            pytest.skip("needs PostgreSQL (Debian: postgresql)")
        self._programs = programs
        self.port = port
        self._options = (f"port={port}", "fsync=off", "max_connections=300", "listen_addresses=", *options)
        self.folder = Path(tempfile.mkdtemp(prefix="bf-pg-", dir="/tmp"))
        self.folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(self.folder, ACCOUNT)
        if of is None:
            words = ("-A", "trust", "-U", "billferry", "-E", "UTF8", "--locale=C", "--no-sync")
            self._run("initdb", "-D", self.data, *words)
        else:
            primary = ("-h", of.folder, "-p", str(of.port), "-U", "billferry")
            self._run(
                "pg_basebackup", "-D", self.data, "-R", "-X", "stream", "--no-sync", "-c", "fast", *primary
            )
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self.start()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """Of the process that the others of the server are children of."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        return f"postgresql://billferry@/{database}?host={self.folder}&port={self.port}"

    def start(self) -> None:
        settings = [f"unix_socket_directories={self.folder}", *self._options]
        words = [word for each in settings for word in ("-c", each)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_become_server,  # noqa: PLW1509 (before exec alone)
                cwd="/",
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1", "postgres")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        self._end(signal.SIGINT)

    def kill(self) -> None:
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_S)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, sql: str, database: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def replica(self, port: int) -> Postgres:
        """Another server that follows this one, and lags behind by nothing that was committed (synchronous)."""
        replica = Postgres(port=port, of=self)
        self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'", "postgres")
        self.execute("SELECT pg_reload_conf()", "postgres")
        return replica

    def promote(self) -> None:
        """A replica becomes a server that writes."""
        self.execute("SELECT pg_promote()", "postgres")

    def new_database(self) -> str:
        """Address of an empty database."""
        name = f"ledger{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}", "postgres")
        return self.url(name)

    def new_ledger(self) -> str:
        """Address of a database with the tables of a ledger that nobody has opened yet."""
        self._make_template()
        name = f"ledger{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}", "postgres")
        return self.url(name)

    def copied(self, url: str) -> str:
        """Address of a copy of that database, with which nothing works now."""
        name = f"ledger{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {database_of(url)}", "postgres")
        return self.url(name)

    @cache  # noqa: B019 (servers live as long as the tests)
    def _make_template(self) -> None:
        self.execute(f"CREATE DATABASE {_TEMPLATE}", "postgres")
        address = PostgresAddress(self.url(_TEMPLATE))
        open_postgres_ledger(address, merchant="nobody", environment="test").close()
        self.execute("DELETE FROM billferry.binding", _TEMPLATE)

    def _run(self, program: str, *words: str | Path) -> None:
        subprocess.run(
            [self._programs / program, *words],
            check=True,
            capture_output=True,
            preexec_fn=_become_server,
            cwd="/",
        )


def _become_server() -> None:
    """In the server's process: no root's, and ended with the tests."""
    if os.geteuid() == 0:
        import grp
        import pwd

        account = pwd.getpwnam(ACCOUNT)
        os.setgroups([grp.getgrgid(account.pw_gid).gr_gid])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


@cache
def shared_server() -> Postgres:
    """The server of this process's tests, begun with the first that needs it."""
    server = Postgres()
    atexit.register(server.remove)
    return server
