"""What matching cannot settle, a person can: with who and why, and money counted as before."""

from __future__ import annotations

import json

import pytest

from tests.payments.merchant import Merchant
from tests.payments.test_asking import posted
from tests.payments.test_balances import file

CLOSED = ("--why", "asked the payer")


@pytest.fixture
def mixed(merchant: Merchant) -> Merchant:
    """Waiting, unmatched, in conflict and unreadable; all but the last in a payments file."""
    merchant.load()
    ids = merchant.ids()
    merchant.receive(1, bill_id="bill_nowhere", amount=300)
    merchant.receive(2, bill_id=None, account_id=merchant.ids("accounts")["A1"], amount=700)
    merchant.receive(3, bill_id=ids["B3"], currency="USD", amount=100)
    merchant.receive_body(b"\xff", "msg_4")
    merchant.command("run")
    assert [each["outcome"] for each in merchant.listed()] == [
        "waiting",
        "unmatched",
        "conflict",
        "unreadable",
    ]
    return merchant


def test_an_assigned_payment_is_a_late_match_and_demands_nobody(mixed: Merchant) -> None:
    said = mixed.command("payments", "assign", "pay_1", "--bill", "B3", *CLOSED)
    assert (said.exit_status, said.stdout) == (0, "payment 1 (ZAR 3.00) is applied to bill B3\n"), said.stderr
    assert mixed.command("payments", "assign", "2", "--bill", "B2", *CLOSED).exit_status == 0
    before = posted(mixed.told())
    mixed.command("run")
    assert [(row["kind"], row["bill_reference"], row["codes"]) for row in mixed.told()[-2:]] == [
        ("late_match", "B3", "payment.assigned"),
        ("late_match", "B2", "payment.assigned"),
    ]
    assert posted(mixed.told()) == before
    first, second, *_ = mixed.listed()
    assert (first["outcome"], first["bill_reference"], first["bill_status"]) == ("applied", "B3", "part_paid")
    assert second["bill_paid_minor"] == 700
    assert first["why"] == "asked the payer"
    assert " on " in first["decided_by"]
    audited = json.loads(mixed.command("audit", "--json").stdout)
    assert [each["command"] for each in audited["entries"]].count("payments assign") == 2
    assert "asked the payer" not in json.dumps(audited)


def test_what_is_dismissed_is_counted_and_no_longer_shown_as_open(mixed: Merchant) -> None:
    for number in ("1", "2", "3", "4"):
        said = mixed.command("payments", "dismiss", number, *CLOSED)
        assert said.exit_status == 0, said.stderr
    assert mixed.listed("--open") == []
    counts = {each["currency"]: each["by_outcome"] for each in mixed.status()["currencies"]}
    assert counts["ZAR"]["dismissed"] == 2
    assert "PAYMENTS TO CHECK" not in mixed.command("status").stdout
    assert "asked the payer" in mixed.command("payments", "list").stdout
    mixed.load(
        "customer_reference,account_reference,bill_reference,amount_due\nC8,A8,E3,5.00\n", "more_bills.csv"
    )
    assert mixed.command("run").exit_status == 0
    assert {each["outcome"] for each in mixed.listed()} == {"dismissed"}
    assert mixed.command("payments", "assign", "2", "--bill", "B2", *CLOSED).exit_status == 0, "after all"
    assert mixed.listed()[1]["outcome"] == "applied"


def test_a_payment_that_is_assigned_to_an_account_counts_for_its_balance(merchant: Merchant) -> None:
    merchant.settings["feeds"][1]["net_payments"] = True
    file(merchant, 1, "100.00")
    merchant.receive(1, bill_id="bill_nowhere", amount=3000)
    assert merchant.command("payments", "assign", "evt_1", "--account", "A9", *CLOSED).exit_status == 0
    assert file(merchant, 2, "120.00")["message"] == "ZAR 90.00 was set: payments of ZAR 30.00 are subtracted"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("assign", "3", "--bill", "B3"), "payment 3 is conflict"),
        (("assign", "9", "--bill", "B3"), "no payment is called 9"),
        (("assign", "1", "--bill", "B9"), "no bill B9 was loaded"),
        (("assign", "1", "--customer", "C77"), "no customer C77 was loaded"),
        (("assign", "1"), "one bill, account or customer"),
        (("assign", "1", "--bill", "B3", "--account", "A1"), "one bill, account or customer"),
    ],
)
def test_what_cannot_be_decided_is_one_line(mixed: Merchant, words: tuple[str, ...], problem: str) -> None:
    said = mixed.command("payments", *words, *CLOSED)
    assert said.exit_status == 2
    assert problem in said.stderr
    assert mixed.command("payments", "dismiss", "1", "--why", " ").exit_status == 2
