"""The operator's program is told what needs a person: once, in time, and without a key."""

from __future__ import annotations

import json
import re
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.desk import GOOD_BILLS, MIXED_BILLS, PLANTED_KEY, Desk

TO_FILE = '#!/bin/sh\ncat >> told.jsonl\necho >> told.jsonl\nenv > "environment"\n'
GONE = {"base_url": "http://127.0.0.1:9"}


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A desk whose `notify` writes what it is told into a file."""
    script(desk, TO_FILE)
    desk.configure(notify={"command": "bin/tell all 'of it'"})
    return desk


def script(desk: Desk, text: str) -> None:
    path = desk.put("bin/tell", text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def heard(desk: Desk) -> list[dict[str, Any]]:
    """The documents so far."""
    path = desk.folder / "told.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_nothing_is_told_of_a_run_that_ends_well_or_is_a_dry_run(told: Desk) -> None:
    told.put("drop/may_bills.csv")
    assert told.command("run").exit_status == 0
    told.put("drop/june_bills.csv", MIXED_BILLS)
    assert told.command("run", "--dry-run").exit_status == 1
    assert told.command("load", told.put("by_hand_bills.csv", MIXED_BILLS)).exit_status == 1
    assert heard(told) == []


def test_rejects_are_told_once_with_the_file_and_the_result(told: Desk) -> None:
    told.put("drop/june_bills.csv", MIXED_BILLS)
    said = told.command("run", "--json")
    (document,) = heard(told)
    assert document["events"] == ["attention"]
    assert document["subject"] == "billferry citypower (test): attention"
    assert document["text"] == "june_bills.csv: loaded with rejects (1 of 2 records are not loaded)"
    assert document["result"] == said.document
    told.command("run")
    assert len(heard(told)) == 1


def test_expected_rejects_are_no_news(told: Desk) -> None:
    feed = {**told.settings["feeds"][0], "expected_codes": ["amount_due.too_precise"]}
    told.configure(feeds=[feed], notify={"command": "bin/tell"})
    told.put("drop/june_bills.csv", MIXED_BILLS)
    assert told.command("run").exit_status == 0
    assert heard(told) == []


def test_a_held_file_and_a_late_feed_are_told_once_each(told: Desk) -> None:
    told.configure(feeds=held_and_late(told), notify={"command": "bin/tell"})
    for _ in range(2):
        assert told.command("run").exit_status == 1
    (document,) = heard(told)
    assert document["events"] == ["held", "late"]
    assert "feed never: no file received for" in document["text"]
    assert "june_bills.csv: held (" in document["text"]


def held_and_late(desk: Desk) -> list[dict[str, Any]]:
    """Feeds: one whose file is there and will be held, and one whose file is late."""
    feed = {**desk.settings["feeds"][0], "release": "always"}
    desk.expect_for_long("never")
    desk.put("drop/june_bills.csv")
    return [feed, {**feed, "name": "never", "match": "*_never.csv", "expect_by": "00:00"}]


def _without_times(text: str) -> str:
    """The first line."""
    return re.sub(r"[0-9T:-]{19}Z", "", text.splitlines()[0])


@pytest.mark.parametrize("event", ["failure", "held", "late", "digest"])
def test_each_occasion_reaches_a_program_that_is_ended_in_time_and_is_told_again(
    told: Desk, event: str
) -> None:
    feeds, api = held_and_late(told), dict(told.settings["api"])
    if event == "failure":
        feeds, api = [{**feeds[0], "release": "never"}], {**api, **GONE}
    chosen = {"on": [], "digest_at": "00:00"} if event == "digest" else {"on": [event]}
    told.configure(feeds=feeds, api=api, notify={"command": "bin/tell", "timeout_s": 0.5, **chosen})
    script(told, TO_FILE + "echo $$ > child\nsleep 60\n")
    began = time.monotonic()
    said = told.command("run")
    assert time.monotonic() - began < 30, "not the minute that the program would take"
    assert "billferry: notify: it took longer than 0.5 s and was ended" in said.stderr
    assert is_gone(int((told.folder / "child").read_text()))
    script(told, TO_FILE)
    told.command("run")
    told.command("run")
    first, again = heard(told)
    assert first["events"] == again["events"] == [event]
    # The beginning of what a digest tells of is a day before it.
    assert _without_times(first["text"]) == _without_times(again["text"])
    assert (first["digest"] is not None) is (event == "digest")
    assert first["merchant"] == "citypower"
    assert first["result"]["exit_status"] == said.exit_status


def test_a_failure_is_told_once_and_again_when_it_comes_back(told: Desk) -> None:
    told.put("drop/may_bills.csv")
    fine = dict(told.settings["api"])
    for api, documents in ((GONE, 1), (GONE, 1), ({}, 1), (GONE, 1)):
        told.configure(api={**fine, **api}, notify={"command": "bin/tell"})
        told.command("run")
        assert len(heard(told)) == documents
    told.put("drop/june_bills.csv", MIXED_BILLS.replace("C2", "C3"))
    told.command("run")
    assert [document["events"] for document in heard(told)] == [["failure"]] * 2
    assert "the Billing API does not answer" in heard(told)[-1]["text"]


def test_a_failure_that_lasts_is_told_again_a_day_later(told: Desk) -> None:
    told.put("drop/may_bills.csv")
    told.configure(api={**told.settings["api"], **GONE}, notify={"command": "bin/tell"})
    told.command("run")
    memory = told.folder / "var" / "notified.json"
    text = memory.read_text()
    (at,) = {entry["at"] for entry in json.loads(text).values()}
    memory.write_text(text.replace(at, f"2026-01-01{at[10:]}"))
    told.command("run")
    assert len(heard(told)) == 2


def test_a_run_that_cannot_begin_is_told(told: Desk) -> None:
    told.command("run")
    (told.folder / "var" / "ledger.sqlite").write_bytes(b"not a ledger" * 1000)
    assert told.command("run").exit_status == 70
    (document,) = heard(told)
    assert document["events"] == ["failure"]
    assert document["result"]["errors"][0]["code"] == "ledger.damaged"


@pytest.mark.parametrize("memory", ["", "[]", '{"x": 1}', "\0"])
def test_a_damaged_memory_is_no_memory(told: Desk, memory: str) -> None:
    told.command("run")
    (told.folder / "var" / "notified.json").write_text(memory)
    told.put("drop/june_bills.csv", MIXED_BILLS)
    assert told.command("run").exit_status == 1
    assert len(heard(told)) == 1


def test_no_key_reaches_the_program(told: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLFERRY_API__KEY", PLANTED_KEY)
    told.put("drop/june_bills.csv", MIXED_BILLS)
    told.command("run")
    assert "PATH=" in (told.folder / "environment").read_text()
    assert "BILLFERRY" not in (told.folder / "environment").read_text()
    assert PLANTED_KEY not in (told.folder / "told.jsonl").read_text()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("#!/bin/sh\nexit 3\n", "it ended with 3"),
        ("#!/bin/sh\nsleep 60 & echo $! > child\nsleep 60\n", "it took longer than 0.5 s and was ended"),
        ("no program", "it cannot be started: Exec format error"),
        (None, "it cannot be started: No such file or directory"),
    ],
)
def test_a_program_that_fails_is_a_warning_and_is_told_again(
    told: Desk, text: str | None, problem: str
) -> None:
    if text is None:
        (told.folder / "bin" / "tell").unlink()
    else:
        script(told, text)
    told.configure(notify={"command": "bin/tell", "timeout_s": 0.5})
    told.put("drop/june_bills.csv", MIXED_BILLS)
    began = time.monotonic()
    said = told.command("run")
    assert time.monotonic() - began < 20
    assert said.exit_status == 1
    assert f"billferry: notify: {problem}; the run is not concerned" in said.stderr
    if (child := told.folder / "child").exists():
        assert is_gone(int(child.read_text())), "what the program started ends with it"
    script(told, TO_FILE)
    told.put("drop/july_bills.csv", GOOD_BILLS.replace("C1", "C9"))
    told.command("run")
    (document,) = heard(told)
    assert document["text"] == "june_bills.csv: loaded with rejects (1 of 2 records are not loaded)"
    told.command("run")
    assert len(heard(told)) == 1


def is_gone(process: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        state = Path(f"/proc/{process}/stat")
        if not state.exists() or ") Z " in state.read_text():
            return True
        time.sleep(0.05)
    return False


def test_a_digest_tells_once_a_day_how_things_stand(told: Desk) -> None:
    told.configure(notify={"command": "bin/tell", "on": [], "digest_at": "00:00"})
    told.put("drop/june_bills.csv", MIXED_BILLS)
    for _ in range(2):
        assert told.command("run").exit_status in {0, 1}
    (document,) = heard(told)
    assert document["events"] == ["digest"]
    digest = document["digest"]
    assert digest["loaded"] == {"files": 1, "amounts_minor": {"ZAR": 1_000}}
    assert digest["open"] == {"records": 1, "amounts_minor": {}, "unreadable": 1}
    assert (digest["held"], digest["unfinished"], digest["late"]) == ([], [], [])
    loaded, to_correct = document["text"].splitlines()
    assert loaded.endswith(": 1 file, ZAR 10.00")
    assert to_correct == "to correct or write off: 1 record, 1 of unknown amount"


def test_a_digest_waits_for_its_hour(told: Desk) -> None:
    hour = datetime.now(UTC) + timedelta(hours=1)
    if hour.hour == 0:
        pytest.skip("there is no later hour today")
    told.configure(timezone="UTC", notify={"command": "bin/tell", "digest_at": f"{hour:%H}:59"})
    told.command("run")
    assert heard(told) == []


def test_only_what_is_asked_for_is_told(told: Desk) -> None:
    told.configure(notify={"command": "bin/tell", "on": ["failure"]})
    told.put("drop/june_bills.csv", MIXED_BILLS)
    assert told.command("run").exit_status == 1
    assert heard(told) == []
