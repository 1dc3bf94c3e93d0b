"""summary.json, the states of a file, and what they mean for the exit status."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from pydantic import ValidationError

from pipeline.core.file_stages import Refusal
from pipeline.core.outcomes import FileState, Outcome
from pipeline.report.exit_status import exit_status, run_result
from pipeline.report.results import nothing_sent
from pipeline.report.summary import FileReport, without_report
from pipeline.report.write import write_report
from schemas import results as shapes
from schemas.results import (
    Breakdown,
    ControlFacts,
    ControlTotals,
    ErrorFacts,
    FileFacts,
    RefusalFacts,
    RequestCounts,
    Summary,
)
from tests.report.example import DRY_RUN, RUN, Row, checked_file, outcomes_of, rejected

CONTROL = ControlFacts(counted=ControlTotals(records=5, amounts_minor={"ZAR": 12_545}, hash_total=7))


def report_of(
    tmp_path: Path,
    rows: list[Row],
    said: dict[int, Outcome] | None = None,
    *,
    dry: bool = False,
    **facts: object,
) -> FileReport:
    checked = checked_file(tmp_path, rows, **facts)  # type: ignore[arg-type]
    return write_report(
        checked, outcomes_of(said or {}), folder=tmp_path / "reports", run=DRY_RUN if dry else RUN
    )


NONE = {"total": 1, "rejected": 1}
JPY, ZAR = {"total": 1, "unchanged": 1}, {"total": 3, "created": 1, "rejected": 2}

OF_BILLS = {"feed": "bills", "kind": "bills", "model": "bill", "encrypted": False}


def test_the_summary_says_everything_that_the_design_names(tmp_path: Path) -> None:
    rows = [
        Row(amount_minor=12_345),
        rejected("a.b", "c.d"),
        Row(currency="JPY", amount_minor=7),
        rejected("a.b"),
        replace(rejected("currency.unknown"), currency="nonsense", readable=False, amount_minor=None),
    ]
    checked = checked_file(tmp_path, rows, notes=("two columns are ignored",), control=CONTROL)
    report = write_report(
        checked,
        outcomes_of({1: Outcome.CREATED, 3: Outcome.UNCHANGED}),
        folder=tmp_path / "reports",
        run=RUN,
        requests=RequestCounts(sent=3, retried=1),
        notes=["late"],
    )
    zeros, sums = {"total": 0} | {outcome.value: 0 for outcome in Outcome}, {"ZAR": 12_545}
    assert json.loads(report.paths["summary"].read_text()) == {
        "file": {
            "name": "bills.csv",
            "sha256": checked.landed.sha256,
            "size_bytes": checked.landed.size_bytes,
            **OF_BILLS,
        },
        "run": {
            "id": "run-1",
            "started_at": "2026-11-20T06:00:00Z",
            "finished_at": "2026-11-20T06:01:00Z",
            "merchant": "citypower",
            "environment": "test",
            "dry_run": False,
            "audit_head": None,
        },
        "state": "loaded_with_rejects",
        "records": zeros | {"total": 5, "created": 1, "unchanged": 1, "rejected": 3},
        "amounts_minor": {
            "?": zeros,
            "JPY": zeros | {"total": 7, "unchanged": 7},
            "ZAR": zeros | {"total": 12_545, "created": 12_345, "rejected": 200},
        },
        "amount_unreadable": 1,
        "records_by_currency": {
            name: zeros | some for name, some in {"?": NONE, "JPY": JPY, "ZAR": ZAR}.items()
        },
        "unreadable_by_currency": {"?": zeros | NONE},
        "requests": {"sent": 3, "retried": 1, "rate_limited": 0, "looked_up": 0},
        "control": {"declared": None, "counted": {"records": 5, "amounts_minor": sums, "hash_total": 7}},
        "refusal": None,
        "holds": [],
        "held_amounts": {},
        "comparison": None,
        "chain": None,
        "conflicts": [],
        "notes": ["two columns are ignored", "late"],
        "codes": {"a.b": 2, "c.d": 1, "currency.unknown": 1},
        "reports": ["summary.json", "results.csv", "rejects.csv", "report.html"],
    }
    assert Summary.model_validate_json(report.paths["summary"].read_text()) == report.summary


@pytest.mark.parametrize(
    ("rows", "said", "state", "status"),
    [
        ([Row(), Row()], {1: Outcome.CREATED, 2: Outcome.UNCHANGED}, "loaded", 0),
        ([Row(), Row(verdict="duplicate", duplicate_of=1)], {1: Outcome.UPDATED}, "loaded", 0),
        ([Row(), rejected("a.b")], {1: Outcome.CREATED}, "loaded_with_rejects", 1),
        ([Row()], {1: Outcome.CONFLICT}, "loaded_with_rejects", 1),
        ([Row()], {1: Outcome.REFUSED}, "loaded_with_rejects", 1),
        ([Row(), Row()], {1: Outcome.CREATED}, "unfinished", 3),
        ([Row(), rejected("a.b")], {1: Outcome.IN_DOUBT}, "unfinished", 3),
    ],
)
def test_the_outcomes_decide_what_became_of_the_file(
    tmp_path: Path, rows: list[Row], said: dict[int, Outcome], state: str, status: int
) -> None:
    report = report_of(tmp_path, rows, said)
    assert (report.summary.state, exit_status(report)) == (state, status)


@pytest.mark.parametrize(
    ("rows", "state", "status"),
    [([Row()], "validated", 0), ([Row(), rejected("a.b")], "validated_with_rejects", 1)],
)
def test_a_dry_run_validates_and_is_never_unfinished(
    tmp_path: Path, rows: list[Row], state: str, status: int
) -> None:
    report = report_of(tmp_path, rows, dry=True)
    assert (report.summary.state, exit_status(report)) == (state, status)


@pytest.mark.parametrize("dry", [False, True])
def test_a_refused_file_says_why_and_nothing_of_it_was_attempted(tmp_path: Path, dry: bool) -> None:
    refusal = Refusal("file.too_many_rejects", "2 of 3 records are rejected")
    rows = [Row(), rejected("a.b"), Row(verdict="duplicate", duplicate_of=1)]
    report = report_of(tmp_path, rows, dry=dry, refusal=refusal)
    assert report.summary.state == "refused"
    assert report.summary.refusal == RefusalFacts(code=refusal.code, message=refusal.message)
    assert (report.summary.records.not_attempted, report.summary.records.duplicate) == (1, 1)
    assert exit_status(report) == 1


@pytest.mark.parametrize(
    ("codes", "status"),
    [(("a.b",), 0), (("a.b", "c.d"), 0), (("a.b", "x.y"), 1), ((), 1)],
)
def test_only_records_with_unexpected_codes_count_for_the_exit_status(
    tmp_path: Path, codes: tuple[str, ...], status: int
) -> None:
    report = report_of(tmp_path, [rejected(*codes)], settings={"expected_codes": ["a.b", "c.d"]})
    assert report.summary.state == "loaded_with_rejects"
    assert exit_status(report) == status


def test_what_the_ledger_knows_was_done_is_told_even_when_the_rules_changed_since(tmp_path: Path) -> None:
    report = report_of(tmp_path, [rejected("a.b")], {1: Outcome.CREATED})
    assert report.summary.records.created == 1
    assert report.summary.codes == {}


@pytest.mark.parametrize(
    ("state", "status"), [(FileState.UNMATCHED, 1), (FileState.REFUSED, 1), (FileState.ALREADY_LOADED, 0)]
)
def test_a_file_that_was_not_read_has_a_summary_without_a_report(state: FileState, status: int) -> None:
    report = without_report(FileFacts(name="odd.csv"), state, run=RUN, notes=["loaded before"])
    assert report.folder is None
    assert report.paths == {}
    assert report.summary.records == Breakdown()
    assert report.summary.notes == ["loaded before"]
    assert exit_status(report) == status


def test_the_worst_file_decides_how_the_run_exits(tmp_path: Path) -> None:
    unmatched = without_report(FileFacts(name="odd.csv"), FileState.UNMATCHED, run=RUN)
    unfinished = report_of(tmp_path, [Row()])
    result = run_result("run-1", [unfinished, unmatched])
    assert (result.run_id, result.exit_status) == ("run-1", 3)
    assert [file.state for file in result.files] == ["unfinished", "unmatched"]
    fault = ErrorFacts(code="source.host_key", exit_status=5, message="sftp: no", remedy="ask")
    assert run_result("run-1", [unmatched], [fault]).exit_status == 5
    assert run_result("run-1", []).exit_status == 0


def test_shapes_know_the_same_outcomes_and_states_as_the_core() -> None:
    assert set(Breakdown.model_fields) - {"total"} == set(Outcome)
    assert set(get_args(shapes.State)) == set(FileState)


def test_parts_that_do_not_add_up_are_no_breakdown() -> None:
    with pytest.raises(ValidationError, match="do not add up"):
        Breakdown(total=2, created=1)


def test_times_are_told_in_utc() -> None:
    cape_town = datetime(2026, 11, 20, 8, 0, tzinfo=timezone(timedelta(hours=2)))
    run = shapes.RunFacts(
        id="r", started_at=cape_town, finished_at=cape_town, merchant="citypower", environment="test"
    )
    assert run.started_at.tzinfo is UTC
    assert '"2026-11-20T06:00:00Z"' in run.model_dump_json()


def test_nothing_is_sent_in_a_dry_run() -> None:
    assert nothing_sent(pl.Series([1, 10])).is_empty()
