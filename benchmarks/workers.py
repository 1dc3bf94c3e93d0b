"""One file loaded by one host and by several: how much faster, and how much of a limit of the API they use together.

Every host is a process on this machine with a folder of its own, as `billferry worker` on machines of their own would
be; the ledger is in a PostgreSQL server that syncs each commit. What is timed is the load, from the end of the check to
the end of the load as the log of the host that leads says, for parts are made of a file that is checked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.load_inputs import write_bills
from benchmarks.merchant import BILLFERRY, IN_FLIGHT, ROOT, Merchant, stub_api
from benchmarks.surroundings import surroundings
from tests.servers.postgres import Postgres, database_of

ANSWER_MS = 50
WAITING_BILLS, BUSY_BILLS = 40_000, 40_000
OF_ONE = 3.6
BUSY_OF_ONE = 1.6
LIMIT = 200
LIMITED_BILLS = 4_000
USED, REFUSED = 0.9, 0.05
START_S = 30.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """One load: how long it took, and its requests."""

    hosts: int
    took_s: float
    sent: int
    rate_limited: int

    @property
    def per_s(self) -> float:
        """Requests that were not refused, a second."""
        return (self.sent - self.rate_limited) / self.took_s


def measure() -> str:
    server = Postgres("fsync=on")
    try:
        waiting = [load(server, hosts, WAITING_BILLS, "--answer-ms", str(ANSWER_MS)) for hosts in (1, 2, 4)]
        busy = [load(server, hosts, BUSY_BILLS) for hosts in (1, 2)]
        limited = [
            load(server, hosts, LIMITED_BILLS, "--limit", str(LIMIT), "--answer-ms", "20")
            for hosts in (1, 2, 4)
        ]
    finally:
        server.remove()
    return "\n".join(
        [
            "## Several hosts",
            "",
            f"One file, loaded by one process and by several, each with {IN_FLIGHT} requests in flight and a folder of",
            "its own, over a ledger in PostgreSQL (synced) on the same machine. Timed from the end of the check to the",
            "end of the load.",
            f"{surroundings()}.",
            "",
            f"{WAITING_BILLS} bills into an API that answers after {ANSWER_MS} ms:",
            "",
            *_against_one(waiting, OF_ONE),
            "",
            f"{BUSY_BILLS} bills into one that answers at once, so that the processors of this machine are what limits",
            "it; the stub and the database have their share of them, too:",
            "",
            *_against_one(busy, BUSY_OF_ONE),
            "",
            f"{LIMITED_BILLS} bills into one that takes {LIMIT} requests a second, without the config saying so:",
            "",
            "| hosts | of the limit | answered 429 |",
            "| --- | --- | --- |",
            *(
                f"| {each.hosts} | {each.per_s / LIMIT:.2f} | {each.rate_limited / each.sent:.1%} |"
                for each in limited
            ),
            "",
            _verdict(
                all(
                    each.per_s >= USED * LIMIT and each.rate_limited <= REFUSED * each.sent
                    for each in limited
                ),
                f"At least {USED} of it and at most {REFUSED:.0%} are asked for",
            ),
        ]
    )


def _against_one(loads: list[Loaded], at_least: float) -> list[str]:
    one, most = loads[0], loads[-1]
    rows = [
        f"| {each.hosts} | {each.took_s:.1f} | {each.per_s:.0f} | {each.per_s / one.per_s:.2f} |"
        for each in loads
    ]
    asked = f"At least {at_least} times as much by {most.hosts} is asked for"
    return [
        "| hosts | seconds | bills/s | times one host |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        _verdict(most.per_s >= at_least * one.per_s, asked),
    ]


def _verdict(is_reached: bool, asked: str) -> str:
    return f"{asked}{'' if is_reached else ': not reached'}."


def load(server: Postgres, hosts: int, bills: int, *stub: str) -> Loaded:
    """Load a new file over a new ledger."""
    with tempfile.TemporaryDirectory() as place, stub_api(None, *stub) as url, ExitStack() as stack:
        ledger = server.new_ledger()
        merchants = [_host(Path(place) / str(number), url, ledger) for number in range(hosts)]
        leader = merchants[0]
        file = leader.folder / "x_bills.csv"
        write_bills(file, bills)
        for each in merchants[1:]:
            stack.enter_context(_worker(each))
        database = database_of(ledger)
        _until_seen(server, database, hosts - 1)
        command = [BILLFERRY, "load", str(file), "--verbose", "--config", str(leader.folder / "config.yaml")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        log = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        events = {each["event"]: each for each in log}
        at = {name: datetime.fromisoformat(events[name]["timestamp"]) for name in ("checked", "loaded")}
        took_s = (at["loaded"] - at["checked"]).total_seconds()
        return Loaded(hosts, took_s, events["loaded"]["sent"], events["loaded"]["rate_limited"])


def _host(folder: Path, url: str, ledger: str) -> Merchant:
    folder.mkdir()
    merchant = Merchant(folder, url)
    merchant.write_config(ledger=ledger)
    return merchant


@contextmanager
def _worker(merchant: Merchant) -> Iterator[None]:
    command = [BILLFERRY, "worker", "--config", str(merchant.folder / "config.yaml")]
    with subprocess.Popen(command, cwd=ROOT, stdout=sys.stderr, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def _until_seen(server: Postgres, database: str, workers: int) -> None:
    deadline = time.monotonic() + START_S
    while server.execute("SELECT count(*) FROM billferry.workers", database) != [(workers,)]:
        if time.monotonic() > deadline:
            raise SystemExit("the workers do not begin")
        time.sleep(0.05)
