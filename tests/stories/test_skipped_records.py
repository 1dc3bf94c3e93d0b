"""Records that the feed leaves out, from the file to every report: counted in all of them, and never at the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.sandbox.faults import NoFaults, Scripted, status
from tests.ledger_of_world import sqlite_alone
from tests.stories.merchant import Merchant, Row
from tests.stories.test_corrected_rejects import written

NAME = "x_bills_2030-01-01.csv"
HEADER = "customer_reference,bill_reference,amount_due,due_date,state"
ROWS = (
    "C-1,B-1,10.00,2030-02-01,open",
    "C-2,B-2,7.50,2030-02-02,paid",
    "C-3,B-3,0.00,2030-02-03,open",
    "C-4,B-4,5.00,2030-02-04,overdue",
    "C-5,B-5,ten,2030-02-05,paid",
    "C-1,B-1,99.00,2030-02-05,paid",
    "C 6,B-6,6.00,2030-02-06,open",
)
SKIPS: dict[str, Any] = {"where": {"state": ["open", "overdue"]}, "nothing_due": "skip"}


@pytest.fixture
def shop(merchant: Merchant) -> Merchant:
    """A merchant whose export has paid bills in it."""
    merchant.settings["feeds"][0] |= SKIPS
    return merchant


def file(*rows: str) -> str:
    return "\n".join([HEADER, *rows]) + "\n"


def test_what_is_skipped_is_counted_on_every_page_and_in_every_total(shop: Merchant) -> None:
    shop.settings["metrics_file"] = "billferry.prom"
    shop.write(NAME, file(*ROWS), shop.drop)
    said = shop.run()
    assert said.exit_status == 1
    assert said.outcomes() == {"created": 2, "skipped": 4, "rejected": 1}
    assert set(shop.held("bills")) == {"B-1", "B-4"}
    assert set(shop.held("customers")) == {"C-1", "C-4"}
    sums = said.file["amounts_minor"]["ZAR"]
    assert (sums["total"], sums["created"], sums["skipped"], sums["rejected"]) == (12_750, 1_500, 10_650, 600)
    assert said.file["amount_unreadable"] == 1
    assert "3 records left out by feed.where: column state" in said.file["notes"]
    rows = shop.results(said)
    assert [row["outcome"] for row in rows].count("skipped") == 4
    assert [
        (row["codes"], row["attempts"], row["bill_id"]) for row in rows if row["outcome"] == "skipped"
    ] == [("", "0", "")] * 4
    assert [row["message"] for row in rows[1:3]] == [
        "left out by feed.where: column state",
        "left out by feed.nothing_due",
    ]
    assert [row["bill_reference"] for row in shop.rejects(said)] == ["B-6"]
    page = (shop.report(said.file) / "report.html").read_text()
    assert "2 of 7 records are loaded, 4 are left out, 1 is not loaded." in page
    assert "left out because the feed says so" in page
    assert "ZAR 106.50" in page
    assert "ZAR 127.50" in (shop.work_dir / "reports" / "index.html").read_text()
    (known,) = shop.status()["files"]
    assert (known["records"]["skipped"], known["amounts_minor"]["ZAR"]["skipped"]) == (4, 10_650)
    metrics = (shop.folder / "billferry.prom").read_text()
    told = {line.rpartition(" ")[2] for line in metrics.splitlines() if 'outcome="skipped"' in line}
    assert told == {"4.0", "10650.0"}


def test_a_file_of_nothing_to_send_is_refused_and_put_aside_rather_than_loaded_in_silence(
    shop: Merchant,
) -> None:
    shop.settings["feeds"][0]["where"] = {"state": "opne"}
    shop.write(NAME, file(*ROWS[:4]), shop.drop)
    said = shop.run()
    assert (said.exit_status, said.state, said.file["refusal"]["code"]) == (1, "refused", "file.all_skipped")
    assert (said.outcomes(), said.file["amounts_minor"]["ZAR"]["skipped"]) == ({"skipped": 4}, 2_250)
    assert len(shop.names_in("quarantine")) == 1
    page = (shop.report(said.file) / "report.html").read_text()
    assert "The file was refused. Nothing of it was sent." in page
    shop.settings["feeds"][0] |= {"where": {"state": ["open", "overdue"]}}
    shop.write(NAME, file(*ROWS[:4]), shop.drop)
    assert shop.run().outcomes() == {"created": 2, "skipped": 2}, (
        "once the feed is right it is checked afresh"
    )


def test_a_file_that_is_all_paid_is_loaded_where_the_feed_allows_empty_files(shop: Merchant) -> None:
    shop.settings["feeds"][0]["may_be_empty"] = True
    shop.write(NAME, file(ROWS[1], ROWS[2]), shop.drop)
    said = shop.run()
    assert (said.exit_status, said.state, said.outcomes()) == (0, "loaded", {"skipped": 2})
    assert said.requests == {}
    page = (shop.report(said.file) / "report.html").read_text()
    assert "Nothing is loaded: the feed leaves out all 2 records of the file." in page


def test_a_dry_run_says_what_a_run_does(shop: Merchant) -> None:
    path = shop.write(NAME, file(*ROWS))
    before = shop.tree()
    dry = shop.load("--dry-run", path)
    assert dry.outcomes() == {"skipped": 4, "rejected": 1, "not_attempted": 2}
    checked = shop.validate(path)
    assert checked.outcomes() == dry.outcomes()
    plain = shop.command("validate", path)
    assert "records: 7 = 4 skipped + 1 rejected + 2 ready to load" in plain.stderr
    assert {name for name in shop.tree() if name not in before} <= {
        name for name in shop.tree() if "dry-run" in name or "config" in name
    }
    assert shop.held("bills") == {}


def test_a_run_that_was_cut_off_resumes_and_its_report_is_written_again_the_same(shop: Merchant) -> None:
    shop.write(NAME, file(*ROWS), shop.drop)
    shop.api.faults = Scripted({lambda _: True: status(503)})
    assert shop.run().outcomes() == {"skipped": 4, "rejected": 1, "in_doubt": 2}
    shop.api.faults = NoFaults()
    done = shop.run()
    assert done.outcomes() == {"created": 2, "skipped": 4, "rejected": 1}
    results = (shop.report(done.file) / "results.csv").read_bytes()
    (shop.report(done.file) / "results.csv").unlink()
    shop.rewrite(NAME)
    assert (shop.report(done.file) / "results.csv").read_bytes() == results
    retried = shop.json_command("retry", "all")
    assert retried.exit_status == 0
    shop.write(NAME, file(*ROWS), shop.drop)
    assert shop.run().state == "already_loaded"


def test_a_corrected_record_may_turn_out_to_be_paid_and_its_correction_counts_for_nothing(
    shop: Merchant,
) -> None:
    shop.settings["feeds"][0]["may_be_empty"] = True
    shop.write(NAME, file(*ROWS[:2], "C-6,B-6,6.0O,2030-02-06,open", "C-7,B-7,6.00,soon,open"), shop.drop)
    first = shop.run()
    assert first.outcomes() == {"created": 1, "skipped": 1, "rejected": 2}
    rejects = shop.rejects(first)
    paid: list[Row] = [
        row | {"amount_due": "6.00", "due_date": "2030-02-06", "state": "paid"} for row in rejects
    ]
    shop.write("paid.csv", written(paid), shop.drop)
    second = shop.run()
    assert (second.exit_status, second.outcomes()) == (0, {"skipped": 2})
    due: list[Row] = [
        row | {"amount_due": "6.00", "due_date": "2030-02-06", "state": "open"} for row in rejects
    ]
    shop.write("due.csv", written(due), shop.drop)
    assert shop.run().outcomes() == {"created": 2}
    assert {bill["amount_due"] for bill in shop.held("bills").values()} == {1_000, 600}


def test_a_held_file_shows_what_it_would_send_and_no_more(shop: Merchant) -> None:
    shop.settings["feeds"][0]["release"] = "always"
    shop.write(NAME, file(*ROWS[:4]), shop.drop)
    held = shop.run()
    assert held.file["held_amounts"]["ZAR"]["records"] == 2
    assert held.file["held_amounts"]["ZAR"]["total_minor"] == 1_500
    assert shop.release(NAME, "--now").outcomes() == {"created": 2, "skipped": 2}


def test_limits_are_of_the_records_to_send(shop: Merchant) -> None:
    shop.settings["feeds"][0]["max_reject_ratio"] = 0.2
    paid = [f"C-9,P-{number},1.00,2030-02-01,paid" for number in range(40)]
    wrong = [f"C 9,W-{number},1.00,2030-02-01,open" for number in range(6)]
    good = [f"C-9,G-{number},1.00,2030-02-01,open" for number in range(14)]
    shop.write(NAME, file(*paid, *wrong, *good), shop.drop)
    said = shop.run()
    assert said.state == "refused"
    assert "6 of 20 records are rejected" in said.file["refusal"]["message"]


def test_half_of_a_bill_is_never_corrected(shop: Merchant) -> None:
    shop.settings["feeds"][0] |= {"line_items": "sum", "may_be_empty": True}
    lines = ("C-1,B-1,10.00,2030-02-01,open", "C-1,B-1,5.0O,2030-02-01,open")
    shop.write(NAME, file(*lines), shop.drop)
    rejects = shop.rejects(shop.run())
    assert len(rejects) == 2
    half = [rejects[0], rejects[1] | {"amount_due": "5.00", "state": "paid"}]
    shop.write("half.csv", written(half), shop.drop)
    said = shop.run()
    assert (said.outcomes(), said.file["codes"]) == (
        {"skipped": 1, "rejected": 1},
        {"line_items.incomplete": 1},
    )
    assert shop.held("bills") == {}


def test_an_address_that_is_left_out_leaves_the_customer_s_own_alone(shop: Merchant) -> None:
    shop.settings["feeds"][0] |= {"bad_details": "leave_out", "where": {}}
    header = "customer_reference,bill_reference,amount_due,customer_email,customer_name\n"
    shop.write("a_bills_2030-01-01.csv", header + "C-1,B-1,1.00,ann@example.com,Ann\n", shop.drop)
    shop.write("b_bills_2030-01-02.csv", header + "C-1,B-2,1.00,ann@,Ann Other\n", shop.drop)
    said = shop.run()
    assert said.exit_status == 0
    assert (
        "customer_email.invalid: value left out in 1 record (line 2)"
        in said.named("b_bills_2030-01-02.csv")["notes"]
    )
    customer = shop.held("customers")["C-1"]
    assert (customer["email"], customer["name"]) == ("ann@example.com", "Ann Other")


def test_objects_and_their_rejects_keep_what_decides_over_them(shop: Merchant, tmp_path: Path) -> None:
    shop.settings["feeds"][0] |= {"match": "*.ndjson", "where": {"paid": "false"}}
    rows = [
        {"customer_reference": "C-1", "bill_reference": "B-1", "amount_due": 10, "paid": False},
        {"customer_reference": "C-2", "bill_reference": "B-2", "amount_due": 20, "paid": True},
        {"customer_reference": "C-3", "bill_reference": "B-3", "amount_due": "3O", "paid": False},
    ]
    shop.write("a.ndjson", "".join(json.dumps(row) + "\n" for row in rows), shop.drop)
    first = shop.run()
    assert first.outcomes() == {"created": 1, "skipped": 1, "rejected": 1}
    rejects = (shop.report(first.file) / "rejects.ndjson").read_text()
    shop.write("back.ndjson", rejects.replace('"3O"', "30"), shop.drop)
    assert shop.run().outcomes() == {"created": 1}
    assert set(shop.held("bills")) == {"B-1", "B-3"}


@sqlite_alone
def test_what_an_earlier_version_reported_has_nothing_skipped(shop: Merchant) -> None:
    shop.write(NAME, file(ROWS[0]), shop.drop)
    shop.run()
    shop.change_ledger(
        "UPDATE files SET summary = json_remove(summary, '$.records.skipped', '$.amounts_minor.ZAR.skipped')"
    )
    (known,) = shop.status()["files"]
    assert known["records"]["created"] == 1
    assert shop.command("report", NAME).exit_status == 0
    shop.settings["metrics_file"] = "billferry.prom"
    shop.write("y_bills_2030-01-02.csv", file(ROWS[3], ROWS[1]), shop.drop)
    assert shop.run().outcomes("y_bills_2030-01-02.csv") == {"created": 1, "skipped": 1}
