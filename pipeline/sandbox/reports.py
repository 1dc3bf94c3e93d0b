"""The vendor's reports of payments: reconciliation on the next day, settlement on the day after.

Source: the vendor's public documentation of both reports. It names no column of amounts, and says neither how
`reconciliation_id` is related to a payment nor how a refund's amount is written: `Switches` answers. Here each row is
one obligation, days are those of UTC, and amounts are in major units.
"""

import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from pipeline.sandbox.currencies import major_units
from pipeline.sandbox.payments import Payment, PaymentBook
from pipeline.sandbox.switches import Switches

ReportKind = Literal["reconciliation", "settlement"]
COLUMNS = (
    "transaction_type",
    "transaction_timestamp",
    "reconciliation_id",
    "merchant_reference_id",
    "payment_method",
    "tender",
    "customer_reference",
    "country",
    "presentment_currency",
    "presentment_amount",
)
SETTLEMENT_COLUMNS = (*COLUMNS, "fee_amount", "settlement_currency", "settlement_amount")
FEE_PER_MILLE = 15


@dataclass(frozen=True)
class Report:
    """A report as a file: its name, its text (UTF-8, lines end in CR LF), and how many transactions it has."""

    name: str
    text: str
    rows: int


def report_of(
    kind: ReportKind, book: PaymentBook, day: date, switches: Switches, *, merchant: str = "Sandbox"
) -> Report:
    """The report of one day's payments and refunds. The caller holds the store's lock.

    Args:
        merchant: its name at the vendor.
    """
    columns = COLUMNS if kind == "reconciliation" else SETTLEMENT_COLUMNS
    rows = [[row[column] for column in columns] for row in _rows(book, day, switches)]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows(_head(kind, day, merchant))
    writer.writerow(columns)
    writer.writerows(rows)
    return Report(_name(kind, day, merchant, book.salt), out.getvalue(), len(rows))


def _head(kind: ReportKind, day: date, merchant: str) -> Iterable[tuple[str, str]]:
    """The lines about the report, before its columns."""
    start, end = f"{day.isoformat()}T00:00:00Z", f"{day.isoformat()}T23:59:59Z"
    return (
        ("Report Title", f"Moment Merchant {kind.capitalize()} Report"),
        ("Version", "1.0"),
        ("Merchant", merchant),
        ("From", start),
        ("Start Date", day.isoformat()),
        ("To", end),
        ("End Date", day.isoformat()),
    )


def _name(kind: ReportKind, day: date, merchant: str, salt: str) -> str:
    """As documented: when it was made, whose, a fixed id of the system that made it, and the last day in it."""
    system = UUID(bytes=hashlib.blake2b(f"reports{salt}".encode(), digest_size=16).digest(), version=4)
    made, of = (
        (day + timedelta(days=1), "Recon")
        if kind == "reconciliation"
        else (day + timedelta(days=2), f"{merchant}_Settlement")
    )
    return f"{made:%Y%m%d}_Moment_{of}_{system}_{day:%Y%m%d}.csv"


def _rows(book: PaymentBook, day: date, switches: Switches) -> Iterable[dict[str, str]]:
    """The day's transactions in order of time."""
    found = [("Payment", payment, payment.at) for payment in book.payments]
    found += [("Refund", refund.payment, refund.at) for refund in book.refunds]
    for what, payment, at in sorted(found, key=lambda each: each[2]):
        if at.date() == day:
            yield _row(what, payment, at, book.salt, switches)


def _row(what: str, payment: Payment, at: datetime, salt: str, switches: Switches) -> dict[str, str]:
    sign = -1 if what == "Refund" and switches.refunds_shown == "negative" else 1
    fee_minor = payment.amount_minor * FEE_PER_MILLE // 1000
    own_id = hashlib.blake2b(f"{what}{payment.obligation_id}{salt}".encode(), digest_size=12).hexdigest()

    def amount(minor: int) -> str:
        return major_units(sign * minor, payment.currency)

    return {
        "transaction_type": what,
        "transaction_timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "reconciliation_id": payment.id if switches.reconciliation_ids == "payment" else own_id,
        "merchant_reference_id": payment.paid_reference,
        "payment_method": "Sandbox",
        "tender": "Bank Transfer",
        "customer_reference": payment.customer_reference,
        "country": "ZA",
        "presentment_currency": payment.currency,
        "presentment_amount": amount(payment.amount_minor),
        "fee_amount": amount(fee_minor),
        "settlement_currency": payment.currency,
        "settlement_amount": amount(payment.amount_minor - fee_minor),
    }
