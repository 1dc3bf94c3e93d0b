"""What a file costs in requests."""

from __future__ import annotations

import pytest

from tests.stories.files import TODAY, accounts, balances, bills
from tests.stories.merchant import Merchant


@pytest.mark.parametrize(
    ("rows", "requests"),
    [
        pytest.param(["C-1,A-1,B-1,10.00"], 1, id="a bill with its new account and customer: one request"),
        pytest.param(["C-1,,B-1,10.00"], 1, id="a bill on a new customer: one request"),
        pytest.param([f"C-1,A-1,B-{n},1.00" for n in range(9)], 9, id="nine bills on one new account: nine"),
        pytest.param(
            [f"C-1,A-{n},B-{n},1.00" for n in range(9)], 9, id="nine new accounts of one customer: nine"
        ),
        pytest.param([f"C-1,,B-{n},1.00" for n in range(5)], 5, id="five bills on one new customer: five"),
        pytest.param(
            [
                *(f"C-{n % 3},A-{n % 7 % 3}-{n % 3},B-{n},1.00" for n in range(20)),
                *(f"C-{n % 3},,D-{n},1.00" for n in range(5)),
            ],
            25,
            id="customers with several accounts and bills without: one each",
        ),
        pytest.param(["C-1,A-1,B-1,10.00"] * 3, 1, id="the same record three times: one request"),
    ],
)
def test_each_bill_costs_one_request(merchant: Merchant, rows: list[str], requests: int) -> None:
    said = merchant.load(merchant.write(f"x_bills_{TODAY}.csv", bills(*rows)))
    assert said.exit_status == 0
    assert said.requests == {"POST bills": requests}
    assert said.file["requests"]["sent"] == requests


def test_each_account_balance_costs_one_request(merchant: Merchant) -> None:
    rows = [f"C-{n % 3},A-{n},ZAR,{n}" for n in range(9)]
    said = merchant.load(merchant.write(f"x_accounts_{TODAY}.csv", accounts(*rows)))
    assert said.exit_status == 0
    assert said.requests == {"POST accounts": 9}


def test_each_customer_balance_costs_one_request(merchant: Merchant) -> None:
    rows = [f"C-{n},ZAR,{n}.50" for n in range(9)]
    said = merchant.load(merchant.write(f"x_balances_{TODAY}.csv", balances(*rows)))
    assert said.exit_status == 0
    assert said.requests == {"POST customers": 9}


def test_bills_of_the_next_month_cost_one_request_each(merchant: Merchant) -> None:
    merchant.load(merchant.write("x_bills_2030-01-01.csv", bills("C-1,A-1,B-1,1.00", "C-1,A-2,B-2,1.00")))
    said = merchant.load(
        merchant.write(
            "x_bills_2030-02-01.csv", bills("C-1,A-1,B-3,1.00", "C-1,A-2,B-4,1.00", "C-1,A-3,B-5,1.00")
        )
    )
    assert said.requests == {"POST bills": 3}
