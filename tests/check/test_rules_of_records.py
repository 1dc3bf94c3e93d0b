"""Every limit of the Billing API is a rule here, and a record is told all its faults at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.core.rules.catalogue import RULES
from tests.check.landing import checked, codes, records

COLUMNS: dict[str, dict[str, str]] = {
    "bill": {
        "customer_reference": "C-1",
        "customer_name": "Ann",
        "customer_email": "ann@example.com",
        "customer_phone": "+27821234567",
        "customer_metadata.tier": "gold",
        "account_reference": "A-1",
        "account_name": "Home",
        "account_metadata.meter": "7",
        "bill_reference": "B-1",
        "currency": "ZAR",
        "amount_due": "10.00",
        "bill_date": "2026-01-01",
        "due_date": "2026-01-31",
        "metadata.period": "January",
    },
    "account_balance": {
        "customer_reference": "C-1",
        "account_reference": "A-1",
        "currency": "ZAR",
        "balance": "-10.00",
        "metadata.period": "January",
    },
    "customer_balance": {"customer_reference": "C-1", "currency": "ZAR", "balance": "0.00"},
}


def faults(folder: Path, changes: dict[str, str], model: str = "bill", **facts: Any) -> list[str]:
    """Codes of one record that is good but for these values."""
    values = COLUMNS[model] | changes
    text = "|".join(values) + "\n" + "|".join(values.values()) + "\n"
    return codes(checked(folder, text, model=model, delimiter="|", **facts))[0]


CASES = [
    ({}, []),
    ({"customer_reference": ""}, ["customer_reference.missing"]),
    ({"customer_reference": "  "}, ["customer_reference.missing"]),
    ({"customer_reference": "C 1"}, ["customer_reference.characters"]),
    ({"customer_reference": "Ｃ1"}, ["customer_reference.characters"]),
    ({"customer_reference": "C" * 255}, []),
    ({"customer_reference": "C" * 256}, ["customer_reference.too_long"]),
    ({"customer_reference": "8.50102E+12"}, ["customer_reference.spreadsheet"]),
    ({"customer_reference": "12E4"}, []),
    ({"customer_reference": "007"}, []),
    ({"account_reference": "A/1"}, ["account_reference.characters"]),
    ({"account_reference": "A" * 256}, ["account_reference.too_long"]),
    ({"account_reference": "#REF!"}, ["account_reference.spreadsheet"]),
    ({"account_reference": ""}, ["account_name.without_account", "account_metadata.without_account"]),
    ({"account_reference": "", "account_name": "", "account_metadata.meter": ""}, []),
    ({"bill_reference": ""}, ["bill_reference.missing"]),
    ({"bill_reference": "B.1"}, ["bill_reference.characters"]),
    ({"bill_reference": "B" * 256}, ["bill_reference.too_long"]),
    ({"bill_reference": "1,5E+7"}, ["bill_reference.spreadsheet"]),
    ({"customer_name": "é" * 255}, []),
    ({"customer_name": "é" * 256}, ["customer_name.too_long"]),
    ({"account_name": "x" * 256}, ["account_name.too_long"]),
    ({"customer_email": ""}, []),
    ({"customer_email": "ann@example"}, ["customer_email.invalid"]),
    ({"customer_email": "ann@@example.com"}, ["customer_email.invalid"]),
    ({"customer_email": ".ann@example.com"}, ["customer_email.invalid"]),
    ({"customer_email": "a..b@example.com"}, ["customer_email.invalid"]),
    ({"customer_email": "änn@example.com"}, ["customer_email.invalid"]),
    ({"customer_email": "ann@-example.com"}, ["customer_email.invalid"]),
    ({"customer_email": "a.n+n_1@mail.example.co.za"}, []),
    ({"customer_email": "a" * 244 + "@example.com"}, ["customer_email.too_long"]),
    ({"customer_phone": ""}, []),
    ({"customer_phone": "0821234567"}, ["customer_phone.invalid"]),
    ({"customer_phone": "+0821234567"}, ["customer_phone.invalid"]),
    ({"currency": ""}, ["currency.missing"]),
    ({"currency": "zar"}, ["currency.unknown"]),
    ({"currency": "RND"}, ["currency.unknown"]),
    ({"currency": "XAU"}, ["currency.unknown"]),
    ({"amount_due": ""}, ["amount_due.missing"]),
    ({"amount_due": "ten"}, ["amount_due.format"]),
    ({"amount_due": "1,234"}, ["amount_due.ambiguous"]),
    ({"amount_due": "1.235"}, ["amount_due.too_precise"]),
    ({"amount_due": "1.2E+09"}, ["amount_due.spreadsheet"]),
    ({"amount_due": "0.00"}, ["amount_due.nothing_due"]),
    ({"amount_due": "-1.00"}, ["amount_due.credit_note"]),
    ({"amount_due": "999999.99"}, []),
    ({"amount_due": "1000000.00"}, ["amount_due.out_of_range"]),
    ({"amount_due": "9" * 40}, ["amount_due.out_of_range"]),
    ({"bill_date": "2026-13-01"}, ["bill_date.impossible"]),
    ({"bill_date": "01/01/2026"}, ["bill_date.format"]),
    ({"bill_date": "2026-1-1"}, []),
    ({"bill_date": "26-01-01"}, ["bill_date.format"]),
    ({"due_date": "2026-02-30"}, ["due_date.impossible"]),
    ({"due_date": "soon"}, ["due_date.format"]),
    ({"due_date": "2025-12-31"}, ["due_date.before_bill_date"]),
    ({"bill_date": "", "due_date": ""}, []),
    ({"metadata.period": "x" * 500}, []),
    ({"metadata.period": "x" * 501}, ["metadata.value_too_long"]),
    ({"customer_metadata.tier": "x" * 501}, ["customer_metadata.value_too_long"]),
    ({"account_metadata.meter": "x" * 501}, ["account_metadata.value_too_long"]),
    ({f"metadata.{n}": "x" for n in range(9)}, []),
    ({f"metadata.{n}": "x" for n in range(10)}, ["metadata.too_many"]),
    ({f"customer_metadata.{n}": "x" for n in range(10)}, ["customer_metadata.too_many"]),
    ({f"account_metadata.{n}": "x" for n in range(10)}, ["account_metadata.too_many"]),
    ({f"metadata.{n}": "" for n in range(20)}, []),
    ({f"metadata.{'k' * 41}": "x"}, ["metadata.key"]),
    ({f"customer_metadata.{'k' * 41}": "x"}, ["customer_metadata.key"]),
    ({f"account_metadata.{'k' * 41}": "x"}, ["account_metadata.key"]),
    ({f"metadata.{'k' * 41}": ""}, []),
    (
        {"bill_reference": "B 1", "amount_due": "1.235", "due_date": "soon"},
        ["bill_reference.characters", "amount_due.too_precise", "due_date.format"],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), CASES, ids=lambda value: repr(value)[:60])
def test_a_bill_is_told_every_rule_it_breaks(
    tmp_path: Path, changes: dict[str, str], expected: list[str]
) -> None:
    assert faults(tmp_path, changes) == expected
    assert set(expected) <= RULES.keys()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"account_reference": ""}, ["account_reference.missing"]),
        ({"balance": ""}, ["balance.missing"]),
        ({"balance": "x"}, ["balance.format"]),
        ({"balance": "1'000"}, ["balance.ambiguous"]),
        ({"balance": "1.001"}, ["balance.too_precise"]),
        ({"balance": "1E5"}, ["balance.spreadsheet"]),
        ({"balance": "9999999999999999.99"}, []),
        ({"balance": "-10000000000000000.00"}, ["balance.out_of_range"]),
    ],
)
def test_a_balance_is_told_every_rule_it_breaks(
    tmp_path: Path, changes: dict[str, str], expected: list[str]
) -> None:
    assert faults(tmp_path, changes, "account_balance") == expected


def test_a_customer_balance_of_zero_is_good(tmp_path: Path) -> None:
    assert faults(tmp_path, {}, "customer_balance") == []


def test_both_kinds_of_metadata_of_a_customer_balance_are_counted_together(tmp_path: Path) -> None:
    six, others = {f"metadata.{n}": "x" for n in range(6)}, {f"customer_metadata.o{n}": "x" for n in range(5)}
    again = {f"customer_metadata.{n}": "x" for n in range(6)}
    assert faults(tmp_path, six | others, "customer_balance") == ["metadata.too_many"]
    assert faults(tmp_path, six | again, "customer_balance") == []
    assert faults(tmp_path, six | others, "account_balance") == []


def test_a_date_that_two_declared_formats_read_differently_is_not_guessed(tmp_path: Path) -> None:
    formats = ["%d/%m/%Y", "%m/%d/%Y"]
    both = {"bill_date": "", "due_date": "03/04/2026"}
    assert faults(tmp_path, both, date_formats=formats) == ["due_date.ambiguous"]
    assert faults(tmp_path, both | {"due_date": "04/04/2026"}, date_formats=formats) == []
    assert faults(tmp_path, both | {"due_date": "31/04/2026"}, date_formats=formats) == [
        "due_date.impossible"
    ]
    assert faults(tmp_path, both | {"due_date": "30/04/2026"}, date_formats=formats) == []


def test_a_message_names_the_files_own_column_and_never_the_value(tmp_path: Path) -> None:
    columns = {"customer_reference": "Kunde", "bill_reference": "Beleg", "amount_due": "Betrag"}
    text = "Kunde,Beleg,Betrag\nC-1,SECRET/1,1.235\n"
    [record] = records(checked(tmp_path, text, columns=columns, currency="ZAR"))
    assert record["message"] == (
        "bill_reference (column Beleg): characters other than A-Z, a-z, 0-9, _ and -; "
        "amount_due (column Betrag): more decimals than the currency allows"
    )
    assert record["codes"] == ["bill_reference.characters", "amount_due.too_precise"]


def test_an_amount_out_of_range_keeps_its_value_for_the_totals(tmp_path: Path) -> None:
    file = checked(
        tmp_path, "customer_reference,bill_reference,currency,amount_due\nC-1,B-1,ZAR,1000000.00\n"
    )
    assert records(file)[0]["amount_minor"] == 100_000_000
    assert file.totals.amount_unreadable == 0
