"""What a monitor, the metrics and `status` see of a watch: trouble as long as it lasts, and each thing said once."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.desk import MIXED_BILLS, Desk
from tests.cli.watcher import Watcher, bill, until, watching
from tests.ledger_of_world import sqlite_alone
from tests.servers.monitor import SECRET, Monitor

OFTEN = """
import pipeline.run.watch
pipeline.run.watch.PING_S, pipeline.run.watch.DROP_S, pipeline.run.watch.UPKEEP_S = 0.7, 0.4, 0.6
"""
"""A day in seconds: signs of life, looks and upkeep."""
FEED = {"model": "bill", "amount": {"unit": "major"}, "unusual": "load", "currency": "ZAR"}
FEEDS = [
    {"name": "bills", "match": "*_bills.csv", **FEED},
    {"name": "daily", "match": "*_daily.csv", "expect_by": "00:00", **FEED},
]


@pytest.fixture
def monitor(desk: Desk) -> Iterator[Monitor]:
    with Monitor() as monitor:
        desk.put("ping.url", monitor.url).chmod(0o600)
        desk.configure(ping={"url_file": "ping.url"}, metrics_file="m.prom", feeds=FEEDS[:1])
        yield monitor


def metrics(desk: Desk) -> dict[str, float]:
    """Name, and feed where there is one → value."""
    return {
        " ".join([sample.name, *([sample.labels["feed"]] if "feed" in sample.labels else [])]): sample.value
        for family in text_string_to_metric_families((desk.folder / "m.prom").read_text())
        for sample in family.samples
    }


def loaded(watcher: Watcher, name: str) -> bool:
    return f"{name}: loaded" in watcher.text


def test_a_monitor_is_told_now_and_then_and_when_something_changes(desk: Desk, monitor: Monitor) -> None:
    with watching(desk, late=OFTEN) as watcher:
        until(lambda: len(monitor.asked) >= 3)
        assert set(monitor.asked) == {""}, "signs of life, and no start"
        desk.put("drop/mixed_bills.csv", MIXED_BILLS)
        until(lambda: "/fail" in monitor.asked)
        until(lambda: monitor.asked[-1] == "")
        monitor.answers = 500
        until(lambda: monitor.asked[-4:] == [""] * 4)
        assert watcher.stop()[0] == 143
    assert watcher.text.count("the ping of success failed (it answers 500)") == 1, "once, not every minute"
    assert SECRET not in watcher.text


def test_a_watch_with_nothing_to_look_at_for_long_gives_signs_of_life(desk: Desk, monitor: Monitor) -> None:
    with watching(desk, late="import pipeline.run.watch; pipeline.run.watch.PING_S = 0.3") as watcher:
        until(lambda: len(monitor.asked) >= 5)
        assert watcher.stop()[0] == 143
    assert set(monitor.asked) == {""}


def test_a_late_feed_is_told_once_fails_until_its_file_comes_and_then_is_good(
    desk: Desk, monitor: Monitor
) -> None:
    desk.configure(ping={"url_file": "ping.url"}, metrics_file="m.prom", feeds=FEEDS)
    desk.expect_for_long("daily")
    with watching(desk, late=OFTEN) as watcher:
        for number in range(3):
            desk.put(f"drop/{number}_bills.csv", bill(number))
            until(lambda number=number: loaded(watcher, f"{number}_bills.csv"))  # type: ignore[misc]
        until(lambda: len(monitor.asked) >= 3)
        assert set(monitor.asked) == {"/fail"}, "as long as it is late"
        assert watcher.text.count("feed daily: no file received for") == 1
        assert metrics(desk)["billferry_feed_late daily"] == 1
        assert metrics(desk)["billferry_last_run_exit_status"] == 1
        (late,) = json.loads(desk.spawn("status", "--json").stdout)["late"]
        assert (late["feed"], late["last_at"]) == ("daily", None)
        desk.put("drop/today_daily.csv", bill("daily"))
        until(lambda: loaded(watcher, "today_daily.csv"))
        until(lambda: monitor.asked[-1] == "")
        until(lambda: metrics(desk)["billferry_last_run_exit_status"] == 0)
        before = len(monitor.asked)
        until(lambda: len(monitor.asked) >= before + 2)
        assert "/fail" not in monitor.asked[before:]
        assert metrics(desk)["billferry_feed_late daily"] == 0
        assert metrics(desk)["billferry_feed_last_file_timestamp_seconds daily"] > time.time() - 60
        assert watcher.stop()[0] == 143


def test_a_server_that_is_away_is_trouble_also_while_the_drop_folder_works(
    desk: Desk, monitor: Monitor
) -> None:
    """Nobody is told that all is well by a look at the other place."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        sftp = {
            "host": "127.0.0.1",
            "port": taken.getsockname()[1],
            "username": "citypower",
            "password_file": "api.key",
            "known_hosts_file": "known_hosts",
            "timeout_s": 2,
        }
        desk.put("known_hosts", "")
        desk.configure(ping={"url_file": "ping.url"}, metrics_file="m.prom", feeds=FEEDS[:1], sftp=sftp)
        with watching(desk, late=OFTEN) as watcher:
            until(lambda: "/fail" in monitor.asked)
            before = monitor.asked.index("/fail")
            for number in range(3):
                desk.put(f"drop/{number}_bills.csv", bill(number))
                until(lambda number=number: loaded(watcher, f"{number}_bills.csv"))  # type: ignore[misc]
            until(lambda: len(monitor.asked) >= before + 4)
            assert set(monitor.asked[before:]) == {"/fail"}
            assert metrics(desk)["billferry_last_run_exit_status"] == 3
            assert watcher.stop()[0] == 143
    assert watcher.text.count("cannot be reached") == 1


def test_what_was_said_is_not_said_again_because_another_command_held_the_lock(
    desk: Desk, monitor: Monitor
) -> None:
    desk.put("drop/unknown.bin", "?")
    with watching(desk, late=OFTEN) as watcher:
        until(lambda: "unknown.bin: unmatched" in watcher.text)
        for number in range(2):
            assert (
                desk.spawn("load", desk.put(f"{number}_bills.csv", bill(number)), "--wait", "5").exit_status
                == 0
            )
        desk.put("drop/same_bills.csv", bill("first"))
        until(lambda: watcher.text.count("same_bills.csv: loaded") == 1)
        desk.put("drop/same_bills.csv", bill("other"))
        until(lambda: watcher.text.count("same_bills.csv: loaded") == 2)
        assert watcher.stop()[0] == 143
    assert watcher.text.count("unknown.bin: unmatched") == 1
    assert set(monitor.asked[monitor.asked.index("/fail") :]) == {"/fail"}, "it lies there still"


@sqlite_alone
def test_a_watch_that_ends_for_a_bug_or_a_damaged_ledger_says_so(desk: Desk, monitor: Monitor) -> None:
    desk.put("var/ledger.sqlite", "no ledger at all, " * 100)
    (desk.folder / "var").chmod(0o700)
    said = desk.spawn("watch")
    assert said.exit_status == 70
    assert monitor.asked == ["/fail"]
    bug = "import pipeline.run.watch as watch\ndef pass_over(*_): raise LookupError('x')\nwatch.pass_over = pass_over"
    assert desk.spawn("watch", code=bug).exit_status == 70
    assert monitor.asked == ["/fail"] * 2
