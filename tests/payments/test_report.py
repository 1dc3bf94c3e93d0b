"""The vendor's report is the arbiter: it finds what neither events nor a sweep can, and guesses nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.payments.compare_report import TOLERANCE, MatchResult, OurPayment, compare_report
from pipeline.core.payments.vendor_report import NotAReport, ReportRow, read_report
from pipeline.sandbox.serve import SandboxApi
from tests.payments.merchant import Merchant
from tests.world import Json, Row, Said, rows_of, schema_named

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)


def match(merchant: Merchant, text: str, name: str = "recon.csv") -> tuple[Json, Said, list[Row]]:
    path = merchant.folder / name
    path.write_bytes(text.encode())
    said = merchant.command("payments", "match", path, "--json")
    document: Json = json.loads(said.stdout)
    schema_named("payments_match").validate(document)
    return document, said, rows_of(Path(document["results"]))


def sums(document: Json) -> dict[str, tuple[int, int]]:
    return {each["result"]: (each["payments"], each["amount_minor"]) for each in document["sums"]}


def reported(merchant: Merchant) -> str:
    return merchant.api.reconciliation_report(merchant.api.payments[0].at.date()).text


@pytest.mark.parametrize("names", ["bill", "owner"])
def test_the_report_finds_a_refund_and_a_payment_of_a_bill_that_was_never_loaded(
    merchant: Merchant, names: Any
) -> None:
    merchant.api.switches = replace(merchant.api.switches, payment_names=names)
    merchant.load()
    with SandboxApi(salt="another") as elsewhere:
        (merchant.folder / "other").mkdir()
        other = Merchant(merchant.folder / "other", elsewhere)
        other.load("customer_reference,account_reference,bill_reference,amount_due\nC5,A5,N1,7.00\n")
        elsewhere.pay("N1", 700)
        never_loaded = reported(other).splitlines()[-1]
    for reference, amount, told in (("B1", 400, True), ("B2", 2050, False), ("B3", 500, True)):
        payment = merchant.api.pay(reference, amount)
        if told:
            merchant.receive_body(payment.body, payment.webhook_id)
    merchant.api.refund(merchant.api.payments[2].id)
    merchant.command("payments", "sweep", "--older-than", "0s")
    text = f"{reported(merchant)}{never_loaded}\r\n"
    document, said, rows = match(merchant, text)
    assert said.exit_status == 1
    assert sums(document) == {"both": (3, 2950), "only_there": (1, 700), "refund": (1, 500)}
    by_rule = {"bill": {"bill reference": 2}, "owner": {"bill reference": 1, "customer's own": 1}}[names]
    assert document["by_rule"] == by_rule | {"found by a sweep": 1}
    assert [row["merchant_reference_id"] for row in rows if row["result"] == "only_there"] == ["N1"]
    assert document["new_refunds"] == 1
    # The API shows nothing as paid of B3 any more: which bill an event of its owner was for is not known.
    target = {"bill": "bill", "owner": None}[names]
    assert merchant.inbox("SELECT target, amount_minor FROM refunds") == [(target, 500)]
    assert merchant.inbox("SELECT paid_minor FROM paid_bills WHERE bill_reference = 'B3'") == [(0,)]
    settlement = merchant.api.settlement_report(merchant.api.payments[0].at.date()).text
    document, said, _ = match(merchant, settlement, "settlement.csv")
    assert (said.exit_status, document["new_refunds"]) == (0, 0), "the same refund in another report"


def test_a_payment_that_the_vendor_does_not_have_is_only_here(merchant: Merchant) -> None:
    merchant.load()
    payment = merchant.api.pay("B1", 400)
    merchant.receive_body(payment.body, payment.webhook_id)
    merchant.receive(
        7, bill_id=merchant.ids()["B3"], amount=100, created_at=payment.event["data"]["created_at"]
    )
    text = reported(merchant).replace("4.00", "4.01")
    document, said, rows = match(merchant, f"\ufeff{text}")
    assert said.exit_status == 1
    assert sums(document) == {"amounts_differ": (1, 401), "only_here": (1, 100)}
    (differs,) = [row for row in rows if row["result"] == "amounts_differ"]
    assert (differs["amount"], differs["here_amount"]) == ("4.01", "4.00")
    said = merchant.command("payments", "match", merchant.folder / "recon.csv")
    assert "only here: 1 payment, ZAR 1.00" in said.stdout


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no header"),
        (b"a,b\r\n" * 200, "no header"),
        (b"transaction_type,transaction_timestamp\n", "no column presentment_currency"),
        (b"transaction_type,transaction_timestamp,presentment_currency\n", "no column presentment_amount"),
        (b"transaction_type,transaction_timestamp,presentment_currency,amount,amount\n", "two columns"),
        (b"one\ntwo \xff\n", "line 2 is not UTF-8"),
        (b'transaction_type,"transaction_timestamp\n', "is not CSV"),
        (b"PK\x03\x04\x00", "no header"),
    ],
)
def test_what_is_not_a_report_is_said_and_changes_nothing(
    merchant: Merchant, content: bytes, problem: str
) -> None:
    merchant.write_config()
    path = merchant.folder / "recon.csv"
    path.write_bytes(content)
    said = merchant.command("payments", "match", path)
    assert (said.exit_status, problem in said.stderr) == (2, True), said.stderr
    assert not (merchant.work_dir / "payments" / "matches").exists()


def test_rows_that_cannot_be_read_are_told_and_the_others_compared() -> None:
    head = "About,us\n\nTransaction_Type , transaction_timestamp,presentment_currency,amount,merchant_reference_id\n"
    text = read_report(
        [
            *head.splitlines(keepends=True),
            "Payment,2026-11-28T12:00:00Z,ZAR,1.5,B1\n",
            "Refund,2026-11-28 14:00:00+02:00,JPY,-7,B2\n",
            "Payment,2026-11-28T12:00:00Z,ZAR,1.505,B1\n",
            'Payment,2026-11-28T12:00:00Z,ZAR,"1,50",B1\n',
            "Payment,2026-11-28T12:00:00Z,ZAR,-1.50,B1\n",
            "Payment,yesterday,ZAR,1.50,B1\n",
            "Chargeback,2026-11-28T12:00:00Z,ZAR,1.50,B1\n",
            "Payment,2026-11-28T12:00:00Z,XXX,1.50,B1\n",
            "Payment\n",
            "Payment,0001-01-01T00:00:00Z,ZAR,1.50,B1\n",
            "Payment,9999-12-31T23:59:59Z,ZAR,1.50,B1\n",
        ]
    )
    assert [(row.line, row.kind, row.amount_minor, row.at) for row in text.rows] == [
        (4, "payment", 150, AT),
        (5, "refund", 7, AT),
    ]
    assert [each.line for each in text.unread] == [*range(6, 15)]
    with pytest.raises(NotAReport):
        read_report(["x\n"])


def test_a_reference_of_the_report_is_never_a_formula(merchant: Merchant) -> None:
    text = "transaction_type,transaction_timestamp,presentment_currency,amount,merchant_reference_id\n"
    text += 'Payment,2026-11-28T12:00:00Z,ZAR,1.50,"=HYPERLINK(1)"\n'
    merchant.write_config()
    _, _, rows = match(merchant, text, "é" * 100 + ".csv")
    assert [each["merchant_reference_id"] for each in rows] == ["'=HYPERLINK(1)"]


def row(line: int, reference: str = "B1", amount: int = 100, after: timedelta = timedelta()) -> ReportRow:
    return ReportRow(line, "payment", AT + after, f"r{line}", reference, "C1", "ZAR", amount)


def ours(seq: int, reference: str | None = "B1", **facts: Any) -> OurPayment:
    """A payment of 1.00; `facts` are what is different."""
    return OurPayment(seq, f"pay_{seq}", reference, None, None, "ZAR", 100, AT)._replace(**facts)


def results(
    rows: list[ReportRow], payments: list[OurPayment]
) -> list[tuple[str, str, int | None, int | None]]:
    compared = compare_report(rows, payments, AT - TOLERANCE, AT + TOLERANCE)
    return [
        (each.result, each.rule, each.row and each.row.line, each.ours and each.ours.seq) for each in compared
    ]


def test_equal_payments_are_in_both_and_a_surplus_is_a_tie() -> None:
    both = [(MatchResult.BOTH, "bill reference", number, number) for number in (1, 2)]
    assert results([row(1), row(2)], [ours(1), ours(2)]) == both
    three = results([row(1), row(2)], [ours(1)])
    assert [(result, line, seq) for result, _, line, seq in three] == [
        (MatchResult.TIE, 1, None),
        (MatchResult.TIE, 2, None),
        (MatchResult.TIE, None, 1),
    ]


def test_rules_go_by_reference_amount_and_time_in_their_order() -> None:
    by_id = replace_id(row(1, "elsewhere"), "pay_1")
    assert results([by_id], [ours(1)]) == [(MatchResult.BOTH, "payment id", 1, 1)]
    account = ours(1, None, account_reference="A1")
    assert results([row(1, "A1")], [account]) == [(MatchResult.BOTH, "account reference", 1, 1)]
    customer = ours(1, None, customer_reference="C1")
    assert results([row(1, "X")], [customer]) == [(MatchResult.BOTH, "customer's own", 1, 1)]
    late = row(1, after=TOLERANCE + timedelta(seconds=1))
    assert {each[0] for each in results([late], [ours(1)])} == {MatchResult.ONLY_THERE, MatchResult.ONLY_HERE}
    assert {each[0] for each in results([row(1)], [ours(1, currency="USD")])} == {
        MatchResult.ONLY_THERE,
        MatchResult.ONLY_HERE,
    }
    outside = ours(1, at=AT - TOLERANCE - timedelta(hours=1))
    assert results([], [outside]) == [], "perhaps in the report of the day before"


def replace_id(of: ReportRow, reconciliation_id: str) -> ReportRow:
    return of._replace(reconciliation_id=reconciliation_id)
