"""What each command says and how it ends: one JSON document on stdout, words for people on stderr."""

from __future__ import annotations

import json
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.edge.config import load_config
from pipeline.errors import severity
from tests.cli.desk import GOOD_BILLS, MIXED_BILLS, Desk
from tests.world import Said

NO_OUTSIDE = """
import os, sys
def forbid(event, args):
    outside = event in {"socket.connect", "socket.getaddrinfo", "sqlite3.connect"}
    if outside or event == "open" and str(args[0]).endswith("api.key"):
        os.write(2, f"looked outside: {event}".encode())
        os._exit(99)
sys.addaudithook(forbid)
"""
"""Ends the process when it connects anywhere, opens a database, or touches the API key."""
A_BUG = """
import pipeline.edge.config
def load_config(path):
    raise KeyError("a@b.example 0821234567")
pipeline.edge.config.load_config = load_config
"""
"""A bug whose message shows what it was at work on."""


def document(said: Said) -> dict[str, Any]:
    """The one JSON document on stdout; exit status and the document's own agree."""
    found: dict[str, Any] = json.loads(said.stdout)
    assert found.get("exit_status", said.exit_status) == said.exit_status
    return found


# -- run and load ---------------------------------------------------------------------------------------------


def test_run_takes_what_was_dropped_and_says_so_on_stderr(desk: Desk) -> None:
    desk.put("drop/may_bills.csv")
    said = desk.command("run")
    assert (said.exit_status, said.stdout) == (0, "")
    assert "may_bills.csv: loaded (feed bills)" in said.stderr
    assert "records: 2 = 2 created" in said.stderr
    assert len(desk.api.snapshot()["bills"]) == 2
    assert [path.name[:13] for path in (desk.folder / "archive").iterdir()] == ["may_bills.csv"]


def test_run_with_json_prints_one_document(desk: Desk) -> None:
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    found = document(desk.command("run", "--json"))
    assert found["exit_status"] == 1
    assert [file["state"] for file in found["files"]] == ["loaded_with_rejects"]
    assert found["files"][0]["records"]["created"] == 1
    assert found["files"][0]["codes"] == {"amount_due.too_precise": 1}


def test_a_dry_run_changes_nothing(desk: Desk) -> None:
    desk.put("drop/may_bills.csv")
    before = sorted((desk.folder / "drop").iterdir())
    found = document(desk.command("run", "--dry-run", "--json"))
    assert [file["state"] for file in found["files"]] == ["validated"]
    assert desk.api.snapshot()["requests"] == []
    assert sorted((desk.folder / "drop").iterdir()) == before
    assert not (desk.folder / "var" / "ledger.sqlite").exists()


def test_load_leaves_a_named_file_where_it_is(desk: Desk) -> None:
    path = desk.put("may_bills.csv")
    assert desk.command("load", path).exit_status == 0
    again = document(desk.command("load", path, "--json"))
    assert (again["exit_status"], again["files"][0]["state"]) == (0, "already_loaded")
    assert path.read_text() == GOOD_BILLS


def test_load_reads_a_file_of_another_name_as_the_feed_it_is_told(desk: Desk) -> None:
    path = desk.put("export.txt")
    assert document(desk.command("load", path, "--json"))["files"][0]["state"] == "unmatched"
    assert document(desk.command("load", path, "--feed", "bills", "--json"))["files"][0]["state"] == "loaded"


def test_one_missing_file_stops_a_load_before_the_others_are_sent(desk: Desk) -> None:
    said = desk.command("load", desk.put("may_bills.csv"), "gone_bills.csv", "--json")
    assert said.exit_status == 2
    assert document(said)["errors"][0]["code"] == "usage"
    assert desk.api.snapshot()["requests"] == []


def test_a_file_that_a_killed_run_left_is_unfinished_in_status(desk: Desk) -> None:
    path = desk.put("may_bills.csv")
    killed = (
        "import os, pipeline.check.check\npipeline.check.check.check = lambda *words, **named: os._exit(137)"
    )
    assert desk.spawn("load", path, code=killed).exit_status == 137
    found = document(desk.command("status", "--json"))
    assert (found["states"], found["unfinished"]) == ({"unfinished": 1}, ["may_bills.csv"])
    assert [file["state"] for file in found["files"]] == ["unfinished"]


# -- how commands end -----------------------------------------------------------------------------------------


def test_the_worst_trouble_decides_the_exit_status() -> None:
    for worse, better in pairwise([70, 2, 5, 143, 3, 4, 1, 0]):
        assert max(better, worse, key=severity) == worse
    assert severity(143) == severity(130)


def test_an_api_that_is_down_is_status_3_and_the_next_run_goes_on(desk: Desk) -> None:
    desk.put("drop/may_bills.csv")
    url = desk.api.url
    desk.configure(api={"base_url": "http://127.0.0.1:9", "key_file": "api.key", "max_attempts": 1})
    said = desk.spawn("run", "--json")
    assert said.exit_status == 3
    assert [file["state"] for file in document(said)["files"]] == ["unfinished"]
    assert "the Billing API does not answer" in said.stderr
    desk.environment["BILLFERRY_API__BASE_URL"] = url
    assert document(desk.spawn("run", "--json"))["files"][0]["state"] == "loaded"


def test_a_refused_key_is_status_3(desk: Desk) -> None:
    desk.put("drop/may_bills.csv")
    desk.environment["BILLFERRY_API__KEY"] = "sk_test_unknown"
    said = desk.spawn("run")
    assert said.exit_status == 3
    assert "the API key was refused with" in said.stderr
    assert "sk_test_unknown" not in said.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "--json", "--config", "gone.yaml"], "config"),
        (["load", "gone.csv", "--json"], "usage"),
        (["status", "--jso", "--json"], "usage"),
        (["validate", "config.yaml", "--model", "invoice", "--json"], "usage"),
    ],
)
def test_json_is_one_document_after_a_mistake_too(desk: Desk, words: list[str], code: str) -> None:
    said = desk.spawn(*words)
    assert said.exit_status == 2
    assert document(said)["errors"][0]["code"] == code
    assert said.stderr.count("\n") == 1


def test_a_bug_is_status_70_with_its_trace_on_stderr_and_json_on_stdout(desk: Desk) -> None:
    said = desk.spawn("run", "--json", late=A_BUG)
    assert said.exit_status == 70
    assert document(said)["errors"][0]["code"] == "bug"
    assert "Traceback" in said.stderr
    assert "a@b.example" not in said.stderr
    assert "0821234567" not in said.stderr


def test_a_second_run_at_the_same_time_ends_with_4_within_a_second_of_its_start(desk: Desk) -> None:
    hold = (
        "from pathlib import Path; from pipeline.edge.local.lock import only_run; import time\n"
        "with only_run(Path('var/lock')):\n print('held', flush=True); time.sleep(60)"
    )
    (desk.folder / "var").mkdir()
    with desk.start("--version", code=hold) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            for words in (["run"], ["load", str(desk.put("may_bills.csv"))]):
                said = desk.command(*words)
                assert said.exit_status == 4
                assert "another run is active" in said.stderr
            began = time.monotonic()
            assert desk.command("run", "--wait", "1.5", "--json").exit_status == 4
            assert time.monotonic() - began > 1.5
            assert desk.command("run", "--dry-run").exit_status == 0
            assert desk.command("status").exit_status == 0
        finally:
            holder.kill()
    assert desk.command("run").exit_status == 0


# -- validate -------------------------------------------------------------------------------------------------


def test_validate_with_a_model_needs_no_config_no_key_and_no_network(desk: Desk) -> None:
    (desk.folder / "config.yaml").unlink()
    path = desk.put(
        "any.csv",
        MIXED_BILLS.replace("amount_due\n", "amount_due,currency\n")
        .replace("0\n", "0,ZAR\n")
        .replace("5\n", "5,ZAR\n"),
    )
    said = desk.spawn("validate", path, "--model", "bill", late=NO_OUTSIDE)
    assert said.exit_status == 1, said.stderr
    assert "any.csv: validated with rejects" in said.stderr
    assert "amount_due.too_precise: 1 record, line 3" in said.stderr
    assert sorted(entry.name for entry in desk.folder.iterdir()) == ["any.csv", "api.key", "archive", "drop"]


def test_validate_with_a_config_looks_neither_at_network_nor_ledger_nor_key(desk: Desk) -> None:
    said = desk.spawn("validate", desk.put("may_bills.csv"), "--json", late=NO_OUTSIDE)
    assert document(said)["files"][0]["state"] == "validated"
    assert not (desk.folder / "var").exists()


def test_the_proof_of_no_network_would_see_one(desk: Desk) -> None:
    desk.put("drop/may_bills.csv")
    assert desk.spawn("run", late=NO_OUTSIDE).exit_status == 99


def test_validate_shows_records_before_and_after_mapping_side_by_side(desk: Desk) -> None:
    said = desk.command("validate", desk.put("may_bills.csv", MIXED_BILLS), "--head", "2")
    good, bad = said.stdout.split("record 2, ")
    assert good.startswith("record 1, line 2: ready to load\n")
    assert re.search(r"(?m)^  amount_due: 10\.00 +amount_due: ZAR 10\.00$", good)
    assert bad.startswith("line 3: rejected (amount_due.too_precise)\n")
    assert re.search(r"(?m)^  amount_due: 1\.005 +amount_due: \(unreadable\)$", bad)
    assert desk.command("validate", desk.put("may_bills.csv"), "--head", "0").stdout == ""


def test_validate_shows_the_first_requests_on_stdout(desk: Desk) -> None:
    path = desk.put("may_bills.csv")
    said = desk.command("validate", path, "--show", "1")
    assert json.loads(said.stdout) == {
        "method": "POST",
        "path": "/billing/bills",
        "body": {
            "external_reference": "B1",
            "currency": "ZAR",
            "amount_due": 1000,
            "account": {"external_reference": "A1", "customer": {"external_reference": "C1"}},
        },
    }
    both = desk.command("validate", path, "--show", "2", "--json")
    assert document(both)["files"][0]["state"] == "validated"
    assert '"account": "<id of account A1>"' in both.stderr


def test_validate_writes_the_rejects_of_each_file_where_they_are_wanted(desk: Desk) -> None:
    mixed, sound = desk.put("may_bills.csv", MIXED_BILLS), desk.put("june_bills.csv")
    said = desk.spawn("validate", mixed, sound, "--rejects", "mend", "--json", late=NO_OUTSIDE)
    of_mixed, of_sound = document(said)["files"]
    assert (of_mixed["reports"], of_sound["reports"]) == (["rejects.csv"], [])
    [written] = [path for path in (desk.folder / "mend").rglob("*") if path.is_file()]
    assert written.parent.name == f"may_bills.csv.{of_mixed['file']['sha256'][:8]}"
    assert written.stat().st_mode & 0o777 == 0o600
    desk.command("load", mixed, "--dry-run")
    [whole] = (desk.folder / "var/reports/dry-run").rglob("rejects.csv")
    assert written.read_bytes() == whole.read_bytes()


# -- status, init ---------------------------------------------------------------------------------------------


def test_status_tells_what_the_ledger_knows(desk: Desk) -> None:
    assert "no files yet" in desk.command("status").stdout
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    desk.command("run")
    said = desk.command("status")
    assert said.exit_status == 0
    assert "files: 1 loaded with rejects" in said.stdout
    assert "1 of 2 open, 1 amount unknown" in said.stdout
    found = document(desk.command("status", "--json"))
    assert found["states"] == {"loaded_with_rejects": 1}
    assert (found["open_intents"], found["owed_moves"], found["unfinished"]) == (0, 0, [])


def test_init_writes_a_config_that_works_and_never_overwrites_one(desk: Desk) -> None:
    path = desk.folder / "new.yaml"
    assert desk.spawn("init", path).exit_status == 0
    shipped = (Path(__file__).resolve().parents[2] / "config.yaml").read_text()
    assert path.read_text().partition("\nfeeds:\n")[0] == shipped.partition("\nfeeds:\n")[0]
    settings = load_config(path).settings
    assert settings.environment == "test"
    assert [(feed.name, feed.max_reject_ratio, feed.unusual) for feed in settings.feeds] == [
        ("bills", None, "hold")
    ]
    path.write_text("mine")
    said = desk.spawn("init", path)
    assert (said.exit_status, path.read_text()) == (2, "mine")
    assert said.stderr == f"billferry: {path} already exists; name another file, or move it away\n"
    assert desk.spawn("init", "nowhere/config.yaml").exit_status == 2


def test_init_tells_a_command_that_can_be_copied_also_where_a_name_has_blanks(desk: Desk) -> None:
    desk.put("Export May.csv", "Member;Invoice;Premium\nC1;B1;10,00\n")
    said = desk.spawn("init", "--from", "Export May.csv", "may.yaml")
    assert said.exit_status == 0
    assert said.stderr.endswith("then run: billferry validate 'Export May.csv' --config may.yaml\n")
