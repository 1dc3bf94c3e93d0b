"""Whether the API holds the same bill, and which details are worth a PATCH."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.api.compare import (
    bill_differences,
    changed_details,
    missing_metadata,
    told_differences,
    union_metadata,
)

HELD: dict[str, Any] = {
    "external_reference": "B1",
    "amount_due": 100,
    "currency": "ZAR",
    "bill_date": "2026-11-01",
    "due_date": "2026-11-20",
    "amount_paid": 40,
    "status": "unpaid",
}


@pytest.mark.parametrize(
    ("stated", "differences"),
    [
        ({"amount_due": 100, "currency": "ZAR"}, []),
        ({"amount_due": 100, "currency": "ZAR", "bill_date": "2026-11-01", "due_date": "2026-11-20"}, []),
        ({"amount_due": 101, "currency": "ZAR"}, ["amount_due"]),
        ({"amount_due": 100, "currency": "USD"}, ["currency"]),
        ({"amount_due": 100, "currency": "ZAR", "bill_date": "2026-11-02"}, ["bill_date"]),
        ({"amount_due": 1, "currency": "USD", "due_date": "2026-12-01"}, ["amount_due", "currency", "due_date"]),
    ],
)  # fmt: skip
def test_a_bill_is_the_same_by_amount_currency_and_the_dates_that_are_stated(
    stated: dict[str, Any], differences: list[str]
) -> None:
    assert bill_differences(stated, HELD) == differences


def test_a_stated_date_that_the_api_does_not_show_is_a_difference() -> None:
    held = {name: value for name, value in HELD.items() if name != "due_date"}
    assert bill_differences({"due_date": "2026-11-20"}, held) == ["due_date"]


@pytest.mark.parametrize("paid", [{}, {"amount_paid": 100, "status": "paid", "amount_remaining": 0}])
def test_payments_do_not_make_it_another_bill(paid: dict[str, Any]) -> None:
    assert bill_differences({"amount_due": 100, "currency": "ZAR"}, HELD | paid) == []


@pytest.mark.parametrize(
    ("stated", "held", "missing"),
    [
        ({}, {}, {}),
        ({"metadata": {"a": "1"}}, {}, {"a": "1"}),
        ({"metadata": {"a": "1"}}, {"metadata": None}, {"a": "1"}),
        ({"metadata": {"a": "1"}}, {"metadata": {"a": "1", "b": "2"}}, {}),
        ({"metadata": {"a": "1", "c": "3"}}, {"metadata": {"a": "2"}}, {"a": "1", "c": "3"}),
        ({"metadata": {"a": ""}}, {"metadata": {}}, {"a": ""}),
    ],
)
def test_only_metadata_that_the_api_lacks_is_missing(
    stated: dict[str, Any], held: dict[str, Any], missing: dict[str, str]
) -> None:
    assert missing_metadata(stated, held) == missing


metadata = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12"), max_size=4)


@given(metadata, metadata)
def test_the_union_is_right_whether_patch_merges_or_replaces(
    held: dict[str, str], stated: dict[str, str]
) -> None:
    sent = union_metadata(held, stated)
    merged, replaced = {**held, **sent}, sent
    assert merged == replaced == {**held, **stated}
    assert missing_metadata({"metadata": stated}, {"metadata": sent}) == {}


@pytest.mark.parametrize(
    ("stated", "last_sent", "changed"),
    [
        ({"name": "Ann"}, {"name": "Ann"}, {}),
        ({"name": "Anne"}, {"name": "Ann"}, {"name": "Anne"}),
        ({"name": ""}, {"name": "Ann"}, {}),
        ({}, {"name": "Ann", "email": "a@example.com"}, {}),
        ({"email": "a@example.com"}, {}, {"email": "a@example.com"}),
        ({"balance": 5, "currency": "ZAR"}, {}, {}),
        ({"metadata": {"a": "1"}}, {"metadata": {"a": "1", "b": "2"}}, {}),
        ({"metadata": {"a": "9"}}, {"metadata": {"a": "1", "b": "2"}}, {"metadata": {"a": "9", "b": "2"}}),
        ({"metadata": {}}, {"metadata": {"a": "1"}}, {}),
    ],
)
def test_details_are_patched_when_they_are_new_and_never_cleared(
    stated: dict[str, Any], last_sent: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert changed_details(stated, last_sent) == changed


def test_what_differs_is_told_with_both_values_of_money_and_dates() -> None:
    stated = {"amount_due": 2000, "currency": "ZAR", "due_date": "2026-11-30"}
    found = {"amount_due": 2500, "currency": "USD", "due_date": None}
    assert told_differences(stated, found, [*bill_differences(stated, found), "owner"]) == (
        "amount_due (ZAR 20.00 in the file, USD 25.00 at the API), currency (ZAR in the file, USD at the API),"
        " due_date (2026-11-30 in the file, none at the API), owner"
    )


def test_nothing_else_that_the_api_says_is_repeated() -> None:
    stated = {"amount_due": 2000, "currency": "ZAR", "due_date": "2026-11-30"}
    odd = {
        "amount_due": "Ada Lovelace",
        "currency": "ada@example.com",
        "due_date": "Ada was born on 1815-12-10",
    }
    told = told_differences(stated, odd, bill_differences(stated, odd))
    assert "Ada" not in told
    assert "ada" not in told
    assert "an amount that cannot be read at the API" in told
