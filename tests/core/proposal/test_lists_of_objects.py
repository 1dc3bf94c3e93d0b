"""Objects with lists: items are proposed as records only where the amounts are in them; else a person is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli import run_command
from pipeline.core.proposal.feed_proposal import Proposal, propose
from pipeline.edge.config import proposed_feed
from pipeline.run.validate import check_files
from schemas.settings import Limits
from tests.core.proposal.test_corpus import Silent

LAYOUTS = {
    "ndjson": lambda objects: "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in objects),
    "json": lambda objects: json.dumps(objects, indent=1, ensure_ascii=False),
}


def erp(number: int, **fields: Any) -> dict[str, Any]:
    """An ERP's invoice: what is to be paid is in its lines alone."""
    return {
        "invoice_no": f"INV-20{number:02}",
        "customer_no": f"C-{number // 2}",
        "customer_name": f"{'ABCDEFG'[number // 2]}nne Botha",
        "invoice_date": f"2026-11-{number + 10}",
        "due_date": f"2026-12-{number + 10}",
        "currency": "ZAR",
        "lines": [
            {"line_no": at, "description": f"Service {at}", "quantity": at, "amount": f"{at * 7}.5{number}"}
            for at in range(1, 3 + number % 2)
        ],
        **fields,
    }


def german(number: int) -> dict[str, Any]:
    """The same from a German one."""
    return {
        "Rechnungsnummer": f"RE-30{number:02}",
        "Kundennummer": f"K-{number}",
        "Rechnungsdatum": f"{number + 10}.11.2026",
        "Fälligkeitsdatum": f"{number + 10}.12.2026",
        "Währung": "EUR",
        "Positionen": [
            {"Pos": 1, "Bezeichnung": "Wasser", "Menge": 3, "Betrag": f"1.0{number}0,25"},
            {"Pos": 2, "Bezeichnung": "Abwasser", "Menge": 1, "Betrag": "17,50"},
        ],
    }


def telco(number: int) -> dict[str, Any]:
    """A telco's bill: charges, of which a credit is one, below an account."""
    return {
        "account_number": f"ACC-77{number}",
        "bill_number": f"B-{number}-1126",
        "bill_date": "2026-11-20",
        "plan": {"name": "Gold", "since": 2019},
        "charges": [
            {"type": "subscription", "amount": 299.0 + number},
            {"type": "calls", "amount": 12.35},
            {"type": "credit", "amount": -5.5},
        ],
    }


def owner(number: int) -> dict[str, Any]:
    """A customer with a balance; the list is not of what is owed."""
    return {
        "customer_number": f"C-{number}",
        "name": f"{'ABCDEFG'[number]}nne Botha",
        "balance": f"{number * 31}.20",
        "phones": [{"kind": "home", "number": "0115550101"}, {"kind": "cell", "number": "0825550102"}],
    }


def parent(number: int) -> dict[str, Any]:
    """A customer with a list of bills."""
    bills = [
        {"number": f"INV-{number}{at}", "due_date": f"2026-12-1{at}", "amount_due": f"{at + 1}0.25"}
        for at in range(3)
    ]
    return {"customer_id": f"C-{number}", "customer_name": f"{'ABCDEFG'[number]}nne Botha", "invoices": bills}


def proposed(objects: Any, layout: str = "ndjson") -> tuple[dict[str, Any], Proposal]:
    text = LAYOUTS[layout](objects)
    found = propose(f"export.{layout}", text.encode(), whole=True)
    (feed,) = yaml.safe_load(found.yaml)
    return feed, found


def counted(folder: Path, objects: Any, layout: str = "ndjson") -> tuple[int, dict[str, int], int]:
    """Records, money and rejects of the file when it is read as it was proposed."""
    file = folder / f"export.{layout}"
    file.write_text(LAYOUTS[layout](objects), encoding="utf-8")
    read = proposed_feed(proposed(objects, layout)[1].yaml)
    assert read is not None
    feed, _ = read
    (summary,) = check_files([file], Silent(), feeds=[feed], feed=feed, limits=Limits()).files
    money = {code: sums.total for code, sums in summary.amounts_minor.items() if sums.total}
    return summary.records.total, money, summary.records.rejected


@pytest.mark.parametrize("layout", LAYOUTS)
def test_lines_of_an_erp_are_proposed_as_items_of_its_invoices(layout: str, tmp_path: Path) -> None:
    bills = [erp(number) for number in range(6)]
    feed, found = proposed(bills, layout)
    assert (feed["format"], feed["items"], feed["line_items"], feed["model"]) == (
        layout,
        "lines",
        "sum",
        "bill",
    )
    assert feed["columns"] == {
        "customer_reference": "customer_no",
        "customer_name": "customer_name",
        "bill_reference": "invoice_no",
        "currency": "currency",
        "amount_due": "lines.amount",
        "bill_date": "invoice_date",
        "due_date": "due_date",
    }
    assert found.open_keys == ("amount.unit",)
    amounts = [int(line["amount"].replace(".", "")) for bill in bills for line in bill["lines"]]
    assert counted(tmp_path, bills, layout) == (len(amounts), {"ZAR": sum(amounts)}, 0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_positions_of_a_german_invoice_are_proposed_as_well(layout: str, tmp_path: Path) -> None:
    bills = [german(number) for number in range(5)]
    feed, _ = proposed(bills, layout)
    assert (feed["items"], feed["line_items"]) == ("Positionen", "sum")
    assert feed["columns"] == {
        "customer_reference": "Kundennummer",
        "bill_reference": "Rechnungsnummer",
        "currency": "Währung",
        "amount_due": "Positionen.Betrag",
        "bill_date": "Rechnungsdatum",
        "due_date": "Fälligkeitsdatum",
    }
    assert feed["amount"] == {"unit": "?", "decimal": ",", "thousands": "."}
    cents = sum(100_025 + 1000 * number + 1750 for number in range(5))
    assert counted(tmp_path, bills, layout) == (10, {"EUR": cents}, 0)


def test_charges_of_a_telco_are_added_up_with_their_credits(tmp_path: Path) -> None:
    bills = [telco(number) for number in range(6)]
    feed, found = proposed(bills)
    assert (feed["items"], feed["line_items"]) == ("charges", "sum")
    assert (feed["columns"]["amount_due"], feed["columns"]["bill_reference"]) == (
        "charges.amount",
        "bill_number",
    )
    assert feed["currency"] == "?"
    assert not [doubt for doubt in found.doubts if "credits" in doubt]
    cents = sum(29_900 + 100 * number + 1235 - 550 for number in range(6))
    assert counted(tmp_path, bills) == (18, {"ZAR": cents}, 0)


def test_a_list_that_has_no_amounts_is_told_and_not_read(tmp_path: Path) -> None:
    owners = [owner(number) for number in range(6)]
    feed, found = proposed(owners)
    assert "items" not in feed
    assert feed["columns"]["balance"] == "balance"
    assert [doubt for doubt in found.doubts if '"phones"' in doubt] == [
        'objects have a list of others in "phones", which is not read; to read its items, see items'
    ]
    assert counted(tmp_path, owners)[0] == 6


def test_bills_that_are_items_of_a_customer_are_records_and_not_added_up(tmp_path: Path) -> None:
    customers = [parent(number) for number in range(4)]
    feed, _ = proposed(customers)
    assert (feed["items"], feed.get("line_items")) == ("invoices", None)
    assert feed["columns"] == {
        "customer_reference": "customer_id",
        "customer_name": "customer_name",
        "bill_reference": "invoices.number",
        "amount_due": "invoices.amount_due",
        "due_date": "invoices.due_date",
    }
    assert counted(tmp_path, customers) == (12, {"ZAR": 4 * (1025 + 2025 + 3025)}, 0)


def test_an_invoice_that_states_its_total_needs_no_items() -> None:
    feed, found = proposed([erp(number, total_amount=f"{number}9.25") for number in range(6)])
    assert "items" not in feed
    assert feed["columns"]["amount_due"] == "total_amount"
    assert any('"lines"' in doubt for doubt in found.doubts)


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"payments": [{"date": "2026-11-20", "amount": "5.00"}]}, "items"),
        ({"contacts": [{"name": "Ann", "role": "owner"}]}, "items"),
        ({"previous_balance": "12.50"}, "columns.amount_due"),
        ({"balance": "12.50"}, "items"),
        ({"vat": "15.30"}, "columns.amount_due"),
        ({"discount": "1.10"}, "columns.amount_due"),
        ({"amount_paid": "1.10"}, "columns.amount_due"),
    ],
)
def test_where_items_may_not_be_all_that_is_due_a_person_is_asked(fields: dict[str, Any], asked: str) -> None:
    feed, found = proposed([erp(number, **fields) for number in range(6)])
    assert asked in found.open_keys
    assert feed["columns"]["amount_due"] in ("?", "balance")


def test_items_without_a_bill_they_belong_to_are_asked_about() -> None:
    feed, _ = proposed([{"customer_no": f"C-{at}", "charges": [{"amount": "1.00"}] * 2} for at in range(5)])
    assert feed["items"] == "?"


def test_a_line_of_nothing_makes_no_bill_of_nothing() -> None:
    bills = [erp(number) for number in range(6)]
    bills[0]["lines"][0]["amount"] = "0.00"
    assert "nothing_due" not in proposed(bills)[0]
    bills[0]["lines"] = bills[0]["lines"][:1]
    assert proposed(bills)[0]["nothing_due"] == "skip"


def test_a_preview_shows_items_as_the_records_that_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "export.json"
    file.write_text(LAYOUTS["json"]([erp(number) for number in range(6)]))
    assert run_command(["init", str(tmp_path / "config.yaml"), "--from", str(file)]) == 0
    said = capsys.readouterr()
    assert "lines.amount: 7.50" in said.out
    assert said.out.count("ready to load") == 5
    assert "records: 15 = 15 ready to load" in said.err


def test_an_odd_list_is_no_list_of_objects() -> None:
    odd: list[Any] = [[], None, "x", 3, [1, 2], [[]], [{}], {"a": 1}]
    bills = [erp(at % 6, invoice_no=f"I-{at}A", amount=f"{at}.50", lines=each) for at, each in enumerate(odd)]
    feed, found = proposed(bills)
    assert feed["columns"]["amount_due"] == "amount"
    assert not any('"lines"' in doubt for doubt in found.doubts)
