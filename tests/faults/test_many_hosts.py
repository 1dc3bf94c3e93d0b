"""Several hosts load one merchant's files while they are killed, stopped and cut off, and the database restarts."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import psycopg
import pytest

from pipeline.sandbox import seeded
from pipeline.sandbox.seeded import Seeded
from tests.faults.conftest import Open
from tests.faults.files import MODELS, rows
from tests.faults.rig import Rig
from tests.ledger_of_world import sqlite_alone
from tests.seeds import SOAK, cases
from tests.servers.postgres import Postgres
from tests.warm import Process
from tests.world import write_config, write_key

pytestmark = [sqlite_alone, pytest.mark.timeout(600)]  # it brings a database of its own
ROUNDS = cases(1, soak=100)
FILES, RECORDS = (20, 2000) if SOAK else (3, 300)
WORKERS = 4
LEASE_S = 1.3
IMPATIENT = """
import pipeline.workers.lease_keeper as keeper
keeper.MARGIN_S, keeper.RENEW_S = 1.0, 0.2
"""
"""A lease of 1.3 seconds, which is that and the 0.3 that a request may take, so that it often ends."""


@dataclass
class Trouble:
    """What is done to the hosts, one thing after another, until the files are loaded."""

    rig: Rig
    server: Postgres
    random: Random
    restarts: int = 2
    leader: Process | None = None
    workers: list[Process] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def start_worker(self) -> Process:
        number = len(list(self.rig.folder.glob("worker*")))
        folder = self.rig.folder / f"worker{number}"
        folder.mkdir()
        write_key(folder)
        config = write_config(folder, {**self.rig.settings, "drop": None})
        return self.rig.start("worker", "--config", str(config), late=IMPATIENT)

    def load(self, within_s: float) -> None:
        """Run until all is loaded, in a thread, while there is trouble.

        Not the other way round: a server is ended with the thread that has started it.
        """
        self.workers = [self.start_worker() for _ in range(WORKERS)]
        loading = threading.Thread(target=self._lead)
        loading.start()
        kinds = [self.kill_worker, self.stop_worker, self.cut, self.kill_leader, self.restart_server]
        try:
            deadline = time.monotonic() + within_s
            while not self.over.wait(self.random.uniform(0.2, 1.5)) and time.monotonic() < deadline:
                kind = self.random.choices(kinds, [4, 4, 4, 2, 1])[0]
                kind()
                self.done.append(kind.__name__)
        finally:
            loading.join(60)
            for each in self.workers:
                each.send_signal(signal.SIGCONT)
                each.kill()
                each.communicate()
        assert not loading.is_alive(), "it does not come to its end without trouble either"

    def _lead(self) -> None:
        while not self.ended or self.ended[-1] not in {0, 1}:
            with self.rig.start("run", late=IMPATIENT) as self.leader:
                _, said = self.leader.communicate(timeout=120)
            self.ended.append(self.leader.returncode)
            self.said.append(said)
        self.over.set()

    def kill_worker(self) -> None:
        at = self.random.randrange(WORKERS)
        self.workers[at].kill()
        self.workers[at].communicate()
        self.workers[at] = self.start_worker()

    def stop_worker(self) -> None:
        """For longer than a lease lasts: another one has its part by then."""
        stopped = self.random.choice(self.workers)
        stopped.send_signal(signal.SIGSTOP)
        self.over.wait(LEASE_S + self.random.uniform(0.1, 1.0))
        stopped.send_signal(signal.SIGCONT)

    def cut(self) -> None:
        """The line between some of them and the database."""
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'billferry%' AND random() < 0.3"
            )

    def kill_leader(self) -> None:
        if self.leader is not None:
            self.leader.kill()

    def restart_server(self) -> None:
        if self.restarts:
            self.restarts -= 1
            self.server.kill()
            time.sleep(self.random.uniform(0, 1.5))
            self.server.start()


@pytest.fixture
def server() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_hosts_that_are_killed_stopped_and_cut_off_lose_and_double_nothing(
    open_rig: Open, server: Postgres, seed: int
) -> None:
    chosen = Seeded(seed, 0.1, seeded.PASSING, slow_s=0.5)
    rig = open_rig(None, chosen, max_in_flight=8, max_retry_s=20)
    rig.settings["ledger"] = server.new_ledger()
    rig.write_config()
    files = [
        rig.drop_rows(model, rows(model, RECORDS, seed + number, prefix=f"f{number}-"), str(number))
        for number in range(FILES)
        for model in [MODELS[number % 3 if number > 1 else 0]]
    ]
    random = Random(seed)  # noqa: S311 - nothing secret
    trouble = Trouble(rig, server, random)
    trouble.load(within_s=300 if SOAK else 15)
    print(trouble.done, trouble.ended)  # noqa: T201
    assert set(trouble.ended) <= {-signal.SIGKILL, 0, 1, 3}, trouble.said
    assert "Traceback" not in "".join(trouble.said), trouble.said
    assert rig.audit() == []
    for file in files:
        assert set(rig.outcomes(file)) <= {"created"}, file.name
    assert rig.ledger("SELECT count(*) FROM intents") == [(0,)]
    assert rig.ledger("SELECT count(*) FROM parts") == [(0,)]
    assert len(list((rig.work_dir / "reports").glob("*/results.csv"))) == FILES
