"""Pages of comparisons with the vendor's report: one with every result, and one as large as a page can be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipeline.core.payments.compare_report import ComparedPayment, MatchResult, OurPayment
from pipeline.core.payments.comparison_facts import comparison_facts
from pipeline.core.payments.vendor_report import ReportRow, ReportText, UnreadRow
from pipeline.report.comparison import write_match
from pipeline.report.html.comparison_page import SHOWN_ROWS
from tests.pages.example import HOSTILE
from tests.report.example import RUN

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def comparison_page(folder: Path, *, each: int = 12, texts: Sequence[str] = ("INV-1",)) -> Path:
    """Every result, `each` times, in two currencies; `texts` are what the report has for references."""
    compared: list[ComparedPayment] = []
    for result in MatchResult:
        if result is not MatchResult.UNREADABLE:
            compared += [_compared(result, number, texts[number % len(texts)]) for number in range(each)]
    rows = [one.row for one in compared if one.row is not None]
    unread = [UnreadRow(number + 900, "transaction_timestamp is not a time") for number in range(each)]
    report = ReportText(rows, unread, AT, AT)
    name, facts = "20261121_Moment_Recon.csv", comparison_facts(report, compared, 2)
    _, page = write_match(
        name, "ab" * 32, report, compared, facts, folder=folder, run=RUN, timezone="Africa/Johannesburg"
    )
    return page


def largest(folder: Path) -> Path:
    """More of each result than a page shows."""
    return comparison_page(folder, each=SHOWN_ROWS + 1)


def hostile(folder: Path) -> Path:
    """References that would run if they could."""
    return comparison_page(folder, each=len(HOSTILE), texts=HOSTILE)


def _compared(result: MatchResult, number: int, text: str) -> ComparedPayment:
    currency = "ZAR" if number % 2 else "JPY"
    kind = "refund" if result is MatchResult.REFUND else "payment"
    row = ReportRow(
        number + 8, kind, AT, f"rec{number}", f"{text}-{number}", text, currency, 123_450 + number
    )
    ours = OurPayment(number, f"pay_{number}", text, "A-1", "8501015800085", currency, 123_400, AT)
    one_side = {MatchResult.ONLY_HERE: (None, ours), MatchResult.ONLY_THERE: (row, None)}
    if result is MatchResult.REFUND:
        return ComparedPayment(result, "", row)
    return ComparedPayment(result, "bill reference", *one_side.get(result, (row, ours)))
