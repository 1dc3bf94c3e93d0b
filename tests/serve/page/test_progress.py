"""A file that a run works on: how far it is, told as it changes, and the button that stops it."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from pipeline.core.api.ledger_changes import LoadUnderWay, NoteProgress
from pipeline.core.release_decisions import Person
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.clock import utc_now
from pipeline.edge.config import load_config
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.loads_under_way import FileUnderWay
from pipeline.edge.ledger.sends import Sends
from pipeline.errors import UsageError
from pipeline.run.check_notes import CheckUnderWay
from pipeline.run.stop_load import stop_load
from pipeline.run.work_dir import ledger_to_write
from pipeline.serve.page.progress import progress_of
from tests.serve.page.browsing import BY_PROXY, Showing, Visiting, showing
from tests.stories.files import bills
from tests.stories.merchant import Merchant
from tests.warm import Process

COUNT = 120
NAME = "za_bills_2026-11-01.csv"
OTHER = "za_bills_2026-11-02.csv"
NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)


@contextmanager
def loading(merchant: Merchant) -> Iterator[Process]:
    """A run as a process of its own in the middle of a file; behind it lies another one."""
    rows = [f"C-{n},A-{n},B-{n},{n + 1}.00" for n in range(COUNT)]
    merchant.settings["api"]["max_in_flight"] = 2
    merchant.switch(latency_s=0.06)
    merchant.write(NAME, bills(*rows), merchant.drop)
    merchant.write(OTHER, bills("C-X,A-X,B-X,1.00"), merchant.drop)
    merchant.write_config()
    process = merchant.start("run", "--json", "--config", str(merchant.config))
    until = time.monotonic() + 60
    while len(merchant.api.snapshot()["bills"]) < 5 and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def address_of(me: Visiting, name: str = NAME) -> str:
    text = me.get("/files/").text
    before = text[: text.index(f">{name}</a>")]
    return before[before.rindex('"/files/') + 1 :].rstrip('"')


class Stream:
    """Events as a browser gets them."""

    opened: ClassVar[list[Stream]] = []

    def __init__(self, page: Showing, address: str) -> None:
        self.opened.append(self)
        self.connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
        self.connection.request("GET", f"{address}progress", headers={"Accept": "text/event-stream"})
        self.answer = self.connection.getresponse()

    def close(self) -> None:
        self.answer.close()
        self.connection.close()

    def event(self) -> tuple[str, dict[str, object]]:
        """The next one."""
        kind = ""
        while line := self.answer.readline().decode():
            if line.startswith("event: "):
                kind = line[7:].strip()
            if line.startswith("data: "):
                return kind, json.loads(line[6:])
        return "closed", {}


@pytest.fixture(autouse=True)
def _no_stream_is_left() -> Iterator[None]:
    yield
    while Stream.opened:
        Stream.opened.pop().close()


def test_a_load_is_told_as_it_goes_and_its_end_ends_the_stream(merchant: Merchant) -> None:
    with loading(merchant) as run, showing(merchant) as page:
        me = page.visitor()
        address = address_of(me)
        stream = Stream(page, address)
        assert stream.answer.getheader("content-type") == "text/event-stream; charset=utf-8"
        told, until = list[dict[str, object]](), time.monotonic() + 30
        while len(told) < 2 and time.monotonic() < until:
            kind, event = stream.event()
            if kind == "progress" and event["total"] is not None:
                told.append(event)
        assert [each["total"] for each in told] == [COUNT, COUNT]
        assert 0 < told[0]["done"] < told[1]["done"] < COUNT  # type: ignore[operator]
        lines = " ".join(map(str, told[1]["lines"]))  # type: ignore[call-overload]
        assert "of ZAR 7 260.00" in lines
        assert "left" in lines
        shown = me.get(address)
        assert "Being loaded" in shown.said
        assert '<noscript><p class="pages"><a href="">Look again' in shown.text
        assert "Being loaded" in me.get("/").said
        merchant.switch()
        while (kind := stream.event()[0]) == "progress":
            pass
        assert kind == "end"
        assert run.wait(30) == 0
        ended = me.get(f"{address}progress")
        assert (ended.status, ended.body) == (204, b"")
        assert "Being loaded" not in me.get(address).said


@pytest.mark.timeout(300)
def test_a_check_is_told_in_megabytes(merchant: Merchant) -> None:
    rows = (f"C-{n},A-{n},B-{n},ten" for n in range(400_000))
    size_bytes = merchant.write(NAME, bills(*rows), merchant.drop).stat().st_size
    with showing(merchant) as page:
        me = page.visitor()
        run = merchant.start("run", "--config", str(merchant.config))
        until, told = time.monotonic() + 60, ""
        while "Being checked" not in told and time.monotonic() < until:
            told = me.get("/").said
        kind, event = Stream(page, address_of(me)).event()
        run.kill()
        run.communicate()
    assert f" of {size_bytes / 1e6:.1f} MB" in told
    assert (kind, event["title"], event["total"]) == ("progress", "Being checked", size_bytes)
    assert 0 <= event["done"] <= size_bytes  # type: ignore[operator]
    assert not merchant.asked()


def test_a_dry_run_tells_nobody_of_its_check(merchant: Merchant) -> None:
    merchant.settings["page"] = {"listen": "127.0.0.1:1"}
    path = merchant.write(NAME, bills("C-1,A-1,B-1,1.00"))
    merchant.load(path, "--dry-run")
    assert not (merchant.work_dir / "uploads").exists()
    merchant.load(path)
    assert (merchant.work_dir / "uploads" / "checking.json").stat().st_mode & 0o077 == 0


def test_a_stopped_load_stays_stopped_until_it_is_released(merchant: Merchant) -> None:
    with loading(merchant) as run, showing(merchant, **BY_PROXY) as page:
        me, reader = page.visitor("sipho"), page.visitor("thandi")
        address = address_of(me)
        assert "Stop after what is under way" in me.get(address).said
        began = time.monotonic()
        assert me.post(f"{address}stop").status == 303
        assert "as sipho asked" in reader.get(address).said
        out, _ = run.communicate(timeout=60)
        assert time.monotonic() - began < 10
        first, second = json.loads(out)["files"]
        assert (first["state"], [hold["code"] for hold in first["holds"]]) == ("held", ["file.stopped"])
        assert second["state"] == "loaded"  # what lies behind it goes on
        sent = first["records"]["created"]
        assert 0 < sent < COUNT
        assert first["records"]["in_doubt"] == 0
        message = f"stopped on the page by sipho: {sent} sent, {COUNT - sent} left"
        assert first["holds"][0]["message"] == message
        assert message in me.get(address).said

        merchant.switch()
        again = merchant.run()
        assert (again.exit_status, again.requests.total()) == (1, 0)
        assert me.post(f"{address}stop").status == 409

        def release(limit: str = "") -> None:
            shown = me.get(address).text
            print_of = shown[shown.index('name="shown" value="') + 20 :][:64]
            assert me.post(f"{address}release", shown=print_of, limit=limit).status == 303

        release("1")
        more = merchant.run()
        assert [hold["code"] for hold in more.file["holds"]] == ["file.limited"]
        assert more.file["records"]["created"] == sent + 1
        release()
        rest = merchant.run()
        assert (rest.exit_status, rest.outcomes()) == (0, {"created": COUNT})
        assert len(merchant.held("bills")) == COUNT + 1
    trail = merchant.command("audit", "--json").stdout
    assert '"command": "stop"' in trail
    assert "sipho" in trail


def test_a_stop_outlives_a_killed_run_and_is_for_that_file_alone(merchant: Merchant) -> None:
    with loading(merchant) as run:
        run.kill()
        run.communicate()
    config = load_config(merchant.config)
    with ledger_to_write(config.settings) as ledger:
        sha256 = ledger.execute("SELECT sha256 FROM files WHERE name = ?", (NAME,)).fetchone()[0]
    with showing(merchant) as page:
        me = page.visitor()
        assert me.post(f"/files/{sha256}/stop").status == 303
    merchant.switch()
    said = merchant.run()
    assert said.named(NAME)["state"] == "held"
    assert said.named(OTHER)["state"] == "loaded"
    assert len(merchant.held("bills")) < COUNT


def test_a_stop_that_comes_after_a_decision_counts(merchant: Merchant) -> None:
    """It was asked for once a run had taken the release up: that release does not end it."""
    path = merchant.write(NAME, bills("C-1,A-1,B-1,1.00", "C-2,A-2,B-2,1.00"))
    merchant.load(path, "--limit", "1")
    merchant.release(NAME)
    config = load_config(merchant.config)
    with ledger_to_write(config.settings) as ledger:
        ledger.execute("UPDATE files SET state = 'landed'")
        sha256 = ledger.execute("SELECT sha256 FROM files").fetchone()[0]
    with showing(merchant) as page:
        assert page.visitor().post(f"/files/{sha256}/stop").status == 303
    held = merchant.load(path)
    assert (held.state, held.requests.total()) == ("held", 0)
    assert {hold["code"] for hold in held.file["holds"]} == {"file.limited", "file.stopped"}


def test_a_finished_file_cannot_be_stopped(merchant: Merchant) -> None:
    merchant.load(merchant.write(NAME, bills("C-1,A-1,B-1,1.00")))
    config = load_config(merchant.config)
    with ledger_to_write(config.settings) as ledger:
        row = ledger.execute("SELECT sha256, name FROM files").fetchone()
    with pytest.raises(UsageError):
        stop_load(config, row["sha256"], row["name"], Person("sipho", "the page"))


LOAD = LoadUnderWay(
    started_at="2026-11-01T07:59:00Z",
    at="2026-11-01T08:00:00Z",
    settled=10,
    total=100,
    per_s=3.0,
    retried=0,
    settled_minor={"ZAR": 100},
    total_minor={"ZAR": 1000},
)


def note(merchant: Merchant, **changes: object) -> str:
    """As if a run were at work on the only file, and has told this; its SHA-256."""
    load = replace(LOAD, **changes)  # type: ignore[arg-type]
    with ledger_to_write(load_config(merchant.config).settings) as ledger:
        ledger.execute("UPDATE files SET state = 'landed'")
        with transaction(ledger):
            Sends(ledger).write(NoteProgress(1, load))
        return str(ledger.execute("SELECT sha256 FROM files").fetchone()[0])


def test_a_released_file_that_is_being_loaded_is_not_called_held(merchant: Merchant) -> None:
    path = merchant.write(NAME, bills("C-1,A-1,B-1,1.00", "C-2,A-2,B-2,1.00"))
    assert merchant.load(path, "--limit", "1").state == "held"
    with showing(merchant) as page:
        me, address = page.visitor(), address_of(page.visitor())
        before = me.get(address)
        assert "The file is held" in before.said
        assert 'href="report.html"' in before.text
        note(merchant, at=rfc3339(utc_now()), per_s=0.0)
        shown = me.get(address)
    assert "Being loaded" in shown.said
    assert "What its last report said is out of date" in shown.said
    assert "eld" not in re.sub("The file is held then[.]", "", shown.said), "but for what a stop would do"
    assert 'href="report.html"' not in shown.text, "it says so, too"
    assert "records a" not in shown.said


def test_a_server_that_ends_does_not_wait_for_those_who_watch(merchant: Merchant) -> None:
    merchant.load(merchant.write(NAME, bills("C-1,A-1,B-1,1.00")))
    sha256 = note(merchant)
    with showing(merchant) as page:
        streams = [Stream(page, f"/files/{sha256}/") for _ in range(3)]
        assert {stream.event()[0] for stream in streams} == {"progress"}
        ends_at = time.monotonic()
    assert time.monotonic() - ends_at < 3
    assert streams[0].event()[0] == "closed"


def test_so_many_watch_and_a_place_is_free_once_one_has_gone(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.serve.page.progress.MAX_WATCHING", 2)
    merchant.load(merchant.write(NAME, bills("C-1,A-1,B-1,1.00")))
    sha256 = note(merchant)
    with showing(merchant) as page:
        me, address = page.visitor(), f"/files/{sha256}/"
        streams = [Stream(page, address) for _ in range(2)]
        assert {stream.event()[0] for stream in streams} == {"progress"}
        assert me.get(f"{address}progress").status == 503
        streams[0].close()
        until = time.monotonic() + 20
        while True:
            third = Stream(page, address)
            if third.answer.status == 200 or time.monotonic() > until:
                break
            time.sleep(0.2)
        assert third.answer.status == 200


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "Being checked"),
        ({"sha256": "cd"}, "Being checked, or about to be"),
        ({"at": "2026-11-01T07:59:30Z"}, "Being checked, or about to be"),
    ],
)
def test_what_is_said_of_a_check(merchant: Merchant, changes: dict[str, str], title: str) -> None:
    merchant.write_config()
    settings = load_config(merchant.config).settings
    check = replace(CheckUnderWay("ab", 1500, 20_000, "2026-11-01T07:59:59Z"), **changes)  # type: ignore[arg-type]
    told = progress_of(FileUnderWay("ab", NAME, "landed", None, None), settings, NOW, check)
    assert told.title == title
    assert (told.done, told.total) == ((1500, 20_000) if not changes else (None, None))
    loading = progress_of(FileUnderWay("ab", NAME, "landed", LOAD, None), settings, NOW, check)
    assert (loading.title, loading.done, loading.total) == ("Being loaded", 10, 100)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "3 records a second, about 30 s left"),
        ({"per_s": 0.05}, "3 records a minute, about 30 min left"),
        ({"per_s": 0.0}, "ZAR 1.00 of ZAR 10.00"),  # nothing is known of a pace before there is one
        ({"per_s": 0.0, "retried": 1}, "1 retry"),
        ({"per_s": 1.2}, "1 record a second, about 1 min left"),
        ({"per_s": 0.005}, "less than 1 record a minute, about 5 h 0 min left"),
        ({"retried": 2}, "3 records a second, about 30 s left, 2 retries"),
        ({"settled": 100}, "Its report is being written"),
        (
            {"at": f"{(NOW - timedelta(minutes=2)):%Y-%m-%dT%H:%M:%SZ}"},
            "No news since 2026-11-01 09:58 SAST: its run has ended, or waits",
        ),
    ],
)
def test_what_is_said_of_a_load(merchant: Merchant, changes: dict[str, object], line: str) -> None:
    load = replace(LOAD, **changes)  # type: ignore[arg-type]
    merchant.settings["timezone"] = "Africa/Johannesburg"
    merchant.write_config()
    settings = load_config(merchant.config).settings
    lines = progress_of(FileUnderWay("ab", NAME, "landed", load, None), settings, NOW).lines
    assert lines[:2] == (f"{load.settled} of 100 records settled", "ZAR 1.00 of ZAR 10.00")
    assert lines[-1] == line
