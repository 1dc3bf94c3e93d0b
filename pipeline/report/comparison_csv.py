"""The file of results of a comparison with the vendor's report: every payment, what a person must look at first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from pipeline.core.payments.compare_report import ComparedPayment, MatchResult
from pipeline.core.payments.vendor_report import UnreadRow
from pipeline.core.values.amount_text import plain
from pipeline.report.formulas import defused

COLUMNS = (
    *("result", "rule", "line", "transaction_type", "transaction_timestamp", "reconciliation_id"),
    *("merchant_reference_id", "customer_reference", "currency", "amount", "here_amount", "here_paid_at"),
    *("seq", "payment_id", "bill_reference", "account_reference", "here_customer_reference", "problem"),
)
"""`amount` is the vendor's, `here_…` what is known here, in major units."""
_OF_CUSTOMER = ("customer_reference", "here_customer_reference")
_TELLING = (*_OF_CUSTOMER, "merchant_reference_id", "bill_reference", "account_reference")


def results_csv(compared: Sequence[ComparedPayment], unread: Iterable[UnreadRow]) -> bytes:
    """UTF-8, with a header. Texts of the report that a spreadsheet would run are made plain text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(
        {"result": MatchResult.UNREADABLE, "line": each.line, "problem": each.problem} for each in unread
    )
    writer.writerows(_cells(each) for each in urgent_first(compared))
    return text.getvalue().encode()


def urgent_first(compared: Iterable[ComparedPayment]) -> list[ComparedPayment]:
    """What a person must look at, then refunds and pairs."""
    order = list(MatchResult)
    return sorted(compared, key=lambda each: -order.index(each.result))


def is_comparison(content: bytes) -> bool:
    """Whether this is a file of results of a comparison, by its header."""
    return content.startswith(",".join(COLUMNS).encode() + b"\n")


def without_customer(content: bytes, reference: str) -> bytes:
    """A file of results in which payments of this customer have no references."""
    header, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
    owners, telling = ([header.index(name) for name in names] for names in (_OF_CUSTOMER, _TELLING))
    for row in rows:
        if any(row[place] in {reference, defused(reference)} for place in owners):
            for place in telling:
                row[place] = ""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()


def _cells(each: ComparedPayment) -> dict[str, object]:
    row, ours = each.row, each.ours
    cells: dict[str, object] = {"result": each.result, "rule": each.rule}
    if row is not None:
        cells |= {
            "line": row.line,
            "transaction_type": row.kind,
            "transaction_timestamp": row.at.isoformat(),
            "reconciliation_id": defused(row.reconciliation_id),
            "merchant_reference_id": defused(row.merchant_reference),
            "customer_reference": defused(row.customer_reference),
            "currency": row.currency,
            "amount": plain(row.currency, row.amount_minor),
        }
    if ours is not None:
        cells |= {
            "currency": ours.currency,
            "here_amount": plain(ours.currency, ours.amount_minor),
            "here_paid_at": ours.at.isoformat(),
            "seq": ours.seq,
            "payment_id": defused(ours.payment_id or ""),
            "bill_reference": ours.bill_reference or "",
            "account_reference": ours.account_reference or "",
            "here_customer_reference": ours.customer_reference or "",
        }
    return cells
