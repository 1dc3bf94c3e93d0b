"""Payments files for the merchant's own system: one row for each payment, and a control file beside it.

Rows of kind `payment`, `difference` and `refund` are to be posted, and add up to what is paid. None of the others is:
`late_match` says what a payment of an earlier file was matched to since, `conflict` contradicts a payment or its bill,
and `explained` is a payment whose money a difference of an earlier file has.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from pipeline.core.payments.bill_status import bill_status
from pipeline.core.values.amount_text import plain

ALL_COLUMNS = (
    *("seq", "event_id", "payment_id", "obligation_id", "paid_at", "received_at", "source", "kind"),
    *("customer_reference", "account_reference", "bill_reference", "customer_id", "account_id", "bill_id"),
    *("currency", "amount_minor", "amount", "bill_amount_due_minor", "bill_paid_total_minor", "bill_status"),
    *("source_file", "record", "outcome", "codes"),
)
"""Columns of a payments file, in order. `seq` is the file's own number; amounts are of the row's currency."""
SEQ_DIGITS = 6


class RowKind(StrEnum):
    """What a row of a payments file is."""

    PAYMENT = "payment"
    DIFFERENCE = "difference"
    """Paid by the API's own figure, without an event; negative once a later event accounts for it."""
    REFUND = "refund"
    """Given back, by the vendor's report; below zero."""
    EXPLAINED = "explained"
    """A payment whose money is posted as a difference already; it is not known of which bill."""
    LATE_MATCH = "late_match"
    CONFLICT = "conflict"


POSTED = frozenset({RowKind.PAYMENT, RowKind.DIFFERENCE, RowKind.REFUND})
"""Rows that a merchant posts."""


def payments_file_name(merchant: str, day: str, seq: int) -> str:
    """`payments_citypower_2026-11-29_000012.csv`; `day` is YYYY-MM-DD."""
    return f"payments_{merchant}_{day}_{seq:0{SEQ_DIGITS}d}.csv"


def derived(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with what follows from its other columns: the amount in major units, and the status of its bill."""
    due, paid = row.get("bill_amount_due_minor"), row.get("bill_paid_total_minor")
    return {
        **row,
        "amount": plain(row["currency"], row["amount_minor"]),
        "bill_status": None if not due or paid is None else bill_status(due, paid),
    }


def payments_csv(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str] | None) -> bytes:
    """The file: UTF-8, commas, a header, lines that end with a line feed.

    Args:
        rows: by the names of ALL_COLUMNS; None is an empty field.
        columns: column → its name in the file, in order; None: all under their own names.
    """
    names = columns or {name: name for name in ALL_COLUMNS}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names.values())
    for row in rows:
        whole = derived(row)
        writer.writerow("" if whole.get(name) is None else whole[name] for name in names)
    return text.getvalue().encode()


def posted_amounts(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Currency → minor units of the rows that are to be posted."""
    amounts: dict[str, int] = {}
    for row in rows:
        if row["kind"] in POSTED:
            amounts[row["currency"]] = amounts.get(row["currency"], 0) + row["amount_minor"]
    return dict(sorted(amounts.items()))


def control_file(name: str, seq: int, records: int, amounts_minor: Mapping[str, int], sha256: str) -> bytes:
    """The `.ctl` beside a payments file, in the form that Billferry itself reads beside bill files."""
    document = {
        "file": name,
        "seq": seq,
        "records": records,
        "amounts": {currency: plain(currency, minor) for currency, minor in amounts_minor.items()},
        "sha256": sha256,
    }
    return json.dumps(document).encode() + b"\n"
