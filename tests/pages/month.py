"""The page of a month with every outcome, an unknown amount, a credit, and names that a page could stumble over."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from pipeline.core.outcomes import Outcome
from pipeline.core.values.amount_parts import part_of
from pipeline.report.html.month_page import MonthTotals, write_month_page
from schemas.totals import CurrencyTotals, GroupTotals, TotalsResult
from tests.pages.overview import ODD_NAMES, known


def month_page(folder: Path) -> Path:
    """November 2026, written into a folder of its own."""
    files = [known(name) for name in ODD_NAMES]
    by_file = [
        (
            file,
            GroupTotals(
                name=file.name, sha256=file.sha256, state=file.state, files=1, currencies=_currencies(3)
            ),
        )
        for file in files
    ]
    days = [
        GroupTotals(name=f"2026-11-{day:02}", files=1, currencies=_currencies(day)) for day in range(1, 31)
    ]
    totals = TotalsResult(
        merchant="citypower",
        environment="test",
        timezone="Africa/Johannesburg",
        as_of=datetime(2026, 11, 28, 6, tzinfo=UTC),
        first_day=date(2026, 11, 1),
        last_day=date(2026, 11, 30),
        date="landed",
        feeds=[],
        by="day",
        files=len(files),
        corrections=2,
        unread=["still_bills_2026-11-28.csv"],
        currencies=_currencies(465),
        groups=days,
        page=None,
        exit_status=0,
    )
    models = [
        GroupTotals(name=model, files=len(files), currencies=_currencies(465))
        for model in ("account_balance", "bill")
    ]
    feeds = [GroupTotals(name="bills", files=len(files), currencies=_currencies(465))]
    return write_month_page(MonthTotals(totals, models, feeds, by_file), folder, made_from="0" * 64)


def _currencies(many: int) -> list[CurrencyTotals]:
    return [_currency("KWD", many, 1_234_567), _currency("ZAR", many, -99_999_999), _currency("?", many, 0)]


def _currency(currency: str, many: int, amount_minor: int) -> CurrencyTotals:
    unreadable = many if currency == "?" else 0
    part = part_of(currency, many, many * amount_minor, unreadable)
    outcomes = {outcome.value: part for outcome in Outcome}
    total = part_of(
        currency, many * len(outcomes), many * amount_minor * len(outcomes), unreadable * len(outcomes)
    )
    return CurrencyTotals(currency=currency, total=total, outcomes=outcomes, open=part, written_off=part)
