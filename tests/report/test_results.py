"""results.csv: one row per record, in the order of the file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipeline.core.outcomes import Outcome
from pipeline.report import results
from pipeline.report.results import nothing_sent
from pipeline.report.summary import FileReport
from pipeline.report.write import write_report
from tests.report.example import RUN, Row, checked_file, outcomes_of, rejected

COLUMNS = (
    "line,record,outcome,customer_reference,account_reference,bill_reference,currency,amount_minor,"
    "customer_id,account_id,bill_id,codes,message,attempts"
)


def rows_of(report: FileReport) -> list[dict[str, str]]:
    with report.paths["results"].open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_record_has_one_row_in_the_order_of_the_file(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row(), rejected("amount_due.missing"), Row(), Row()], part_records=2)
    report = write_report(
        checked, outcomes_of({1: Outcome.CREATED, 4: Outcome.UPDATED}), folder=tmp_path / "reports", run=RUN
    )
    text = report.paths["results"].read_text()
    assert text == (
        f"{COLUMNS}\n"
        "2,1,created,c1,,b1,ZAR,100,bcus_1,bacc_1,bill_1,,,1\n"
        '3,2,rejected,c2,,b2,ZAR,100,,,,amount_due.missing,"line, column, rule",0\n'
        "4,3,not_attempted,c3,,b3,ZAR,100,,,,,,0\n"
        "5,4,updated,c4,,b4,ZAR,100,bcus_4,bacc_4,bill_4,,,1\n"
    )


def test_what_the_api_said_stands_beside_the_record(tmp_path: Path) -> None:
    said = {
        "outcome": "refused",
        "codes": "api.400.a;api.400.b",
        "message": 'No "thing",\nhere',
        "attempts": 3,
    }
    checked = checked_file(tmp_path, [Row()])
    report = write_report(checked, outcomes_of({1: said}), folder=tmp_path / "reports", run=RUN)
    [row] = rows_of(report)
    assert (row["outcome"], row["codes"], row["message"], row["attempts"]) == (
        "refused",
        "api.400.a;api.400.b",
        'No "thing",\nhere',
        "3",
    )


@pytest.mark.parametrize("window", [1, 2, 100])
def test_a_duplicate_shows_the_ids_of_the_record_sent_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(results, "WINDOW_RECORDS", window)
    rows = [
        Row(),
        Row(verdict="duplicate", duplicate_of=4),
        Row(verdict="duplicate", duplicate_of=1),
        Row(),
        Row(verdict="duplicate", duplicate_of=1),
    ]
    checked = checked_file(tmp_path, rows)
    report = write_report(checked, outcomes_of({1: Outcome.CREATED}), folder=tmp_path / "reports", run=RUN)
    assert [(row["outcome"], row["bill_id"], row["attempts"]) for row in rows_of(report)] == [
        ("created", "bill_1", "1"),
        ("duplicate", "", "0"),
        ("duplicate", "bill_1", "0"),
        ("not_attempted", "", "0"),
        ("duplicate", "bill_1", "0"),
    ]


def test_a_duplicate_of_a_refused_record_is_still_a_duplicate(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row(), Row(verdict="duplicate", duplicate_of=1)])
    report = write_report(checked, outcomes_of({1: Outcome.REFUSED}), folder=tmp_path / "reports", run=RUN)
    assert [row["outcome"] for row in rows_of(report)] == ["refused", "duplicate"]


def test_many_windows_say_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [rejected("a.b") if n % 7 == 0 else Row(amount_minor=n) for n in range(50)]
    checked = checked_file(tmp_path, rows, part_records=20)
    ledger = outcomes_of({n: Outcome.CREATED for n in range(2, 40, 3) if rows[n - 1].verdict == "accepted"})
    whole = write_report(checked, ledger, folder=tmp_path / "whole", run=RUN)
    monkeypatch.setattr(results, "WINDOW_RECORDS", 3)
    windowed = write_report(checked, ledger, folder=tmp_path / "windowed", run=RUN)
    for kind in ("results", "rejects", "summary"):
        assert windowed.paths[kind].read_bytes() == whole.paths[kind].read_bytes()


def test_the_same_outcomes_give_the_same_bytes(tmp_path: Path) -> None:
    checked = checked_file(tmp_path, [Row(), rejected("a.b"), Row()])
    ledger = outcomes_of({1: Outcome.CREATED, 3: Outcome.CONFLICT})
    first = write_report(checked, ledger, folder=tmp_path / "reports", run=RUN)
    before = {kind: first.paths[kind].read_bytes() for kind in ("results", "rejects")}
    later = RUN.model_copy(update={"id": "run-2"})
    again = write_report(checked, ledger, folder=tmp_path / "reports", run=later)
    assert {kind: again.paths[kind].read_bytes() for kind in ("results", "rejects")} == before
    assert again.summary.run.id == "run-2"


def test_a_file_without_records_has_a_report_without_rows(tmp_path: Path) -> None:
    report = write_report(checked_file(tmp_path, []), nothing_sent, folder=tmp_path / "reports", run=RUN)
    assert report.paths["results"].read_text() == f"{COLUMNS}\n"
    assert report.summary.state == "loaded"
    assert report.summary.records.total == 0
