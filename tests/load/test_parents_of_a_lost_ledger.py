"""Parents that the API has and the ledger does not know: looked for before they are nested, once some were found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.load.conftest import Merchant

Open = Callable[..., Merchant]
CUSTOMERS, EACH = 10, 3


@pytest.fixture
def merchant(open_merchant: Open) -> Merchant:
    """One request at a time, so that counts are exact; ten customers, of whom the ledger was lost."""
    merchant = open_merchant(max_in_flight=1)
    merchant.load(merchant.bills([f"C{n},A{n},OLD{n},1.00" for n in range(CUSTOMERS)]))
    merchant.lose_ledger()
    merchant.api.forget_idempotency_keys()
    return merchant


def costs(merchant: Merchant, rows: list[str]) -> int:
    before = len(merchant.requests())
    merchant.load(merchant.bills(rows, name="bills2.csv"))
    return len(merchant.requests()) - before


def test_only_the_first_account_of_a_lost_ledger_costs_a_refusal(merchant: Merchant) -> None:
    rows = [f"C{n},A{n},B{n}-{m},1.00" for n in range(CUSTOMERS) for m in range(EACH)]
    refused = 6  # sent twice under its key and looked for twice, then the account and its customer
    assert costs(merchant, rows) == refused + EACH + (CUSTOMERS - 1) * (2 + EACH)
    assert len(merchant.held("bills")) == CUSTOMERS + len(rows)
    assert len(merchant.held("accounts")) == CUSTOMERS


def test_the_first_new_customer_behind_known_ones_costs_two_looks_and_the_next_none(
    merchant: Merchant,
) -> None:
    once = costs(merchant, ["C0,A0,B0,1.00"])
    rows = ["C1,A1,B1,1.00", *[f"N{n},M{n},X{n},1.00" for n in range(8)]]
    assert costs(merchant, rows) == once + 2 + 8


def test_an_account_of_another_customer_is_a_conflict_and_the_others_go_on(merchant: Merchant) -> None:
    rows = ["C0,A0,B0,1.00", "C0,A1,B1,1.00", "C0,A9,B2,1.00", "C3,A3,B3,1.00"]
    loaded = merchant.load(merchant.bills(rows, name="bills2.csv"))
    assert loaded.row_outcomes == ["created", "conflict", "conflict", "created"]
    assert merchant.held("bills")["B3"]["account_reference"] == "A3"
