"""Bills to load: as a bill file for us, and as request bodies for those who read none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.core.api.requests import encode

COLUMNS = (
    "customer_reference,customer_name,customer_email,customer_phone,account_reference,account_name,"
    "bill_reference,currency,amount_due,bill_date,due_date,metadata.tariff"
)
BLOCK = 50_000


def write_bills(file: Path, count: int, per_customer: int = 1, first: int = 0) -> None:
    """A canonical CSV; each customer has one account and so many bills. `first`: the number of its first bill."""
    with file.open("w", encoding="utf-8") as out:
        out.write(COLUMNS + "\n")
        end = first + count
        for start in range(first, end, BLOCK):
            out.writelines(_line(n, n // per_customer) for n in range(start, min(start + BLOCK, end)))


def _line(n: int, customer: int) -> str:
    return (
        f"C-{customer:08d},Customer {customer},c{customer}@example.com,+2782{customer % 10_000_000:07d},"
        f"A-{customer:08d},Account {customer},B-{n:08d},ZAR,{1 + n % 9_000}.{n % 100:02d},2030-01-01,2030-01-31,"
        f"T{n % 7}\n"
    )


def write_bodies(file: Path, count: int) -> None:
    """The same bills as one create request each, a new customer and account nested; one body a line."""
    with file.open("wb") as out:
        for start in range(0, count, BLOCK):
            out.write(b"\n".join(_bodies(start, min(start + BLOCK, count))) + b"\n")


def _bodies(first: int, end: int) -> Iterator[bytes]:
    for n in range(first, end):
        customer = {
            "external_reference": f"C-{n:08d}",
            "name": f"Customer {n}",
            "email": f"c{n}@example.com",
            "phone": f"+2782{n % 10_000_000:07d}",
        }
        account = {"external_reference": f"A-{n:08d}", "name": f"Account {n}", "customer": customer}
        bill = {
            "external_reference": f"B-{n:08d}",
            "currency": "ZAR",
            "amount_due": (1 + n % 9_000) * 100 + n % 100,
            "bill_date": "2030-01-01",
            "due_date": "2030-01-31",
            "metadata": {"tariff": f"T{n % 7}"},
            "account": account,
        }
        yield encode(bill)
