"""Records that contradict each other reject each other; the same record again is sent once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.core.outcomes import Outcome
from pipeline.core.rules import cross_record_rules
from schemas.settings import Limits
from tests.check.landing import BILLS, checked, codes, records, verdicts

MANY = Limits(max_rejects=10**6)


def bills(*lines: str, header: str = BILLS) -> str:
    return "\n".join([header, *lines]) + "\n"


def test_the_same_bill_again_is_a_duplicate_of_the_first(tmp_path: Path) -> None:
    same = "C-1,A-1,B-1,ZAR,10.00"
    file = checked(tmp_path, bills(same, "C-1,A-1,B-2,ZAR,5.00", same, 'C-1,A-1 ,"B-1",ZAR,10.00'))
    assert verdicts(file) == ["accepted", "accepted", "duplicate", "duplicate"]
    assert [record["duplicate_of"] for record in records(file)] == [None, None, 1, 1]
    assert file.totals.count(Outcome.DUPLICATE) == 2
    assert file.totals.amounts_minor["ZAR"] == {Outcome.NOT_ATTEMPTED: 1500, Outcome.DUPLICATE: 2000}


@pytest.mark.parametrize(
    "other",
    ["C-1,A-1,B-1,ZAR,10.01", "C-1,A-1,B-1,USD,10.00", "C-1,A-2,B-1,ZAR,10.00", "C-1,,B-1,ZAR,10.00"],
)
def test_one_bill_reference_with_two_contents_rejects_all_of_them(tmp_path: Path, other: str) -> None:
    file = checked(
        tmp_path, bills("C-1,A-1,B-1,ZAR,10.00", "C-1,A-1,B-9,ZAR,1.00", other, "C-1,A-1,B-1,ZAR,10.00")
    )
    wrong = ["bill_reference.contradiction"]
    assert codes(file) == [wrong, [], wrong, wrong]


def test_every_column_is_content_mapped_or_not(tmp_path: Path) -> None:
    header = f"{BILLS},due_date,metadata.period,customer_name,item"
    file = checked(
        tmp_path,
        bills(
            "C-1,A-1,B-1,ZAR,1.00,2026-01-01,May,Ann,pen",
            "C-1,A-1,B-1,ZAR,1.00,2026-01-02,May,Ann,pen",
            "C-1,A-1,B-2,ZAR,1.00,2026-01-01,May,Ann,pen",
            "C-1,A-1,B-2,ZAR,1.00,2026-01-01,June,Ann,pen",
            "C-1,A-1,B-3,ZAR,1.00,2026-01-01,May,Ann,pen",
            "C-1,A-1,B-3,ZAR,1.00,2026-01-01,May,Bo,pen",
            "C-1,A-1,B-4,ZAR,1.00,2026-01-01,May,Bo,pen",
            "C-1,A-1,B-4,ZAR,1.00,2026-01-01,May,Bo,ink",
            "C-1,A-1,B-5,ZAR,1.00,2026-01-01,May,Bo,pen",
            "C-1,A-1,B-5,ZAR,1.00,2026-01-01,May,Bo,pen",
            header=header,
        ),
    )
    assert verdicts(file) == ["rejected"] * 8 + ["accepted", "duplicate"]
    assert {code for listed in codes(file) for code in listed} == {"bill_reference.contradiction"}
    assert "feed.line_items" in records(file)[6]["message"]


def test_an_account_under_two_customers_rejects_all_its_records(tmp_path: Path) -> None:
    file = checked(
        tmp_path,
        bills("C-1,A-1,B-1,ZAR,1.00", "C-2,A-1,B-2,ZAR,1.00", "C-1,A-1,B-3,ZAR,1.00", "C-2,A-2,B-4,ZAR,1.00"),
    )
    wrong = ["account_reference.two_customers"]
    assert codes(file) == [wrong, wrong, wrong, []]


def test_a_record_rejected_for_another_rule_still_contradicts(tmp_path: Path) -> None:
    header = f"{BILLS},customer_email"
    file = checked(
        tmp_path, bills("C-1,A-1,B-1,ZAR,1.00,a@b.co", "C-1,A-1,B-1,ZAR,2.00,broken", header=header)
    )
    assert codes(file) == [
        ["bill_reference.contradiction"],
        ["customer_email.invalid", "bill_reference.contradiction"],
    ]


def test_a_bill_is_not_sent_while_another_record_of_it_has_an_unreadable_amount(tmp_path: Path) -> None:
    file = checked(tmp_path, bills("C-1,A-1,B-1,ZAR,1.00", "C-1,A-1,B-1,ZAR,1.005"))
    wrong = "bill_reference.contradiction"
    assert codes(file) == [[wrong], ["amount_due.too_precise", wrong]]


def test_a_duplicate_is_of_the_first_accepted_record(tmp_path: Path) -> None:
    header = f"{BILLS},customer_email"
    lines = ["C-1,A-1,B-1,ZAR,1.00,broken"] * 2 + ["C-1,A-1,B-2,ZAR,1.00,"] * 3
    file = checked(tmp_path, bills(*lines, header=header))
    assert verdicts(file) == ["rejected"] * 2 + ["accepted", "duplicate", "duplicate"]
    assert [record["duplicate_of"] for record in records(file)] == [None, None, None, 3, 3]


ACCOUNTS = "customer_reference,account_reference,currency,balance,metadata.period"
CUSTOMERS = "customer_reference,currency,balance,metadata.period"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["C-1,A-1,ZAR,1.00,", "C-1,A-1,ZAR,1.00,"], [[], []]),
        (["C-1,A-1,ZAR,1.00,", "C-1,A-1,ZAR,2.00,"], [["account_reference.contradiction"]] * 2),
        (["C-1,A-1,ZAR,1.00,x", "C-1,A-1,ZAR,1.00,y"], [["account_reference.contradiction"]] * 2),
        (["C-1,A-1,ZAR,1.00,", "C-2,A-1,ZAR,1.00,"], [["account_reference.two_customers"]] * 2),
        (["C-1,A-1,ZAR,1.00,", "C-1,A-2,USD,1.00,"], [["customer_reference.contradiction"]] * 2),
        (["C-1,A-1,ZAR,1.00,", "C-1,A-2,ZAR,9.00,", "C-2,A-3,USD,1.00,"], [[], [], []]),
    ],
)
def test_account_balances(tmp_path: Path, lines: list[str], expected: list[list[str]]) -> None:
    file = checked(tmp_path, bills(*lines, header=ACCOUNTS), model="account_balance")
    assert codes(file) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["C-1,ZAR,1.00,", "C-1,ZAR,1.00,"], ["accepted", "duplicate"]),
        (["C-1,ZAR,1.00,", "C-1,ZAR,2.00,"], ["rejected", "rejected"]),
        (["C-1,ZAR,1.00,", "C-1,USD,1.00,"], ["rejected", "rejected"]),
        (["C-1,ZAR,1.00,x", "C-1,ZAR,1.00,"], ["rejected", "rejected"]),
        (["C-1,ZAR,1.00,", "C-2,USD,2.00,"], ["accepted", "accepted"]),
    ],
)
def test_customer_balances(tmp_path: Path, lines: list[str], expected: list[str]) -> None:
    assert verdicts(checked(tmp_path, bills(*lines, header=CUSTOMERS), model="customer_balance")) == expected


def test_differing_details_are_a_note_without_names(tmp_path: Path) -> None:
    header = f"{BILLS},customer_name,account_name"
    lines = [
        "C-1,A-1,B-1,ZAR,1.00,Ann,Home",
        "C-1,A-1,B-2,ZAR,1.00,Anna,Home",
        "C-2,A-2,B-3,ZAR,1.00,Bo,Farm",
    ]
    file = checked(tmp_path, bills(*lines, header=header))
    assert verdicts(file) == ["accepted"] * 3
    assert file.notes == ("1 customer with more than one customer_name in this file; the last one counts",)


def test_a_detail_that_is_left_out_differs_from_none(tmp_path: Path) -> None:
    header = f"{BILLS},customer_name,customer_email"
    lines = ["C-1,A-1,B-1,ZAR,1.00,Ann,", "C-1,A-1,B-2,ZAR,1.00,,ann@example.com"]
    assert checked(tmp_path, bills(*lines, header=header)).notes == ()


@pytest.mark.parametrize("per_bucket", [1, 3, 7])
def test_buckets_do_not_change_what_is_found(
    tmp_path: Path, per_bucket: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"C-{n % 5},A-{n % 7},B-{n % 11},ZAR,{1 + n % 2}.00" for n in range(60)]
    lines += [f"C-9{n},A-9{n},B-9{n % 10},ZAR,5.00" for n in range(10)] * 2
    text = bills(*lines)
    whole = [
        (record["codes"], record["verdict"], record["duplicate_of"])
        for record in records(checked(tmp_path, text, limits=MANY))
    ]
    monkeypatch.setattr(cross_record_rules, "HASHES_PER_BUCKET", per_bucket)
    monkeypatch.setattr(cross_record_rules, "CANDIDATES_AT_ONCE", per_bucket)
    dealt = [
        (record["codes"], record["verdict"], record["duplicate_of"])
        for record in records(checked(tmp_path, text, limits=MANY))
    ]
    assert dealt == whole
    assert {"rejected", "accepted", "duplicate"} == {verdict for _, verdict, _ in whole}


def test_findings_reach_every_part_of_a_file_of_many_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.edge.reader.delimited import DelimitedFile

    plain = DelimitedFile.batches

    def small(self: DelimitedFile, **facts: Any) -> Any:
        return plain(self, block_bytes=100, **facts)

    monkeypatch.setattr(DelimitedFile, "batches", small)
    lines = [f"C-{n},A-{n},B-{n % 20},ZAR,1.00" for n in range(40)] + ["C-50,A-50,B-50,ZAR,1.00"] * 9
    file = checked(tmp_path, bills(*lines))
    assert len(list(file.records.glob("*.parquet"))) > 5
    assert verdicts(file) == ["rejected"] * 40 + ["accepted"] + ["duplicate"] * 8
    assert [record["record"] for record in records(file)] == list(range(1, 50))


def test_sums_near_the_end_of_64_bits_do_not_wrap(tmp_path: Path) -> None:
    largest = 10**18 - 1
    lines = [f"C-{n},ZAR,{largest}," for n in range(30)]
    assert pl.Series([largest] * 30).sum() != 30 * largest
    file = checked(
        tmp_path, bills(*lines, header=CUSTOMERS), model="customer_balance", amount={"unit": "minor"}
    )
    assert file.totals.amounts_minor["ZAR"][Outcome.NOT_ATTEMPTED] == 30 * largest
