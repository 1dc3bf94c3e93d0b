"""What a workbook says of the payments that its balances include: a number, a text, and a cell of date and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.check.workbooks import DATE, DATE_TIME, number, row, sheet, workbook
from tests.payments.merchant import Merchant
from tests.payments.test_balances import file, held, pay
from tests.world import feed

COLUMNS = ("customer_reference", "customer_name", "account_reference", "balance", "payments_included_until")


def serial(at: datetime) -> str:
    """A moment as a workbook has it: days since its first one."""
    return repr((at.replace(tzinfo=None) - datetime(1899, 12, 30)) / timedelta(days=1))  # noqa: DTZ001


NOW = datetime.now(UTC)
CELLS = {
    "number": (number("1"), ""),
    "number with a point": (number("1.0"), ""),
    "text": ("1", ""),
    "date and time": (number(serial(NOW + timedelta(hours=1)), DATE_TIME), "balance.paid_since"),
    "date and time before": (number(serial(NOW - timedelta(days=1)), DATE_TIME), "balance.paid_since"),
    # It has not come yet, or the payment was handed over later.
    "day alone": (number(serial(NOW).split(".")[0], DATE), "payments_included_until.format"),
    "nothing": (None, "balance.paid_since"),
}


@pytest.mark.parametrize("cell", CELLS)
def test_each_kind_of_cell(merchant: Merchant, cell: str) -> None:
    included, codes = CELLS[cell]
    merchant.settings["feeds"].append(
        feed("books", "account_balance", "*_books*.xlsx", currency="ZAR", format="xlsx")
    )
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000)
    merchant.command("payments", "export")
    path = merchant.folder / "x_books_2.xlsx"
    path.write_bytes(workbook(sheet(row(*COLUMNS), row("C9", "Day 2", "A9", number("71"), included))))
    merchant.command("load", path)
    (found,) = merchant.reported(path.name)
    assert found["codes"] == codes, found["message"]
    assert held(merchant) == (7100 if not codes else 7000)


def test_a_moment_after_the_hand_over_includes_the_payment(merchant: Merchant) -> None:
    merchant.settings["feeds"].append(
        feed("books", "account_balance", "*_books*.xlsx", currency="ZAR", format="xlsx")
    )
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000)
    merchant.command("payments", "export")
    path = merchant.folder / "x_books_2.xlsx"
    at = datetime.now(UTC).replace(microsecond=0)
    cells = row("C9", "Day 2", "A9", number("71"), number(serial(at), DATE_TIME))
    path.write_bytes(workbook(sheet(row(*COLUMNS), cells)))
    merchant.command("load", path)
    (found,) = merchant.reported(path.name)
    assert not found["codes"], found["message"]
    assert held(merchant) == 7100
