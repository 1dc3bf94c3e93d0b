"""What those see who watch from outside: a ping, the metrics file, late feeds; and reports that are written again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.desk import MIXED_BILLS, Desk
from tests.servers.monitor import SECRET, Monitor

ALWAYS = {
    "name": "bills",
    "match": "*_bills.csv",
    "model": "bill",
    "amount": {"unit": "major"},
    "unusual": "load",
    "currency": "ZAR",
    "expect_by": "00:00",
}


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Monitor]:
    with Monitor() as monitor:
        monkeypatch.setenv("BILLFERRY_PING__URL", monitor.url)
        yield monitor


def test_a_monitor_hears_of_the_start_and_of_how_it_ended(desk: Desk, monitor: Monitor) -> None:
    assert desk.command("run").exit_status == 0
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    assert desk.command("run").exit_status == 1
    desk.command("run", "--dry-run")
    assert monitor.asked == ["/start", "", "/start", "/fail"]


def test_a_failing_ping_is_a_warning_without_its_address(desk: Desk, monitor: Monitor) -> None:
    monitor.answers = 500
    said = desk.command("run", "--verbose")
    assert said.exit_status == 0
    assert "the ping of success failed (it answers 500)" in said.stderr
    assert SECRET not in said.stderr + said.stdout


def test_the_metrics_are_read_by_a_real_parser_and_by_others(desk: Desk) -> None:
    path = desk.put("metrics/billferry.prom", "")
    desk.configure(metrics_file="metrics/billferry.prom", feeds=[ALWAYS])
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    desk.command("run")
    found = {}
    for family in text_string_to_metric_families(path.read_text()):
        for sample in family.samples:
            label = sample.labels.get("outcome") or sample.labels.get("feed")
            found[sample.name, label, sample.labels.get("currency")] = sample.value
    assert path.stat().st_mode & 0o777 == 0o644
    assert found["billferry_records", "created", None] == 1
    assert found["billferry_records", "rejected", None] == 1
    assert found["billferry_amount_minor", "created", "ZAR"] == 1000
    assert found["billferry_last_run_exit_status", None, None] == 1
    assert found["billferry_feed_late", "bills", None] == 0


def test_a_file_that_has_not_come_by_its_hour_needs_a_person(desk: Desk) -> None:
    desk.configure(feeds=[ALWAYS])
    assert desk.command("run").exit_status == 0, "the day on which its hour was made known is not a whole one"
    desk.change_ledger("UPDATE expectations SET since = '2020-01-01T00:00:00Z'")
    said = desk.command("run")
    assert said.exit_status == 1
    assert "feed bills: no file received for" in said.stderr
    assert "LATE: feed bills" in desk.command("status").stdout
    desk.put("drop/may_bills.csv")
    assert desk.command("run").exit_status == 0
    assert json.loads(desk.command("status", "--json").stdout)["late"] == []


def test_reports_are_written_again_byte_for_byte_without_a_request_or_a_key(desk: Desk) -> None:
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    desk.command("run")
    (folder,) = (each for each in (desk.folder / "var" / "reports").iterdir() if each.is_dir())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    asked = len(desk.api.snapshot()["requests"])
    for path in folder.iterdir():
        path.unlink()
    (desk.folder / "api.key").unlink()
    assert desk.command("report", "may_bills.csv").exit_status == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(desk.api.snapshot()["requests"]) == asked
    assert desk.command("report", "other.csv").exit_status == 2
