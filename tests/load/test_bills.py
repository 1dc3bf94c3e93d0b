"""Bills that exist already, owners that differ, details that change; and what all of it costs in requests."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable

import pytest

from pipeline.sandbox.faults import NoFaults, Scripted, drop_before
from pipeline.sandbox.serve import TEST_KEY
from pipeline.sandbox.switches import Switches
from tests.load.conftest import Merchant
from tests.seeds import each_once

Open = Callable[..., Merchant]


def void(merchant: Merchant, reference: str) -> None:
    request = urllib.request.Request(  # noqa: S310 (the sandbox on loopback)
        f"{merchant.api.url}/billing/bills/{reference}/void",
        method="POST",
        headers={"Authorization": f"Bearer {TEST_KEY}", "Idempotency-Key": f"void-{reference}"},
    )
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310


@pytest.mark.parametrize(
    ("rows", "requests"),
    [
        (["C1,A1,B1,1.00"], 1),
        ([f"C1,A1,B{n},1.00" for n in range(10)], 10),
        ([f"C1,A{n},B{n},1.00" for n in range(10)], 10),
        ([f"C1,,B{n},1.00" for n in range(10)], 10),
        ([f"C{n % 5},A{n % 10},B{n},1.00" for n in range(40)], 40),
        ([f"C1,{'A1' if n % 2 else ''},B{n},1.00" for n in range(10)], 10),
    ],
)
def test_each_bill_costs_one_request_whatever_is_new(
    merchant: Merchant, rows: list[str], requests: int
) -> None:
    loaded = merchant.load(merchant.bills(rows))
    assert loaded.row_outcomes == ["created"] * len(rows)
    assert len(merchant.requests()) == requests
    assert loaded.file["requests"] == {"sent": requests, "retried": 0, "rate_limited": 0, "looked_up": 0}
    assert len(merchant.held("bills")) == len(rows)


def test_known_customers_and_accounts_are_named_by_id_in_the_next_file(merchant: Merchant) -> None:
    merchant.load(merchant.bills(["C1,A1,B1,1.00"]))
    loaded = merchant.load(merchant.bills(["C1,A1,B2,1.00", "C1,A2,B3,1.00"], name="bills2.csv"))
    assert loaded.row_outcomes == ["created", "created"]
    assert len(merchant.requests()) == 3
    assert len(merchant.held("customers")) == 1


def test_a_known_bill_with_the_same_content_is_unchanged_after_one_look(merchant: Merchant) -> None:
    merchant.load(merchant.bills(["C1,A1,B1,1.00"]))
    loaded = merchant.load(merchant.bills(["C1,A1,B1,1.00", "C1,A1,B2,2.00"], name="bills2.csv"))
    assert loaded.row_outcomes == ["unchanged", "created"]
    assert len(merchant.requests()) == 3


DIFFERS = [("C1,A1,B1,1.01", "amount_due"), ("C1,A2,B1,1.00", "owner"), ("C2,A3,B1,1.00", "owner")]


@pytest.mark.parametrize("ledger_lost", [False, True])
@pytest.mark.parametrize(("differs", "keys_forgotten"), each_once(DIFFERS, [True, False]))
def test_a_bill_that_exists_with_other_content_is_a_conflict(
    merchant: Merchant, ledger_lost: bool, keys_forgotten: bool, differs: tuple[str, str]
) -> None:
    row, named = differs
    merchant.load(merchant.bills(["C1,A1,B1,1.00"]))
    if ledger_lost:
        merchant.lose_ledger()
    if keys_forgotten:
        merchant.api.forget_idempotency_keys()
    loaded = merchant.load(merchant.bills([row], name="bills2.csv"))
    assert loaded.row_outcomes == ["conflict"]
    assert loaded.rows[0]["codes"] == "bill_reference.differs"
    assert named in loaded.rows[0]["message"]
    assert merchant.held("bills")["B1"]["amount_due"] == 100


@pytest.mark.parametrize("ledger_lost", [False, True])
def test_a_voided_bill_asks_for_a_new_reference(merchant: Merchant, ledger_lost: bool) -> None:
    merchant.load(merchant.bills(["C1,A1,B1,1.00"]))
    void(merchant, "B1")
    if ledger_lost:
        merchant.lose_ledger()
        merchant.api.forget_idempotency_keys()
    loaded = merchant.load(merchant.bills(["C1,A1,B1,1.00"], name="bills2.csv"), "--force")
    assert loaded.rows[0]["codes"] == "bill_reference.voided"
    assert "new reference" in loaded.rows[0]["message"]


def test_payments_do_not_make_a_bill_another_one(merchant: Merchant) -> None:
    merchant.load(merchant.bills(["C1,A1,B1,1.00"]))
    merchant.api.pay("B1", 40)
    loaded = merchant.load(merchant.bills(["C1,A1,B1,1.00", "C1,A1,B2,1.00"], name="bills2.csv"))
    assert loaded.row_outcomes == ["unchanged", "created"]
    assert merchant.held("bills")["B1"]["amount_paid"] == 40


@pytest.mark.parametrize("merging", ["merge", "replace"])
def test_metadata_that_a_bill_lacks_is_patched(open_merchant: Open, merging: str) -> None:
    merchant = open_merchant(Switches(metadata_patch=merging))  # type: ignore[arg-type]
    merchant.load(merchant.bills(["C1,A1,B1,1.00,E1"], columns=",metadata.meter"))
    loaded = merchant.load(
        merchant.bills(["C1,A1,B1,1.00,north"], name="bills2.csv", columns=",metadata.zone")
    )
    assert loaded.row_outcomes == ["updated"]
    assert merchant.held("bills")["B1"]["metadata"] == {"meter": "E1", "zone": "north"}


def test_an_account_that_belongs_to_another_customer_is_a_conflict_before_anything_is_sent(
    merchant: Merchant,
) -> None:
    merchant.load(merchant.bills(["C1,A1,B1,1.00"]))
    before = len(merchant.requests())
    loaded = merchant.load(merchant.bills(["C2,A1,B2,1.00", "C2,A1,B3,1.00"], name="bills2.csv"))
    assert [row["codes"] for row in loaded.rows] == ["account_reference.other_customer"] * 2
    assert len(merchant.requests()) == before


DETAILS = ",customer_name,customer_email"


def test_a_new_e_mail_of_an_existing_customer_is_patched_once(merchant: Merchant) -> None:
    merchant.load(merchant.bills(["C1,A1,B1,1.00,Ann,ann@example.com"], columns=DETAILS))
    path = merchant.bills(
        ["C1,A1,B2,1.00,Ann,new@example.com", "C1,A1,B3,1.00,Ann,new@example.com"],
        name="bills2.csv",
        columns=DETAILS,
    )
    merchant.load(path)
    assert [line[0] for line in merchant.requests()].count("PATCH") == 1
    assert merchant.held("customers")["C1"]["email"] == "new@example.com"
    merchant.load(merchant.bills(["C1,A1,B4,1.00,,"], name="bills3.csv", columns=DETAILS))
    assert [line[0] for line in merchant.requests()].count("PATCH") == 1


def test_details_are_left_alone_when_update_details_is_off(open_merchant: Open) -> None:
    merchant = open_merchant(update_details=False)
    merchant.load(merchant.bills(["C1,A1,B1,1.00,Ann,ann@example.com"], columns=DETAILS))
    merchant.load(merchant.bills(["C1,A1,B2,1.00,Ann,new@example.com"], name="bills2.csv", columns=DETAILS))
    assert merchant.held("customers")["C1"]["email"] == "ann@example.com"


def test_within_a_file_the_last_record_of_a_customer_names_it(merchant: Merchant) -> None:
    merchant.load(merchant.bills(["C1,A1,B1,1.00,Ann,a@example.com", "C1,A1,B2,1.00,Anne,"], columns=DETAILS))
    customer = merchant.held("customers")["C1"]
    assert (customer["name"], customer["email"]) == ("Anne", "a@example.com")
    assert len(merchant.requests()) == 2


def test_bills_of_an_api_that_was_reset_are_made_again(merchant: Merchant) -> None:
    merchant.load(merchant.bills(["C1,A1,B1,1.00"]))
    port = merchant.api.port
    merchant.api.stop()
    fresh = type(merchant.api)(port=port)
    fresh.start()
    try:
        merchant.api = fresh
        loaded = merchant.load(merchant.bills(["C1,A1,B1,1.00", "C1,A1,B2,2.00"], name="bills2.csv"))
        assert loaded.row_outcomes == ["created", "created"]
        assert set(merchant.held("bills")) == {"B1", "B2"}
    finally:
        fresh.stop()


def test_a_limit_sends_the_first_records_and_holds_the_rest(merchant: Merchant) -> None:
    path = merchant.bills([f"C{n},A{n},B{n},1.00" for n in range(6)])
    loaded = merchant.load(path, "--limit", "2")
    assert loaded.exit_status == 1
    assert loaded.row_outcomes == ["created", "created"] + ["not_attempted"] * 4
    assert merchant.load(path).row_outcomes == loaded.row_outcomes
    assert len(merchant.requests()) == 2


def test_the_owner_of_a_bill_in_conflict_does_not_become_the_owner_of_the_next(merchant: Merchant) -> None:
    merchant.load(merchant.bills(["C1,A1,B1,1.00"]))
    merchant.lose_ledger()
    loaded = merchant.load(merchant.bills(["C2,A2,B1,1.00", "C2,A2,B2,2.00"], name="bills2.csv"))
    assert loaded.row_outcomes == ["conflict", "created"]
    assert merchant.held("bills")["B2"]["customer_reference"] == "C2"
    assert merchant.held("bills")["B2"]["account_reference"] == "A2"


@pytest.mark.parametrize("known", ["customer", "nobody"])
def test_a_bill_that_was_silently_attached_to_another_customers_account_is_a_conflict(
    open_merchant: Open, known: str
) -> None:
    merchant = open_merchant(Switches(nested_existing="attached"))
    merchant.load(merchant.bills(["C1,A1,B1,1.00"]))
    if known == "customer":
        merchant.load(merchant.bills(["C2,A2,B2,1.00"], name="bills2.csv"))
    # The ledger forgets that the account is C1's, as if it had been made by hand.
    with_account_forgotten(merchant)
    loaded = merchant.load(merchant.bills(["C2,A1,B3,1.00"], name="bills3.csv"))
    assert loaded.row_outcomes == ["conflict"]
    assert loaded.rows[0]["codes"] == "account_reference.other_customer"
    assert int(loaded.rows[0]["attempts"]) >= 1


def test_of_bills_that_are_attached_at_the_same_time_to_one_strangers_accounts_one_at_most_is_created(
    open_merchant: Open,
) -> None:
    """The answers come so close together that what the first one taught is not in the ledger yet."""
    merchant = open_merchant(Switches(nested_existing="attached"))
    merchant.load(merchant.bills([f"C9,A{n},B9{n},1.00" for n in range(8)]))
    merchant.lose_ledger()
    loaded = merchant.load(merchant.bills([f"C{n},A{n},B{n},1.00" for n in range(8)], name="bills2.csv"))
    assert loaded.row_outcomes.count("created") == 1
    assert loaded.row_outcomes.count("conflict") == 7


def with_account_forgotten(merchant: Merchant) -> None:
    merchant.change_ledger("DELETE FROM entities WHERE kind = 'account'")


def test_parents_that_a_bill_in_doubt_nests_are_not_nested_by_the_next_file(open_merchant: Open) -> None:
    merchant = open_merchant(Switches(allow_duplicate_references=True), max_attempts=2)
    merchant.api.faults = Scripted({lambda received: received.method == "POST": drop_before()})
    first = merchant.bills(["C1,A1,B1,1.00"])
    assert merchant.load(first).exit_status == 3
    second = merchant.bills(["C1,A1,B2,2.00", "C3,A3,B3,3.00"], name="bills2.csv")
    merchant.load(second)
    merchant.api.faults = NoFaults()
    assert merchant.run().exit_status == 0
    assert [row["outcome"] for row in merchant.results(first)] == ["created"]
    assert [row["outcome"] for row in merchant.results(second)] == ["created", "created"]
    assert set(merchant.held("customers")) == {"C1", "C3"}
    assert set(merchant.held("accounts")) == {"A1", "A3"}


def test_a_known_bill_that_cannot_be_seen_yet_is_not_made_again(open_merchant: Open) -> None:
    merchant = open_merchant(Switches(allow_duplicate_references=True))
    merchant.load(merchant.bills(["C1,A1,B1,1.00", "C1,A1,B2,1.00"]))
    merchant.api.switches = Switches(allow_duplicate_references=True, get_lag_s=3600)
    loaded = merchant.load(merchant.bills(["C1,A1,B2,1.00"], name="bills2.csv"))
    assert loaded.row_outcomes == ["unchanged"]
    assert len(merchant.held("bills")) == 2


def test_details_are_patched_by_reference_so_that_a_strangers_are_left_alone(open_merchant: Open) -> None:
    merchant = open_merchant(Switches(nested_existing="attached"))
    merchant.load(merchant.bills(["C1,A1,B1,1.00,Ann,"], columns=DETAILS))
    merchant.lose_ledger()
    merchant.load(merchant.bills(["C2,A1,B2,1.00,Bob,"], name="bills2.csv", columns=DETAILS))
    merchant.load(merchant.bills(["C2,A1,B3,1.00,Bobby,"], name="bills3.csv", columns=DETAILS))
    assert merchant.held("customers")["C1"]["name"] == "Ann"
