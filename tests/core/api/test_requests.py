"""Request bodies say what the file states, no more; parents by id where known, nested whole where not."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from pipeline.core.api.requests import (
    BillRequest,
    Json,
    Party,
    create_body,
    encode,
    nested_parents,
    request_from_row,
    with_parent_ids,
)
from schemas.feed import Model

CUSTOMER = {"external_reference": "C1", "name": "Ann"}
ACCOUNT = {"external_reference": "A1", "name": "Home"}
BILL = BillRequest(
    record=3,
    kind="bill",
    customer=Party("C1", {"name": "Ann"}),
    account=Party("A1", {"name": "Home"}),
    reference="B1",
    currency="ZAR",
    amount_minor=100,
)
DIRECT = BILL._replace(account=None)
ACCOUNT_BALANCE = BILL._replace(kind="account", reference="A1", amount_minor=-7)
CUSTOMER_BALANCE = BILL._replace(kind="customer", reference="C1", account=None, amount_minor=0)
LEAF = {"external_reference": "B1", "currency": "ZAR", "amount_due": 100}
ACCOUNT_LEAF = {"external_reference": "A1", "currency": "ZAR", "balance": -7, "name": "Home"}


@pytest.mark.parametrize(
    ("wanted", "customer_id", "account_id", "body"),
    [
        (BILL, None, None, LEAF | {"account": ACCOUNT | {"customer": CUSTOMER}}),
        (BILL, "bcus_1", None, LEAF | {"account": ACCOUNT | {"customer": "bcus_1"}}),
        (BILL, "bcus_1", "bacc_1", LEAF | {"account": "bacc_1"}),
        (BILL, None, "bacc_1", LEAF | {"account": "bacc_1"}),
        (DIRECT, None, None, LEAF | {"customer": CUSTOMER}),
        (DIRECT, "bcus_1", None, LEAF | {"customer": "bcus_1"}),
        (ACCOUNT_BALANCE, None, None, ACCOUNT_LEAF | {"customer": CUSTOMER}),
        (ACCOUNT_BALANCE, "bcus_1", None, ACCOUNT_LEAF | {"customer": "bcus_1"}),
        (
            CUSTOMER_BALANCE,
            None,
            None,
            {"external_reference": "C1", "currency": "ZAR", "balance": 0, "name": "Ann"},
        ),
    ],
)
def test_parents_are_named_by_id_or_nested_whole(
    wanted: BillRequest, customer_id: str | None, account_id: str | None, body: Json
) -> None:
    assert create_body(wanted, customer_id=customer_id, account_id=account_id) == body


def test_a_bill_has_exactly_one_owner() -> None:
    for wanted, customer_id, account_id in product((BILL, DIRECT), (None, "bcus_1"), (None, "bacc_1")):
        body = create_body(wanted, customer_id=customer_id, account_id=account_id)
        assert ("account" in body) != ("customer" in body)


@pytest.mark.parametrize("customer_id", [None, "bcus_1"])
@pytest.mark.parametrize("account_id", [None, "bacc_1"])
@pytest.mark.parametrize("wanted", [BILL, DIRECT, ACCOUNT_BALANCE, CUSTOMER_BALANCE])
def test_parents_found_later_give_the_body_that_would_have_been_made_with_them(
    wanted: BillRequest, customer_id: str | None, account_id: str | None
) -> None:
    nested = create_body(wanted, customer_id=None, account_id=None)
    if wanted.kind != "bill" or wanted.account is None:
        account_id = None
    found = with_parent_ids(nested, customer_id=customer_id, account_id=account_id)
    assert found == create_body(wanted, customer_id=customer_id, account_id=account_id)
    assert with_parent_ids(found, customer_id=None, account_id=None) == found


@pytest.mark.parametrize("wanted", [DIRECT, ACCOUNT_BALANCE, CUSTOMER_BALANCE])
def test_an_account_is_never_added_to_what_has_none(wanted: BillRequest) -> None:
    body = create_body(wanted, customer_id=None, account_id=None)
    assert "account" not in with_parent_ids(body, customer_id=None, account_id="bacc_1")


def test_a_body_is_not_changed_under_the_hands_of_its_holder() -> None:
    nested = create_body(BILL, customer_id=None, account_id=None)
    before = json.dumps(nested)
    with_parent_ids(nested, customer_id="bcus_1", account_id=None)
    assert json.dumps(nested) == before


@pytest.mark.parametrize(
    ("wanted", "customer_id", "account_id", "kinds"),
    [
        (BILL, None, None, {"account", "customer"}),
        (BILL, "bcus_1", None, {"account"}),
        (BILL, "bcus_1", "bacc_1", set()),
        (DIRECT, None, None, {"customer"}),
        (DIRECT, "bcus_1", None, set()),
        (ACCOUNT_BALANCE, None, None, {"customer"}),
        (ACCOUNT_BALANCE, "bcus_1", None, set()),
        (CUSTOMER_BALANCE, None, None, set()),
    ],
)
def test_nested_parents_are_those_that_go_whole(
    wanted: BillRequest, customer_id: str | None, account_id: str | None, kinds: set[str]
) -> None:
    parents = nested_parents(create_body(wanted, customer_id=customer_id, account_id=account_id))
    assert parents.keys() == kinds
    assert all(parent["external_reference"] in {"A1", "C1"} for parent in parents.values())


def row(**values: Any) -> dict[str, Any]:
    names = (
        "customer_reference customer_name customer_email customer_phone customer_metadata account_reference"
        " account_name account_metadata bill_reference currency amount_minor bill_date due_date metadata"
        " payments_included_until"
    )
    empty: dict[str, Any] = dict.fromkeys(names.split())
    return empty | {"record": 1, "customer_reference": "C1", "currency": "ZAR", "amount_minor": 5} | values


@pytest.mark.parametrize(
    ("model", "values", "body"),
    [
        (
            "bill",
            {"bill_reference": "B1", "account_reference": "A1", "bill_date": "2026-11-01"},
            {
                "external_reference": "B1",
                "currency": "ZAR",
                "amount_due": 5,
                "bill_date": "2026-11-01",
                "account": {"external_reference": "A1", "customer": {"external_reference": "C1"}},
            },
        ),
        (
            "bill",
            {"bill_reference": "B1", "due_date": "2026-11-20", "metadata": '{"a":"1","b":null,"c":""}'},
            {
                "external_reference": "B1",
                "currency": "ZAR",
                "amount_due": 5,
                "due_date": "2026-11-20",
                "metadata": {"a": "1", "c": ""},
                "customer": {"external_reference": "C1"},
            },
        ),
        (
            "account_balance",
            {
                "account_reference": "A1",
                "account_name": "Home",
                "customer_name": "Ann",
                "customer_email": "ann@example.com",
                "customer_phone": "+27821234567",
                "customer_metadata": '{"zone":"9","old":null}',
                "metadata": '{"a":"1"}',
            },
            {
                "external_reference": "A1",
                "currency": "ZAR",
                "balance": 5,
                "name": "Home",
                "metadata": {"a": "1"},
                "customer": {
                    "external_reference": "C1",
                    "name": "Ann",
                    "email": "ann@example.com",
                    "phone": "+27821234567",
                    "metadata": {"zone": "9"},
                },
            },
        ),
        (
            "customer_balance",
            {"customer_name": "Ann", "customer_metadata": '{"zone":"9"}', "metadata": '{"a":"1"}'},
            {
                "external_reference": "C1",
                "currency": "ZAR",
                "balance": 5,
                "name": "Ann",
                "metadata": {"zone": "9", "a": "1"},
            },
        ),
        ("customer_balance", {"metadata": '{"a":null}'}, {"external_reference": "C1", "currency": "ZAR", "balance": 5}),
    ],
)  # fmt: skip
def test_a_row_of_each_model_becomes_its_request(model: Model, values: dict[str, Any], body: Json) -> None:
    wanted = request_from_row(row(**values), model)
    assert create_body(wanted, customer_id=None, account_id=None) == body


def test_a_balance_of_zero_is_stated() -> None:
    wanted = request_from_row(row(amount_minor=0), "customer_balance")
    assert create_body(wanted, customer_id=None, account_id=None)["balance"] == 0


def test_nested_parents_carry_their_details() -> None:
    changed = BILL._replace(customer=Party("C1", {"name": "Anne"}), account=Party("A1", {"name": "Shop"}))
    assert create_body(changed, customer_id=None, account_id=None) == LEAF | {
        "account": {
            "external_reference": "A1",
            "name": "Shop",
            "customer": {"external_reference": "C1", "name": "Anne"},
        }
    }


def test_one_body_is_one_string_of_bytes() -> None:
    assert encode({"b": 1, "a": {"d": "ü", "c": 2}}) == '{"a":{"c":2,"d":"ü"},"b":1}'.encode()
