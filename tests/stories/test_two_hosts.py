"""Two hosts with a ledger in PostgreSQL, and a server that is killed while a run works."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sandbox.serve import SandboxApi
from tests.ledger_of_world import sqlite_alone
from tests.servers.postgres import Postgres, shared_server
from tests.stories.files import bills
from tests.stories.merchant import Merchant

pytestmark = sqlite_alone  # they bring a database of their own
COUNT = 120
NAME = "x_bills_2030-01-01.csv"


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[Merchant, Merchant]]:
    """Each with a work_dir and a drop folder of its own."""
    url = shared_server().new_ledger()
    with SandboxApi() as api:
        found = []
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
            host = Merchant(tmp_path / name, api)
            host.settings |= {"ledger": url}
            found.append(host)
        yield found[0], found[1]


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
        assert "another host" in refused.stderr
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


def test_when_one_dies_the_other_goes_on_with_what_comes_and_nothing_doubles(
    hosts: tuple[Merchant, Merchant],
) -> None:
    one, other = hosts
    many(one)
    with begun(one) as working:
        working.kill()
        working.wait(10)
    one.switch()
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
        assert "nothing more was sent" in line
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
