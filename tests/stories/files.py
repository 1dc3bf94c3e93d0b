"""Bill files of the stories, and what they say: told by the standard library alone, independent of the pipeline."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

YESTERDAY, TODAY, TOMORROW = (
    (datetime.now(UTC).date() + timedelta(days=days)).isoformat() for days in (-1, 0, 1)
)
"""Balances may be dated up to tomorrow."""

EXPONENTS = {"ZAR": 2, "JPY": 0, "KWD": 3}
DETAILS = ("name", "email", "phone")


@dataclass(frozen=True)
class Sample:
    """A file of one model. `unit` is how its feed reads amounts."""

    name: str
    unit: str
    text: str

    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.text)))

    def minor(self, row: dict[str, str]) -> int:
        text = row.get("amount_due") or row["balance"]
        exponent = EXPONENTS[row["currency"]] if self.unit == "major" else 0
        amount = Decimal(text).scaleb(exponent)
        assert amount == int(amount)
        return int(amount)


BILLS = Sample(
    "za_bills_2030-01-01.csv",
    "major",
    """\
customer_reference,customer_name,customer_email,customer_phone,account_reference,account_name,account_metadata.grid,bill_reference,currency,amount_due,bill_date,due_date,metadata.meter
C-1,Naledi Khumalo,naledi@example.com,+27825550101,A-1,Electricity,north,B-1,ZAR,1250.75,2030-01-01,2030-01-31,E-1
C-1,Naledi Khumalo,naledi@example.com,+27825550101,A-1,Electricity,north,B-2,ZAR,0.01,2030-01-01,2030-01-31,
C-1,Naledi Khumalo,naledi@example.com,+27825550101,A-2,Water,,B-3,ZAR,310,2030-01-01,,W-1
C-2,"Botha & Sons, Plumbers",,,A-3,,,B-4,JPY,99999999,2030-01-02,2030-01-31,
C-3,Zoë Fourie,,,A-4,,,B-5,KWD,1.005,2030-01-02,2030-01-02,
C-1,Naledi Khumalo,naledi@example.com,+27825550101,A-1,Electricity,north,B-6,ZAR,999999.99,2030-01-01,2030-01-31,E-1
""",
)
DIRECT = Sample(
    "za_bills_2030-01-01.csv",
    "major",
    """\
customer_reference,customer_name,customer_metadata.branch,bill_reference,currency,amount_due,bill_date,metadata.policy
C-1,Lerato Nkosi,7,P-1,ZAR,89.90,2030-01-01,100
C-1,Lerato Nkosi,7,P-2,ZAR,12000.00,2030-01-01,101
C-2,,,P-3,KWD,0.001,2030-01-01,
""",
)
ACCOUNTS = Sample(
    f"za_accounts_{TODAY}.csv",
    "minor",
    """\
customer_reference,customer_name,customer_phone,account_reference,account_name,currency,balance,metadata.tariff
C-1,Palesa Molefe,+27825550101,A-1,Electricity,ZAR,125075,Homepower
C-1,Palesa Molefe,+27825550101,A-2,Water,ZAR,-4500,
C-2,,,A-3,,JPY,0,
C-3,Kestrel Mining,,A-4,,KWD,123456789012345678,
""",
)
BALANCES = Sample(
    f"za_balances_{TODAY}.csv",
    "major",
    """\
customer_reference,customer_name,customer_email,currency,balance,metadata.ward
C-1,Ayanda Ndlovu,ayanda@example.com,ZAR,452.10,12
C-2,Pieter Steyn,,ZAR,-35.00,
C-3,,,KWD,0.000,7
C-4,Naoko Abe,,JPY,15400,
""",
)
MODELS = {"bill": BILLS, "bill directly": DIRECT, "account_balance": ACCOUNTS, "customer_balance": BALANCES}


def said_by(sample: Sample) -> dict[str, dict[str, Json]]:
    """What the API must hold when it holds this file and nothing else: kind → reference → fields."""
    held: dict[str, dict[str, Json]] = {"customers": {}, "accounts": {}, "bills": {}}
    for row in sample.rows():
        customer, account = row["customer_reference"], row.get("account_reference") or None
        held["customers"][customer] = _details(row, "customer") | {
            "metadata": _metadata(row, "customer_metadata.")
        }
        if account:
            held["accounts"][account] = _details(row, "account") | {
                "metadata": _metadata(row, "account_metadata."),
                "customer_reference": customer,
            }
        if "bill_reference" in row:
            bill = {name: row[name] for name in ("bill_date", "due_date") if row.get(name)}
            bill |= {"customer_reference": customer} | ({"account_reference": account} if account else {})
            amount = {"amount_due": sample.minor(row), "amount_paid": 0, "status": "unpaid"}
            held["bills"][row["bill_reference"]] = bill | amount | _tail(row)
        else:
            leaf = held["accounts"][account] if account else held["customers"][customer]
            leaf |= {"balance": sample.minor(row)} | _tail(row)
    return held


def _tail(row: dict[str, str]) -> Json:
    return {"currency": row["currency"], "metadata": _metadata(row, "metadata.")}


def _details(row: dict[str, str], kind: str) -> Json:
    return {name: row[f"{kind}_{name}"] for name in DETAILS if row.get(f"{kind}_{name}")}


def _metadata(row: dict[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): text for name, text in row.items() if name.startswith(prefix) and text}


OUR_OWN = {"id", "external_reference", "customer_id", "account_id", "amount_remaining", "payment_rules"}
"""Fields that the API adds."""


def held_by(state: Json) -> dict[str, dict[str, Json]]:
    """The API's state in the same form."""
    return {
        kind: {
            entity["external_reference"]: {key: value for key, value in entity.items() if key not in OUR_OWN}
            for entity in state[kind]
        }
        for kind in ("customers", "accounts", "bills")
    }


def bills(*rows: str) -> str:
    """A small file for feed bills; each row is customer, account, bill, amount."""
    return "\n".join(["customer_reference,account_reference,bill_reference,amount_due", *rows]) + "\n"


def accounts(*rows: str) -> str:
    """A small file for feed accounts; each row is customer, account, currency, balance in minor units."""
    return "\n".join(["customer_reference,account_reference,currency,balance", *rows]) + "\n"


def balances(*rows: str) -> str:
    """A small file for feed balances; each row is customer, currency, balance."""
    return "\n".join(["customer_reference,currency,balance", *rows]) + "\n"


def totals(summary: Json) -> Iterator[tuple[str, int]]:
    """Currency and total in minor units of a summary."""
    for currency, breakdown in summary["amounts_minor"].items():
        yield currency, breakdown["total"]
