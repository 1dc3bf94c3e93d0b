"""Compares a report of the vendor with what is known here, and stores its refunds."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from pipeline.core.payments.compare_report import (
    TOLERANCE,
    ComparedPayment,
    MatchResult,
    compare_report,
)
from pipeline.core.payments.comparison_facts import comparison_facts
from pipeline.core.payments.vendor_report import ReportText
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.refunds import Refunds
from schemas.results import ComparisonFacts


class ReportMatch(NamedTuple):
    """What a comparison came to."""

    compared: list[ComparedPayment]
    facts: ComparisonFacts


class ReportMatcher:
    """Compares reports. Only while the run's lock is held; not for several threads at once."""

    def __init__(self, inbox: Ledger) -> None:
        self._refunds = Refunds(inbox)

    def match(self, text: ReportText, sha256: str, now: datetime) -> ReportMatch:
        """Compare a report; the same report again changes nothing.

        Args:
            sha256: of the report.
            now: UTC.

        Raises:
            DiskFull, LedgerBusy.
        """
        compared = self._compared(text)
        refunds = [each.row for each in compared if each.result is MatchResult.REFUND and each.row]
        new = self._refunds.store(sha256, refunds, now)
        return ReportMatch(compared, comparison_facts(text, compared, new))

    def _compared(self, text: ReportText) -> list[ComparedPayment]:
        if text.begins is None or text.ends is None:
            return []
        ours = [
            *self._refunds.payments_between(text.begins - TOLERANCE, text.ends + TOLERANCE),
            *self._refunds.differences_of({row.merchant_reference for row in text.rows}),
        ]
        return compare_report(text.rows, ours, text.begins, text.ends)
