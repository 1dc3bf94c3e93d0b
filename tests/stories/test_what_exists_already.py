"""Files that meet what the API holds already."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories.files import bills
from tests.stories.merchant import Json, Merchant

DAY = "2030-01-01"
FILE = f"x_bills_{DAY}.csv"


def existing_bill(merchant: Merchant, **fields: Any) -> Json:
    """A bill of C-1's account A-1, made by somebody else."""
    account = {"external_reference": "A-1", "customer": {"external_reference": "C-1"}}
    bill = {"external_reference": "B-1", "currency": "ZAR", "amount_due": 1000, "account": account}
    return merchant.post("bills", bill | fields)


@pytest.mark.parametrize("amount", ["10.01", "1000.00"])
def test_a_bill_that_exists_with_another_amount_is_a_conflict(merchant: Merchant, amount: str) -> None:
    existing_bill(merchant)
    said = merchant.load(merchant.write(FILE, bills(f"C-1,A-1,B-1,{amount}", "C-1,A-1,B-2,1.00")))
    assert said.exit_status == 1
    assert said.outcomes() == {"created": 1, "conflict": 1}
    assert merchant.results(said)[0]["codes"] == "bill_reference.differs"
    assert [row["bill_reference"] for row in merchant.rejects(said)] == ["B-1"]
    assert merchant.held("bills")["B-1"]["amount_due"] == 1000


def test_a_bill_that_exists_on_another_account_is_a_conflict(merchant: Merchant) -> None:
    existing_bill(merchant)
    said = merchant.load(merchant.write(FILE, bills("C-1,A-2,B-1,10.00")))
    assert said.outcomes() == {"conflict": 1}
    assert merchant.results(said)[0]["codes"] == "bill_reference.differs"


def test_a_bill_that_exists_with_the_same_content_is_unchanged(merchant: Merchant) -> None:
    existing_bill(merchant)
    said = merchant.load(merchant.write(FILE, bills("C-1,A-1,B-1,10.00")))
    assert said.exit_status == 0
    assert said.outcomes() == {"unchanged": 1}


def test_a_bill_that_is_paid_meanwhile_is_unchanged(merchant: Merchant) -> None:
    existing_bill(merchant)
    merchant.api.pay("B-1", 400)
    said = merchant.load(merchant.write(FILE, bills("C-1,A-1,B-1,10.00")))
    assert said.outcomes() == {"unchanged": 1}
    assert merchant.held("bills")["B-1"]["amount_paid"] == 400


def test_a_voided_bill_is_a_conflict_that_says_to_send_a_new_reference(merchant: Merchant) -> None:
    existing_bill(merchant)
    merchant.post("bills/B-1/void", {})
    said = merchant.load(merchant.write(FILE, bills("C-1,A-1,B-1,10.00")))
    assert said.exit_status == 1
    assert said.outcomes() == {"conflict": 1}
    (row,) = merchant.results(said)
    assert row["codes"] == "bill_reference.voided"
    assert "new reference" in row["message"]


@pytest.mark.parametrize("patch", ["merge", "replace"])
def test_metadata_that_the_api_lacks_is_added_and_none_is_lost(merchant: Merchant, patch: str) -> None:
    merchant.switch(metadata_patch=patch)
    existing_bill(merchant, metadata={"kept": "theirs"})
    content = (
        "customer_reference,account_reference,bill_reference,amount_due,metadata.meter\nC-1,A-1,B-1,10,E-1\n"
    )
    said = merchant.load(merchant.write(FILE, content))
    assert said.exit_status == 0
    assert said.outcomes() == {"updated": 1}
    assert merchant.held("bills")["B-1"]["metadata"] == {"kept": "theirs", "meter": "E-1"}
    assert said.requests["PATCH bills"] == 1


@pytest.mark.parametrize("status", [409, 422])
def test_an_account_of_another_customer_gets_no_bill(merchant: Merchant, status: int) -> None:
    merchant.switch(duplicate_status=status)
    existing_bill(merchant)
    said = merchant.load(merchant.write(FILE, bills("C-2,A-1,B-2,10.00")))
    assert said.exit_status == 1
    assert said.outcomes() == {"conflict": 1}
    assert merchant.results(said)[0]["codes"] == "account_reference.other_customer"
    assert list(merchant.held("bills")) == ["B-1"]


def test_nothing_is_sent_for_an_account_that_we_know_to_be_another_customers(merchant: Merchant) -> None:
    merchant.load(merchant.write("x_bills_2029-12-01.csv", bills("C-1,A-1,B-1,10.00")))
    said = merchant.load(merchant.write(FILE, bills("C-2,A-1,B-2,10.00")))
    assert said.exit_status == 1
    assert merchant.results(said)[0]["codes"] == "account_reference.other_customer"
    assert not said.requests


def test_existing_customers_and_accounts_get_bills_of_their_own(merchant: Merchant) -> None:
    existing_bill(merchant)
    said = merchant.load(
        merchant.write(
            FILE, bills("C-1,A-1,B-2,1.00", "C-1,A-2,B-3,2.00", "C-1,,B-4,3.00", "C-1,A-1,B-5,4.00")
        )
    )
    assert said.exit_status == 0
    assert said.outcomes() == {"created": 4}
    held = merchant.held("bills")
    assert {held[bill]["customer_reference"] for bill in held} == {"C-1"}
    assert [held[f"B-{n}"].get("account_reference") for n in (2, 3, 4, 5)] == ["A-1", "A-2", None, "A-1"]
