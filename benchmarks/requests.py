"""API requests per record, counted by the sandbox's API, beside the least that can be."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.merchant import Merchant
from benchmarks.surroundings import surroundings
from pipeline.sandbox.serve import TEST_KEY, SandboxApi

CUSTOMERS, BILLS_EACH = 2000, 5


@dataclass(frozen=True, slots=True)
class Case:
    """A file that is loaded after others; `least` requests per record, because of `why`."""

    model: str
    exists: str
    name: str
    before: tuple[str, ...]
    least: float
    why: str
    lose_ledger: bool = False


_NEW = "each record is an object of its own, and there is no bulk call"
_SEEN = "only the API knows whether it is still the same"
CASES = (
    Case("bill", "nothing", "bills-1", (), 1, _NEW),
    Case("bill", "customer and account, loaded before", "bills-2", ("bills-1",), 1, _NEW),
    Case("bill", "the bill itself, loaded before", "bills-1b", ("bills-1",), 1, _SEEN),
    Case(
        *("bill", "customer and account, and the ledger is lost", "bills-2", ("bills-1",)),
        *(
            1 + 2 / BILLS_EACH,
            "account and customer are looked up once: only ids show that they belong together",
            True,
        ),
    ),
    Case(
        "bill",
        "the bill itself, and the ledger is lost",
        "bills-1b",
        ("bills-1",),
        1,
        _SEEN,
        lose_ledger=True,
    ),
    Case("account_balance", "nothing", "accounts-1", (), 1, _NEW),
    Case("account_balance", "another balance", "accounts-2", ("accounts-1",), 1, "one PATCH each"),
    Case("account_balance", "the same balance", "accounts-1b", ("accounts-1",), 1, _SEEN),
    Case("customer_balance", "nothing", "balances-1", (), 1, _NEW),
    Case("customer_balance", "another balance", "balances-2", ("balances-1",), 1, "one PATCH each"),
    Case("customer_balance", "the same balance", "balances-1b", ("balances-1",), 1, _SEEN),
)


def measure() -> str:
    return "\n".join(
        [
            "## API requests per record",
            "",
            f"{CUSTOMERS} customers with one account each, {BILLS_EACH} bills an account or one balance; counted by the"
            " sandbox's API.",
            f"{surroundings()}.",
            "",
            "| model | what exists already | requests per record | least possible | because |",
            "| --- | --- | --- | --- | --- |",
            *[_row(case) for case in CASES],
        ]
    )


def _row(case: Case) -> str:
    counted = _counted(case)
    return f"| {case.model} | {case.exists} | {counted:g} | {case.least:g} | {case.why} |"


def _counted(case: Case) -> float:
    with tempfile.TemporaryDirectory() as place, SandboxApi() as api:
        merchant = Merchant(Path(place), api.url, key=TEST_KEY)
        merchant.write_config()
        for name in case.before:
            _load(merchant, name)
        if case.lose_ledger:
            shutil.rmtree(merchant.folder / "var")
        before = len(api.snapshot()["requests"])
        records = _load(merchant, case.name)
        return (len(api.snapshot()["requests"]) - before) / records


def _load(merchant: Merchant, name: str) -> int:
    lines = list(_lines(name))
    file = merchant.folder / f"{name}.csv"
    file.write_text("\n".join(lines) + "\n")
    merchant.run("load", file)
    return len(lines) - 1


def _lines(name: str) -> Iterator[str]:
    """`<kind>-<month>`; with a `b` the same records in another order of bytes."""
    kind, _, month = name.partition("-")
    again = "" if month.endswith("b") else ",note"
    month = month.removesuffix("b")
    customers = [f"C-{n}" for n in range(CUSTOMERS)]
    if kind == "bills":
        yield f"customer_reference,account_reference,bill_reference,currency,amount_due{again}"
        for n in range(BILLS_EACH):
            for customer in customers:
                yield f"{customer},A-{customer},B-{customer}-{month}-{n},ZAR,{n + 1}.00{again}"
    elif kind == "accounts":
        yield f"customer_reference,account_reference,currency,balance{again}"
        yield from (f"{customer},A-{customer},ZAR,{month}00{again}" for customer in customers)
    else:
        yield f"customer_reference,currency,balance{again}"
        yield from (f"{customer},ZAR,{month}00{again}" for customer in customers)
