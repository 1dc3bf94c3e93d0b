"""Law 1: every record ends in exactly one outcome, and no minor unit is lost or doubled."""

from __future__ import annotations

import csv
import dataclasses
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.file_stages import CheckedFile
from pipeline.core.outcomes import Outcome
from pipeline.errors import EX_BUG, UnbalancedReport
from pipeline.report.results import nothing_sent
from pipeline.report.write import write_report
from tests.report.example import RUN, Row, checked_file, outcomes_of, rejected
from tests.seeds import cases

INT64 = 2**63 - 1
SENT = [
    Outcome.CREATED,
    Outcome.UPDATED,
    Outcome.UNCHANGED,
    Outcome.CONFLICT,
    Outcome.REFUSED,
    Outcome.IN_DOUBT,
]

any_row = st.builds(
    Row,
    amount_minor=st.none() | st.integers(-INT64, INT64),
    currency=st.sampled_from(["ZAR", "JPY", "KWD", None]),
    readable=st.booleans(),
    verdict=st.sampled_from(["accepted", "rejected", "duplicate"]),
    codes=st.just(("some.code",)),
    duplicate_of=st.integers(1, 30),
)


@pytest.mark.slow
@settings(max_examples=cases(30, soak=600), deadline=None)
@given(
    rows=st.lists(any_row, max_size=30),
    sent=st.lists(st.none() | st.sampled_from(SENT), min_size=30, max_size=30),
    part_records=st.integers(1, 12),
)
def test_for_any_file_and_any_outcomes_the_totals_are_those_of_the_rows(
    rows: list[Row], sent: list[Outcome | None], part_records: int
) -> None:
    ledger = {
        n: outcome
        for n, (row, outcome) in enumerate(zip(rows, sent, strict=False), 1)
        if row.verdict == "accepted" and outcome is not None
    }
    with tempfile.TemporaryDirectory() as name:
        checked = checked_file(Path(name), rows, part_records=part_records)
        report = write_report(checked, outcomes_of(ledger), folder=Path(name) / "reports", run=RUN)
        with report.paths["results"].open(newline="", encoding="utf-8") as file:
            results = list(csv.DictReader(file))
    assert [int(row["record"]) for row in results] == list(range(1, len(rows) + 1))
    summary = report.summary
    assert {k: v for k, v in summary.records.parts().items() if v} == Counter(
        row["outcome"] for row in results
    )
    assert summary.records.total == len(rows)
    assert summary.amount_unreadable == sum(row.amount_minor is None for row in rows)
    money: Counter[tuple[str, str]] = Counter()
    for row, result in zip(rows, results, strict=True):
        counted_under = row.currency if row.readable and row.currency else "?"
        money[counted_under, result["outcome"]] += row.amount_minor or 0
        money[counted_under, "total"] += row.amount_minor or 0
    for currency, amounts in summary.amounts_minor.items():
        for part, amount in amounts.model_dump().items():
            assert amount == money.pop((currency, part), 0)
    assert not any(money.values())


def without_a_record(records: pl.DataFrame) -> pl.DataFrame:
    return records.filter(pl.col("record") != 2)


def with_another_amount(records: pl.DataFrame) -> pl.DataFrame:
    return records.with_columns(
        amount_minor=pl.when(pl.col("record") == 2).then(101).otherwise("amount_minor").cast(pl.Int64)
    )


def with_a_record_twice(records: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([records, records.tail(1)])


def with_two_records_swapped(records: pl.DataFrame) -> pl.DataFrame:
    return records.reverse()


def without_its_last_record(records: pl.DataFrame) -> pl.DataFrame:
    return records.head(-1)


def with_another_currency(records: pl.DataFrame) -> pl.DataFrame:
    return records.with_columns(currency=pl.lit("USD"))


def with_an_amount_lost(records: pl.DataFrame) -> pl.DataFrame:
    return records.with_columns(
        amount_minor=pl.when(pl.col("record") == 3).then(None).otherwise("amount_minor")
    )


@pytest.mark.parametrize(
    "corrupted",
    [
        without_a_record,
        with_another_amount,
        with_a_record_twice,
        with_two_records_swapped,
        without_its_last_record,
        with_another_currency,
        with_an_amount_lost,
    ],
)
def test_a_report_that_does_not_balance_is_a_loud_bug_and_leaves_nothing(
    tmp_path: Path, corrupted: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    checked = checked_file(tmp_path, [Row(), Row(), Row(amount_minor=0)])
    [part] = checked.records.glob("*.parquet")
    corrupted(pl.read_parquet(part)).write_parquet(part)
    assert_unbalanced(checked, tmp_path / "reports")


def test_an_outcome_that_the_ledger_has_twice_is_a_loud_bug(tmp_path: Path) -> None:
    ledger = outcomes_of({1: Outcome.CREATED})
    with pytest.raises(UnbalancedReport, match="doubled"):
        write_report(
            checked_file(tmp_path, [Row()]),
            lambda records: pl.concat([ledger(records)] * 2),
            folder=tmp_path / "reports",
            run=RUN,
        )


def test_totals_beyond_64_bits_are_exact(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row(amount_minor=INT64)] * 4)
    report = write_report(checked, nothing_sent, folder=tmp_path / "reports", run=RUN)
    assert report.summary.amounts_minor["ZAR"].not_attempted == 4 * INT64
    assert f'"total": {4 * INT64}' in report.paths["summary"].read_text()


def test_a_check_that_counted_otherwise_is_a_loud_bug(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row(), rejected("a.b")])
    checked.totals.add("ZAR", Outcome.NOT_ATTEMPTED, records=0, amount_minor=1)
    assert_unbalanced(checked, tmp_path / "reports")


def test_an_imbalance_leaves_the_earlier_report_as_it_was(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row()])
    report = write_report(checked, nothing_sent, folder=tmp_path / "reports", run=RUN)
    before = report.paths["summary"].read_bytes()
    lost = dataclasses.replace(checked, records=tmp_path / "nowhere")
    with pytest.raises(UnbalancedReport):
        write_report(lost, nothing_sent, folder=tmp_path / "reports", run=RUN)
    assert report.paths["summary"].read_bytes() == before


def assert_unbalanced(checked: CheckedFile, folder: Path) -> None:
    with pytest.raises(UnbalancedReport) as raised:
        write_report(checked, nothing_sent, folder=folder, run=RUN)
    assert raised.value.exit_status == EX_BUG
    assert list(folder.iterdir()) == []
