"""Refunds of the vendor's report: counted once, handed over once, and given back to whoever got them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.payments.bill_status import received_total
from pipeline.core.payments.refund_target import RefundCandidate, RefundTarget, refund_target
from tests.payments.merchant import Merchant
from tests.payments.test_balances import file, held, pay, report
from tests.payments.test_export import KILL
from tests.payments.test_sweep import sweep
from tests.world import Row, schema_named


def posted(rows: list[Row]) -> int:
    """What a merchant has posted after all payments files, in minor units."""
    return sum(int(row["amount_minor"]) for row in rows if row["kind"] in {"payment", "difference", "refund"})


def pay_bill(merchant: Merchant, number: int, reference: str, amount: int) -> str:
    """A payer pays a bill, and its event comes; the payment's id."""
    payment = merchant.api.pay(reference, amount, told=False)
    merchant.receive_body(payment.body, f"msg_{number}")
    return payment.id


def paid(merchant: Merchant, reference: str) -> tuple[int, str]:
    (each, *_) = merchant.listed("--bill", reference)
    return each["bill_paid_minor"], each["bill_status"]


@pytest.mark.parametrize("falls", [True, False])
def test_a_refund_is_added_back_until_it_is_posted(merchant: Merchant, falls: bool) -> None:
    merchant.api.switches = replace(merchant.api.switches, balance_falls=falls)
    merchant.settings["feeds"][1]["net_payments"] = True
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000)
    merchant.command("payments", "export")
    assert file(merchant, 2, "70.00", "1")["outcome"] in {"updated", "unchanged"}
    merchant.api.refund(merchant.api.payments[0].id)
    report(merchant)
    row = file(merchant, 3, "70.00", "1")
    assert row["message"] == "ZAR 100.00 was set: refunds of ZAR 30.00 are added back"
    assert held(merchant) == 10000
    report(merchant)
    merchant.command("payments", "export")
    told = merchant.told()[-1]
    assert (told["seq"], told["kind"], told["source"], told["amount"]) == ("2", "refund", "report", "-30.00")
    assert (told["account_reference"], told["outcome"]) == ("A9", "applied")
    control = json.loads(Path(f"{merchant.payments_files()[1]}.ctl").read_text())
    assert control["amounts"] == {"ZAR": "-30.00"}
    assert file(merchant, 4, "70.00", "1")["message"] == row["message"], "handed over, and not posted"
    assert not file(merchant, 5, "101.00", "2")["message"], "posted"
    assert held(merchant) == 10100


def test_without_net_payments_a_refund_that_is_not_posted_is_a_conflict(merchant: Merchant) -> None:
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000)
    merchant.command("payments", "export")
    merchant.api.refund(merchant.api.payments[0].id)
    report(merchant)
    row = file(merchant, 2, "71.00", "1")
    assert (row["outcome"], row["codes"]) == ("conflict", "balance.paid_since")
    assert "refunds of ZAR 30.00 are not in the file's balance" in row["message"]
    assert held(merchant) == 10000
    row = file(merchant, 3, "101.00")
    assert row["outcome"] == "updated", "neither is posted: they cancel"
    assert held(merchant) == 10100


def test_a_payment_after_a_refund_whose_event_has_not_come_is_not_undone(merchant: Merchant) -> None:
    """100 was set; 30 paid and refunded; 20 paid that no event told of."""
    merchant.settings["feeds"][1]["net_payments"] = True
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000)
    merchant.api.refund(merchant.api.payments[0].id)
    pay(merchant, 2, 2000, told=False)
    report(merchant, later=True)
    assert file(merchant, 2, "110.00")["codes"] == "balance.paid_since"
    assert held(merchant) == 8000


def test_a_refund_of_a_payment_that_is_not_known_raises_no_balance(merchant: Merchant) -> None:
    """Its event was lost: nothing was taken off, so nothing is given back. Once it comes, they cancel."""
    merchant.api.switches = replace(merchant.api.switches, balance_falls=False)
    merchant.settings["feeds"][1]["net_payments"] = True
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000, told=False)
    merchant.api.refund(merchant.api.payments[0].id)
    report(merchant)
    assert not file(merchant, 2, "101.00")["message"]
    assert held(merchant) == 10100
    merchant.command("payments", "export")
    (told,) = merchant.told()
    assert (told["kind"], told["outcome"], told["codes"]) == ("refund", "unmatched", "refund.payment_unknown")
    payment = merchant.api.payments[0]
    merchant.receive_body(payment.body, payment.webhook_id)
    merchant.command("run")
    assert [(row["kind"], row["amount_minor"]) for row in merchant.told()[1:]] == [
        ("payment", "3000"),
        ("late_match", "-3000"),
    ]
    assert posted(merchant.told()) == 0


@pytest.mark.parametrize("undone", [True, False], ids=["amount_paid sinks", "amount_paid stays"])
def test_a_refunded_bill_is_open_again_and_sums_are_what_was_kept(merchant: Merchant, undone: bool) -> None:
    merchant.api.switches = replace(merchant.api.switches, refunds_undo=undone)
    merchant.load()
    first = pay_bill(merchant, 1, "B1", 400)
    pay_bill(merchant, 2, "B1", 600)
    merchant.api.pay("B2", 2050, told=False)
    sweep(merchant)
    merchant.command("run")
    assert paid(merchant, "B1") == (1000, "paid")
    merchant.api.refund(first)
    merchant.api.refund(merchant.api.payments[2].id)
    for _ in range(2):
        report(merchant)
        document, _ = sweep(merchant)
        assert document["shows_less"] == 0
        merchant.command("run")
    assert paid(merchant, "B1") == (600, "part_paid")
    assert posted(merchant.told()) == 600
    assert [row["bill_reference"] for row in merchant.told() if row["kind"] == "refund"] == ["B1", "B2"]
    totals = json.loads(merchant.command("totals", "--json").stdout)
    assert totals["currencies"][0]["payments"]["paid_minor"] == 600
    if undone:
        pay_bill(merchant, 4, "B2", 2000)
        merchant.command("run")
        sweep(merchant)
        merchant.command("run")
        assert posted(merchant.told()) == 2600
        assert paid(merchant, "B2") == (2000, "part_paid")


def test_a_sweep_that_sees_the_refund_before_the_report_ends_at_the_same_sums(merchant: Merchant) -> None:
    merchant.load()
    merchant.api.pay("B1", 400, told=False)
    sweep(merchant)
    merchant.api.refund(merchant.api.payments[0].id)
    sweep(merchant)
    report(merchant)
    merchant.command("run")
    assert posted(merchant.told()) == 0
    assert merchant.inbox("SELECT paid_minor FROM paid_bills WHERE bill_reference = 'B1'") == [(0,)]


@pytest.mark.parametrize("name", ["sync_folder", "posted_amounts", "put_in_place"])
def test_a_killed_run_hands_a_refund_over_once(merchant: Merchant, name: str) -> None:
    merchant.load()
    pay_bill(merchant, 1, "B1", 400)
    merchant.command("run")
    merchant.api.refund(merchant.api.payments[0].id)
    report(merchant)
    killed = merchant.spawn("payments", "export", late=KILL.format(module="payments.export", name=name))
    assert killed.exit_status == 9, killed.stderr
    assert merchant.command("run").exit_status == 0
    assert merchant.command("run").exit_status == 0
    assert [row["kind"] for row in merchant.told()] == ["payment", "refund"]


def test_what_was_received_is_never_made_up_by_a_refund() -> None:
    assert received_total(0, 400, 0, 0) == 400
    assert received_total(0, 0, 400, 0) == 0, "taken back, and not known why"
    assert received_total(0, 0, 400, 400) == 400, "amount_paid fell by the refund"
    assert received_total(0, 400, 400, 400) == 800, "it fell, and was paid again"
    assert received_total(400, 400, 0, 400) == 400, "it did not fall, or that was not seen"
    assert received_total(0, 300, 100, 50) == 350


def candidate(
    target_id: str, left: int = 100, *, by_id: bool = False, by_reference: bool = True
) -> RefundCandidate:
    return RefundCandidate(
        RefundTarget("account", target_id), 1, left, by_id=by_id, by_reference=by_reference
    )


def test_a_refund_goes_to_the_one_thing_that_it_can_be_of() -> None:
    here, there = candidate("a"), candidate("b")
    assert refund_target(100, []) is None
    assert refund_target(100, [here]) == here
    assert refund_target(101, [here]) is None, "more than is paid of it"
    assert refund_target(100, [here, there]) is None
    assert refund_target(100, [here, there._replace(left_minor=99)]) == here
    by_id = candidate("c", by_id=True, by_reference=False)
    assert refund_target(100, [here, by_id]) == by_id
    assert (
        refund_target(100, [by_id, by_id._replace(target=RefundTarget("bill", "d"), by_reference=True)])
        != by_id
    )


def test_status_and_list_show_refunds_and_forgetting_leaves_them_counted_once(merchant: Merchant) -> None:
    merchant.load()
    pay_bill(merchant, 1, "B1", 1000)
    merchant.api.pay("B3", 500, told=False)
    for payment in merchant.api.payments:
        merchant.api.refund(payment.id)
    report(merchant)
    said = merchant.command("payments", "status").stdout
    assert "Refunds, by the vendor's report:\n  1 (ZAR 10.00) refunded, and taken off what is paid\n" in said
    assert "  1 (ZAR 5.00) refunded of payments that are not known here" in said
    assert "3 payments not in a payments file yet" in said
    said = merchant.command("payments", "list").stdout
    (_, table) = said.split("\n\nRefunds, by the vendor's report:\n")
    assert [line.split()[3:] for line in table.splitlines()[1:]] == [
        ["ZAR", "10.00", "B1", "applied", "unpaid"],
        ["ZAR", "5.00", "B3", "unmatched"],
    ]
    listed = json.loads(merchant.command("payments", "list", "--unmatched", "--json").stdout)
    schema_named("payments_list").validate(listed)
    assert [each["amount_minor"] for each in listed["refunds"]] == [500]
    assert merchant.command("forget", "C1").exit_status == 3, "a refund is still to be handed over"
    merchant.command("payments", "export")
    for _ in range(2):
        assert merchant.command("forget", "C1").exit_status == 0
        report(merchant)
        assert merchant.inbox("SELECT merchant_reference, amount_minor FROM refunds") == [
            ("", 1000),
            ("B3", 500),
        ]
    assert {row["bill_reference"] for row in merchant.told()} == {""}
