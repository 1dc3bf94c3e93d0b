"""The vendor's reports: their names, their shape, and what is in them."""

import csv
import io
import re
from datetime import timedelta
from itertools import takewhile

import pytest

from pipeline.sandbox.currencies import CURRENCIES, digits, major_units, minor_units
from pipeline.sandbox.reports import Report
from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.switches import Switches
from tests.sandbox.caller import Caller, account, bill, customer

DAY = timedelta(days=1)


def rows(report: Report) -> list[dict[str, str]]:
    """Its transactions by the names of its columns."""
    lines = list(csv.reader(io.StringIO(report.text)))
    head = list(takewhile(lambda line: line[0] != "transaction_type", lines))
    assert len(head) == 7
    assert len(lines) - len(head) - 1 == report.rows
    return [dict(zip(lines[len(head)], line, strict=True)) for line in lines[len(head) + 1 :]]


@pytest.fixture
def filled(api: SandboxApi, caller: Caller) -> SandboxApi:
    caller.made("bills", bill(amount_due=20_000))
    caller.made("bills", bill("b-2", customer=customer("c-2"), currency="JPY", amount_due=500))
    caller.made("accounts", account("a-3", customer="c-2", currency="ZAR", balance=100))
    return api


def test_a_day_of_payments_is_reported_on_the_next_day_and_settled_on_the_one_after(
    filled: SandboxApi,
) -> None:
    first, second, third = filled.pay("b-1", 12_345), filled.pay("b-2", 500), filled.pay("a-3", 7)
    day = first.at.date()
    report = filled.reconciliation_report(day)
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(f"{day + DAY:%Y%m%d}_Moment_Recon_{uuid}_{day:%Y%m%d}\\.csv", report.name)
    shown = rows(report)
    assert list(shown[0]) == [
        "transaction_type", "transaction_timestamp", "reconciliation_id", "merchant_reference_id",
        "payment_method", "tender", "customer_reference", "country", "presentment_currency",
        "presentment_amount",
    ]  # fmt: skip
    assert [
        (
            each["transaction_type"],
            each["merchant_reference_id"],
            each["customer_reference"],
            each["presentment_currency"],
            each["presentment_amount"],
        )
        for each in shown
    ] == [
        ("Payment", "b-1", "c-1", "ZAR", "123.45"),
        ("Payment", "b-2", "c-2", "JPY", "500"),
        ("Payment", "a-3", "c-2", "ZAR", "0.07"),
    ]
    assert shown[0]["transaction_timestamp"] == f"{first.at:%Y-%m-%dT%H:%M:%SZ}"
    ids = {each["reconciliation_id"] for each in shown}
    assert len(ids) == 3
    assert not ids & {first.id, second.id, third.id}
    settled = filled.settlement_report(day)
    assert re.fullmatch(
        f"{day + 2 * DAY:%Y%m%d}_Moment_Sandbox_Settlement_{uuid}_{day:%Y%m%d}\\.csv", settled.name
    )
    assert [
        (each["presentment_amount"], each["fee_amount"], each["settlement_amount"]) for each in rows(settled)
    ] == [("123.45", "1.85", "121.60"), ("500", "7", "493"), ("0.07", "0.00", "0.07")]
    assert {each["reconciliation_id"] for each in rows(settled)} == ids


def test_a_refund_is_in_the_report_of_its_own_day_and_nowhere_else(filled: SandboxApi) -> None:
    payment = filled.pay("b-1", 5_000)
    filled.clock.advance(86_400)
    filled.refund(payment.id)
    day = payment.at.date()
    (paid,), (back,) = (rows(filled.reconciliation_report(each)) for each in (day, day + DAY))
    assert (paid["transaction_type"], back["transaction_type"]) == ("Payment", "Refund")
    assert (back["merchant_reference_id"], back["presentment_amount"]) == ("b-1", "50.00")
    assert back["reconciliation_id"] != paid["reconciliation_id"]
    assert rows(filled.reconciliation_report(day + 2 * DAY)) == []
    filled.switches = Switches(refunds_shown="negative", reconciliation_ids="payment")
    (back,) = rows(filled.reconciliation_report(day + DAY))
    assert (back["presentment_amount"], back["reconciliation_id"]) == ("-50.00", payment.id)


def test_all_currencies_have_the_digits_of_the_standard() -> None:
    import iso4217

    assert {code: digits(code) for code in CURRENCIES} == {
        code: iso4217.Currency(code).exponent for code in CURRENCIES
    }


@pytest.mark.parametrize(
    ("amount", "currency", "amount_minor"),
    [
        ("12.5", "ZAR", 1250),
        ("12.500", "ZAR", 1250),
        ("0.01", "ZAR", 1),
        ("7", "JPY", 7),
        ("1.234", "KWD", 1234),
    ],
)
def test_an_amount_is_read_and_written_exactly(amount: str, currency: str, amount_minor: int) -> None:
    assert minor_units(amount, currency) == amount_minor
    assert minor_units(major_units(amount_minor, currency), currency) == amount_minor


@pytest.mark.parametrize(
    "amount", ["", "1.005", "1,5", "-1", "+1", "1e3", "NaN", " 1", "1.", ".5", "٣", "1" * 13]
)
def test_what_is_no_exact_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        minor_units(amount, "ZAR")


def test_amounts_below_zero_and_below_one_are_written_in_full() -> None:
    assert [major_units(minor, "ZAR") for minor in (-5, 0, 5, -12345)] == ["-0.05", "0.00", "0.05", "-123.45"]
