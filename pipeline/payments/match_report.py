"""Compares a report of the vendor with what is known here, stores its refunds, and writes what was found."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pipeline.core.payments.compare_report import (
    TOLERANCE,
    ComparedPayment,
    MatchResult,
    compare_report,
)
from pipeline.core.payments.vendor_report import NotAReport, ReportText, UnreadRow, read_report
from pipeline.core.values.amount_text import plain
from pipeline.edge.disk import private_folders, replaced_file
from pipeline.edge.ledger.database import Ledger
from pipeline.edge.ledger.inbox.refunds import Refunds
from pipeline.errors import UsageError

MAX_REPORT_BYTES = 67_108_864
"""Some 400 000 payments: a report is compared in memory."""
MAX_NAME = 60
"""Characters of a report's name in that of its results: at most 240 bytes."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet, and the report came from outside."""
COLUMNS = (
    *("result", "rule", "line", "transaction_type", "transaction_timestamp", "reconciliation_id"),
    *("merchant_reference_id", "customer_reference", "currency", "amount", "here_amount", "here_paid_at"),
    *("seq", "payment_id", "bill_reference", "account_reference", "here_customer_reference", "problem"),
)
"""Columns of the file of results. `amount` is the vendor's, `here_…` what is known here, in major units."""


class ReportMatch(NamedTuple):
    """What a comparison came to."""

    name: str
    sha256: str
    text: ReportText
    compared: list[ComparedPayment]
    new_refunds: int
    path: Path
    """The file of results."""


class ReportMatcher:
    """Compares reports. Only while the run's lock is held; not for several threads at once."""

    def __init__(self, inbox: Ledger, folder: Path) -> None:
        """`folder` is where results are written."""
        self._refunds = Refunds(inbox)
        self._folder = folder

    def match(self, name: str, content: bytes, now: datetime) -> ReportMatch:
        """Compare a report; the same report again changes nothing.

        Args:
            name: of the report, printable and without folders.
            now: UTC.

        Raises:
            UsageError: it is not a report of the vendor, or not UTF-8. DiskFull, LedgerBusy.
        """
        text = _read(name, content)
        compared = self._compared(text)
        sha256 = hashlib.sha256(content).hexdigest()
        refunds = [each.row for each in compared if each.result is MatchResult.REFUND and each.row]
        new = self._refunds.store(sha256, refunds, now)
        private_folders(self._folder)
        path = self._folder / f"{name[:MAX_NAME]}.{sha256[:8]}.csv"
        with replaced_file(path) as target:
            target.write(results_csv(compared, text.unread))
        return ReportMatch(name, sha256, text, compared, new, path)

    def _compared(self, text: ReportText) -> list[ComparedPayment]:
        if text.begins is None or text.ends is None:
            return []
        ours = [
            *self._refunds.payments_between(text.begins - TOLERANCE, text.ends + TOLERANCE),
            *self._refunds.differences_of({row.merchant_reference for row in text.rows}),
        ]
        return compare_report(text.rows, ours, text.begins, text.ends)


def results_csv(compared: Sequence[ComparedPayment], unread: Sequence[UnreadRow]) -> bytes:
    """The file of results: UTF-8, a header, what a person must look at first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(
        {"result": MatchResult.UNREADABLE, "line": each.line, "problem": each.problem} for each in unread
    )
    order = list(MatchResult)
    writer.writerows(_cells(each) for each in sorted(compared, key=lambda each: -order.index(each.result)))
    return text.getvalue().encode()


def _cells(each: ComparedPayment) -> dict[str, object]:
    row, ours = each.row, each.ours
    cells: dict[str, object] = {"result": each.result, "rule": each.rule}
    if row is not None:
        cells |= {
            "line": row.line,
            "transaction_type": row.kind,
            "transaction_timestamp": row.at.isoformat(),
            "reconciliation_id": _text(row.reconciliation_id),
            "merchant_reference_id": _text(row.merchant_reference),
            "customer_reference": _text(row.customer_reference),
            "currency": row.currency,
            "amount": plain(row.currency, row.amount_minor),
        }
    if ours is not None:
        cells |= {
            "currency": ours.currency,
            "here_amount": plain(ours.currency, ours.amount_minor),
            "here_paid_at": ours.at.isoformat(),
            "seq": ours.seq,
            "payment_id": ours.payment_id or "",
            "bill_reference": ours.bill_reference or "",
            "account_reference": ours.account_reference or "",
            "here_customer_reference": ours.customer_reference or "",
        }
    return cells


def _text(value: str) -> str:
    """A text of the report that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def _read(name: str, content: bytes) -> ReportText:
    """Raises UsageError."""
    try:
        return read_report(io.StringIO(content.decode("utf-8-sig"), newline=""))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"line {line} is not UTF-8"
    except NotAReport as error:
        problem = str(error)
    raise UsageError(
        problem=f"{name}: not a report of payments ({problem})", remedy="use the file as the vendor wrote it"
    )
