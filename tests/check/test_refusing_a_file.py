"""A file with too many rejects is refused as a whole, and says so; expected codes do not count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.core.outcomes import Outcome
from schemas.settings import Limits
from tests.check.landing import BILLS, checked


def bills(good: int, bad: int) -> str:
    lines = [f"C-{n},A-{n},B-{n},ZAR,1.00" for n in range(good)] + [
        f"C-{n},A-{n},X-{n},ZAR,1.001" for n in range(bad)
    ]
    return "\n".join([BILLS, *lines]) + "\n"


@pytest.mark.parametrize(
    ("count", "limits", "facts", "code"),
    [
        # 20 records or more: a larger share than max_reject_ratio, or more than max_rejects.
        ((16, 4), {}, {}, None),
        ((15, 5), {}, {}, "file.too_many_rejects"),
        ((7, 42), {}, {}, "file.too_many_rejects"),
        ((95, 5), {"max_reject_ratio": 0.04}, {}, "file.too_many_rejects"),
        ((95, 5), {"max_rejects": 5}, {}, None),
        ((95, 5), {"max_rejects": 4}, {}, "file.too_many_rejects"),
        ((95, 5), {"max_rejects": 4}, {"max_rejects": 5}, None),
        ((95, 5), {}, {"max_reject_ratio": 0.01}, "file.too_many_rejects"),
        # Fewer: more than half.
        ((10, 9), {}, {}, None),
        ((9, 9), {}, {}, None),
        ((9, 10), {}, {}, "file.too_many_rejects"),
        ((0, 1), {}, {}, "file.too_many_rejects"),
        ((10, 3), {"max_rejects": 2}, {}, "file.too_many_rejects"),
        # 1.0: whatever is rejected.
        ((0, 30), {"max_reject_ratio": 1.0}, {}, None),
        ((0, 3), {}, {"max_reject_ratio": 1.0, "max_rejects": 0}, None),
        # A correction holds what is hard to correct.
        ((1, 29), {}, {"rejects_of": "bills.csv.0123abcd"}, None),
        ((10, 1), {"on_reject": "refuse_file"}, {}, "file.rejects_not_allowed"),
        ((10, 1), {"on_reject": "refuse_file"}, {"on_reject": "load_rest"}, None),
        ((10, 1), {}, {"on_reject": "refuse_file"}, "file.rejects_not_allowed"),
        ((10, 0), {}, {"on_reject": "refuse_file"}, None),
        ((1, 9), {"max_rejects": 0}, {"expected_codes": ["amount_due.too_precise"]}, None),
        ((1, 9), {}, {"expected_codes": ["amount_due.too_precise"], "on_reject": "refuse_file"}, None),
    ],
)
def test_limits_on_rejects(
    tmp_path: Path, count: tuple[int, int], limits: dict[str, Any], facts: dict[str, Any], code: str | None
) -> None:
    good, bad = count
    file = checked(tmp_path, bills(good, bad), limits=Limits.model_validate(limits), **facts)
    assert (file.refusal.code if file.refusal else None) == code
    assert file.totals.count(Outcome.REJECTED) == bad
    assert file.totals.count(Outcome.NOT_ATTEMPTED) == good
    assert file.code_counts == ({"amount_due.too_precise": bad} if bad else {})


def test_a_record_with_an_unexpected_code_beside_an_expected_one_counts(tmp_path: Path) -> None:
    text = f"{BILLS}\nC 1,A-1,B-1,ZAR,1.001\n"
    facts: dict[str, Any] = {"expected_codes": ["amount_due.too_precise"], "on_reject": "refuse_file"}
    assert checked(tmp_path, text, **facts).refusal is not None


def test_totals_of_each_currency_add_up(tmp_path: Path) -> None:
    lines = [
        "C-1,A-1,B-1,ZAR,1.00",
        "C-1,A-1,B-2,ZAR,1.001",
        "C-1,A-1,B-3,JPY,5",
        "C-1,A-1,B-4,???,5",
        "C-1,A 1,B-5,ZAR,7.00",
    ]
    totals = checked(tmp_path, "\n".join([BILLS, *lines])).totals
    assert totals.records["ZAR"] == {Outcome.NOT_ATTEMPTED: 1, Outcome.REJECTED: 2}
    assert totals.amounts_minor["ZAR"] == {Outcome.NOT_ATTEMPTED: 100, Outcome.REJECTED: 700}
    assert totals.amounts_minor["JPY"] == {Outcome.NOT_ATTEMPTED: 5}
    assert totals.records["?"] == {Outcome.REJECTED: 1}
    assert (totals.total_records, totals.amount_unreadable) == (5, 2)
