"""What can be done to a running sandbox over HTTP, without a key."""

import json
import time
from pathlib import Path

import pytest

from pipeline.sandbox.control import Refused, ask
from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.webhooks import RetrySchedule, Webhook
from tests.sandbox.caller import Caller, Json, bill
from tests.sandbox.receiver import Delivered, Receiver, receiving

SOON = RetrySchedule(first_s=0.01)


@pytest.fixture
def billed(api: SandboxApi, caller: Caller) -> SandboxApi:
    caller.made("bills", bill(amount_due=10_000))
    return api


def taken_when_recent(delivered: Delivered) -> int:
    return 200 if abs(time.time() - delivered.signed_at_s) < 180 else 401


def paid(api: SandboxApi, receiver: Receiver, way: str, amount: str = "10.00") -> Json:
    api.send_webhooks(Webhook(receiver.url, ("secret",), schedule=SOON))
    return ask(api.url, "/sandbox/pay", {"reference": "b-1", "amount": amount, "way": way})


@pytest.mark.parametrize(
    ("way", "statuses", "webhook_ids", "amounts"),
    [
        ("usual", [200], 1, [1000]),
        ("late", [401, 200], 1, [1000, 1000]),
        ("duplicate", [200, 200, 200], 2, [1000, 1000, 1000]),
        ("out_of_order", [200, 200], 2, [501, 500]),
        ("no_bill_id", [200], 1, [1000]),
    ],
)
def test_a_payment_is_told_in_the_way_that_is_asked_for(
    way: str, statuses: list[int], webhook_ids: int, amounts: list[int], billed: SandboxApi
) -> None:
    with receiving(taken_when_recent) as receiver:
        answer = paid(billed, receiver, way, "10.01" if way == "out_of_order" else "10.00")
    assert [each["status"] for each in answer["deliveries"]] == statuses
    assert len({each.webhook_id for each in receiver.came}) == webhook_ids
    events = [json.loads(each.body)["data"] for each in receiver.came]
    assert [event["amount"] for event in events] == amounts
    assert all(("bill_id" in event) == (way != "no_bill_id") for event in events)
    assert sum(payment.amount_minor for payment in billed.payments) in {1000, 1001}
    assert [each["payment_id"] for each in answer["payments"]] == [each.id for each in billed.payments]
    assert answer["remaining"] == ("89.99" if way == "out_of_order" else "90.00")
    assert (answer["what"], answer["currency"], answer["receiver"]) == ("bill", "ZAR", receiver.url)


def test_what_is_forged_pays_nothing(billed: SandboxApi) -> None:
    with receiving(lambda _: 401) as receiver:
        answer = paid(billed, receiver, "bad_signature", "1000000.00")
    assert not answer["paid"]
    assert [each["status"] for each in answer["deliveries"]] == [401]
    assert billed.payments == []


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"reference": "nobody", "amount": "1"}, "nothing here has this id or reference"),
        ({"reference": "b-1", "amount": "100.01"}, "ZAR 100.01 cannot be paid on this bill: 100.00 is open"),
        ({"reference": "b-1", "amount": "1.005"}, "an amount in ZAR has at most 2 decimals"),
        ({"reference": "b-1", "amount": 1.5e300}, "an amount is written like 12.50"),
        ({"reference": "b-1", "amount": "0.01", "way": "out_of_order"}, "too little"),
        ({"reference": "b-1", "amount": "100.01", "way": "out_of_order"}, "100.00 is open"),
        ({"reference": "b-1", "amount": "1", "way": "sideways"}, "in one of these ways: usual, late"),
    ],
)
def test_what_cannot_be_done_changes_nothing_and_says_why(
    document: Json, why: str, billed: SandboxApi
) -> None:
    with pytest.raises(Refused, match=why):
        ask(billed.url, "/sandbox/pay", document)
    assert billed.payments == []


def test_no_body_is_so_odd_that_it_is_not_refused(billed: SandboxApi, caller: Caller) -> None:
    for body in (b"", b"[]", b"{", b'"x"', b'{"reference": null, "amount": {}}', b"\xff"):
        assert caller.call("POST", "/sandbox/pay", body).status in {404, 422}
        assert caller.call("POST", "/sandbox/report", body).status == 422


def test_deliveries_are_shown_to_whoever_is_on_this_machine(billed: SandboxApi) -> None:
    with receiving() as receiver:
        paid(billed, receiver, "usual")
    outsider = Caller(billed, bearer=None)
    (shown,) = json.loads(outsider.get("/sandbox/deliveries").raw)
    outsider.close()
    assert shown == vars(billed.deliveries[0])
    assert (shown["status"], shown["answer"], shown["number"]) == (200, "ok", 1)


def test_without_a_webhook_it_is_paid_and_nothing_waits(billed: SandboxApi) -> None:
    answer = ask(billed.url, "/sandbox/pay", {"reference": "b-1", "amount": "1"})
    assert (answer["deliveries"], answer["receiver"], answer["remaining"]) == ([], None, "99.00")


def test_a_report_is_put_beside_the_bill_files(billed: SandboxApi, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no SFTP server"):
        ask(billed.url, "/sandbox/report", {})
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    billed.put_reports_into(incoming)
    day = billed.pay("b-1", 1).at.date()
    for document, report in (
        ({}, billed.reconciliation_report(day)),
        ({"kind": "settlement", "day": day.isoformat()}, billed.settlement_report(day)),
    ):
        answer = ask(billed.url, "/sandbox/report", document)
        assert answer == {"path": str(incoming / report.name), "rows": 1}
        assert (incoming / report.name).read_bytes() == report.text.encode()
    assert len(list(tmp_path.rglob("*.*"))) == 2
    with pytest.raises(Refused, match="month"):
        ask(billed.url, "/sandbox/report", {"day": "2026-13-01"})


def test_the_newest_payment_is_refunded_first_and_each_once(billed: SandboxApi) -> None:
    first, second = (billed.pay("b-1", amount).id for amount in (100, 250))
    for reference, payment_id, amount in (("b-1", second, "2.50"), (first, first, "1.00")):
        answer = ask(billed.url, "/sandbox/refund", {"reference": reference})
        assert answer["refunds"] == [
            {"payment_id": payment_id, "reference": "b-1", "currency": "ZAR", "amount": amount}
        ]
    with pytest.raises(Refused, match="refunded before"):
        ask(billed.url, "/sandbox/refund", {"reference": "b-1"})
    with pytest.raises(Refused, match="nothing that was paid"):
        ask(billed.url, "/sandbox/refund", {"reference": "b-2"})


def test_a_sandbox_that_is_not_there_is_a_connection_error() -> None:
    gone = Receiver()
    gone.stop()
    with pytest.raises(ConnectionError):
        ask(gone.url, "", {})
