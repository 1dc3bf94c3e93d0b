"""Every address of the page over a large ledger, on a real socket: warm, after a start, and after a change."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from statistics import median
from urllib.parse import quote

from benchmarks.load_inputs import write_bills
from benchmarks.merchant import Merchant, stub_api
from benchmarks.page_ledger import (
    MANY,
    MANY_REJECTS,
    SOUND,
    fill_inbox,
    load_first_files,
    receive_another,
    repeat_files,
)
from benchmarks.receive import wait_for_listener
from benchmarks.surroundings import surroundings
from pipeline.core.release_decisions import Person
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.config import load_config
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.monitoring.audit_log import AuditLog
from pipeline.serve.page.app import SHOWN
from schemas.results import Summary
from tests.serve.page.browsing import Answer, Visiting
from tests.serve.running import free_port

FILES, PAYMENTS = 5_000, 1_000_000
MOST_MS = 100.0
TIMES = 7
"""Warm views, and views after a change, of each address."""
PREVIEWED = 1_000_000
PREVIEW_S = 10.0
NOT_YET, LOOK_EVERY_S, ENDS_WITHIN_S = HTTPStatus.NOT_FOUND, 0.2, 5.0
BY = Person("bench", "here")
Prepare = Callable[[Visiting], Callable[[], Answer]]
"""What a visitor asks for, once what comes before it is done."""


@dataclass(frozen=True, slots=True)
class View:
    """One answer: how long it took, and what of that the server worked."""

    wall_ms: float
    cpu_ms: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Server:
    """`billferry serve` as a process of its own."""

    pid: int
    port: int

    def view(self, prepare: Prepare) -> View:
        """Ask once. Fails when the answer is no good."""
        ask = prepare(Visiting(self.port))
        cpu, began = self._cpu_ns(), time.perf_counter()
        answer = ask()
        took = time.perf_counter() - began
        if answer.status >= 400:
            raise SystemExit(f"{answer.status}: {answer.said[-500:]}")
        return View(took * 1e3, (self._cpu_ns() - cpu) / 1e6, len(answer.body))

    def _cpu_ns(self) -> int:
        """Processor time of all its threads, those that have ended, too. Source: clock_getcpuclockid(3), whose clock
        of another process is its inverted number and CPUCLOCK_SCHED.
        """
        return time.clock_gettime_ns((~self.pid << 3) | 2)

    def children_s(self) -> float:
        """Processor time of its children that have ended. Source: proc_pid_stat(5), cutime and cstime."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def measure() -> str:
    """The section of RESULTS.md."""
    with tempfile.TemporaryDirectory() as place, stub_api() as url:
        merchant = Merchant(Path(place), url)
        load_first_files(merchant)
        records = repeat_files(_ledger(merchant), FILES)
        fill_inbox(merchant.folder / "var", PAYMENTS)
        port = free_port()
        merchant.write_config(
            page={"listen": f"127.0.0.1:{port}", "identity": "local"},
            payments={"listen": None},
            limits={"max_reject_ratio": 1},
        )
        began = time.perf_counter()
        merchant.run("run", statuses=(0, 1))
        indexed_s = time.perf_counter() - began
        lines = list(measure_routes(merchant, port))
        preview = measure_preview(merchant, port)
    return "\n".join(
        [
            "## The page in the browser",
            "",
            f"`billferry serve` over a ledger of {FILES} files and {records} records, all of one month,"
            f" {PAYMENTS} payments, and a file of {MANY} rejects;",
            "one request at a time on a new connection. The first figure is the time of a visitor, the second the"
            " processor time of the whole",
            f"server, in ms: medians of {TIMES}. After a change: another file has just been finished, and a payment"
            " received. After a start: the",
            "first request, once, as soon as the server listens. While it still adds up what is there, its processor"
            " time is in that, and the",
            f"overview, months and whatever else is asked for wait. At most {MOST_MS:.0f} ms is asked for, and 100 KB.",
            f"{surroundings()}.",
            "",
            "| page | warm | after a change | after a start | KB |",
            "| --- | --- | --- | --- | --- |",
            *lines,
            "",
            f"The first pass after the page was configured made the indexes of the search, and all other pages, in"
            f" {indexed_s:.0f} s.",
            preview,
        ]
    )


def measure_preview(merchant: Merchant, port: int) -> str:
    """How long a large file takes from its upload to its preview, in words."""
    path = merchant.folder / "preview_bills.csv"
    write_bills(path, PREVIEWED, per_customer=2, first=10_000_000)
    with serving(merchant, port) as server:
        me = Visiting(port)
        (dropped,) = json.loads(me.put(path.name, path.read_bytes()).body)["files"]
        began, before = time.perf_counter(), server.children_s()
        while (status := me.get(f"{dropped['address']}preview/summary.json").status) == NOT_YET:
            time.sleep(LOOK_EVERY_S)
        took = time.perf_counter() - began
        time.sleep(ENDS_WITHIN_S)
        me.get(f"{dropped['address']}preview/summary.json")  # the server takes notice of its child's end
        worked = server.children_s() - before
    if status != HTTPStatus.OK:
        raise SystemExit(f"the preview failed: {status}")
    return (
        f"The preview of a file of {PREVIEWED} records was there {took:.1f} s after its upload, with {worked:.1f} s of"
        f" processor time (at nice 10); at most {PREVIEW_S:.0f} s is asked for"
        f"{'' if took < PREVIEW_S else ': not reached'}."
    )


def measure_routes(merchant: Merchant, port: int) -> Iterator[str]:
    """A line of the table for each address that shows something."""
    asked = _asked(merchant)
    with serving(merchant, port) as server:
        for ask in asked.values():
            server.view(ask)
        warm = {name: _median([server.view(ask) for _ in range(TIMES)]) for name, ask in asked.items()}
        changed = {name: _median(_after_changes(merchant, server, ask)) for name, ask in asked.items()}
    for name, ask in asked.items():
        with serving(merchant, port) as server:
            started = server.view(ask)
        cells = " | ".join(
            f"{each.wall_ms:.0f}, {each.cpu_ms:.0f}" for each in (warm[name], changed[name], started)
        )
        yield f"| {name} | {cells} | {warm[name].size_bytes / 1000:.0f} |"


def _asked(merchant: Merchant) -> dict[str, Prepare]:
    """What is asked for, by name. Fails when an address of the page is missing."""
    with closing(_opened(merchant)) as ledger:
        files = Files(ledger)
        (many,), (sound,) = files.named(MANY_REJECTS), files.named(SOUND)
        last = files.newest(1)[0]
    addresses = {
        "/": ["/"],
        "/files/": ["/files/", f"/files/?before={FILES // 2}", "/files/?search=n77_bills"],
        "/files/{key}/": [f"/files/{last.sha256}/", f"/files/{many.sha256}/"],
        "/files/{key}/{name}": [f"/files/{sound.sha256}/report.html"],
        "/files/{key}/correct/": [
            f"/files/{many.sha256}/correct/",
            f"/files/{many.sha256}/correct/?after={MANY}",
        ],
        "/months/{key}/": ["/months/2026-11/"],
        "/search/": [
            f"/search/?q={quote(each)}" for each in ("B-00000007", "C-00000007", "B-00100000-2525", "none")
        ],
        "/payments/": ["/payments/", "/payments/?show=open"],
        "/health/": ["/health/"],
        "/static/{name}": ["/static/site.css"],
    }
    elsewhere = {"/files/{key}/preview/{name}", "/upload/{key}/"}
    if missing := {each.path for each in SHOWN} - addresses.keys() - elsewhere:
        raise SystemExit(f"not measured: {missing}")
    shown = {each: _get(each) for some in addresses.values() for each in some}
    names = {
        each: each.replace(many.sha256, "MANY").replace(last.sha256, "NEWEST").replace(sound.sha256, "FIRST")
        for each in shown
    }
    return {f"`{names[each]}`": ask for each, ask in shown.items()} | {
        "checking what was corrected": _check_of(f"/files/{many.sha256}/correct/")
    }


def _get(address: str) -> Prepare:
    return lambda me: partial(me.get, address)


def _check_of(address: str) -> Prepare:
    """What a browser sends of the table once a cell was edited."""

    def prepare(me: Visiting) -> Callable[[], Answer]:
        table = me.get(address)
        sent = dict(re.findall(r'name="(c[0-9]+-[0-9]+)"[^>]*value="([^"]*)"', table.text))
        (stated,) = re.findall(r'name="records" value="([0-9,]+)"', table.text)
        amount = next(name for name, value in sent.items() if value.startswith("R "))
        fields = {**sent, amount: "12.00", "records": stated, "token": table.token}
        return partial(me.post, f"{address}check", None, **fields)

    return prepare


def _after_changes(merchant: Merchant, server: Server, ask: Prepare) -> list[View]:
    views = []
    for _ in range(TIMES):
        finish_a_file(merchant)
        receive_another(merchant.folder / "var")
        views.append(server.view(ask))
    return views


def finish_a_file(merchant: Merchant) -> None:
    """What a run does last of a file, in the ledger alone."""
    settings = load_config(merchant.folder / "config.yaml").settings
    with closing(_opened(merchant)) as ledger:
        files = Files(ledger)
        (sound,) = files.named(SOUND)
        now = datetime.now(UTC)
        digest = sha256(f"{now}".encode()).hexdigest()
        name = f"later_bills_{digest[:8]}.csv"
        at = rfc3339(datetime(2026, 11, 30, tzinfo=UTC) - timedelta(seconds=1))
        row = files.land(
            sha256=digest,
            name=name,
            source="drop",
            feed=sound.feed,
            feed_print=sound.feed_print,
            name_parts={},
            rejects_of=None,
            size_bytes=sound.size_bytes,
            at=at,
        )
        facts = {**(sound.summary or {})}
        facts["file"] = {**facts["file"], "name": name, "sha256": digest}
        summary = Summary.model_validate(facts, strict=False)
        with files.together():
            files.finish(row.id, state="loaded", at=at, summary=summary.model_dump_json())
            AuditLog(ledger, settings, BY, "run", lambda: now, _began=True).became(summary)


def _median(views: Sequence[View]) -> View:
    return View(
        median(each.wall_ms for each in views), median(each.cpu_ms for each in views), views[-1].size_bytes
    )


@contextmanager
def serving(merchant: Merchant, port: int) -> Iterator[Server]:
    """The server, from when it takes connections on."""
    words = [str(Path(sys.executable).with_name("billferry")), "serve"]
    with subprocess.Popen(words, cwd=merchant.folder, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_listener(port)
            yield Server(process.pid, port)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _ledger(merchant: Merchant) -> Path:
    return merchant.folder / "var" / "ledger.sqlite"


def _opened(merchant: Merchant) -> Ledger:
    return open_sqlite_ledger(_ledger(merchant), merchant="citypower", environment="test")
