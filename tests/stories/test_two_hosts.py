"""Two hosts with a ledger in PostgreSQL, and a server that is killed while a run works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import pytest

from pipeline.sandbox.sftp import write_key_pair
from tests.ledger_of_world import sqlite_alone
from tests.servers.postgres import Postgres
from tests.servers.scripted import ScriptedSftp
from tests.stories.files import balances, bills
from tests.stories.merchant import Merchant
from tests.stories.two_hosts import two_hosts

pytestmark = sqlite_alone  # they bring a database of their own
COUNT = 120
NAME = "x_bills_2030-01-01.csv"
READ_BY_ONE_HOST = 2
"""How often a file is opened at the server: to fetch it, and to compare it before it is moved away."""


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[Merchant, Merchant]]:
    with two_hosts(tmp_path) as found:
        yield found


def many(merchant: Merchant, name: str = NAME) -> None:
    rows = [f"C-{n // 6},A-{n // 2},B-{n},{n + 1}.00" for n in range(COUNT)]
    merchant.write(name, bills(*rows), merchant.drop)


def begun(merchant: Merchant) -> subprocess.Popen[str]:
    """`billferry run`, when the API holds the first bills."""
    merchant.settings["api"]["max_in_flight"] = 4
    merchant.switch(latency_s=0.03)
    merchant.write_config()
    words = [sys.executable, "-m", "pipeline", "run", "--config", str(merchant.config)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while len(merchant.held("bills")) < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(merchant.held("bills")) >= 5
    return process


def test_the_second_waits_its_turn_and_what_one_loaded_the_other_knows(
    hosts: tuple[Merchant, Merchant],
) -> None:
    one, other = hosts
    many(one)
    with begun(one) as working:
        assert working.stderr is not None
        refused = other.run()
        assert refused.exit_status == 4
        assert f"process {os.uname().nodename}:" in refused.stderr
        assert working.wait(60) == 0
    one.switch()
    many(other, "again_bills_2030-01-01.csv")
    said = other.run()
    assert (said.exit_status, said.requests["POST bills"]) == (0, 0)
    assert len(other.held("bills")) == COUNT
    assert "a copy" not in said.stderr, (
        "it has come further than this host knows, and that is as it should be"
    )
    assert one.run().exit_status == 0


def test_a_restored_ledger_is_recognised_once_whichever_host_leads_then(
    hosts: tuple[Merchant, Merchant],
) -> None:
    one, other = hosts
    for number, host in enumerate((one, other)):
        host.write(
            f"{number}_bills_2030-01-01.csv", bills(f"C-S{number},A-S{number},B-S{number},1.00"), host.drop
        )
        assert host.run().exit_status == 0
    copy = one.copied_ledger(marked=True)
    many(other)
    assert other.run().exit_status == 0
    one.put_back(copy)
    other.settings["ledger"] = one.settings["ledger"]
    other.write_config()
    said = []
    for number, host in enumerate((one, other, one, other), start=2):
        host.write(
            f"{number}_bills_2030-01-01.csv", bills(f"C-S{number},A-S{number},B-S{number},1.00"), host.drop
        )
        said.append(host.run())
    assert [each.exit_status for each in said] == [0] * 4
    assert ["a copy" in each.stderr for each in said] == [True, False, False, False]
    many(other)
    assert other.run().outcomes() == {"unchanged": COUNT}


def test_of_a_restored_ledger_a_day_that_only_another_host_had_loaded_is_looked_at(
    hosts: tuple[Merchant, Merchant],
) -> None:
    """And a payment that came after that load is not erased by the same file."""
    one, other = hosts
    copy = None
    for host, days in ((one, 1), (other, 0)):
        day = datetime.now(UTC).date() - timedelta(days=days)
        rows = balances(f"C-1,ZAR,{2 - days}.00")
        (host.drop / f"x_balances_{day}.csv").write_text(rows)
        assert host.run().exit_status == 0
        copy = copy or one.copied_ledger(marked=True)
    assert copy is not None
    one.api.pay("C-1", 100)  # so that the balance is what the copy last set
    one.put_back(copy)
    (one.drop / f"x_balances_{day}.csv").write_text(rows)
    said = one.run()
    assert "a copy" in said.stderr
    assert said.outcomes() == {"conflict": 1}
    assert one.held("customers")["C-1"]["balance"] == 100


def test_when_one_dies_the_other_goes_on_with_what_comes_and_nothing_doubles(
    hosts: tuple[Merchant, Merchant],
) -> None:
    one, other = hosts
    many(one)
    with begun(one) as working:
        assert f"is at work ({os.uname().nodename}:{working.pid})" in other.command("status").stdout
        working.kill()
        working.wait(10)
    one.switch()
    assert "it was killed, or lost the ledger" in other.command("status").stdout
    loaded = len(one.held("bills"))
    assert 5 <= loaded < COUNT
    many(other)
    other.write("y_bills_2030-01-01.csv", bills("C-Y,A-Y,B-Y,1.00"), other.drop)
    said = other.run()
    assert said.exit_status == 0, said.stderr
    assert len(other.held("bills")) == COUNT + 1
    assert other.ledger("SELECT count(*) FROM intents") == [(0,)]


def test_a_server_that_is_killed_ends_the_run_in_one_line_and_the_next_goes_on(merchant: Merchant) -> None:
    server = Postgres()
    try:
        merchant.settings["ledger"] = server.new_ledger()
        many(merchant)
        with begun(merchant) as working:
            assert working.stderr is not None
            server.kill()
            said = working.stderr.read()
            assert working.wait(60) == 3
        assert "Traceback" not in said
        (line,) = [each for each in said.splitlines() if "cannot be reached" in each]
        assert "sends nothing more" in line
        merchant.switch()
        away = merchant.run()
        assert (away.exit_status, away.requests.total()) == (3, 0)
        assert "cannot be reached" in away.stderr
        for command in ("status", "totals", "audit"):
            assert merchant.command(command).exit_status == 3
        server.start()
        assert merchant.run().outcomes() == {"created": COUNT}
        assert len(merchant.held("bills")) == COUNT
        assert merchant.ledger("SELECT count(*) FROM intents") == [(0,)]
    finally:
        server.remove()


@dataclass
class Inbox:
    """The merchant's SFTP server, as both hosts see it."""

    opened: Counter[str] = field(default_factory=Counter)
    when_read: Callable[[], None] = lambda: None
    """Called when a file was read to its end."""


class CountingSftp(asyncssh.SFTPServer):
    """Serves the sandbox's folders, and counts how often each bill file is opened for reading."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], root: Path, inbox: Inbox) -> None:
        super().__init__(channel, chroot=str(root).encode())
        self._inbox = inbox

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        folder, _, name = path.decode().rpartition("/")
        if pflags & asyncssh.FXF_READ and folder == "/incoming":
            self._inbox.opened[name] += 1
        return super().open(path, pflags, attrs)

    def close(self, file_obj: object) -> None:
        super().close(file_obj)
        self._inbox.when_read()


@pytest.fixture
def inbox(hosts: tuple[Merchant, Merchant], tmp_path: Path) -> Iterator[Inbox]:
    inbox = Inbox()
    root = hosts[0].make_sftp_folders()
    key = write_key_pair(tmp_path / "id_ed25519")

    def serving(channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return CountingSftp(channel, root, inbox)

    with ScriptedSftp(root, serving, authorized_key=key) as server:
        for host in hosts:
            host.use_sftp(server, server.known_hosts_line, private_key_file=str(tmp_path / "id_ed25519"))
            host.write_config()
        for number in range(4):
            rows = [f"C-{number}-{n},A-{number}-{n},B-{number}-{n},1.00" for n in range(20)]
            hosts[0].write(f"x{number}_bills_2030-01-01.csv", bills(*rows), hosts[0].incoming)
        yield inbox


def test_two_hosts_that_poll_one_server_fetch_each_file_once(
    hosts: tuple[Merchant, Merchant], inbox: Inbox
) -> None:
    runs = [host.start("run", "--wait", "60", "--config", str(host.config)) for host in hosts]
    for run in runs:
        _, said = run.communicate(timeout=90)
        assert run.returncode == 0, said
    assert list(inbox.opened.values()) == [READ_BY_ONE_HOST] * 4, inbox.opened
    assert len(hosts[0].held("bills")) == 80


def test_a_host_that_dies_between_fetch_and_commit_costs_that_file_one_more_fetch(
    hosts: tuple[Merchant, Merchant], inbox: Inbox
) -> None:
    one, other = hosts
    with one.start("run", "--config", str(one.config)) as run:
        inbox.when_read = run.kill
        run.communicate(timeout=60)
    assert run.returncode == -signal.SIGKILL
    inbox.when_read = lambda: None
    said = other.run()
    assert said.exit_status == 0, said.stderr
    assert sorted(inbox.opened) == [f"x{number}_bills_2030-01-01.csv" for number in range(4)]
    again = sum(inbox.opened.values()) - 4 * READ_BY_ONE_HOST
    assert 0 < again <= 2, "only what was under way when it died is fetched again"
    assert len(other.held("bills")) == 80
    assert one.run().requests["POST bills"] == 0
