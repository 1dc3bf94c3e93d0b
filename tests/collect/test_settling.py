"""A file is taken when it stood still on our clock, or when its done marker says so, and not before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.collect.model import Collected, Sighting
from tests.collect.conftest import SETTLE_S, Desk

NAME = "za_bills_2026-11-20.csv"


def found(collected: Collected) -> list[str]:
    return [file.remote.name for file in collected.found]


def remembered(collected: Collected) -> dict[str, Sighting]:
    return {sighting.name: sighting for sighting in collected.sightings}


def test_a_file_that_landed_just_before_the_run_is_taken_by_this_run(desk: Desk) -> None:
    desk.put(NAME)
    assert found(desk.collect()) == [NAME]
    assert len(desk.waits) == 1
    assert SETTLE_S <= desk.waits[0] < SETTLE_S + 1


def test_a_file_that_grows_while_the_run_waits_is_left_for_the_next(desk: Desk) -> None:
    path = desk.put(NAME)
    desk.meanwhile = lambda: path.write_bytes(b"longer" * 10)
    collected = desk.collect()
    assert found(collected) == []
    assert [file.reason for file in collected.waiting] == ["it has not been unchanged for 30 s"]
    assert remembered(collected)[NAME].first_seen_at == desk.now


def test_a_file_rewritten_with_the_same_size_is_left_for_the_next(desk: Desk) -> None:
    path = desk.put(NAME, b"12345")
    desk.meanwhile = lambda: path.write_bytes(b"54321")
    assert found(desk.collect()) == []


def test_a_file_that_comes_while_the_run_waits_is_left_for_the_next(desk: Desk) -> None:
    desk.put(NAME)
    desk.meanwhile = lambda: desk.put("late_bills_2026-11-20.csv")
    collected = desk.collect()
    assert found(collected) == [NAME]
    assert [file.remote.name for file in collected.waiting] == ["late_bills_2026-11-20.csv"]


def test_a_file_that_is_taken_away_while_the_run_waits_is_forgotten(desk: Desk) -> None:
    path = desk.put(NAME)
    desk.meanwhile = path.unlink
    collected = desk.collect()
    assert (found(collected), collected.waiting, collected.sightings) == ([], (), ())


def test_a_file_that_an_earlier_run_saw_long_ago_is_taken_at_once(desk: Desk) -> None:
    desk.put(NAME)
    seen = desk.collect().sightings[0]
    desk.waits.clear()
    desk.now += timedelta(hours=1)
    collected = desk.collect({NAME: seen})
    assert found(collected) == [NAME]
    assert desk.waits == []
    assert collected.sightings == (seen,)


def test_a_file_that_an_earlier_run_saw_otherwise_starts_afresh(desk: Desk) -> None:
    desk.put(NAME)
    seen = replace(desk.collect().sightings[0], size_bytes=1, sha256="0" * 64)
    desk.meanwhile = lambda: desk.put(NAME, b"still growing")
    collected = desk.collect({NAME: seen})
    assert (found(collected), collected.known) == ([], ())


def test_a_clock_that_was_set_back_makes_a_file_wait_not_hurry(desk: Desk) -> None:
    desk.put(NAME)
    seen = desk.collect().sightings[0]
    desk.now -= timedelta(days=1)
    assert found(desk.collect({NAME: seen})) == []


def test_a_finished_file_is_known_and_not_waited_for(desk: Desk) -> None:
    path = desk.put(NAME)
    seen = replace(desk.collect().sightings[0], sha256="a" * 64)
    desk.waits.clear()
    path.chmod(0)
    collected = desk.collect({NAME: seen})
    assert [(file.remote.name, file.sha256) for file in collected.known] == [(NAME, "a" * 64)]
    assert (found(collected), desk.waits) == ([], [])


@pytest.mark.parametrize("name", [f"{NAME}.part", f".{NAME}", f"{NAME}~", f"{NAME}.filepart"])
def test_an_unfinished_upload_is_neither_taken_nor_waited_for(desk: Desk, name: str) -> None:
    desk.put(name)
    collected = desk.collect()
    assert desk.waits == []
    assert (collected.found, collected.unmatched, collected.waiting) == ((), (), ())


def test_an_empty_folder_costs_no_wait(desk: Desk) -> None:
    desk.collect()
    assert desk.waits == []


def test_with_a_done_marker_the_marker_alone_decides(desk: Desk) -> None:
    desk.done_marker = "{name}.done"
    desk.put(NAME)
    desk.put("nl_bills_2026-11-20.csv")
    desk.put("nl_bills_2026-11-20.csv.done", b"")
    collected = desk.collect()
    assert found(collected) == ["nl_bills_2026-11-20.csv"]
    assert [(file.remote.name, file.reason) for file in collected.waiting] == [
        (NAME, "its done marker is missing")
    ]
    assert [companion.name for companion in collected.found[0].companions] == ["nl_bills_2026-11-20.csv.done"]
    assert desk.waits == []


def test_a_marker_for_the_whole_folder_releases_every_file_and_stays(desk: Desk) -> None:
    desk.done_marker = "COMPLETE"
    desk.put(NAME)
    assert found(desk.collect()) == []
    desk.put("COMPLETE", b"")
    collected = desk.collect()
    assert found(collected) == [NAME]
    assert collected.found[0].companions == ()
    assert collected.unmatched == ()


def test_a_stop_while_waiting_reaches_the_run(desk: Desk) -> None:
    desk.put(NAME)

    def stop() -> None:
        raise KeyboardInterrupt

    desk.meanwhile = stop
    with pytest.raises(KeyboardInterrupt):
        desk.collect()
