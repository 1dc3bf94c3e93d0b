"""Payments that no event told of: a sweep finds them all, goes on where it was stopped, and counts nothing twice."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest

from pipeline.sandbox.faults import NoFaults, Received, Scripted, status
from pipeline.sandbox.serve import TEST_KEY
from tests.payments.merchant import Merchant
from tests.world import Json, Said, schema_named

COUNT = 6
MANY = "customer_reference,account_reference,bill_reference,amount_due\n" + "".join(
    f"C{number},A{number},B{number},10.00\n" for number in range(COUNT)
)


@pytest.fixture
def loaded(merchant: Merchant) -> Merchant:
    merchant.load(MANY)
    return merchant


def sweep(merchant: Merchant, *words: str) -> tuple[Json, Said]:
    said = merchant.command("payments", "sweep", "--older-than", "0s", "--json", *words)
    document: Json = json.loads(said.stdout)
    schema_named("payments_sweep").validate(document)
    assert document["exit_status"] == said.exit_status
    return document, said


def void(merchant: Merchant, reference: str) -> None:
    """As the merchant's staff do on the vendor's pages."""
    request = Request(  # noqa: S310 (our own sandbox)
        f"{merchant.api.url}/billing/bills/{reference}/void",
        method="POST",
        headers={"Authorization": f"Bearer {TEST_KEY}", "Idempotency-Key": "k"},
    )
    with urlopen(request) as answer:  # noqa: S310
        assert answer.status == 200


def told_minor(merchant: Merchant) -> int:
    merchant.command("payments", "export")
    return sum(
        int(row["amount_minor"]) for row in merchant.told() if row["kind"] in {"payment", "difference"}
    )


def paid_minor(merchant: Merchant) -> int:
    return sum(int(bill["amount_paid"]) for bill in merchant.held("bills").values())


def test_after_a_day_without_a_receiver_a_sweep_finds_every_payment_once(loaded: Merchant) -> None:
    for number in range(COUNT):
        loaded.api.pay(f"B{number}", 100 + number)
    late = loaded.api.pay("B0", 50)
    document, said = sweep(loaded)
    assert (document["asked"], document["left"]) == (COUNT, 0)
    assert document["found"] == [{"currency": "ZAR", "bills": COUNT, "amount_minor": 665}]
    assert said.requests["GET bills"] == COUNT
    assert told_minor(loaded) == paid_minor(loaded) == 665
    # Its event comes after all: it explains the difference, and is not added to it.
    loaded.receive_body(late.body, late.webhook_id)
    loaded.command("run")
    assert told_minor(loaded) == 665
    assert sweep(loaded)[0]["found"] == []


def test_a_sweep_goes_on_where_it_was_cut_short_and_leaves_out_what_is_paid(loaded: Merchant) -> None:
    loaded.api.pay("B1", 1000)
    loaded.receive(1, bill_id=loaded.ids()["B2"], amount=1000)
    loaded.api.pay("B5", 300)
    document, said = sweep(loaded, "--limit", "2")
    assert (document["asked"], document["left"]) == (2, COUNT - 2)
    assert document["found"] == [{"currency": "ZAR", "bills": 1, "amount_minor": 1000}]
    document, said = sweep(loaded)
    assert (document["asked"], document["left"]) == (3, 0), "B2 is known to be paid"
    assert document["found"] == [{"currency": "ZAR", "bills": 1, "amount_minor": 300}]
    assert sweep(loaded)[0]["asked"] == 4, "from the beginning again, without B1 and B2"
    said = loaded.command("payments", "sweep", "--json")
    assert json.loads(said.stdout)["asked"] == 0, "all were loaded within a day"


def test_while_the_api_is_down_a_sweep_exits_with_3_and_loses_nothing(loaded: Merchant) -> None:
    loaded.configure_api(max_attempts=1, max_in_flight=1)
    loaded.api.pay("B4", 300)
    answered = 0

    def third(request: Received) -> bool:
        nonlocal answered
        answered += request.method == "GET"
        return answered > 2

    loaded.api.faults = Scripted({third: status(503)})
    document, said = sweep(loaded)
    assert (said.exit_status, document["asked"], document["left"]) == (3, 2, COUNT)
    assert document["errors"][0]["code"].startswith("api.")
    loaded.api.faults = NoFaults()
    document, said = sweep(loaded)
    assert document["found"] == [{"currency": "ZAR", "bills": 1, "amount_minor": 300}]
    assert document["left"] == 0


def test_what_the_api_does_not_say_is_told(loaded: Merchant) -> None:
    void(loaded, "B0")
    loaded.api.pay("B1", 500)
    loaded.receive(1, bill_id=loaded.ids()["B1"], amount=600)
    loaded.receive(2, bill_id=loaded.ids()["B3"], amount=1, currency="ZAR")
    loaded.command("run")
    loaded.change_ledger("UPDATE accepted SET currency = 'USD' WHERE record = 3")
    loaded.change_ledger("UPDATE outcomes SET reference = 'B9' WHERE record = 5")
    loaded.change_ledger("UPDATE outcomes SET reference = 'B0' WHERE record = 6")
    document, _ = sweep(loaded)
    assert document["troubles"] == {"another_bill": 1, "missing": 1, "other_currency": 1}
    assert (document["voided"], document["shows_less"], document["found"]) == (1, 2, [])
    assert "B9" in loaded.command("payments", "sweep", "--older-than", "0s").stdout


def test_without_payments_in_the_config_there_is_nothing_to_sweep(loaded: Merchant) -> None:
    del loaded.settings["payments"]
    assert loaded.command("payments", "sweep", "--older-than", "1y").exit_status == 2
    said = loaded.command("payments", "sweep", "--older-than", "99999d")
    assert (said.exit_status, "payments are not configured" in said.stderr) == (2, True)
