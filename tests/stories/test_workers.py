"""A file is loaded by several hosts at once; they are killed, stopped and cut off, and nothing is lost or doubled."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.sandbox.faults import NoFaults, Received, Scripted, Window, callback, status
from pipeline.sandbox.serve import SandboxApi
from tests.ledger_of_world import sqlite_alone
from tests.serve.page.served import until
from tests.servers.postgres import shared_server
from tests.stories.files import balances, bills
from tests.stories.merchant import Merchant
from tests.warm import Process

pytestmark = sqlite_alone  # they bring a database of their own
COUNT = 600
NAME = "x_bills_2030-01-01.csv"
IMPATIENT = "import pipeline.workers.lease_keeper as keeper; keeper.MARGIN_S = 1.0; keeper.RENEW_S = 0.2"
"""A lease of one second, and that which a request may take."""
CLOCKS_ARE_WRONG = """
import time
from datetime import datetime, timedelta
from pathlib import Path
import pipeline.load.retrying_client as client
import pipeline.workers.worker as worker

def be_wrong_by(seconds):
    right = time.time
    time.time = lambda: right() + seconds

    class Wrong(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime.now(zone) + timedelta(seconds=seconds)

    client.datetime = Wrong
    worker.utc_now = lambda: Wrong.now(client.UTC)

be_wrong_by(600 if Path.cwd().name == "worker0" else -600)
"""
"""One of two workers is ten minutes ahead, the other behind."""


class Hosts:
    """One that leads, and as many workers as are started, each in a folder of its own."""

    def __init__(self, folder: Path, api: SandboxApi) -> None:
        self._folder = folder
        self._api = api
        self.url = shared_server().new_ledger()
        self.leader = self.host("leader")

    def host(self, name: str) -> Merchant:
        (self._folder / name).mkdir()
        host = Merchant(self._folder / name, self._api)
        host.settings |= {"ledger": self.url}
        host.settings["api"] |= {"max_in_flight": 4, "timeout_s": 1}
        host.write_config()
        return host

    @contextmanager
    def workers(self, count: int, late: str = "") -> Iterator[list[Process]]:
        """`late` runs in each before it begins."""
        with ExitStack() as stack:
            hosts = [self.host(f"worker{number}") for number in range(count)]
            started = [
                stack.enter_context(host.start("worker", "--config", str(host.config), late=late))
                for host in hosts
            ]
            until(lambda: self.seen() == count, "the workers are not there")
            try:
                yield started
            finally:
                for process in started:
                    process.send_signal(signal.SIGCONT)
                    process.kill()

    def seen(self) -> int:
        ((count,),) = self.leader.ledger("SELECT count(*) FROM workers")
        return int(count)

    def at_work_on(self, worker: Process) -> set[str]:
        """Customers of the part that a worker has."""
        rows = self.leader.ledger("SELECT host, records FROM parts WHERE leased_until IS NOT NULL")
        mine = [records for host, records in rows if host.endswith(f":{worker.pid}")]
        return {each for records in mine for each in pl.read_parquet(records)["customer_reference"]}

    def parts(self) -> list[tuple[str | None, int]]:
        return self.leader.ledger("SELECT host, is_done FROM parts ORDER BY id")


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    with SandboxApi() as api:
        yield Hosts(tmp_path, api)


def many(count: int = COUNT) -> str:
    return bills(*(f"C-{n // 6},A-{n // 2},B-{n},{n + 1}.00" for n in range(count)))


def test_workers_share_a_file_and_the_report_is_as_of_one_host(hosts: Hosts) -> None:
    leader = hosts.leader
    leader.switch(latency_s=0.02)
    leader.settings["metrics_file"] = "billferry.prom"
    leader.write_config()
    leader.write(NAME, many(), leader.drop)
    with hosts.workers(2):
        said = leader.run()
        rows = leader.ledger("SELECT records > 0 FROM workers")
    assert said.exit_status == 0, said.stderr
    assert said.outcomes() == {"created": COUNT}
    assert sorted(rows) == [(1,), (1,)], "a worker did nothing"
    assert len(leader.held("bills")) == COUNT
    assert said.file["requests"]["sent"] == said.requests.total()
    assert hosts.parts() == []
    assert leader.ledger("SELECT count(*) FROM intents") == [(0,)]
    lines = (leader.folder / "billferry.prom").read_text().splitlines()
    (done,) = [line.partition(" ")[2] for line in lines if line.startswith("billferry_worker_records{")]
    assert 0 < float(done) < COUNT, "both workers are of one host, and the one that leads did the rest"


def test_hosts_whose_clocks_are_wrong_share_a_file_as_others_do(hosts: Hosts) -> None:
    """Leases go by the database's clock; a pause that the API asks for until a time, by the API's."""
    leader = hosts.leader
    leader.switch(requests_per_second=80, retry_after="date")
    leader.write(NAME, many(), leader.drop)
    with hosts.workers(2, late=CLOCKS_ARE_WRONG):
        said = leader.run()
    assert said.exit_status == 0, said.stderr
    assert said.outcomes() == {"created": COUNT}
    assert said.file["requests"]["rate_limited"] > 0
    assert said.requests["POST bills"] <= COUNT + said.file["requests"]["rate_limited"], (
        "a part was taken twice"
    )
    assert len(leader.held("bills")) == COUNT


def test_a_worker_that_sleeps_beyond_its_lease_replaces_no_balance(hosts: Hosts) -> None:
    """It sends balances of today, sleeps while another host sets them and customers pay, and wakes up."""
    leader, today = hosts.leader, datetime.now(UTC).date()
    for day, balance in ((today - timedelta(days=1), "0.50"), (today, "1.00")):
        rows = balances(*(f"C-{number},ZAR,{balance}" for number in range(COUNT)))
        (leader.drop / f"x_balances_{day}.csv").write_text(rows)
        if day != today:
            assert leader.run().outcomes() == {"created": COUNT}
    theirs = set[str]()
    with hosts.workers(1, late=IMPATIENT) as (worker,):

        def is_of_the_worker(request: Received) -> bool:
            if theirs or request.method != "PATCH":
                return False
            part = hosts.at_work_on(worker)
            if ids[request.path.rpartition("/")[2]] in part:
                theirs.update(part)
            return bool(theirs)

        def stop_it(_: Received) -> None:
            worker.send_signal(signal.SIGSTOP)

        ids = {each["id"]: reference for reference, each in leader.held("customers").items()}
        leader.api.faults = Scripted({is_of_the_worker: callback(stop_it, Window.BEFORE_REPLY)})
        with leader.start("run", "--config", str(leader.config), late=IMPATIENT) as run:
            _, said = run.communicate(timeout=60)
        unsent = leader.ledger("SELECT count(*) FROM outcomes WHERE outcome = 'conflict'")[0][0]
        assert unsent < 10, (
            said
        )  # it had begun them and not sent them yet, which nobody can tell from a payment
        assert run.returncode == (1 if unsent else 0), said
        assert len(theirs) > 100
        for customer in theirs:
            leader.api.pay(customer, 40)
        before = leader.asked()["PATCH customers"]
        worker.send_signal(signal.SIGCONT)
        until(lambda: hosts.seen() == 1, "it does not wake up")
        time.sleep(0.5)
        assert leader.asked()["PATCH customers"] == before
    owed = {reference: each["balance"] for reference, each in leader.held("customers").items()}
    assert {owed[customer] for customer in owed.keys() - theirs} == {100}
    assert Counter(owed[customer] for customer in theirs) == +Counter({60: len(theirs) - unsent, 10: unsent})


def test_a_worker_needs_a_ledger_that_hosts_share(merchant: Merchant) -> None:
    said = merchant.command("worker")
    assert said.exit_status == 2
    assert "ledger: a worker needs a ledger that hosts share; set ledger: postgresql://" in said.stderr


def test_a_worker_that_is_set_up_for_another_api_takes_no_part(hosts: Hosts) -> None:
    leader = hosts.leader
    leader.write(NAME, many(), leader.drop)
    with SandboxApi() as another, hosts.workers(1) as (worker,):
        assert another.url != leader.settings["api"]["base_url"]
        worker.kill()
        wrong = hosts.host("wrong")
        wrong.settings["api"]["base_url"] = f"{another.url}/billing"
        wrong.write_config()
        with wrong.start("worker", "--config", str(wrong.config)) as process:
            until(lambda: hosts.seen() == 2, "the worker is not there")
            said = leader.run()
            _, told = process.communicate(timeout=30)
    assert said.exit_status == 0
    assert said.outcomes() == {"created": COUNT}
    assert process.returncode == 2
    assert f"the host that leads loads into {leader.settings['api']['base_url']}" in told
    assert another.snapshot()["requests"] == []


def test_an_api_that_is_down_for_a_worker_stops_the_whole_load(hosts: Hosts) -> None:
    leader = hosts.leader
    leader.settings["api"] |= {"max_attempts": 2, "max_retry_s": 1}
    leader.write(NAME, many(), leader.drop)
    with hosts.workers(2):
        leader.api.faults = Scripted({lambda request: request.number > 100: status(503)})
        said = leader.run()
        assert said.exit_status == 3
        leader.api.faults = NoFaults()
        until(lambda: leader.run().exit_status == 0, "it does not go on")
    assert len(leader.held("bills")) == COUNT
