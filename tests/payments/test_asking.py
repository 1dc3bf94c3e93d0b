"""Payments that name only an owner: the API is asked which of the owner's bills explains them; nothing is guessed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.sandbox.faults import NoFaults, Scripted, status
from tests.payments.merchant import Merchant
from tests.world import Row

ANOTHER = "customer_reference,account_reference,bill_reference,amount_due\nC8,A8,E3,5.00\n"


@pytest.fixture
def loaded(merchant: Merchant) -> Merchant:
    merchant.load()
    merchant.api.switches = replace(merchant.api.switches, payment_names="owner")
    return merchant


def pay(merchant: Merchant, reference: str, amount: int, *, told: bool = True) -> None:
    """A payer pays at the API; its event is received."""
    payment = merchant.api.pay(reference, amount)
    if told:
        merchant.receive_body(payment.body, payment.webhook_id)


def found(merchant: Merchant, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(each[name] for name in names) for each in merchant.listed()]


def posted(rows: list[Row]) -> int:
    """What a merchant has posted after all payments files, in minor units."""
    return sum(int(row["amount_minor"]) for row in rows if row["kind"] in {"payment", "difference"})


def test_the_one_bill_that_explains_a_payment_gets_it_before_the_file_is_written(loaded: Merchant) -> None:
    pay(loaded, "B2", 2050)
    pay(loaded, "B1", 400)
    said = loaded.command("run")
    assert said.requests["GET bills"] == 2
    assert found(loaded, "outcome", "bill_reference", "bill_status") == [
        ("applied", "B2", "paid"),
        ("applied", "B1", "part_paid"),
    ]
    assert [(row["kind"], row["outcome"], row["amount_minor"]) for row in loaded.told()] == [
        ("payment", "applied", "2050"),
        ("payment", "applied", "400"),
    ]


def test_equal_bills_that_are_both_paid_are_never_guessed_and_counted_once(loaded: Merchant) -> None:
    loaded.load(
        "customer_reference,account_reference,bill_reference,amount_due\nC7,A7,E1,5.00\nC7,A7,E2,5.00\n",
        "two_bills.csv",
    )
    pay(loaded, "E1", 400)
    pay(loaded, "E2", 400)
    loaded.command("run")
    assert found(loaded, "outcome", "codes") == [("unmatched", ["payment.several_bills"])] * 2
    assert posted(loaded.told()) == 800
    assert loaded.command("run").requests["GET bills"] == 0, "an idle run asked again"
    loaded.load(ANOTHER, "three_bills.csv")
    assert loaded.command("run").requests["GET bills"] == 2, "a load was no reason to ask again"


def test_what_is_told_later_explains_what_could_not_be_told_apart(loaded: Merchant) -> None:
    """200 could be of B1 or of B2, until the API shows that nothing but 700 is paid of B2."""
    pay(loaded, "B1", 500, told=False)
    pay(loaded, "B2", 700, told=False)
    event = loaded.api.payments[0].body
    loaded.receive_body(event.replace(b'"amount":500', b'"amount":200'), "msg_part")
    loaded.command("run")
    assert found(loaded, "outcome") == [("unmatched",)]
    assert posted(loaded.told()) == 200, "a difference was booked that the payment may explain"
    for payment in loaded.api.payments[1:]:
        loaded.receive_body(payment.body, payment.webhook_id)
    loaded.command("run")
    assert found(loaded, "outcome", "bill_reference") == [("applied", "B1"), ("applied", "B2")]
    assert posted(loaded.told()) == 1200, "300 of B1 were never told by an event"


def test_once_a_payment_is_clear_what_is_paid_of_the_other_bills_is_a_difference(loaded: Merchant) -> None:
    """400 of B1 in two parts, and all of B2, which is not asked about again."""
    pay(loaded, "B2", 2050, told=False)
    pay(loaded, "B1", 400, told=False)
    event = loaded.api.payments[1].body
    loaded.receive_body(event.replace(b'"amount":400', b'"amount":300'), "msg_part")
    loaded.command("run")
    assert posted(loaded.told()) == 300
    loaded.receive(7, bill_id=loaded.ids()["B1"], amount=100)
    loaded.load(ANOTHER, "three_bills.csv")
    assert loaded.command("run").requests["GET bills"] == 1
    assert posted(loaded.told()) == 2450


def test_an_api_that_is_down_leaves_payments_unmatched_and_fails_no_run(loaded: Merchant) -> None:
    loaded.configure_api(max_attempts=1)
    pay(loaded, "B1", 400)
    loaded.api.faults = Scripted({lambda request: request.method == "GET": status(503)})
    said = loaded.command("run")
    loaded.api.faults = NoFaults()
    assert said.exit_status == 0
    assert "stay unmatched for now" in said.stderr
    assert found(loaded, "outcome") == [("unmatched",)]
    assert loaded.command("run").requests["GET bills"] == 0, "asked again within minutes"


def tied(loaded: Merchant) -> None:
    """Two of three equal bills of one owner are paid, and a sweep finds that before any event comes."""
    loaded.load(
        "customer_reference,account_reference,bill_reference,amount_due\nC7,A7,E1,5.00\nC7,A7,E2,5.00\n"
        "C7,A7,E3,5.00\n",
        "three_bills.csv",
    )
    pay(loaded, "E1", 400, told=False)
    pay(loaded, "E2", 400, told=False)
    loaded.command("payments", "sweep", "--older-than", "0s")
    loaded.command("run")
    assert posted(loaded.told()) == 800


def event_of(loaded: Merchant, place: int) -> None:
    payment = loaded.api.payments[place]
    loaded.receive_body(payment.body, payment.webhook_id)


def test_a_tied_payment_is_explained_by_differences_and_never_added(loaded: Merchant) -> None:
    tied(loaded)
    event_of(loaded, 0)
    loaded.command("run")
    assert found(loaded, "outcome", "codes") == [("unmatched", ["payment.several_bills"])]
    assert loaded.told()[-1]["kind"] == "explained"
    assert posted(loaded.told()) == 800
    pay(loaded, "E3", 400)
    loaded.command("run")
    assert found(loaded, "outcome") == [("unmatched",)] * 2
    assert (loaded.told()[-1]["kind"], posted(loaded.told())) == ("payment", 1200), "more is paid than posted"
    loaded.command("run")
    assert posted(loaded.told()) == 1200


def test_an_explained_payment_is_posted_once_its_bill_is_known(loaded: Merchant) -> None:
    """The other one's event names its bill: what is left is clear, and the API is asked without another reason."""
    tied(loaded)
    event_of(loaded, 0)
    loaded.command("run")
    loaded.receive(9, bill_id=loaded.ids()["E2"], amount=400)
    assert loaded.command("run").requests["GET bills"] > 0
    assert found(loaded, "outcome", "bill_reference") == [("applied", "E1"), ("applied", "E2")]
    assert posted(loaded.told()) == 800
    assert sorted((row["kind"], row["bill_reference"]) for row in loaded.told()[2:]) == [
        ("difference", "E1"),
        ("difference", "E2"),
        ("explained", ""),
        ("payment", "E1"),
        ("payment", "E2"),
    ]
