"""Bills over nothing and credit notes: told as what they are, or left out where the feed says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.core.file_stages import CheckedFile
from pipeline.core.outcomes import Outcome
from schemas.settings import Limits
from tests.check.landing import codes, records, verdicts
from tests.check.short_bills import SHORT, refused, sent_bodies, short, text_of

OK, OUT, NO = "accepted", "skipped", "rejected"


def paid(folder: Path, *lines: str, **facts: Any) -> CheckedFile:
    return short(folder, text_of(*lines), **({"nothing_due": "skip"} | facts))


def test_bills_over_nothing_are_left_out_where_the_feed_says_so(tmp_path: Path) -> None:
    lines = ("C-1,B-1,0.00", "C-2,B-2,1.00", "C-3,B-3,-0", "C-4,B-4,", "C 5,B-5,0", "C-6,B-6,-0.01")
    file = paid(tmp_path, *lines)
    assert verdicts(file) == [OUT, OK, OUT, NO, OUT, NO]
    assert records(file)[0]["message"] == "left out by feed.nothing_due"
    assert file.totals.amounts_minor["ZAR"] == {
        Outcome.NOT_ATTEMPTED: 100,
        Outcome.SKIPPED: 0,
        Outcome.REJECTED: -1,
    }
    told = paid(tmp_path, *lines, nothing_due="reject")
    assert [each[-1:] for each in codes(told)] == [
        ["amount_due.nothing_due"],
        [],
        ["amount_due.nothing_due"],
        ["amount_due.missing"],
        ["amount_due.nothing_due"],
        ["amount_due.credit_note"],
    ]


def test_of_a_bill_of_several_lines_the_sum_decides(tmp_path: Path) -> None:
    file = paid(
        tmp_path,
        *("C-1,B-1,10.00", "C-1,B-1,-10.00", "C-2,B-2,0.00", "C-2,B-2,5.00", "C-3,B-3,0.00"),
        *("C-4,B-4,0.00", "C-4,B-4,x", "C-5,B-5,1.00", "C-9,B-5,-1.00", "C-6,B-6,0.00", "C-6,B-6,0.00"),
        *("C-7,B-7,5.00", "C-7,B-7,-6.00"),
        line_items="sum",
    )
    assert verdicts(file) == [OUT, OUT, OK, "line", OUT, NO, NO, NO, NO, NO, NO, NO, NO]
    assert codes(file)[5:] == [
        *(["line_items.other_line"], ["amount_due.format"]),
        *[["line_items.differ"]] * 2,
        *[["amount_due.nothing_due", "line_items.identical"]] * 2,
        *[["amount_due.credit_note"]] * 2,
    ]
    assert [body["amount_due"] for body in sent_bodies(file)] == [500]


def test_lines_of_a_bill_over_nothing_are_left_out_whatever_else_is_wrong_with_them(tmp_path: Path) -> None:
    file = paid(tmp_path, "C 1,B-1,10.00", "C 1,B-1,-10.00", "C 2,B-2,0.00", "C-3,B-3,1", line_items="sum")
    assert (verdicts(file), codes(file)) == ([OUT, OUT, OUT, OK], [[], [], [], []])


def test_sums_in_two_currencies_are_never_nothing(tmp_path: Path) -> None:
    columns = SHORT["columns"] | {"currency": "cur"}
    file = short(
        tmp_path,
        text_of("C-1,B-1,10.00,ZAR", "C-1,B-1,-10.00,USD", header="c,b,a,cur"),
        columns=columns,
        line_items="sum",
        nothing_due="skip",
    )
    assert codes(file) == [["line_items.differ"]] * 2


def test_a_credit_note_is_told_as_one_and_can_be_left_out_by_its_column(tmp_path: Path) -> None:
    lines = ("C-1,B-1,10.00,I", "C-2,B-2,-3.00,CN")
    file = short(tmp_path, text_of(*lines, header="c,b,a,kind"))
    assert codes(file) == [[], ["amount_due.credit_note"]]
    assert "credit note" in records(file)[1]["message"]
    fine = short(tmp_path, text_of(*lines, header="c,b,a,kind"), where_not={"kind": "CN"})
    assert (verdicts(fine), fine.totals.amounts_minor["ZAR"][Outcome.SKIPPED]) == ([OK, OUT], -300)


def test_a_feed_that_expects_amounts_out_of_range_expects_credit_notes_and_bills_over_nothing(
    tmp_path: Path,
) -> None:
    lines = ("C-1,B-1,10.00", "C-2,B-2,-3.00", "C-3,B-3,0.00", "C-4,B-4,1000000.00")
    strict = Limits(max_reject_ratio=0.0, max_rejects=0)
    assert (
        short(tmp_path, text_of(*lines), expected_codes=["amount_due.out_of_range"], limits=strict).refusal
        is None
    )
    only = short(tmp_path, text_of(*lines), expected_codes=["amount_due.nothing_due"], limits=strict)
    assert "2 of 4 records are rejected" in refused(only)[1]
