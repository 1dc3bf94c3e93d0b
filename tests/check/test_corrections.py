"""Records of a corrected rejects file beside those of its original, with an original that a test makes up."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from pipeline.check import compare_with_original
from pipeline.check.check import check
from pipeline.core.api.requests import Kind
from pipeline.core.file_stages import CheckedFile
from pipeline.core.rules.correction_limits import LOADED, ORIGINALS, concerned
from schemas.settings import Limits
from tests.check.landing import BILLS, codes, land

HEADER = f"{BILLS},reject_codes,reject_messages,reject_record,reject_source"
SOURCE = "bills.csv.0123abcd"


@dataclass
class Made:
    """An original of these rejected records: number → its values that are not those of every one, and `concerned`."""

    records: dict[int, dict[str, object]]
    medians: dict[str, int] = field(default_factory=dict)
    taken: tuple[int, ...] = ()
    missed_some: bool = False
    source: str = "bills.csv"
    already: tuple[tuple[int, str], ...] = ()
    """Records and references that were loaded."""
    asked_among: set[str] | None = None

    def rejected(self, records: pl.Series) -> pl.DataFrame:
        rows = [
            {
                "record": number,
                "customer_reference": "C-1",
                "account_reference": "A-1",
                "bill_reference": f"B-{number}",
                "currency": "ZAR",
                "amount_minor": 31000,
                "concerned": "",
                "taken": number in self.taken,
                "written_off": False,
                **values,
            }
            for number, values in self.records.items()
            if number in records
        ]
        return pl.DataFrame(rows, schema=ORIGINALS)

    def numbered(self, kind: Kind, references: pl.Series) -> pl.DataFrame:
        raise AssertionError(kind, references)

    def incomplete(self, records: pl.Series) -> pl.Series:
        return records.clear()

    def loaded(self, among: Collection[str] | None) -> Iterator[pl.DataFrame]:
        self.asked_among = among if among is None else set(among)
        asked = [each for each in self.already if among is None or each[1] in among]
        yield pl.DataFrame(asked, schema=LOADED, orient="row")
        yield pl.DataFrame(schema=LOADED)


def corrected(folder: Path, original: Made, *rows: str) -> CheckedFile:
    """Rows of `BILLS` and `reject_record`, checked as corrections."""
    lines = [f"{row.rpartition(',')[0]},x,y,{row.rpartition(',')[2]},{SOURCE}" for row in rows]
    landed = land(folder, "\n".join([HEADER, *lines, ""]), name="corrected.csv", rejects_of=SOURCE)
    return check(landed, folder / "work", limits=Limits(), originals=original)


UNREADABLE: dict[str, object] = {"amount_minor": None, "concerned": ";amount_minor;"}


@pytest.mark.parametrize(
    ("amount", "is_held"),
    [
        ("310.00", False),
        ("62.00", False),
        ("2.50", True),
        ("2000.00", False),
        ("31000.00", True),
        ("5.00", False),
    ],
)
def test_an_amount_that_was_unreadable_must_be_in_proportion(
    tmp_path: Path, amount: str, is_held: bool
) -> None:
    original = Made({2: UNREADABLE}, medians={"ZAR": 10_000})
    file = corrected(tmp_path, original, f"C-1,A-1,B-2,ZAR,{amount},2")
    assert [hold.code for hold in file.holds] == ["correction.out_of_proportion"] * is_held
    if is_held:
        assert f"line 2: {amount}, median 100.00" in file.holds[0].message
        assert not file.holds[0].changes


def test_where_there_is_nothing_to_compare_with_a_note_says_so(tmp_path: Path) -> None:
    file = corrected(tmp_path, Made({2: UNREADABLE}, medians={"USD": 1}), "C-1,A-1,B-2,ZAR,999999.00,2")
    assert not file.holds
    assert any("1 amount could not be compared" in note for note in file.notes)


def test_each_change_is_told_and_many_are_counted(tmp_path: Path) -> None:
    rows = [f"C-2,A-1,B-{number},ZAR,0.01,{number}" for number in range(1, 1001)]
    file = corrected(tmp_path, Made({number: {} for number in range(1, 1001)}), *rows)
    (hold,) = file.holds
    assert hold.code == "correction.changed"
    assert hold.changes[:2] == (
        "line 2, customer_reference: C-1 → C-2",
        "line 2, amount_due: 310.00 → 0.01",
    )
    assert (len(hold.changes), hold.changes[-1]) == (1001, "and 1000 more")


def test_what_is_corrected_already_is_not_asked_about_again(tmp_path: Path) -> None:
    file = corrected(tmp_path, Made({2: {}}, taken=(2,)), "C-9,A-9,9,ZAR,9.00,2")
    assert (codes(file), file.holds) == ([[]], ())


@pytest.mark.parametrize(("few", "among"), [(2, {"B-1", "B-3"}), (1, None)])
def test_a_reference_loaded_for_another_record_is_none_for_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, among: set[str] | None
) -> None:
    """Whether the original is asked about a few references, or for all that it has."""
    monkeypatch.setattr(compare_with_original, "FEW_RECORDS", few)
    original = Made(
        {2: {"concerned": ";bill_reference;"}, 3: {}}, already=((1, "B-1"), (3, "B-3"), (4, "B-4"))
    )
    file = corrected(tmp_path, original, "C-1,A-1,B-1,ZAR,310.00,2", "C-1,A-1,B-3,ZAR,310.00,3")
    assert codes(file) == [["record.not_rejected_there"], []]
    assert original.asked_among == among


@pytest.mark.parametrize(
    ("before", "now", "is_mangled"),
    [
        ("0012", "12", True),
        ("000", "0", True),
        ("12345678901234567", "12345678901234500", True),
        ("12345678901234567", "12345678901234568", False),
        ("850102000000", "8E11", True),
        ("12", "0012", False),
    ],
)
def test_what_a_spreadsheet_did_to_a_reference_is_no_change_that_somebody_meant(
    tmp_path: Path, before: str, now: str, is_mangled: bool
) -> None:
    file = corrected(tmp_path, Made({2: {"bill_reference": before}}), f"C-1,A-1,{now},ZAR,310.00,2")
    assert codes(file) == [["correction.spreadsheet"] * is_mangled]
    assert [hold.code for hold in file.holds] == ["correction.changed"] * (not is_mangled)


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("customer_email.invalid", set()),
        ("bill_reference.characters;amount_due.format", {"bill_reference", "amount_minor"}),
        ("balance.too_precise", {"amount_minor"}),
        ("amount_due.other_currency", {"amount_minor", "currency"}),
        ("due_date.before_bill_date", {"due_date", "bill_date"}),
        ("account_name.without_account", {"account_reference"}),
        ("account_reference.two_customers", {"account_reference", "customer_reference"}),
        ("column.sa_id", {"customer_reference"}),
        ("record.undecodable", {"*"}),
        ("", set()),
    ],
)
def test_a_code_is_about_its_columns_alone(said: str, about: set[str]) -> None:
    own = {"customer_reference": ("id",), "bill_reference": ("bill",), "column": ("id",)}
    (found,) = pl.DataFrame({"codes": [said]}).select(concerned(pl.col("codes"), own)).to_series()
    assert {name for name in found.split(";") if name and "." not in name} == about


@pytest.mark.parametrize(
    ("concerned", "reference", "is_held"),
    [("", "B-2", False), ("", "B-9", True), (";bill_reference;", "B-2", True), (";*;", "B-2", True)],
)
def test_after_a_restore_a_correction_whose_reference_may_have_been_another_is_held(
    tmp_path: Path, concerned: str, reference: str, is_held: bool
) -> None:
    row = f"C-1,A-1,{reference},ZAR,310.00,2"
    for missed_some in (False, True):
        original = Made({2: {"concerned": concerned}}, missed_some=missed_some)
        held = [hold.code for hold in corrected(tmp_path, original, row).holds]
        assert ("correction.perhaps_made" in held) == (is_held and missed_some)
