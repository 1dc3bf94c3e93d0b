"""Records that the feed leaves out are skipped: counted in every total, compared with nothing, never sent."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.file_stages import CheckedFile
from pipeline.core.mapping.feed_validation import feed_problems
from pipeline.core.mapping.fit_feed import lay_out
from pipeline.core.outcomes import Outcome
from pipeline.core.rules.left_out import why_left_out
from schemas.settings import Limits
from tests.check.landing import codes, feed, records, verdicts
from tests.check.short_bills import ROWS, SHORT, refused, sent_back, sent_bodies, short, text_of
from tests.check.workbooks import row, sheet, workbook
from tests.seeds import cases

HEADER = "c,b,a,s"
OPEN: dict[str, Any] = {"where": {"s": "open"}}
OK, OUT, NO = "accepted", "skipped", "rejected"


def listed(folder: Path, *lines: str, header: str = HEADER, **facts: Any) -> CheckedFile:
    return short(folder, text_of(*lines, header=header), **(OPEN | facts))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"where": {"s": "open"}}, [OK, OUT, OUT, OK, OUT, OUT]),
        ({"where": {"s": ["open", " paid "]}}, [OK, OUT, OK, OK, OUT, OUT]),
        ({"where": {"s": ["", "open"]}}, [OK, OUT, OUT, OK, OK, OUT]),
        ({"where": {}, "where_not": {"s": ["paid", "Open"]}}, [OK, OUT, OUT, OK, OK, OK]),
        ({"where": {}, "where_not": {"s": ["", "open"]}}, [OUT, OK, OK, OUT, OUT, OK]),
        ({"where": {"s": ["open", "paid"], "b": ["B-1", "B-2"]}}, [OK, OUT, OUT, OUT, OUT, OUT]),
        ({"where": {}, "where_not": {"s": "open", "b": "B-2"}}, [OUT, OUT, OK, OUT, OK, OK]),
        ({"where": {"s": "open"}, "where_not": {"b": "B-4"}}, [OK, OUT, OUT, OUT, OUT, OUT]),
    ],
)
def test_values_are_compared_whole_with_their_case_and_without_spaces_around_them(
    tmp_path: Path, said: dict[str, Any], expected: list[str]
) -> None:
    values = ("open", "Open", "paid", "  open\t", "", "open bills")
    lines = [f"C-{n},B-{n},{n}.00,{value}" for n, value in enumerate(values, start=1)]
    file = listed(tmp_path, *lines, **said)
    assert verdicts(file) == expected
    assert [body["external_reference"] for body in sent_bodies(file)] == [
        f"B-{n}" for n, verdict in enumerate(expected, start=1) if verdict == OK
    ]


def test_what_is_left_out_is_counted_in_records_and_money_and_has_no_code_whatever_is_wrong_with_it(
    tmp_path: Path,
) -> None:
    file = listed(
        tmp_path,
        "C-1,B-1,10.00,open",
        "C-2,B-2,20.00,paid",
        "C 3,,30.00,paid",
        "C-4,B-4,ten,paid",
        "C-5,B-5,-5.00,",
        "C-6,B-6,x,open",
    )
    assert verdicts(file) == [OK, OUT, OUT, OUT, OUT, NO]
    assert codes(file) == [[], [], [], [], [], ["amount_due.format"]]
    assert file.totals.records == {
        "ZAR": {Outcome.NOT_ATTEMPTED: 1, Outcome.SKIPPED: 4, Outcome.REJECTED: 1},
    }
    assert file.totals.amounts_minor["ZAR"][Outcome.SKIPPED] == 4500
    assert file.totals.amount_unreadable == 2
    assert {record["message"] for record in records(file)[1:5]} == {"left out by feed.where: column s"}
    assert "4 records left out by feed.where: column s" in file.notes


def test_an_unreadable_currency_of_a_record_that_is_left_out_is_counted_as_unreadable(tmp_path: Path) -> None:
    columns = SHORT["columns"] | {"currency": "cur"}
    file = listed(
        tmp_path,
        "C-1,B-1,10.00,open,USD",
        "C-2,B-2,20.00,paid,RND",
        header=f"{HEADER},cur",
        columns=columns,
    )
    assert file.totals.records["?"] == {Outcome.SKIPPED: 1}
    assert file.totals.amount_unreadable == 1


def test_a_damaged_record_is_rejected_for_what_it_states_cannot_be_known(tmp_path: Path) -> None:
    file = listed(
        tmp_path, "C-1,B-1,10.00,open", "C-2,B-2,20.00", "C-3,B-3,1.00,pa\x01id", "", "C-4,B-4,1,paid"
    )
    assert codes(file) == [
        [],
        ["record.too_few_fields"],
        ["record.control_characters"],
        ["record.blank"],
        [],
    ]
    assert verdicts(file) == [OK, NO, NO, NO, OUT]


@pytest.mark.parametrize("key", ["where", "where_not"])
def test_a_column_that_is_not_there_refuses_the_file_as_a_mapped_one_does(tmp_path: Path, key: str) -> None:
    code, message = refused(short(tmp_path, text_of(*ROWS), **{key: {"bb": "x"}}))
    assert code == "file.missing_column"
    assert message.startswith(f"column bb (for {key}) is not in the header; nearest is b")
    twice = short(tmp_path, text_of("C-1,B-1,1.00,open,paid", header="c,b,a,s,s"), **OPEN)
    assert refused(twice)[0] == "file.duplicate_column"


def test_a_misspelled_value_that_leaves_out_everything_refuses_the_file(tmp_path: Path) -> None:
    lines = [f"C-{n},B-{n},1.00,open" for n in range(3)]
    code, message = refused(listed(tmp_path, *lines, where={"s": ["opne", "Open"]}))
    assert code == "file.all_skipped"
    assert message.startswith("all of its records are left out by feed.where: column s; compare the values")
    empty = [f"C-{n},B-{n},1.00," for n in range(3)]
    assert refused(listed(tmp_path, *empty))[0] == "file.all_skipped"
    fine = listed(tmp_path, *empty, may_be_empty=True)
    assert (fine.refusal, fine.totals.count(Outcome.SKIPPED)) == (None, 3)
    assert "3 records left out by feed.where: column s" in fine.notes


def test_a_listed_value_that_no_record_has_is_told_since_it_may_be_misspelled(tmp_path: Path) -> None:
    file = listed(
        tmp_path,
        "C-1,B-1,1.00,open",
        "C-2,B-2,1.00,paid",
        where={"s": ["open", "overdeu", ""]},
        where_not={"s": ["cancelled"], "b": ["B-2"]},
    )
    assert file.refusal is None
    assert "feed.where: no record has s overdeu or (empty)" in file.notes
    assert "feed.where_not: no record has s cancelled" in file.notes
    assert not any("B-2" in note for note in file.notes)


def test_records_that_are_left_out_are_no_duplicates_and_contradict_nothing(tmp_path: Path) -> None:
    columns = SHORT["columns"] | {"account_reference": "k"}
    file = listed(
        tmp_path,
        "C-1,B-1,10.00,open,A-1",
        "C-1,B-1,99.00,cancelled,A-1",
        "C-9,B-1,10.00,cancelled,A-1",
        "C-1,B-2,10.00,cancelled,A-1",
        "C-1,B-2,10.00,cancelled,A-1",
        "C-1,B-3,10.00,open,A-1",
        "C-1,B-3,10.00,open,A-1",
        "C-1,B-3,10.00,cancelled,A-1",
        header=f"{HEADER},k",
        columns=columns,
    )
    assert not any(codes(file))
    assert verdicts(file) == [OK, OUT, OUT, OUT, OUT, OK, "duplicate", OUT]


def test_what_is_found_by_one_rule_is_written_before_the_next_one_looks_for_what_is_left_out(
    tmp_path: Path,
) -> None:
    columns = SHORT["columns"] | {"account_reference": "k"}
    owners = [f"C-{n},B-{n},1.00,open,A-{n % 40}" for n in range(80)]  # each account under two customers
    left = [f"C-{n},B-{n},1.00,paid,A-{n}" for n in range(40)]
    twice = ["C-T,B-T,1.00,open,A-T"] * 2
    file = listed(tmp_path, *owners, *left, *twice, header=f"{HEADER},k", columns=columns)
    assert codes(file) == [["account_reference.two_customers"]] * 80 + [[]] * 42
    assert verdicts(file) == [NO] * 80 + [OUT] * 40 + [OK, "duplicate"]


def test_references_of_records_that_are_left_out_collide_with_nothing(tmp_path: Path) -> None:
    lines = ("C/1,B-1,10.00,open", "C-1,B-2,10.00,paid")
    file = listed(tmp_path, *lines, reference_replace={"/": "-"})
    assert verdicts(file) == [OK, OUT]
    assert any("characters replaced in 1 record" in note for note in file.notes)
    both = listed(tmp_path, *lines, where={"s": ["open", "paid"]}, reference_replace={"/": "-"})
    assert codes(both) == [["customer_reference.collision"]] * 2


def test_details_of_records_that_are_left_out_are_no_second_details(tmp_path: Path) -> None:
    lines = ("C-1,B-1,1.00,open,Ann", "C-1,B-2,1.00,paid,Bo")
    columns = SHORT["columns"] | {"customer_name": "n"}
    file = listed(tmp_path, *lines, header=f"{HEADER},n", columns=columns)
    assert not any("customer_name" in note for note in file.notes)


def test_lines_that_are_left_out_belong_to_no_bill(tmp_path: Path) -> None:
    file = listed(
        tmp_path,
        "C-1,B-1,10.00,open",
        "C-1,B-1,5.00,cancelled",
        "C-1,B-1,ten,cancelled",
        "C-1,B-1,2.50,open",
        "C-2,B-2,7.00,cancelled",
        "C-3,B-3,-4.00,cancelled",
        line_items="sum",
    )
    assert verdicts(file) == [OK, OUT, OUT, "line", OUT, OUT]
    assert [(body["external_reference"], body["amount_due"]) for body in sent_bodies(file)] == [("B-1", 1250)]
    assert not any(codes(file))


# -- gates and totals --


def test_limits_and_ranges_are_of_the_records_that_are_not_left_out(tmp_path: Path) -> None:
    bad, good = [f"C 1,B-{n},1.00,open" for n in range(3)], [f"C-1,G-{n},1.00,open" for n in range(2)]
    left = [f"C-1,L-{n},9000.00,paid" for n in range(95)]
    few = listed(tmp_path, *bad, *good, *left, limits=Limits(max_reject_ratio=0.2))
    assert "3 of 5 records are rejected" in refused(few)[1]
    expect = {"records": [1, 10], "amount_median": ["0.50", "5.00"]}
    assert listed(tmp_path, *bad, *good, *left, expect=expect).refusal is None
    code, message = refused(listed(tmp_path, *good, *left, expect={"records": [50, 200]}))
    assert (code, message[:10]) == ("file.unexpected_records", "2 records,")
    assert listed(tmp_path, *good, *left).spreads[0].median_minor == 100


@pytest.mark.parametrize(("declared", "sound"), [("T,3,36.00", True), ("T,1,10.00", False)])
def test_declared_totals_count_records_that_are_left_out(tmp_path: Path, declared: str, sound: bool) -> None:
    control = {"kind": "trailer", "marker": "T", "records": 2, "sums": [{"field": 3, "currency": "ZAR"}]}
    lines = ("C-1,B-1,10.00,open", "C-2,B-2,20.00,paid", "C-3,B-3,6.00,paid")
    file = listed(tmp_path, *lines, declared, control=control)
    assert (file.refusal is None) == sound
    assert file.control is not None
    assert file.control.counted.records == 3


# -- formats --


def test_cells_of_a_workbook_are_compared_as_they_are_read(tmp_path: Path) -> None:
    names = row(*HEADER.split(","))
    one = row("C-1", "B-1", "<c><v>1.00</v></c>", "<c><v>3</v></c>")
    two = row("C-2", "B-2", "<c><v>2.00</v></c>", "3.0")
    file = short(tmp_path, workbook(sheet(names, one, two)), where={"s": "3"})
    assert verdicts(file) == [OK, OUT]


def test_values_of_objects_are_compared_as_they_are_written_and_true_and_false_as_words(
    tmp_path: Path,
) -> None:
    def objects(*values: Any) -> str:
        rows = [{"c": f"C-{n}", "b": f"B-{n}", "a": 1, "s": value} for n, value in enumerate(values)]
        return "".join(json.dumps(each) + "\n" for each in rows)

    flags = objects(True, False, "false", None, "")
    assert verdicts(short(tmp_path, flags, where={"s": "false"})) == [OUT, OK, OK, OUT, OUT]
    assert verdicts(short(tmp_path, flags, where_not={"s": ["true", ""]})) == [OUT, OK, OK, OUT, OUT]
    assert verdicts(short(tmp_path, objects(1, 1.0, "1"), where={"s": "1"})) == [OK, OUT, OK]
    mapped = short(tmp_path, flags, where={"s": "false"}, columns=SHORT["columns"] | {"metadata.paid": "s"})
    assert codes(mapped)[0] == ["record.value_type"]
    assert codes(short(tmp_path, objects([1], "x"), where={"s": "x"})) == [["record.value_type"], []]
    comma = {"unit": "major", "decimal": ","}
    assert verdicts(short(tmp_path, objects(1.5, "1,5"), where={"s": "1.5"}, amount=comma)) == [OK, OUT]


def test_a_key_that_no_object_has_refuses_the_file_and_not_its_correction(tmp_path: Path) -> None:
    rows = ['{"c": "C-1", "b": "B-1", "a": "1O"}\n', '{"c": "C-2", "b": "B-2", "a": 1, "gone": true}\n']
    facts: dict[str, Any] = {"where_not": {"gone": "true"}}
    assert refused(short(tmp_path, rows[0], **facts))[0] == "file.missing_column"
    file = short(tmp_path, "".join(rows), **facts, may_be_empty=True)
    assert verdicts(file) == [NO, OUT]
    assert verdicts(sent_back(tmp_path, file, ('"1O"', "10"), **facts)) == [OK]


def test_a_correction_is_read_as_its_original_was(tmp_path: Path) -> None:
    lines = ("C-1,B-1,10.00,open", "C-2,B-2,2O,open", "C-3,B-3,3.00", "C-4,B-4,4.00,paid")
    file = listed(tmp_path, *lines)
    assert verdicts(file) == [OK, NO, NO, OUT]
    again = sent_back(tmp_path, file, ("2O,open", "20,paid"), **OPEN, may_be_empty=True)
    assert verdicts(again) == [OUT, NO]
    assert not any("no record has" in note for note in again.notes)


# -- the config --


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"nothing_due": "skip", "model": "account_balance"}, "a balance of 0 clears a debt"),
        ({"nothing_due": "skip", "model": "customer_balance"}, "a balance of 0 clears a debt"),
        (
            {"where": {"s": ["a", "b"]}, "where_not": {"s": "b "}},
            "where_not: s has values that where has as well: b",
        ),
        (
            {"where": {"s": ""}, "where_not": {"s": ""}},
            "where_not: s has values that where has as well: (empty)",
        ),
        ({"where": {" ": "x"}}, "where: a column has no name"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake_in_the_config(facts: dict[str, Any], problem: str) -> None:
    (found,) = feed_problems(feed(**facts))
    assert problem in found


def test_a_feed_that_leaves_nothing_out_asks_nothing_of_its_files() -> None:
    header = (*SHORT["columns"].values(), "s")
    plain = lay_out(feed(**SHORT), header, {}, file_name="bills.csv")
    assert why_left_out(plain) is None
    assert (plain.own_positions(), plain.positions()) == (set(), {0, 1, 2})
    asked = lay_out(feed(**SHORT, **OPEN), header, {}, file_name="bills.csv")
    assert (asked.own_positions(), asked.positions()) == ({3}, {0, 1, 2, 3})
    assert asked.notes == ()


def test_whatever_is_left_out_every_record_and_cent_is_counted_once(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311
    for _ in range(cases(16, soak=400)):
        rows = [
            f"C-{chance.randrange(4)},B-{chance.randrange(6)},{chance.choice(['0', '1.00', '-1.00', '2.5', 'x'])},"
            + chance.choice(["open", "paid", "", "part"])
            for _ in range(chance.randrange(1, 30))
        ]
        facts: dict[str, Any] = {
            "where": chance.choice([{}, {"s": ["open", "part"]}]),
            "where_not": chance.choice([{}, {"s": [""]}]),
            "nothing_due": chance.choice(["reject", "skip"]),
            "line_items": chance.choice([None, "sum", {"sum": True, "identical": "sum"}]),
            "may_be_empty": True,
        }
        file = listed(tmp_path, *rows, **facts)
        values = [line.split(",") for line in rows]
        out = [
            (bool(facts["where"]) and s not in ("open", "part")) or (bool(facts["where_not"]) and s == "")
            for *_, s in values
        ]
        if facts["nothing_due"] == "skip" and facts["line_items"] is None:
            out = [each or amount == "0" for each, (_, _, amount, _) in zip(out, values, strict=True)]
        found = [verdict == OUT for verdict in verdicts(file)]
        if facts["line_items"] is None:
            assert found == out
        else:  # bills over nothing are left out as well
            assert all(now for now, before in zip(found, out, strict=True) if before)
        counted = Counter(verdicts(file))
        assert file.totals.total_records == len(rows) == sum(counted.values())
        assert file.totals.count(Outcome.SKIPPED) == counted[OUT]
        readable = [round(100 * float(amount)) for _, _, amount, _ in values if amount != "x"]
        assert sum(file.totals.amounts_minor["ZAR"].values()) == sum(readable)
        assert file.totals.amount_unreadable == len(rows) - len(readable)
        sent = sum(body["amount_due"] for body in sent_bodies(file))
        assert sent == file.totals.amounts_minor["ZAR"].get(Outcome.NOT_ATTEMPTED, 0)
