"""What totals, the month's page and exports tell of payments: billed, paid and not paid, as far as known here."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.payments.merchant import BALANCES, Merchant
from tests.world import Row, rows_of

LATER = "customer_reference,account_reference,bill_reference,amount_due\nC1,A1,B1,10.00\nC4,A4,B4,7.00\n"


@pytest.fixture
def paid(merchant: Merchant) -> Merchant:
    """Two files, of which the second repeats a bill of the first. Of 35.50 and 7.00 billed 14.01 and 7.00 are paid."""
    merchant.load(BALANCES, "may_balances.csv")
    merchant.load()
    merchant.load(LATER, "june_bills.csv")
    ids = merchant.ids()
    merchant.receive(1, bill_id=ids["B1"], amount=1001)
    merchant.receive(2, bill_id=ids["B2"], amount=400)
    merchant.receive(3, bill_id=ids["B4"], amount=700)
    merchant.receive(4, bill_id=None, account_id=merchant.ids("accounts")["A9"], amount=5)
    merchant.command("run")
    return merchant


def totals(merchant: Merchant, *words: str) -> Any:
    said = merchant.command("totals", "--json", *words)
    assert said.exit_status == 0, said.stderr
    return json.loads(said.stdout)


def figures(each: Any) -> tuple[int, int, int, int]:
    found = each["payments"]
    return found["billed_minor"], found["bills_paid"], found["paid_minor"], found["open_minor"]


def test_totals_add_up_what_is_billed_and_paid_by_file_and_feed(paid: Merchant) -> None:
    (zar,) = totals(paid)["currencies"]
    assert figures(zar) == (4250, 3, 2101, 2150), "what B1 is overpaid pays no other bill"
    by_file = {group["name"]: group["currencies"][0] for group in totals(paid, "--by", "file")["groups"]}
    assert figures(by_file["may_bills.csv"]) == (3550, 2, 1401, 2150)
    assert figures(by_file["june_bills.csv"]) == (700, 1, 700, 0), "B1 is billed once, by the first file"
    assert by_file["may_balances.csv"]["payments"] is None, "what of a balance is paid, the next balance says"
    by_feed = {group["name"]: group["currencies"][0] for group in totals(paid, "--by", "feed")["groups"]}
    assert figures(by_feed["bills"]) == (4250, 3, 2101, 2150)


def test_totals_in_words_say_that_it_is_as_far_as_known(paid: Merchant) -> None:
    lines = [line.split("  ") for line in paid.command("totals").stdout.splitlines()]
    told = {cells[1]: cells[-1] for cells in lines if cells[1:] and "as far as known" in cells[1]}
    assert told == {
        "billed, as far as known": "ZAR 42.50",
        "paid, as far as known": "ZAR 21.01",
        "not paid, as far as known": "ZAR 21.50",
    }


def test_a_column_of_payments_adds_up_in_csv(paid: Merchant) -> None:
    text = paid.command("totals", "--by", "file", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    for name, sum_minor in (("billed_minor", 4250), ("paid_minor", 2101), ("not_paid_minor", 2150)):
        assert sum(int(row[name] or 0) for row in rows) == sum_minor
    assert {row["paid"] for row in rows} == {"14.01", "7.00", ""}


def exported(merchant: Merchant) -> list[Row]:
    path = merchant.folder / "accepted.csv"
    path.unlink(missing_ok=True)
    assert merchant.command("export", "--accepted", "--output", path).exit_status == 0
    return rows_of(path)


def test_an_export_has_what_is_paid_of_each_bill(paid: Merchant) -> None:
    told = {
        (row["file"], row["bill_reference"]): (row["bill_paid"], row["bill_paid_minor"], row["bill_status"])
        for row in exported(paid)
    }
    assert told == {
        ("may_bills.csv", "B1"): ("10.01", "1001", "overpaid"),
        ("may_bills.csv", "B2"): ("4.00", "400", "part_paid"),
        ("may_bills.csv", "B3"): ("0.00", "0", "unpaid"),
        ("june_bills.csv", "B1"): ("10.01", "1001", "overpaid"),
        ("june_bills.csv", "B4"): ("7.00", "700", "paid"),
        ("may_balances.csv", ""): ("", "", ""),
    }


def test_the_page_of_the_month_shows_it_and_follows_payments(paid: Merchant) -> None:
    month = datetime.now(UTC).strftime("%Y-%m")
    path = paid.work_dir / "reports" / f"month-{month}.html"
    paid.command("totals", "--month", month)
    page = path.read_text()
    assert "Paid, as far as known" in page
    assert "ZAR 21.01" in page.replace("\u202f", " ").replace("\u00a0", " ")
    paid.receive(9, bill_id=paid.ids()["B3"], amount=100)
    paid.load(
        "customer_reference,account_reference,bill_reference,amount_due\nC5,A5,B5,1.00\n", "x_bills.csv"
    )
    paid.command("run")
    assert "ZAR 22.01" in path.read_text().replace("\u202f", " ").replace("\u00a0", " ")


def test_the_page_over_all_files_shows_what_is_paid_and_what_to_look_at(paid: Merchant) -> None:
    paid.receive(9, bill_id=paid.ids()["B3"], currency="USD")
    paid.command("run")
    page = (
        (paid.work_dir / "reports" / "index.html").read_text().replace("\u00a0", " ").replace("\u202f", " ")
    )
    assert "as far as known here: ZAR 21.01 of ZAR 42.50" in page
    assert "Look at 1 payment: billferry payments list --open says why." in page


def test_without_payments_nothing_is_told_of_them(paid: Merchant) -> None:
    del paid.settings["payments"]
    assert totals(paid)["currencies"][0]["payments"] is None
    assert "as far as known" not in paid.command("totals").stdout
    assert "billed" not in paid.command("totals", "--csv").stdout
    assert {row["bill_status"] for row in exported(paid)} == {""}
