"""One file loaded by one host and by several: how much faster, and how much of a limit of the API they use together.

Every host is a process on this machine with a folder of its own, as `billferry worker` on machines of their own would
be; the ledger is in a PostgreSQL server that syncs each commit. What is timed is the load, from the end of the check to
the end of the load as the log of the host that leads says, for parts are made of a file that is checked.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.costs import Costs, used
from benchmarks.load_inputs import write_bills
from benchmarks.merchant import BILLFERRY, IN_FLIGHT, ROOT, Merchant, stub_process
from benchmarks.surroundings import surroundings
from tests.servers.postgres import Postgres, database_of

ANSWER_MS, SPARING_MS = 50, 200
"""The second: so long that two cores are enough for four hosts, the database and the stub."""
WAITING_BILLS, BUSY_BILLS = 40_000, 40_000
OF_ONE = 3.6
BUSY_OF_ONE = 1.6
WARMING_BILLS = 2_000
LIMIT = 200
LIMITED_BILLS = 4_000
USED, REFUSED = 0.9, 0.05
START_S = 30.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """One load: how long it took (apart: the check before, and the report after), its requests, and what it used."""

    hosts: int
    bills: int
    check_s: float
    took_s: float
    report_s: float
    sent: int
    rate_limited: int
    costs: Costs

    @property
    def per_s(self) -> float:
        """Requests that were not refused, a second."""
        return (self.sent - self.rate_limited) / self.took_s


def measure() -> str:
    server = Postgres("fsync=on")
    try:
        waiting = [load(server, hosts, WAITING_BILLS, "--answer-ms", str(ANSWER_MS)) for hosts in (1, 2, 4)]
        sparing = [load(server, hosts, WAITING_BILLS, "--answer-ms", str(SPARING_MS)) for hosts in (1, 4)]
        busy = [load(server, hosts, BUSY_BILLS) for hosts in (1, 2)]
        limited = [
            load(server, hosts, LIMITED_BILLS, "--limit", str(LIMIT), "--answer-ms", "20", warming=0)
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
            f"end of the load, after {WARMING_BILLS} other bills for each host: so all know their pace.",
            f"{surroundings()}.",
            "",
            f"{WAITING_BILLS} bills into an API that answers after {ANSWER_MS} ms:",
            "",
            *_against_one(waiting, OF_ONE),
            "",
            f"{WAITING_BILLS} bills into one that answers after {SPARING_MS} ms, so that the processors are not what",
            "limits four hosts:",
            "",
            *_against_one(sparing, OF_ONE),
            "",
            f"{BUSY_BILLS} bills into one that answers at once, so that the processors of this machine are what limits",
            "it; the stub and the database have their share of them, too:",
            "",
            *_against_one(busy, BUSY_OF_ONE),
            "",
            f"{LIMITED_BILLS} bills into one that takes {LIMIT} requests a second, without the config saying so, and",
            "without other bills before:",
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


def load(server: Postgres, hosts: int, bills: int, *stub: str, warming: int = WARMING_BILLS) -> Loaded:
    """Load a new file over a ledger that a small one was loaded into before: hosts have begun, and know their pace.

    `warming`: bills of the small one, for each host.
    """
    with (
        tempfile.TemporaryDirectory() as place,
        stub_process(None, *stub) as (url, api),
        ExitStack() as stack,
    ):
        ledger = server.new_ledger()
        merchants = [_host(Path(place) / str(number), url, ledger) for number in range(hosts)]
        leader, database = merchants[0], database_of(ledger)
        file = leader.folder / "x_bills.csv"
        write_bills(file, bills)
        workers = [stack.enter_context(_worker(each)) for each in merchants[1:]]
        _until_seen(server, database, hosts - 1)
        words = ("load", str(file), "--verbose", "--config", str(leader.folder / "config.yaml"))
        if warming:
            _warm(leader, bills, warming * hosts)
        process = stack.enter_context(_billferry(*words, log=subprocess.PIPE))
        used_by_now = partial(used, server, database, [process.pid, *(each.pid for each in workers)], api)
        landed = _logged(process, "landed")
        checked, before = _logged(process, "checked"), used_by_now()
        loaded, after = _logged(process, "loaded"), used_by_now()
        reported = _logged(process, "file")
        process.communicate()
        at = [datetime.fromisoformat(each["timestamp"]) for each in (landed, checked, loaded, reported)]
        check_s, load_s, report_s = ((end - begin).total_seconds() for begin, end in pairwise(at))
        requests = loaded["sent"], loaded["rate_limited"]
        return Loaded(hosts, bills, check_s, load_s, report_s, *requests, after.since(before))


def _warm(leader: Merchant, first: int, bills: int) -> None:
    file = leader.folder / "before_bills.csv"
    write_bills(file, bills, first=first)
    words = ("load", str(file), "--config", str(leader.folder / "config.yaml"))
    with _billferry(*words, log=subprocess.DEVNULL) as process:
        process.wait()


def _logged(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """The next such event of a process's log."""
    for line in process.stderr or ():
        if line.startswith("{") and (logged := json.loads(line))["event"] == event:
            return dict(logged)
    raise SystemExit(f"{event!r} is not in the log")


def _host(folder: Path, url: str, ledger: str) -> Merchant:
    folder.mkdir()
    merchant = Merchant(folder, url)
    merchant.write_config(ledger=ledger)
    return merchant


@contextmanager
def _worker(merchant: Merchant) -> Iterator[subprocess.Popen[str]]:
    words = ("worker", "--config", str(merchant.folder / "config.yaml"))
    with _billferry(*words, log=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def _billferry(*words: str, log: int) -> subprocess.Popen[str]:
    return subprocess.Popen([BILLFERRY, *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log, text=True)


def _until_seen(server: Postgres, database: str, workers: int) -> None:
    deadline = time.monotonic() + START_S
    while server.execute("SELECT count(*) FROM billferry.workers", database) != [(workers,)]:
        if time.monotonic() > deadline:
            raise SystemExit("the workers do not begin")
        time.sleep(0.05)
