"""A rejected record is taken by one correction, and given back only where the API certainly does not hold it."""

from __future__ import annotations

import polars as pl
import pytest

from pipeline.core.api.ledger_changes import OpenIntent, StoreOutcome
from pipeline.core.outcomes import AT_API, Outcome, RecordOutcome
from pipeline.core.release_decisions import Person
from pipeline.core.rules.compared_columns import COMPARED
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.loads_under_way import LoadsUnderWay
from pipeline.edge.ledger.originals import LedgerOriginals
from pipeline.edge.ledger.record_search import RecordSearch
from pipeline.edge.ledger.rejected_records import Corrections
from pipeline.edge.ledger.sends import Sends
from tests.edge.ledger.conftest import AT, intent, land

CLAIMS = {"record": pl.Int64, "reject_record": pl.Int64, "reference": pl.String, "content": pl.String}
CLAIMS |= {"currency": pl.String, "amount_minor": pl.Int64}
REJECTED = {"record": pl.Int64, **dict.fromkeys(COMPARED, pl.String), "concerned": pl.String}
KEPT = [*AT_API, Outcome.IN_DOUBT]
GIVEN_BACK = [Outcome.CONFLICT, Outcome.REFUSED]


@pytest.fixture
def original(files: Files, ledger: Ledger) -> FileRow:
    """An original, of which records 7 and 8 were rejected."""
    row = land(files)
    values = dict.fromkeys(COMPARED) | {
        "amount_minor": 100,
        "concerned": "",
        "outcome": "rejected",
        "counted": "?",
        "line": 2,
    }
    Corrections(ledger).remember(row.id, pl.DataFrame([{"record": 7, **values}, {"record": 8, **values}]))
    return row


def correction(files: Files, digit: str = "b", of: str = "bills.csv.aaaaaaaa") -> int:
    return land(files, digit * 64, name=f"{digit}.csv", rejects_of=of).id


def claim(ledger: Ledger, original_id: int, file_id: int, number: int = 7, content: str = "same") -> None:
    """Record 1 of a file stands for a record of the original."""
    rows = pl.DataFrame([(1, number, "B-1", content, "ZAR", 100)], schema=CLAIMS, orient="row")
    Corrections(ledger).claim(original_id, file_id, rows)


def end(ledger: Ledger, file_id: int, outcome: Outcome | None, state: str = "loaded") -> None:
    """Its record has that outcome, and the file is finished."""
    if outcome is not None:
        Sends(ledger).write(StoreOutcome(file_id, "B-1", RecordOutcome(1, outcome, bill_id="bill_1")))
    Files(ledger).finish(file_id, state=state, at=AT, summary="{}")


def outcome_of(ledger: Ledger, file_id: int) -> str | None:
    """What the claim alone has settled for record 1."""
    found = Sends(ledger).outcomes(file_id, pl.Series([1]))
    return found["outcome"].item() if found.height else None


def taken(ledger: Ledger, original_id: int, by_file: int | None = None) -> dict[int, bool]:
    """Record of the original that may be corrected → whether another file has taken it."""
    originals = LedgerOriginals(ledger, original_id, by_file, "bills.csv", {}, missed_some=False)
    return dict(originals.rejected(pl.Series([7, 8])).select("record", "taken").iter_rows())


@pytest.mark.parametrize("outcome", KEPT)
def test_a_record_stays_taken_once_the_api_holds_its_correction_or_may(
    files: Files, ledger: Ledger, original: FileRow, outcome: Outcome
) -> None:
    first = correction(files)
    claim(ledger, original.id, first)
    end(ledger, first, outcome)
    assert taken(ledger, original.id) == {7: True, 8: False}
    assert taken(ledger, original.id, first) == {7: False, 8: False}, "its own claim is not in its way"


@pytest.mark.parametrize("outcome", [*GIVEN_BACK, None])
def test_a_record_is_given_back_where_the_api_does_not_hold_its_correction(
    files: Files, ledger: Ledger, original: FileRow, outcome: Outcome | None
) -> None:
    first = correction(files)
    claim(ledger, original.id, first)
    assert taken(ledger, original.id)[7]
    end(ledger, first, outcome)
    assert not taken(ledger, original.id)[7]


@pytest.mark.parametrize("outcome", [*GIVEN_BACK, None])
def test_a_record_whose_request_is_open_still_stays_taken(
    files: Files, ledger: Ledger, original: FileRow, outcome: Outcome | None
) -> None:
    first = correction(files)
    claim(ledger, original.id, first)
    Sends(ledger).write(OpenIntent(intent(file_id=first, record=1)))
    end(ledger, first, outcome, state="refused")
    assert taken(ledger, original.id)[7]


def test_a_record_of_an_unfinished_correction_stays_taken(
    files: Files, ledger: Ledger, original: FileRow
) -> None:
    first = correction(files)
    claim(ledger, original.id, first)
    end(ledger, first, Outcome.CONFLICT, state="unfinished")
    assert taken(ledger, original.id)[7]


def test_an_original_whose_own_request_is_open_or_worked_is_not_corrected(
    files: Files, ledger: Ledger, original: FileRow
) -> None:
    """After `retry`, a record that was refused may be at the API."""
    sends = Sends(ledger)
    sends.write(StoreOutcome(original.id, "B-8", RecordOutcome(8, Outcome.REFUSED)))
    assert taken(ledger, original.id).keys() == {7, 8}
    sends.write(OpenIntent(intent(file_id=original.id, record=7)))
    sends.write(StoreOutcome(original.id, "B-8", RecordOutcome(8, Outcome.CREATED)))
    assert taken(ledger, original.id).keys() == set()


@pytest.mark.parametrize("outcome", [*AT_API, Outcome.IN_DOUBT, None])
@pytest.mark.parametrize("content", ["same", "other"])
def test_who_comes_second_has_its_outcome_before_anything_is_sent(
    files: Files, ledger: Ledger, original: FileRow, outcome: Outcome | None, content: str
) -> None:
    first, second = correction(files), correction(files, "c")
    claim(ledger, original.id, first)
    end(ledger, first, outcome, state="unfinished")
    claim(ledger, original.id, second, content=content)
    is_same = outcome in AT_API and content == "same"
    assert outcome_of(ledger, second) == (Outcome.UNCHANGED if is_same else Outcome.CONFLICT)
    claim(ledger, original.id, correction(files, "d"), number=8, content=content)
    assert outcome_of(ledger, 4) is None, "another record of the original"


def test_a_correction_is_known_when_its_outcomes_are_forgotten(
    files: Files, ledger: Ledger, original: FileRow
) -> None:
    first, second = correction(files), correction(files, "c")
    claim(ledger, original.id, first)
    end(ledger, first, Outcome.CREATED)
    files.forget_outcomes([first])
    claim(ledger, original.id, second)
    assert outcome_of(ledger, second) == Outcome.UNCHANGED


def test_a_chain_of_corrections_leads_to_the_first_original(files: Files, original: FileRow) -> None:
    correction(files, "b")
    correction(files, "c", of="b.csv.bbbbbbbb")
    for source in ("c.csv.cccccccc", "b.csv.bbbbbbbb", "bills.csv.aaaaaaaa"):
        assert files.original_of(source) == files.by_sha256(original.sha256)
    assert files.original_of("x.csv.dddddddd") is None
    correction(files, "e", of="f.csv.ffffffff")
    correction(files, "f", of="e.csv.eeeeeeee")
    assert files.original_of("e.csv.eeeeeeee") is not None, "a circle ends"


def test_a_search_tells_the_line_of_a_rejected_record_and_what_corrects_it(
    files: Files, ledger: Ledger
) -> None:
    row = land(files)
    values = dict.fromkeys(COMPARED) | {"concerned": "", "outcome": "rejected", "counted": "?"}
    some = [
        {"record": 7, "line": 9, **values, "bill_reference": "B-1"},
        {"record": 8, "line": None, **values},
    ]
    Corrections(ledger).remember(row.id, pl.DataFrame(some))
    assert Corrections(ledger).lines(row.id) == {7: 9}
    search = RecordSearch(ledger)
    search.make_indexes()
    (found,) = search.find("B-1", 5)
    assert (found.record, found.line, found.since, found.by_file) == (7, 9, None, None)
    by_file = correction(files)
    claim(ledger, row.id, by_file)
    (found,) = search.find("B-1", 5)
    assert (found.outcome, found.since, found.by_file) == ("rejected", "claimed", by_file)


def test_a_stop_stays_known_once_it_has_ended(files: Files, ledger: Ledger) -> None:
    row, loads = land(files), LoadsUnderWay(ledger)
    assert loads.ask_stop(row.sha256, Person("sipho", "the page"), at="2026-11-29T18:00:00Z")
    (asked,) = loads.every_stop(row.id)
    loads.end_stop(asked)
    assert loads.stop_asked(row.id) is None
    assert [(stop.at, stop.by) for stop in loads.every_stop(row.id)] == [(asked.at, asked.by)]
    assert loads.ask_stop(row.sha256, Person("anna", "the page"), at="2026-11-29T19:00:00Z")
    loads.end_stop_of(row.id)
    assert [stop.by.user_name for stop in loads.every_stop(row.id)] == ["sipho", "anna"]
