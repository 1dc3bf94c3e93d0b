"""What people are told of payments at 08:00: what is to be done, in words, and nothing that is zero."""

from __future__ import annotations

import json
import re

import pytest

from tests.payments.merchant import Merchant


def lines(merchant: Merchant, *words: str) -> list[str]:
    return merchant.command(*words).stdout.splitlines()


@pytest.fixture
def mixed(merchant: Merchant) -> Merchant:
    """One payment of each kind: applied twice, in conflict, waiting, unreadable."""
    merchant.load()
    ids = merchant.ids()
    merchant.receive(1, bill_id=ids["B1"], amount=1000)
    merchant.receive(2, bill_id=ids["B2"], amount=50)
    merchant.receive(3, bill_id=ids["B2"], currency="USD", amount=100)
    merchant.receive(4, bill_id="bill_nowhere", amount=7)
    merchant.receive_body(b"\xff", "msg_5")
    return merchant


def test_status_says_what_each_outcome_means_and_what_to_do(mixed: Merchant) -> None:
    assert mixed.command("payments", "export").exit_status == 1
    said = lines(mixed, "payments", "status")
    assert re.fullmatch(r"Last payment event received: \d{4}-\d\d-\d\d \d\d:\d\d, time in UTC", said[0])
    assert said[1:-1] == [
        "1 event without a readable amount:",
        "  1 unreadable: kept as received. Report them to the API's support (billferry payments list --open)",
        "USD 1.00 in 1 payment event:",
        "  1 (USD 1.00) in conflict with what is known, such as another currency than the bill's. Compare with"
        " the API's dashboard (billferry payments list --open)",
        "ZAR 10.57 in 3 payment events:",
        "  2 (ZAR 10.50) applied to bills and balances",
        "  1 (ZAR 0.07) waiting for their bill: the first run after it was loaded matches them. If they wait for"
        " days, ask for the bill's file (billferry payments list --open)",
        "Payments files, the newest last:",
    ]
    assert "4 rows, ZAR 10.57 to post, handed over " in said[-1]
    assert not re.search(r"\b0 ", "\n".join(said)), "nothing that is zero"


def test_the_list_is_a_table_with_a_row_for_each(mixed: Merchant) -> None:
    mixed.command("run")
    said = lines(mixed, "payments", "list")
    assert [line.split()[0] for line in said] == ["no.", "1", "2", "3", "4", "5"]
    assert said[0].split() == ["no.", "received", "amount", "for", "outcome", "bill", "in", "file", "why"]
    assert said[1].split()[3:] == ["ZAR", "10.00", "B1", "applied", "paid", "1"]
    assert said[2].split()[3:] == ["ZAR", "0.50", "B2", "applied", "part", "paid", "1"]
    ends = {
        line.index(amount) + len(amount) for line, amount in zip(said[1:3], ("10.00", "0.50"), strict=True)
    }
    assert len(ends) == 1, "amounts end in one column"
    assert lines(mixed, "payments", "list", "--since", "2999-01-01") == ["No payments."]


def test_status_names_what_needs_a_person_and_json_has_all_of_it(mixed: Merchant) -> None:
    before = lines(mixed, "status")
    assert "payments: 5 events received and not read yet; the next run reads them" in before
    mixed.command("run")
    said = lines(mixed, "status")
    assert "PAYMENTS TO CHECK: 1 in conflict; billferry payments list --open" in said
    assert "payments: 1 waiting for their bill; billferry payments list --open" in said
    facts = json.loads(mixed.command("status", "--json").stdout)["payments"]
    assert (facts["not_read"], facts["open"], facts["files_pending"]) == (0, {"conflict": 1, "waiting": 1}, 0)


def test_without_payments_status_is_silent_of_them(merchant: Merchant) -> None:
    merchant.load()
    assert not [line for line in lines(merchant, "status") if "payment" in line.lower()]
    assert json.loads(merchant.command("status", "--json").stdout)["payments"] is None


def test_a_run_that_finds_payments_for_a_person_exits_with_1_once(mixed: Merchant) -> None:
    said = mixed.command("run")
    assert said.exit_status == 1
    assert "payments: 1 in conflict, 1 unreadable; see billferry payments list --open" in said.stderr
    assert mixed.command("run").exit_status == 0, "they are in status from now on"


def test_an_export_without_payments_says_so_and_nothing_of_files(merchant: Merchant) -> None:
    merchant.load()
    said = merchant.command("payments", "export")
    assert said.exit_status == 0
    assert said.stderr.splitlines() == ["no payments to export"]


def test_metrics_count_payments_by_outcome(mixed: Merchant) -> None:
    mixed.settings["metrics_file"] = "billferry.prom"
    mixed.command("run")
    text = (mixed.folder / "billferry.prom").read_text()
    labels = 'environment="test",merchant="citypower"'
    for line in (
        f"billferry_payments_received{{{labels}}} 5.0",
        f'billferry_payments{{{labels},outcome="applied"}} 2.0',
        f'billferry_payments{{{labels},outcome="ignored"}} 0.0',
        f"billferry_payments_files_pending{{{labels}}} 0.0",
    ):
        assert line in text.splitlines()


def test_the_audit_trail_names_payments_files(mixed: Merchant) -> None:
    with mixed.with_sftp():
        mixed.settings["sftp"]["payments"] = "/payments"
        mixed.command("payments", "export")
        entries = json.loads(mixed.command("audit", "--json").stdout)["entries"]
    (path,) = mixed.payments_files()
    done = [each for each in entries if each["command"] == "payments export" and each["event"] == "done"]
    assert [each["options"] for each in done] == [{"payments": "written"}, {"payments": "handed over"}]
    assert {file["name"] for each in done for file in each["files"]} == {path.name}
