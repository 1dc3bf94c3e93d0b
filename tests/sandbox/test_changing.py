"""PATCH, void and payments."""

import pytest

from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.switches import Switches
from tests.sandbox.caller import Caller, Json, account, bill, customer

FULL = customer(name="Ann", email="a@b.co", phone="+2782", currency="ZAR", balance=500, metadata={"a": "1"})


@pytest.fixture
def made(caller: Caller) -> Json:
    """A bill of 100 on account a-1, whose customer has every field."""
    return caller.made("bills", bill(account=account(customer=FULL)))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"name": "Bo"},
        {"email": "b@c.de"},
        {"phone": "+2783"},
        {"currency": "JPY"},
        {"metadata": {"a": "2"}},
        {"balance": -7, "currency": "ZAR"},
    ],
)
def test_a_customers_details_are_changed_one_by_one(caller: Caller, made: Json, change: Json) -> None:
    before = caller.get("/billing/customers/c-1").json
    answer = caller.patch("/billing/customers/c-1", change)
    assert (answer.status, answer.json) == (200, {**before, **change})
    assert caller.get("/billing/customers/c-1").json == answer.json


@pytest.mark.parametrize(
    "change",
    [{"name": "Home"}, {"currency": "JPY"}, {"metadata": {"a": "2"}}, {"balance": 5, "currency": "ZAR"}],
)
def test_an_accounts_details_are_changed_by_id_or_reference(caller: Caller, made: Json, change: Json) -> None:
    before = caller.get("/billing/accounts/a-1").json
    for name in ("a-1", made["account_id"]):
        answer = caller.patch(f"/billing/accounts/{name}", change)
        assert (answer.status, answer.json) == (200, {**before, **change})


def test_a_balance_replaces_what_was_there(caller: Caller, made: Json) -> None:
    for balance in (700, -700, 0):
        answer = caller.patch("/billing/customers/c-1", {"balance": balance, "currency": "ZAR"})
        assert answer.json["balance"] == balance


@pytest.mark.parametrize(
    ("path", "change"),
    [("customers/c-1", change) for change in ({"external_reference": "x"}, {"id": "x"}, {"name": None})]
    + [
        ("customers/c-1", change)
        for change in ({"balance": 1}, {"balance": 1.5, "currency": "ZAR"}, {"phone": "1"})
    ]
    + [("accounts/a-1", change) for change in ({"email": "a@b.co"}, {"phone": "+2782"}, {"customer": "c-1"})]
    + [("accounts/a-1", {"balance": 1})]
    + [
        ("bills/b-1", change)
        for change in ({"amount_due": 1}, {"bill_date": "2026-01-01"}, {"status": "paid"})
    ]
    + [
        ("bills/b-1", change)
        for change in ({"due_date": "2026-01-01"}, {"amount_paid": 1}, {"account": "a-1"})
    ]
    + [
        ("bills/b-1", {"amount_paid": bad, "currency": "ZAR"})
        for bad in (-1, 100_000_000, 1.0, True, "1", None)
    ],
)
def test_what_may_not_be_changed_is_refused_and_nothing_changes(
    api: SandboxApi, caller: Caller, made: Json, path: str, change: Json
) -> None:
    kind = path.partition("/")[0]
    before = api.snapshot()[kind]
    assert caller.patch(f"/billing/{path}", change).status == 400
    assert api.snapshot()[kind] == before


@pytest.mark.parametrize("kind", ["customers", "accounts", "bills"])
def test_what_is_unknown_cannot_be_changed(caller: Caller, kind: str) -> None:
    assert caller.patch(f"/billing/{kind}/nobody", {}).status == 404


@pytest.mark.parametrize("path", ["customers/c-1", "accounts/a-1", "bills/b-1"])
def test_metadata_is_merged_or_replaced_as_switched(
    api: SandboxApi, caller: Caller, made: Json, path: str
) -> None:
    caller.patch(f"/billing/{path}", {"metadata": {"a": "1"}})
    answer = caller.patch(f"/billing/{path}", {"metadata": {"b": "2"}})
    assert answer.json["metadata"] == {"a": "1", "b": "2"}
    api.switches = Switches(metadata_patch="replace")
    answer = caller.patch(f"/billing/{path}", {"metadata": {"c": "3"}})
    assert answer.json["metadata"] == {"c": "3"}


def test_merged_metadata_cannot_exceed_ten_keys(caller: Caller, made: Json) -> None:
    ten = {f"k{number}": "" for number in range(10)}
    answer = caller.patch("/billing/customers/c-1", {"metadata": ten, "name": "Bo"})
    assert (answer.status, answer.kind) == (422, "metadata_full")
    assert caller.get("/billing/customers/c-1").json["name"] == "Ann"


@pytest.mark.parametrize(("paid", "status"), [(0, "unpaid"), (40, "unpaid"), (100, "paid")])
def test_the_amount_paid_settles_status_and_remainder(
    caller: Caller, made: Json, paid: int, status: str
) -> None:
    answer = caller.patch("/billing/bills/b-1", {"amount_paid": paid, "currency": "ZAR"})
    shown = answer.json
    assert (shown["amount_paid"], shown["amount_remaining"], shown["status"]) == (paid, 100 - paid, status)
    assert shown["payment_rules"]["max_amount"] == 100 - paid


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"amount_paid": 101, "currency": "ZAR"}, "overpayment"),
        ({"amount_paid": 10, "currency": "JPY"}, "currency_mismatch"),
    ],
)
def test_a_payment_that_does_not_fit_the_bill_is_refused_with_422(
    caller: Caller, made: Json, change: Json, kind: str
) -> None:
    answer = caller.patch("/billing/bills/b-1", change)
    assert (answer.status, answer.kind) == (422, kind)
    assert caller.get("/billing/bills/b-1").json == made


@pytest.mark.parametrize("by", ["reference", "id"])
def test_a_voided_bill_stays_voided_and_can_be_neither_updated_nor_paid(
    api: SandboxApi, caller: Caller, made: Json, by: str
) -> None:
    name = "b-1" if by == "reference" else made["id"]
    answer = caller.post(f"/billing/bills/{name}/void", {})
    assert (answer.status, answer.json["status"]) == (200, "voided")
    for change in ({"amount_paid": 1, "currency": "ZAR"}, {"metadata": {"a": "1"}}, {}):
        refused = caller.patch(f"/billing/bills/{name}", change)
        assert (refused.status, refused.kind) == (422, "bill_voided")
    assert caller.post(f"/billing/bills/{name}/void").kind == "bill_voided"
    with pytest.raises(ValueError, match="cannot be paid"):
        api.pay("b-1", 1)
    assert caller.get("/billing/bills/b-1").json == answer.json


def test_a_voided_bill_keeps_its_reference(caller: Caller, made: Json) -> None:
    caller.post("/billing/bills/b-1/void")
    assert caller.post("/billing/bills", bill(customer=customer("c-2"))).kind == "duplicate_reference"


def test_only_what_exists_can_be_voided_and_only_bills_can(caller: Caller, made: Json) -> None:
    assert caller.post("/billing/bills/nobody/void").status == 404
    assert caller.post("/billing/accounts/a-1/void").status == 404
    assert caller.post("/billing/bills/b-1/void", {"why": "x"}).kind == "unknown_field"
    assert caller.post("/billing/bills/b-1/void", key=None).kind == "idempotency_key"


def test_a_payer_pays_a_bill_bit_by_bit(api: SandboxApi, caller: Caller, made: Json) -> None:
    api.pay("b-1", 30)
    api.pay(made["id"], 70)
    assert caller.get("/billing/bills/b-1").json["status"] == "paid"
    with pytest.raises(ValueError, match="cannot be paid"):
        api.pay("b-1", 1)


def test_a_payer_pays_into_a_balance_which_sinks_and_may_become_a_credit(
    api: SandboxApi, caller: Caller, made: Json
) -> None:
    api.pay("c-1", 600)
    assert caller.get("/billing/customers/c-1").json["balance"] == -100
    with pytest.raises(ValueError, match="no balance"):
        api.pay("a-1", 1)
    with pytest.raises(KeyError):
        api.pay("nobody", 1)
