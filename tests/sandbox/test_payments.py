"""What is paid, what that changes, and the event of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.switches import Switches
from tests.sandbox.caller import Caller, Json, account, bill, customer


def balance(caller: Caller, kind: str, name: str) -> int:
    found: int = caller.get(f"/billing/{kind}/{name}").json["balance"]
    return found


def names(event: Json) -> Json:
    return {name: value for name, value in event["data"].items() if name.endswith("_id")}


def test_the_event_of_a_payment_is_the_documented_one(api: SandboxApi, caller: Caller) -> None:
    made = caller.made("bills", bill(metadata={"branch": "7"}))
    payment = api.pay("b-1", 40)
    event = json.loads(payment.body)
    at = event["data"]["created_at"]
    assert event == {
        "id": event["id"],
        "type": "obligation.amount_applied",
        "data": {
            "id": payment.obligation_id,
            "amount": 40,
            "currency": "ZAR",
            "payment_id": payment.id,
            "bill_id": made["id"],
            "metadata": {"branch": "7"},
            "created_at": at,
            "updated_at": at,
        },
    }
    assert [event["id"][:4], payment.obligation_id[:3], payment.id[:4], payment.webhook_id[:4]] == [
        "evt_", "ob_", "pay_", "msg_",
    ]  # fmt: skip
    assert abs(datetime.fromisoformat(at) - datetime.now(UTC)) < timedelta(minutes=1)
    assert at.endswith("Z")


def test_under_one_salt_all_ids_are_the_same() -> None:
    def ids(salt: str) -> list[tuple[str, ...]]:
        with SandboxApi(salt=salt) as api:
            caller = Caller(api)
            caller.made("bills", bill())
            caller.close()
            paid = [api.pay("b-1", 1), api.pay("b-1", 1)]
        return [(each.id, each.obligation_id, each.webhook_id, each.event["id"]) for each in paid]

    assert ids("a") == ids("a")
    assert len({each for paid in (*ids("a"), *ids("b")) for each in paid}) == 16


@pytest.mark.parametrize("owned_by", ["account", "customer"])
def test_a_bills_event_names_the_bill_its_owner_or_both(
    owned_by: str, api: SandboxApi, caller: Caller
) -> None:
    owner = account() if owned_by == "account" else customer()
    made = caller.made("bills", bill("b-1", **{owned_by: owner}))
    bill_id, owner_id = {"bill_id": made["id"]}, {f"{owned_by}_id": made[f"{owned_by}_id"]}
    payment = api.pay("b-1", 1)
    assert names(payment.event) == {"payment_id": payment.id} | bill_id
    api.switches = Switches(payment_names="owner")
    payment = api.pay("b-1", 1)
    assert names(payment.event) == {"payment_id": payment.id} | owner_id
    api.switches = Switches(payment_names="both")
    payment = api.pay("b-1", 1)
    assert names(payment.event) == {"payment_id": payment.id} | owner_id | bill_id
    payment = api.pay("b-1", 1, names="owner")
    assert names(payment.event) == {"payment_id": payment.id} | owner_id


@pytest.mark.parametrize("falls", [True, False])
def test_a_balance_falls_by_itself_or_does_not(falls: bool, api: SandboxApi, caller: Caller) -> None:
    owner = customer(currency="ZAR", balance=500)
    made = caller.made("accounts", account(customer=owner, currency="ZAR", balance=100))
    api.switches = Switches(balance_falls=falls)
    of_account, of_customer = api.pay("a-1", 30), api.pay("c-1", 50)
    assert names(of_account.event) == {"payment_id": of_account.id, "account_id": made["id"]}
    assert names(of_customer.event) == {"payment_id": of_customer.id, "customer_id": made["customer_id"]}
    assert balance(caller, "accounts", "a-1") == (70 if falls else 100)
    assert balance(caller, "customers", "c-1") == (450 if falls else 500)
    api.refund(of_account.id)
    assert balance(caller, "accounts", "a-1") == 100
    assert api.payments == [of_account, of_customer]


def test_more_than_is_due_is_refused_or_taken(api: SandboxApi, caller: Caller) -> None:
    caller.made("bills", bill())
    with pytest.raises(ValueError, match=r"ZAR 1\.01 cannot be paid on this bill: 1\.00 is open"):
        api.pay("b-1", 101)
    api.switches = Switches(overpayment="allowed")
    api.pay("b-1", 101)
    shown = caller.get("/billing/bills/b-1").json
    assert (shown["amount_paid"], shown["amount_remaining"], shown["status"]) == (101, 0, "paid")
    assert shown["payment_rules"]["overpayment_allowed"]
    assert api.snapshot()["bills"][0] == shown | {"account_reference": "a-1", "customer_reference": "c-1"}
    assert caller.patch("/billing/bills/b-1", {"amount_paid": 102, "currency": "ZAR"}).status == 200
    with pytest.raises(ValueError, match=r"999998\.97 is open"):
        api.pay("b-1", 99_999_898)


def test_what_is_refused_books_nothing(api: SandboxApi, caller: Caller) -> None:
    caller.made("bills", bill())
    caller.made("customers", customer("c-2", currency="ZAR", balance=5))
    for name, amount_minor in (("b-1", 0), ("c-2", 0), ("c-2", -1), ("c-1", 1)):
        with pytest.raises(ValueError, match=r"paid|balance|nothing"):
            api.pay(name, amount_minor)
    with pytest.raises(KeyError):
        api.pay("nobody", 1)
    caller.post("/billing/bills/b-1/void")
    with pytest.raises(ValueError, match="voided"):
        api.pay("b-1", 1)
    assert api.payments == []


def test_one_payment_may_be_applied_to_several_and_is_refunded_whole(api: SandboxApi, caller: Caller) -> None:
    caller.made("bills", bill())
    caller.made("bills", bill("b-2", customer="c-1") | {"customer": {"external_reference": "c-2"}})
    first = api.pay("b-1", 100)
    second = api.pay("b-2", 60, payment_id=first.id)
    api.pay("b-2", 1)
    assert (first.id, first.obligation_id) != (second.id, second.obligation_id)
    assert first.id == second.id
    refunds = api.refund(first.id)
    assert [refund.payment for refund in refunds] == [first, second]
    assert [each["amount_paid"] for each in api.snapshot()["bills"]] == [0, 1]
    assert [each["status"] for each in api.snapshot()["bills"]] == ["unpaid", "unpaid"]
    with pytest.raises(ValueError, match="before"):
        api.refund(first.id)
    with pytest.raises(KeyError):
        api.refund("pay_unknown")
