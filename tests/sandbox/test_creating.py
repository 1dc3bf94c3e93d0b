"""Creating and retrieving: what is shown, what is unique, what is nested, who owns what."""

from dataclasses import replace

import pytest

from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.switches import Switches
from tests.sandbox.caller import Caller, Json, account, bill, customer


def references(api: SandboxApi) -> Json:
    state = api.snapshot()
    return {
        kind: [entity["external_reference"] for entity in state[kind]]
        for kind in ("customers", "accounts", "bills")
    }


def test_a_customer_is_shown_with_everything_that_was_given(caller: Caller) -> None:
    given = customer(
        name="Ann", email="a@b.co", phone="+2782", currency="ZAR", balance=-5, metadata={"ward": "7"}
    )
    made = caller.made("customers", given)
    assert made.pop("id").startswith("bcus_")
    assert made == given


def test_an_account_is_shown_with_its_customers_id(caller: Caller) -> None:
    owner = caller.made("customers", customer())
    made = caller.made("accounts", account(customer=owner["id"], name="Home", currency="JPY", balance=7))
    assert made.pop("id").startswith("bacc_")
    assert made == {
        "external_reference": "a-1",
        "customer_id": owner["id"],
        "name": "Home",
        "currency": "JPY",
        "balance": 7,
        "metadata": {},
    }


def test_a_bill_is_shown_with_owners_status_and_amounts(api: SandboxApi, caller: Caller) -> None:
    made = caller.made(
        "bills", bill(bill_date="2026-11-01", due_date="2026-11-30", metadata={"meter": "m-7"})
    )
    state = api.snapshot()
    assert made.pop("id").startswith("bill_")
    assert made == {
        "external_reference": "b-1",
        "customer_id": state["customers"][0]["id"],
        "account_id": state["accounts"][0]["id"],
        "currency": "ZAR",
        "amount_due": 100,
        "amount_paid": 0,
        "amount_remaining": 100,
        "status": "unpaid",
        "bill_date": "2026-11-01",
        "due_date": "2026-11-30",
        "metadata": {"meter": "m-7"},
        "payment_rules": {
            "min_amount": 1,
            "max_amount": 100,
            "underpayment_allowed": True,
            "overpayment_allowed": False,
        },
    }


def test_a_bill_directly_on_a_customer_has_no_account(caller: Caller) -> None:
    owner = caller.made("customers", customer())
    by_id = caller.made("bills", bill(customer=owner["id"]))
    nested = caller.made("bills", bill("b-2", customer=customer("c-2")))
    assert by_id["customer_id"] == owner["id"]
    assert nested["customer_id"] == caller.get("/billing/customers/c-2").json["id"]
    assert "account_id" not in by_id
    assert "account_id" not in nested


def test_a_nested_bill_creates_customer_account_and_bill_in_one_request(
    api: SandboxApi, caller: Caller
) -> None:
    made = caller.made("bills", bill())
    made_account = caller.get("/billing/accounts/a-1").json
    assert made["account_id"] == made_account["id"]
    assert (
        made["customer_id"] == made_account["customer_id"] == caller.get("/billing/customers/c-1").json["id"]
    )
    assert api.count("POST") == 1


def test_a_bill_on_an_accounts_id_belongs_to_that_accounts_customer(caller: Caller) -> None:
    owner = caller.made("accounts", account())
    made = caller.made("bills", bill(account=owner["id"]))
    assert (made["account_id"], made["customer_id"]) == (owner["id"], owner["customer_id"])


@pytest.mark.parametrize(("kind", "reference"), [("customers", "c-1"), ("accounts", "a-1"), ("bills", "b-1")])
def test_what_exists_is_found_by_id_and_by_reference_and_nothing_else_is(
    caller: Caller, kind: str, reference: str
) -> None:
    caller.made("bills", bill())
    found = caller.get(f"/billing/{kind}/{reference}")
    assert (found.status, found.json["external_reference"]) == (200, reference)
    assert caller.get(f"/billing/{kind}/{found.json['id']}").json == found.json
    for unknown in ("nobody", reference.upper(), f"{reference}%20", reference[0], "%2e%2e", f"{reference}/x"):
        assert caller.get(f"/billing/{kind}/{unknown}").status == 404


def test_a_reference_that_looks_like_an_id_is_found_but_never_hides_the_real_id(caller: Caller) -> None:
    first = caller.made("bills", bill("bill_001"))
    assert caller.get("/billing/bills/bill_001").json == first
    mimic = caller.made("bills", bill(first["id"], account=first["account_id"]))
    assert caller.get(f"/billing/bills/{first['id']}").json["id"] == first["id"] != mimic["id"]


DUPLICATES = [
    ("customers", customer(name="another")),
    ("accounts", account(customer=customer("c-2"))),
    ("bills", bill(customer=customer("c-2"))),
]


@pytest.mark.parametrize("status", [409, 422])
@pytest.mark.parametrize(("kind", "again"), DUPLICATES)
def test_a_reference_is_taken_once_per_kind(
    api: SandboxApi, caller: Caller, kind: str, again: Json, status: int
) -> None:
    api.switches = Switches(duplicate_status=409 if status == 409 else 422)
    caller.made("bills", bill())
    before = api.snapshot()[kind]
    answer = caller.post(f"/billing/{kind}", again)
    assert (answer.status, answer.kind) == (status, "duplicate_reference")
    assert api.snapshot()[kind] == before


def test_the_same_reference_may_be_used_once_by_each_kind(api: SandboxApi, caller: Caller) -> None:
    caller.made("bills", bill("x", account=account("x", customer=customer("x"))))
    assert references(api) == {"customers": ["x"], "accounts": ["x"], "bills": ["x"]}


def test_references_differ_by_case(caller: Caller) -> None:
    caller.made("customers", customer("abc"))
    assert caller.made("customers", customer("ABC"))["external_reference"] == "ABC"


def test_when_the_last_step_fails_the_steps_before_it_stay_done(api: SandboxApi, caller: Caller) -> None:
    caller.made("bills", bill())
    answer = caller.post("/billing/bills", bill("b-1", account=account("a-2", customer=customer("c-2"))))
    assert answer.kind == "duplicate_reference"
    assert references(api) == {"customers": ["c-1", "c-2"], "accounts": ["a-1", "a-2"], "bills": ["b-1"]}


def test_when_the_middle_step_fails_only_the_customer_is_done(api: SandboxApi, caller: Caller) -> None:
    caller.made("bills", bill())
    answer = caller.post("/billing/bills", bill("b-2", account=account("a-1", customer=customer("c-2"))))
    assert answer.kind == "duplicate_reference"
    assert references(api) == {"customers": ["c-1", "c-2"], "accounts": ["a-1"], "bills": ["b-1"]}


def test_a_nested_reference_that_exists_is_refused_as_a_duplicate(api: SandboxApi, caller: Caller) -> None:
    caller.made("bills", bill())
    answer = caller.post("/billing/bills", bill("b-2"))
    assert (answer.status, answer.kind) == (409, "duplicate_reference")
    assert references(api) == {"customers": ["c-1"], "accounts": ["a-1"], "bills": ["b-1"]}


def test_a_nested_reference_that_exists_is_silently_attached_where_so_switched(
    api: SandboxApi, caller: Caller
) -> None:
    api.switches = Switches(nested_existing="attached")
    first = caller.made("bills", bill())
    second = caller.made("bills", bill("b-2", account=account(name="other", customer=customer(name="other"))))
    assert (second["account_id"], second["customer_id"]) == (first["account_id"], first["customer_id"])
    assert "name" not in caller.get("/billing/accounts/a-1").json
    assert caller.post("/billing/customers", customer()).kind == "duplicate_reference"
    assert caller.post("/billing/bills", bill()).kind == "duplicate_reference"


def test_an_attached_account_keeps_its_own_customer_whoever_was_nested_in_it(
    api: SandboxApi, caller: Caller
) -> None:
    api.switches = Switches(nested_existing="attached")
    first = caller.made("bills", bill())
    second = caller.made("bills", bill("b-2", account=account(customer=customer("c-2"))))
    assert second["customer_id"] == first["customer_id"]
    assert references(api)["customers"] == ["c-1", "c-2"]


def test_an_accounts_customer_may_be_an_id_or_a_reference(caller: Caller) -> None:
    owner = caller.made("customers", customer())
    for reference, name in (("a-1", owner["id"]), ("a-2", "c-1")):
        assert caller.made("accounts", account(reference, customer=name))["customer_id"] == owner["id"]
    nested = caller.made("bills", bill(account=account("a-3", customer="c-1")))
    assert nested["customer_id"] == owner["id"]


def test_a_bills_owner_may_be_a_reference_only_where_so_switched(api: SandboxApi, caller: Caller) -> None:
    owner = caller.made("accounts", account())
    on_account, on_customer = bill("b-1", account="a-1"), bill("b-2", customer="c-1")
    for body in (on_account, on_customer):
        answer = caller.post("/billing/bills", body)
        assert (answer.status, answer.kind) == (404, "owner_not_found")
    api.switches = replace(api.switches, owners_by_reference=True)
    assert caller.made("bills", on_account)["account_id"] == owner["id"]
    assert caller.made("bills", on_customer)["customer_id"] == owner["customer_id"]


@pytest.mark.parametrize("by_reference", [True, False])
def test_an_owner_of_the_wrong_kind_or_none_at_all_is_unknown(
    api: SandboxApi, caller: Caller, by_reference: bool
) -> None:
    api.switches = Switches(owners_by_reference=by_reference)
    owner = caller.made("accounts", account())
    for body in (bill(account=owner["customer_id"]), bill(customer=owner["id"]), bill(account="nobody")):
        assert caller.post("/billing/bills", body).kind == "owner_not_found"
    assert caller.post("/billing/accounts", account("a-2", customer=owner["id"])).status == 404


def test_where_duplicates_are_allowed_both_exist_and_the_first_is_found(
    api: SandboxApi, caller: Caller
) -> None:
    api.switches = Switches(allow_duplicate_references=True)
    first = caller.made("bills", bill())
    second = caller.made("bills", bill(amount_due=200))
    assert references(api) == {"customers": ["c-1"] * 2, "accounts": ["a-1"] * 2, "bills": ["b-1"] * 2}
    assert caller.get("/billing/bills/b-1").json["id"] == first["id"]
    assert caller.get(f"/billing/bills/{second['id']}").json["amount_due"] == 200
