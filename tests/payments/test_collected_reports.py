"""The vendor's report is collected like any other file, and compared: exit 1 where something differs."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path

import pytest

from tests.payments.merchant import BILLS, Merchant
from tests.world import Json, Row, Said, rows_of, schema_named

REPORTS: Json = {"name": "recon", "kind": "reconciliation", "match": "*_Moment_*.csv*"}
NAME = "20261129_Moment_Recon_1_20261128.csv"


@pytest.fixture
def paid(merchant: Merchant) -> Merchant:
    """Bills are loaded, and two are paid: one event of them is received, the other is not yet."""
    merchant.settings["feeds"].append(REPORTS)
    merchant.load()
    for reference, amount in (("B1", 400), ("B3", 500)):
        merchant.api.pay(reference, amount)
    return merchant


def receive(merchant: Merchant, *numbers: int) -> None:
    for number in numbers:
        payment = merchant.api.payments[number]
        merchant.receive_body(payment.body, payment.webhook_id)


def report(merchant: Merchant) -> str:
    return merchant.api.reconciliation_report(merchant.api.payments[0].at.date()).text


def drop(merchant: Merchant, content: str | bytes, name: str = NAME) -> Path:
    """Into the drop folder, unchanged for long."""
    path = merchant.drop / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def run(merchant: Merchant, *words: str) -> Said:
    said = merchant.command("run", "--json", *words)
    schema_named("result").validate(said.document)
    return said


def folder_of(merchant: Merchant, name: str = NAME) -> Path:
    (folder,) = (merchant.work_dir / "reports").glob(f"{name}.*")
    return folder


def results_of(merchant: Merchant, name: str = NAME) -> list[Row]:
    return rows_of(folder_of(merchant, name) / "results.csv")


def listed(merchant: Merchant, name: str = NAME) -> Json:
    document = merchant.command("status", "--all", "--json").document
    schema_named("status").validate(document)
    (file,) = (each for each in document["files"] if each["name"] == name)
    found: Json = file
    return found


def test_a_report_that_agrees_is_compared_once_and_archived(paid: Merchant) -> None:
    receive(paid, 0, 1)
    drop(paid, report(paid))
    said = run(paid)
    assert (said.exit_status, said.state) == (0, "compared"), said.stderr
    assert "in both: 2 payments, ZAR 9.00" in said.stderr
    assert [each["result"] for each in results_of(paid)] == ["both", "both"]
    summary = json.loads((folder_of(paid) / "summary.json").read_text())
    schema_named("summary").validate(summary)
    assert (summary["records"]["total"], summary["file"]["model"]) == (0, None)
    assert (summary["file"]["kind"], summary["comparison"]["by_rule"]) == (
        "reconciliation",
        {"bill reference": 2},
    )
    assert [path.name.rpartition(".")[0] for path in (paid.folder / "archive").iterdir()] == [NAME]
    assert paid.asked()["POST bills"] == 3, "nothing of it is sent"
    drop(paid, report(paid), "again_Moment_.csv")
    said = run(paid)
    assert (said.exit_status, said.state) == (0, "already_loaded")
    assert "already compared" in said.stderr


def test_a_payment_that_is_missing_here_is_named_and_the_exit_status_is_1(paid: Merchant) -> None:
    receive(paid, 0)
    drop(paid, report(paid))
    said = run(paid)
    assert (said.exit_status, said.state) == (1, "compared_with_differences"), said.stderr
    assert "only in the report: 1 payment, ZAR 5.00" in said.stderr
    first = results_of(paid)[0]
    assert (first["result"], first["merchant_reference_id"], first["amount"]) == ("only_there", "B3", "5.00")
    status = paid.command("status", "--all").stdout
    assert re.search(
        rf"compared with differences +{NAME} .* in both: 1 payment, ZAR 4.00; only in the", status
    ), status
    assert listed(paid)["comparison"]["sums"][1]["result"] == "only_there"
    assert paid.command("status", "--state", "compared with differences").exit_status == 0
    totals = paid.command("totals", "--json").document
    assert (totals["files"], [each["name"] for each in totals["groups"]]) == (1, []), "no file of bills"
    receive(paid, 1)
    (archived,) = (paid.folder / "archive").iterdir()
    said = paid.command("load", archived, "--force", "--json")
    assert (said.exit_status, said.state) == (0, "compared")


def test_the_sandbox_puts_a_report_onto_its_sftp_server_and_a_run_compares_it(paid: Merchant) -> None:
    receive(paid, 0)
    with paid.with_sftp():
        paid.settings["sftp"] |= {name: f"/{name}" for name in ("incoming", "archive", "reports")}
        paid.settings["sftp"]["upload"] = ["summary", "results", "page"]
        paid.api.put_reports_into(paid.incoming)
        day = str(paid.api.payments[0].at.date())
        assert paid.command("sandbox", "report", day).exit_status == 0
        (name,) = (path.name for path in paid.incoming.iterdir())
        said = run(paid)
        assert (said.exit_status, said.state) == (1, "compared_with_differences"), said.stderr
        assert results_of(paid, name)[0]["merchant_reference_id"] == "B3"
        assert [path.name.startswith(name) for path in (paid.folder / "sftp" / "archive").iterdir()] == [True]
        assert not list(paid.incoming.iterdir())
        (uploaded,) = (paid.folder / "sftp" / "reports").iterdir()
        names = {path.name for path in uploaded.iterdir()}
        assert names == {"summary.json", "results.csv", "report.html"}
        receive(paid, 1)
        assert paid.command("sandbox", "report", day, "--settlement").exit_status == 0
        said = run(paid)
        assert (said.exit_status, said.state) == (0, "compared"), said.stderr


def test_what_is_no_report_is_refused_in_one_line_and_the_next_file_goes_on(paid: Merchant) -> None:
    receive(paid, 0, 1)
    drop(paid, BILLS.replace("B1", "B9"), "a_Moment_.csv")
    drop(paid, b"PK\x03\x04", "b_Moment_.csv")
    drop(paid, gzip.compress(report(paid).encode()), f"{NAME}.gz")
    said = run(paid)
    states = {file["file"]["name"]: file["state"] for file in said.files}
    assert states == {"a_Moment_.csv": "refused", "b_Moment_.csv": "refused", f"{NAME}.gz": "compared"}
    assert said.exit_status == 1
    refusal = said.named("a_Moment_.csv")["refusal"]
    assert refusal["code"] == "file.not_a_report"
    assert refusal["message"] == (
        "not a report of payments (no header with the column transaction_type in its first 100 lines);"
        " use the file as the vendor wrote it"
    )
    page = (folder_of(paid, "a_Moment_.csv") / "report.html").read_text()
    assert "The file was refused" in page
    assert "no header with the column" in page


def test_a_dry_run_and_validate_only_read_it(paid: Merchant) -> None:
    path = drop(paid, report(paid))
    before = paid.inbox("SELECT count(*) FROM refunds")
    for said in (run(paid, "--dry-run"), paid.command("validate", path, "--json")):
        assert (said.exit_status, said.state) == (0, "validated"), said.stderr
        assert said.file["comparison"] is None
        assert said.file["notes"] == [
            "payments in the report: 2, refunds: 0; a run compares them with what is known here"
        ]
    assert path.exists()
    assert paid.inbox("SELECT count(*) FROM refunds") == before
    bad = drop(paid, report(paid) + "Payment,x\r\n", "c_Moment_.csv")
    said = paid.command("validate", bad, "--json")
    assert (said.exit_status, said.state) == (1, "validated_with_rejects")


def test_load_takes_a_report_by_its_name_or_by_its_feed(paid: Merchant) -> None:
    receive(paid, 0, 1)
    path = paid.folder / "october.csv"
    path.write_text(report(paid))
    said = paid.command("load", path, "--feed", "recon", "--json")
    assert (said.exit_status, said.state) == (0, "compared"), said.stderr
    assert path.exists()
    said = paid.command("report", "october.csv")
    assert (said.exit_status, "billferry load --force FILE" in said.stderr) == (1, True), said.stderr
    for words in (("retry", "october.csv"), ("export", "--accepted", "--output", paid.folder / "out.csv")):
        assert paid.command(*words).exit_status == 0


def test_a_refund_of_a_collected_report_is_stored_once(paid: Merchant) -> None:
    receive(paid, 0, 1)
    paid.api.refund(paid.api.payments[1].id)
    drop(paid, report(paid))
    assert run(paid).file["comparison"]["new_refunds"] == 1
    drop(paid, report(paid) + "\r\n", "again_Moment_.csv")
    assert run(paid).file["comparison"]["new_refunds"] == 0
    assert paid.inbox("SELECT count(*) FROM refunds") == [(1,)]


def test_forgetting_a_customer_empties_comparisons(paid: Merchant) -> None:
    receive(paid, 0)
    path = drop(paid, report(paid))
    paid.command("payments", "match", path)
    run(paid)
    folder = folder_of(paid)
    assert "C2" in (folder / "results.csv").read_text()
    paid.command("payments", "export")
    said = paid.command("forget", "C2")
    assert said.exit_status == 0, said.stderr
    for results in (folder / "results.csv", *(paid.work_dir / "payments" / "matches").glob("*.csv")):
        assert "C2" not in results.read_text()
        assert "C1" in results.read_text(), "another customer's"
    assert not (folder / "report.html").exists()
    assert not list((paid.work_dir / "landing").glob(f"{listed(paid)['sha256']}/content"))
    assert len(list((paid.folder / "archive").iterdir())) == 1, "not below work_dir"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"columns": {"a": "b"}, "release": "always", "model": "bill"},
            "feeds.recon: a feed with kind: reconciliation has no columns, model, release; correct it",
        ),
        (
            {"kind": "reconcilation"},
            "feeds.recon.kind: input should be 'bills' or 'reconciliation'; correct it",
        ),
        ({"mtach": "*"}, "feeds.recon.mtach: unknown key; did you mean match?"),
        ({"match": "a_{date:%Q}.csv"}, "feed recon: match: part date: %Q is not supported"),
    ],
)
def test_keys_that_make_no_sense_are_config_errors(merchant: Merchant, changes: Json, line: str) -> None:
    merchant.settings["feeds"].append(REPORTS | changes)
    said = merchant.command("run")
    assert (said.exit_status, line in said.stderr) == (2, True), said.stderr


def test_such_a_feed_needs_payments(merchant: Merchant) -> None:
    merchant.settings["feeds"].append(REPORTS)
    del merchant.settings["payments"]
    said = merchant.command("run")
    assert said.exit_status == 2
    assert (
        "feed recon: kind: reconciliation compares reports with payments, and there is no payments section;"
        " add payments:" in said.stderr
    )
