"""Files are known by their bytes; what was seen and what is owed outlasts a run."""

from __future__ import annotations

from typing import Any

import polars as pl

from pipeline.core.api.ledger_changes import OpenIntent, StoreOutcome
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.sends import Sends
from tests.edge.ledger.conftest import AT, intent, land

LATER = "2026-11-21T06:00:00Z"


def sighting(name: str, **changes: Any) -> dict[str, Any]:
    facts = {"name": name, "size_bytes": 5, "modified_at": AT, "first_seen_at": AT, "sha256": None}
    return facts | changes


def owe(files: Files, name: str = "bills.csv", **changes: Any) -> None:
    facts: dict[str, Any] = {
        "sha256": "a" * 64,
        "source": "drop",
        "name": name,
        "size_bytes": 5,
        "modified_at": AT,
        "place": "archive",
        "report": "bills.csv.aaaaaaaa",
    }
    files.add_handover(**facts | changes)


def test_a_file_is_known_by_its_bytes_under_any_name(files: Files) -> None:
    first = land(files)
    again = land(files, name="renamed.csv", source="sftp", at=LATER)
    assert (again.id, again.name, again.source, again.name_parts) == (
        first.id,
        "renamed.csv",
        "sftp",
        {"date": "2026-11-20"},
    )
    assert len(files.all()) == 1
    assert land(files, "b" * 64).id > first.id


def test_landing_a_finished_file_takes_it_up_again(files: Files) -> None:
    row = land(files)
    files.finish(row.id, state="loaded", at=AT, summary='{"records": 1}')
    finished = files.by_sha256("a" * 64)
    assert finished is not None
    assert finished.finished
    assert finished.summary == {"records": 1}
    assert finished.finished_at == AT
    again = land(files)
    assert (again.state, again.finished_at) == ("landed", None)


def test_unfinished_files_come_in_landing_order(files: Files) -> None:
    rows = [land(files, str(number) * 64) for number in range(5)]
    for row, state in zip(
        rows, ["loaded", "unfinished", "refused", "landed", "loaded_with_rejects"], strict=True
    ):
        if state != "landed":
            files.finish(row.id, state=state, at=AT, summary="{}")
    assert [row.id for row in files.unfinished()] == [rows[1].id, rows[3].id]
    assert [row.finished for row in files.all()] == [True, False, False, False, True]


def test_a_short_name_finds_its_file_by_the_digits(files: Files) -> None:
    land(files, "0123456789" + "a" * 54, name="a.csv")
    land(files, "01234567ff" + "b" * 54, name="b.csv")
    found = [
        files.by_short_name(name) for name in ("a.csv.01234567", "b.csv.01234567", "gone.csv.fffffff0", "x")
    ]
    assert [row.name if row else None for row in found] == ["a.csv", "b.csv", None, None]


def test_sightings_of_one_source_are_replaced_and_those_of_others_kept(files: Files) -> None:
    land(files, "e" * 64)
    land(files, "f" * 64)
    files.remember_sightings("sftp", [sighting("a"), sighting("b", sha256="f" * 64)])
    files.remember_sightings("drop", [sighting("a")])
    files.remember_sightings("sftp", [sighting("b", sha256="f" * 64), sighting("c")])
    assert {row["name"]: row["sha256"] for row in files.sightings("sftp")} == {"b": "f" * 64, "c": None}
    assert [row["name"] for row in files.sightings("drop")] == ["a"]
    files.remember_fetched("sftp", "c", "e" * 64)
    assert {row["name"]: row["sha256"] for row in files.sightings("sftp")} == {"b": "f" * 64, "c": "e" * 64}


def test_the_bytes_of_a_sighting_are_known_only_once_a_run_has_begun_with_them(files: Files) -> None:
    files.remember_sightings("sftp", [sighting("a", sha256="f" * 64)])
    assert [(row["sha256"], row["finished"]) for row in files.sightings("sftp")] == [(None, False)]
    row = land(files, "f" * 64)
    assert [(row["sha256"], row["finished"]) for row in files.sightings("sftp")] == [("f" * 64, False)]
    files.finish(row.id, state="loaded", at=LATER, summary="{}")
    assert [(row["sha256"], row["finished"]) for row in files.sightings("sftp")] == [("f" * 64, True)]


def test_what_is_owed_is_owed_once_and_its_report_is_not_forgotten(files: Files) -> None:
    owe(files)
    owe(files, place="quarantine", report=None)
    (debt,) = files.pending_handovers("drop")
    assert (debt.place, debt.report) == ("quarantine", "bills.csv.aaaaaaaa")
    assert files.pending_handovers("sftp") == []


def test_the_same_name_with_other_bytes_is_another_debt(files: Files) -> None:
    owe(files)
    owe(files, sha256="b" * 64)
    assert [debt.sha256[0] for debt in files.pending_handovers("drop")] == ["a", "b"]


def test_a_file_that_was_moved_is_no_longer_seen_there(files: Files) -> None:
    files.remember_sightings("drop", [sighting("bills.csv"), sighting("other.csv")])
    owe(files)
    owe(files, name="other.csv")
    moved, stayed = files.pending_handovers("drop")
    files.remove_handover(moved.id, stays=False)
    files.remove_handover(stayed.id, stays=True)
    assert [row["name"] for row in files.sightings("drop")] == ["other.csv"]
    assert files.pending_handovers("drop") == []


def test_paying_twice_is_harmless(files: Files) -> None:
    owe(files)
    (debt,) = files.pending_handovers("drop")
    files.remove_handover(debt.id, stays=False)
    files.remember_sightings("drop", [sighting("bills.csv")])
    files.remove_handover(debt.id, stays=False)
    assert len(files.sightings("drop")) == 1


def test_starting_afresh_forgets_settled_outcomes_and_keeps_open_intents(files: Files, sends: Sends) -> None:
    sends.write(OpenIntent(intent("B2", record=2)))
    for record, outcome in ((1, Outcome.CREATED), (2, Outcome.IN_DOUBT), (3, Outcome.REFUSED)):
        sends.write(StoreOutcome(1, f"B{record}", RecordOutcome(record, outcome)))
    sends.write(StoreOutcome(9, "B9", RecordOutcome(1, Outcome.CREATED)))
    files.start_afresh(1, at=LATER, came_back=False, feed_changed=False)
    assert sends.outcomes(1, pl.Series(range(1, 10)))["record"].to_list() == [2]
    assert sends.outcomes(9, pl.Series(range(1, 10)))["record"].to_list() == [1]
    assert [one.reference for one in sends.open_intents()] == ["B2"]


def test_the_newest_files_come_first_and_all_are_counted(files: Files) -> None:
    for number in range(5):
        land(files, sha256=f"{number}" * 64, name=f"{number}.csv")
    land(files, sha256="1" * 64, name="again.csv")
    assert [row.name for row in files.newest(3)] == ["4.csv", "3.csv", "2.csv"]
    assert files.count() == 5
