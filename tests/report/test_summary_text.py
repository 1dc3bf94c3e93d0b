"""A report in plain lines."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.outcomes import FileState, Outcome
from pipeline.core.values.amount_text import format_amount
from pipeline.report.summary import without_report
from pipeline.report.summary_text import describe, to_send
from pipeline.report.write import write_report
from schemas.results import AmountFacts, FileFacts, RefusalFacts
from tests.report.example import RUN, Row, checked_file, outcomes_of, rejected


@pytest.mark.parametrize(
    ("currency", "amount_minor", "text"),
    [
        ("ZAR", 123_450, "ZAR 1 234.50"),
        ("ZAR", -5, "ZAR -0.05"),
        ("ZAR", 0, "ZAR 0.00"),
        ("JPY", 1_234_567, "JPY 1 234 567"),
        ("KWD", 1_234_567, "KWD 1 234.567"),
        ("ZAR", 10**21 + 1, "ZAR 10 000 000 000 000 000 000.01"),
        ("?", -1_000, "? -1 000 minor units"),
        ("XAU", 5, "XAU 5 minor units"),
    ],
)
def test_money_is_told_in_major_units_to_the_cent(currency: str, amount_minor: int, text: str) -> None:
    assert format_amount(currency, amount_minor) == text


@given(st.integers(-(10**30), 10**30))
def test_money_in_words_is_exact(amount_minor: int) -> None:
    number = format_amount("KWD", amount_minor).removeprefix("KWD ").replace(" ", "")
    digits = Decimal(number).as_tuple()
    assert digits.exponent == -3
    assert int(number.replace(".", "")) == amount_minor


def test_a_file_is_told_in_a_few_lines(tmp_path: Path) -> None:
    rows = [
        Row(amount_minor=123_450),
        *[rejected("amount_due.format", "due_date.format", message="column amount_due") for _ in range(4)],
        Row(currency=None, readable=False, amount_minor=None, verdict="rejected", codes=("a.b",)),
    ]
    checked = checked_file(tmp_path, rows, notes=("two columns are ignored",))
    report = write_report(checked, outcomes_of({1: Outcome.CREATED}), folder=tmp_path / "reports", run=RUN)
    assert describe(report, shown_rejects=2) == [
        "bills.csv: loaded with rejects (feed bills)",
        "  records: 6 = 1 created + 5 rejected",
        "  amount: ZAR 1 238.50 = ZAR 1 234.50 created + ZAR 4.00 rejected",
        "  records whose amount is unreadable: 1",
        "  note: two columns are ignored",
        "  line 3: amount_due.format, due_date.format: column amount_due",
        "  line 4: amount_due.format, due_date.format: column amount_due",
        "  and 3 more, all in rejects.csv",
    ]


def test_an_unreadable_currency_has_no_major_units(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row(readable=False, verdict="rejected", codes=("currency.unknown",))])
    report = write_report(checked, outcomes_of({}), folder=tmp_path / "reports", run=RUN)
    assert "  unreadable currency: ? 100 minor units = ? 100 minor units rejected" in describe(report)


def test_a_refused_file_says_why() -> None:
    refusal = RefusalFacts(code="file.two_feeds", message="the name fits bills and accounts")
    report = without_report(FileFacts(name="odd.csv"), FileState.REFUSED, run=RUN, refusal=refusal)
    assert describe(report) == ["odd.csv: refused", "  file.two_feeds: the name fits bills and accounts"]


def test_a_file_name_cannot_steer_the_terminal() -> None:
    report = without_report(FileFacts(name="a\x1b[2J\r[red]é.csv"), FileState.UNMATCHED, run=RUN)
    assert describe(report) == ["a\\x1b[2J\\r[red]é.csv: unmatched"]


@pytest.mark.parametrize(
    ("amounts_minor", "told"),
    [
        ([6000], "1 record, ZAR 60.00"),
        ([1000, 3000], "2 records, ZAR 40.00 (smallest ZAR 10.00, largest ZAR 30.00)"),
        (
            [1000, 2000, 3000],
            "3 records, ZAR 60.00 (smallest ZAR 10.00, median ZAR 20.00, largest ZAR 30.00)",
        ),
    ],
)
def test_few_amounts_have_no_median(amounts_minor: list[int], told: str) -> None:
    facts = AmountFacts(
        records=len(amounts_minor),
        total_minor=sum(amounts_minor),
        smallest_minor=min(amounts_minor),
        median_minor=amounts_minor[len(amounts_minor) // 2],
        largest_minor=max(amounts_minor),
    )
    assert to_send("ZAR", facts) == told
