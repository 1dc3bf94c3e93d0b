"""Every run and command leaves its entries in the audit trail, and reports note the newest one."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.terminal_ui import TerminalUi
from pipeline.edge.config import load_config
from pipeline.edge.ledger.migrations import MIGRATIONS
from pipeline.run.context import Options
from pipeline.run.run_pass import pass_over
from pipeline.sandbox.faults import NoFaults, Scripted, Window, callback
from tests.ledger_of_world import sqlite_alone
from tests.stories.merchant import Json, Merchant
from tests.world import ROOT

HEADER = "customer_reference,customer_name,account_reference,bill_reference,amount_due\n"
ROWS = HEADER + "C-1,Ada,A-1,INV-1,100.00\nC-2,Ben,A-2,INV-2,200.00\n"
BAD = HEADER + "C-1,Ada,A-1,INV-1,100.00\nC-2,Ben,A-2,INV-2,two\n"


def entries(merchant: Merchant, *words: str) -> list[Json]:
    said = merchant.json_command("audit", *words)
    assert said.exit_status == 0
    found: list[Json] = said.document["entries"]
    return found


def told(merchant: Merchant) -> list[str]:
    """Command and event of each entry, but for configs."""
    return [f"{each['command']} {each['event']}" for each in entries(merchant) if each["event"] != "config"]


def sound(merchant: Merchant) -> Json:
    said = merchant.json_command("audit", "--verify")
    assert (said.exit_status, said.document["findings"]) == (0, [])
    return said.document


def test_a_run_tells_when_who_where_what_and_what_became_of_each_file(merchant: Merchant) -> None:
    path = merchant.write("june_bills_2026-06-01.csv", BAD, merchant.drop)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    run = merchant.run()
    config, begun, file, ended = entries(merchant)
    assert [each["event"] for each in (config, begun, file, ended)] == ["config", "begun", "file", "ended"]
    for each in (config, begun, file, ended):
        assert each["user"] == getpass.getuser()
        assert each["host"] == os.uname().nodename
        assert each["command"] == "run"
        assert each["run"] == run.document["run_id"]
        assert each["at"].endswith("Z")
    assert begun["config"] == config["config"]
    assert file["files"] == [{"name": path.name, "sha256": digest}]
    assert file["result"] == {
        "state": "loaded_with_rejects",
        "records": {"created": 1, "rejected": 1},
        "amounts_minor": {"ZAR": {"created": 10_000}},
    }
    assert ended["result"] == {"exit_status": 1, "states": {"loaded_with_rejects": 1}}
    text = json.dumps([config, begun, file, ended])
    for personal in ("Ada", "Ben", "INV-1", "C-1"):
        assert personal not in text


def test_the_head_is_in_each_summary_and_the_trail_leads_to_it(merchant: Merchant) -> None:
    merchant.write("june_bills_2026-06-01.csv", ROWS, merchant.drop)
    said = merchant.run()
    head = said.file["run"]["audit_head"]
    begun = entries(merchant)[1]
    assert head == f"{begun['number']}:{begun['digest']}"
    assert json.loads((merchant.report(said.file) / "summary.json").read_text())["run"]["audit_head"] == head
    assert merchant.command("audit", "--verify", "--head", head).exit_status == 0
    assert merchant.command("audit", "--verify", "--head", f"2:{'a' * 64}").exit_status == 1
    assert sound(merchant)["head"].startswith("4:")


def test_the_head_goes_onto_the_sftp_server(sftp_merchant: Merchant) -> None:
    merchant = sftp_merchant
    merchant.write("june_bills_2026-06-01.csv", ROWS, merchant.incoming)
    head = merchant.run().file["run"]["audit_head"]
    (uploaded,) = (merchant.folder / "sftp" / "reports").glob("*/summary.json")
    assert json.loads(uploaded.read_text())["run"]["audit_head"] == head
    assert merchant.command("audit", "--verify", "--head", head).exit_status == 0


def test_a_dry_run_leaves_no_entry_and_notes_no_head(merchant: Merchant) -> None:
    merchant.write("june_bills_2026-06-01.csv", ROWS, merchant.drop)
    assert merchant.run("--dry-run").file["run"]["audit_head"] is None
    merchant.run()
    before = len(entries(merchant))
    merchant.run("--dry-run")
    merchant.validate(merchant.write("more_bills_2026-06-02.csv", ROWS))
    merchant.status()
    assert len(entries(merchant)) == before


def test_force_limit_release_refuse_and_retry_are_told(merchant: Merchant) -> None:
    path = merchant.write("june_bills_2026-06-01.csv", ROWS)
    merchant.load(path, "--limit", "1")
    merchant.release(path.name, "--limit", "1", "--now")
    merchant.load(path, "--force")
    other = merchant.write("july_bills_2026-07-01.csv", ROWS.replace("INV", "JUL"))
    merchant.load(other, "--limit", "1")
    merchant.refuse(other.name, "--why", "Jane Doe complained")
    merchant.command("retry", "all")
    found = entries(merchant)
    assert told(merchant) == [
        *("load begun", "load file", "load ended"),
        *("release done", "release begun", "release file", "release ended"),
        *("load begun", "load file", "load ended"),
        *("load begun", "load file", "load ended"),
        *("refuse done", "refuse begun", "refuse file", "refuse ended"),
        *("retry begun", "retry ended"),
    ]
    options = [each.get("options") for each in found if each["event"] in {"begun", "done"}]
    assert options == [{"limit": 1}, {"up_to": 2}, None, {"force": True}, {"limit": 1}, None, None, None]
    decided = [each for each in found if each["event"] == "done"]
    assert [each["files"][0]["name"] for each in decided] == [path.name, other.name]
    assert "Jane" not in json.dumps(found), "what somebody typed as a reason stays where it can be removed"
    sound(merchant)


def test_a_write_off_is_told_with_its_records_and_without_its_reason(merchant: Merchant) -> None:
    merchant.write("june_bills_2026-06-01.csv", BAD, merchant.drop)
    merchant.run()
    assert (
        merchant.command(
            "write-off", "june_bills_2026-06-01.csv", "--records", "2", "--why", "Ben moved"
        ).exit_status
        == 0
    )
    (entry,) = [each for each in entries(merchant) if each["event"] == "done"]
    assert (entry["command"], entry["options"]) == ("write-off", {"records": "2"})
    assert entry["files"][0]["name"] == "june_bills_2026-06-01.csv"
    assert "Ben moved" not in json.dumps(entries(merchant))
    sound(merchant)


def test_a_watch_notes_its_first_look_and_those_that_take_up_a_file(merchant: Merchant) -> None:
    merchant.write_config()
    config = load_config(merchant.config)

    def look(*, again: bool) -> None:
        pass_over(config, TerminalUi(), Options(is_a_further_look=again), "drop")

    look(again=False)
    assert told(merchant) == ["watch begun", "watch ended"]
    look(again=True)
    look(again=True)
    assert told(merchant) == ["watch begun", "watch ended"]
    merchant.write("june_bills_2026-06-01.csv", ROWS, merchant.drop)
    meanwhile: list[int] = []
    count = "SELECT count(*) FROM audit WHERE entry LIKE '%begun%'"
    merchant.api.faults = Scripted(
        {1: callback(lambda _: meanwhile.append(merchant.ledger(count)[0][0]), Window.BEFORE_RECEIPT)}
    )
    look(again=True)
    assert meanwhile == [2], "its beginning is there before anything is sent"
    assert told(merchant)[2:] == ["watch begun", "watch file", "watch ended"]
    look(again=True)
    assert len(told(merchant)) == 5


def test_a_config_that_was_changed_is_told_by_its_parts(merchant: Merchant) -> None:
    merchant.run()
    merchant.run()
    merchant.settings["feeds"][1]["expect_by"] = "08:00"
    merchant.settings["api"]["max_in_flight"] = 3
    merchant.run()
    first, second = (each for each in entries(merchant) if each["event"] == "config")
    assert "feeds.bills" in first["result"]["changed"]
    assert second["result"]["changed"] == ["api", "feeds.accounts"]
    assert first["config"] != second["config"]


def test_no_secret_is_in_the_print_of_a_config(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    del merchant.settings["api"]["key_file"]
    monkeypatch.setenv("BILLFERRY_API__KEY", "sk_test_one")
    merchant.run()
    monkeypatch.setenv("BILLFERRY_API__KEY", "sk_test_two")
    merchant.run()
    assert len([each for each in entries(merchant) if each["event"] == "config"]) == 1


@sqlite_alone
def test_a_backup_is_told_with_its_hash(merchant: Merchant) -> None:
    merchant.run()
    copy = merchant.folder / "ledger.copy"
    merchant.command("backup", copy)
    entry = entries(merchant)[-1]
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    assert (entry["command"], entry["files"]) == ("backup", [{"name": copy.name, "sha256": digest}])


def test_a_host_that_was_trusted_is_told_even_before_the_first_run(sftp_merchant: Merchant) -> None:
    merchant = sftp_merchant
    assert merchant.sftp is not None
    (merchant.folder / "known_hosts").write_text("")
    shown = merchant.command("trust-host", "--yes", "SHA256:nothing").stderr
    assert not merchant.work_dir.exists() or entries(merchant) == [], "nothing was pinned"
    (fingerprint,) = (
        word for word in shown.split() if word.startswith("SHA256:") and word != "SHA256:nothing"
    )
    assert merchant.command("trust-host", "--yes", fingerprint).exit_status == 0
    (entry,) = entries(merchant)
    assert (entry["command"], entry["options"]["pinned"]) == ("trust-host", [fingerprint])
    merchant.run()
    sound(merchant)


@pytest.mark.slow
def test_a_killed_run_has_a_beginning_and_no_end(merchant: Merchant) -> None:
    path = merchant.write("june_bills_2026-06-01.csv", ROWS)
    merchant.write_config()
    process = merchant.start("load", path)
    merchant.api.faults = Scripted(
        {1: callback(lambda _: os.kill(process.pid, signal.SIGKILL), Window.BEFORE_REPLY)}
    )
    process.communicate(timeout=60)
    merchant.api.faults = NoFaults()
    assert told(merchant) == ["load begun"]
    assert list(sound(merchant)["without_end"].values()) == [2]
    assert "has no end" in merchant.command("audit", "--verify").stdout
    merchant.run()
    assert told(merchant)[-3:] == ["run begun", "run file", "run ended"]
    assert list(sound(merchant)["without_end"].values()) == [2], "what was killed stays told"


@sqlite_alone
def test_a_restored_ledger_says_so_and_explains_what_is_missing(merchant: Merchant) -> None:
    merchant.write("june_bills_2026-06-01.csv", ROWS, merchant.drop)
    merchant.run()
    copy = merchant.folder / "ledger.copy"
    merchant.command("backup", copy)
    merchant.write("july_bills_2026-07-01.csv", ROWS.replace("INV", "JUL"), merchant.drop)
    merchant.run()
    merchant.lose_ledger()
    shutil.copy(copy, merchant.work_dir / "ledger.sqlite")
    assert merchant.command("audit", "--verify").exit_status == 1, "before a run has taken it up"
    merchant.run()
    assert "run restored" in told(merchant)
    found: Any = sound(merchant)
    assert "restored from a copy" in found["notes"][0]


def test_a_lost_ledger_says_so(merchant: Merchant) -> None:
    merchant.write("june_bills_2026-06-01.csv", ROWS, merchant.drop)
    merchant.run()
    merchant.lose_ledger()
    merchant.run()
    assert told(merchant)[0] == "run restored"


@sqlite_alone
def test_a_ledger_of_before_begins_its_trail_with_the_next_run(merchant: Merchant) -> None:
    before = next(number for number, step in enumerate(MIGRATIONS) if "CREATE TABLE audit (" in step)
    merchant.work_dir.mkdir(mode=0o700)
    with closing(sqlite3.connect(merchant.work_dir / "ledger.sqlite")) as ledger:
        for step in MIGRATIONS[:before]:
            ledger.executescript(step)
        ledger.executescript(f"PRAGMA user_version = {before}")
    assert merchant.command("audit").exit_status == 3, "it is upgraded by the next run"
    merchant.run()
    assert told(merchant) == ["run begun", "run ended"]


def test_lines_for_people_name_day_person_file_and_result(merchant: Merchant) -> None:
    merchant.settings["timezone"] = "Africa/Johannesburg"
    merchant.write("june_bills_2026-06-01.csv", ROWS, merchant.drop)
    merchant.run()
    lines = merchant.command("audit").stdout.splitlines()
    assert len(lines) == 4
    assert all("SAST" in line and f"{getpass.getuser()} on " in line for line in lines)
    assert "file" not in lines[2]
    assert "june_bills_2026-06-01.csv (" in lines[2]
    assert "loaded (2 created)" in lines[2]
    assert "exit status 0, 1 loaded" in lines[3]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "yesterday"), "not a valid date"),
        (("--head", "1:" + "a" * 64), "--verify"),
        (("--verify", "--head", "7"), "NUMBER:HASH"),
        (("--verify", "--since", "2026-06-01"), "whole trail"),
    ],
)
def test_a_wrong_option_is_one_line(merchant: Merchant, words: tuple[str, ...], said: str) -> None:
    answer = merchant.command("audit", *words)
    assert answer.exit_status == 2
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


@sqlite_alone
def test_the_program_in_the_documentation_checks_a_ledger_without_billferry(merchant: Merchant) -> None:
    merchant.run()
    page = (ROOT / "docs" / "audit-trail.md").read_text(encoding="utf-8")
    program = page.partition("```python\n")[2].partition("```")[0]
    ledger = str(merchant.work_dir / "ledger.sqlite")
    checked = [sys.executable, "-I", "-c", program, ledger]
    said = subprocess.run(checked, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == sound(merchant)["head"]
    merchant.change_ledger("DROP TRIGGER audit_is_never_changed")
    merchant.change_ledger("UPDATE audit SET entry = replace(entry, 'begun', 'ended') WHERE number = 2")
    assert subprocess.run(checked, capture_output=True, check=False).returncode == 1


def test_since_leaves_earlier_days_out(merchant: Merchant) -> None:
    merchant.run()
    assert entries(merchant, "--since", "2020-01-01") == entries(merchant)
    assert entries(merchant, "--since", "2999-01-01") == []


@sqlite_alone
def test_before_the_first_run_there_are_no_entries(merchant: Merchant) -> None:
    assert entries(merchant) == []
    assert sound(merchant)["entries"] == 0
    assert "no entries" in merchant.command("audit").stdout
    assert not Path(merchant.work_dir / "ledger.sqlite").exists()
