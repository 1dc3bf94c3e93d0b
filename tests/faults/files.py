"""Bill files for the fault tests, made from a seed; and what a file says, read by the standard library alone."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Literal

Model = Literal["bill", "account_balance", "customer_balance"]
MODELS: tuple[Model, ...] = ("bill", "account_balance", "customer_balance")
KIND = {"bill": "bills", "account_balance": "accounts", "customer_balance": "customers"}
"""The kind of entity a row of the model is about, as the API's state names it."""
EXPONENTS = {"ZAR": 2, "JPY": 0, "KWD": 3}
HEADERS: dict[Model, str] = {
    "bill": "customer_reference,customer_name,account_reference,bill_reference,currency,amount_due,bill_date"
    ",metadata.meter",
    "account_balance": "customer_reference,customer_name,account_reference,currency,balance",
    "customer_balance": "customer_reference,customer_name,currency,balance",
}


@dataclass(frozen=True)
class Line:
    """One row of a bill file. `reference` is that of the leaf: the bill, account or customer the amount is of."""

    reference: str
    customer: str
    account: str | None
    currency: str
    amount_minor: int
    bill_date: str | None


@dataclass(frozen=True)
class BillFile:
    """A file as it was given in; `path` is a copy that no run moves."""

    path: Path
    model: Model

    @property
    def name(self) -> str:
        return self.path.name

    def lines(self) -> Iterator[Line]:
        """Raises AssertionError when an amount of the file is not exact: then the test itself is wrong."""
        with self.path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                text = row.get("amount_due") or row["balance"]
                amount = Decimal(text).scaleb(EXPONENTS[row["currency"]])
                assert amount == int(amount)
                account = row.get("account_reference") or None
                yield Line(
                    row.get("bill_reference") or account or row["customer_reference"],
                    row["customer_reference"],
                    account,
                    row["currency"],
                    int(amount),
                    row.get("bill_date") or None,
                )


def rows(model: Model, count: int, seed: int, *, prefix: str = "") -> list[str]:
    """Rows of a file: customers with one to four accounts, one to eight bills each, some bills directly on customers.

    Money is different in every row, so that none can stand for another.
    """
    random = Random(f"{model} {seed}")  # noqa: S311 - nothing secret
    made: list[str] = []
    customers = 0
    while len(made) < count:
        customers += 1
        customer = f"{prefix}C{customers}"
        currency = random.choice(["ZAR", "ZAR", "JPY", "KWD"])
        accounts = [f"{prefix}A{customers}-{number}" for number in range(random.randint(1, 4))]
        if model == "customer_balance":
            made.append(f"{customer},Name {customers},{currency},{_money(len(made) + 1, currency)}")
            continue
        if model == "account_balance":
            made.extend(
                f"{customer},Name {customers},{account},{currency},{_money(len(made) + 1 + number, currency)}"
                for number, account in enumerate(accounts)
            )
            continue
        for _ in range(random.randint(1, 8)):
            account = random.choice([*accounts, ""])
            number = len(made) + 1
            made.append(
                f"{customer},Name {customers},{account},{prefix}B{number},{currency},{_money(number, currency)},"
                f"2030-01-{number % 28 + 1:02},E-{number % 7}"
            )
    return made[:count]


def _money(number: int, currency: str) -> str:
    return str(Decimal(1000 + number * 7).scaleb(-EXPONENTS[currency]))


def text(model: Model, given: list[str]) -> str:
    return "\n".join([HEADERS[model], *given]) + "\n"
