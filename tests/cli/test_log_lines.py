"""What a log needs: each line has its time, a run begins and ends with one line, and JSON says why it failed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from tests.cli.desk import MIXED_BILLS, Desk
from tests.world import STAMP


def test_every_line_of_a_run_has_its_time_where_stderr_is_no_terminal(desk: Desk) -> None:
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    lines = desk.command("run").log.splitlines()
    assert len(lines) >= 5
    for line in lines:
        said_at = datetime.fromisoformat(STAMP.match(line)[0].strip())  # type: ignore[index]
        assert timedelta() <= datetime.now(UTC) - said_at < timedelta(minutes=2), line


def test_an_error_before_the_run_has_its_time_too_and_nothing_else(desk: Desk) -> None:
    desk.configure(merchnat=1)
    (line,) = desk.command("run").log.splitlines()
    assert STAMP.sub("", line).startswith("billferry: ")
    assert STAMP.match(line)


def test_a_command_that_answers_a_question_has_no_times(desk: Desk) -> None:
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    desk.command("run")
    for words in (["status"], ["doctor"], ["run", "--help"]):
        said = desk.spawn(*words)
        assert not STAMP.search(said.stdout + said.log), words


def test_a_run_begins_with_whose_it_is_and_ends_with_what_it_came_to(desk: Desk) -> None:
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    desk.put("drop/june_bills.csv")
    desk.put("drop/other.txt")
    said = desk.command("run")
    first, *_, last = said.stderr.splitlines()
    assert re.fullmatch("run [0-9a-f]{8} begins: merchant citypower, environment test", first)
    assert last == (
        "3 files: 1 loaded, 1 loaded with rejects, 1 unmatched, ZAR 40.50 loaded;"
        f" reports: {desk.folder / 'var' / 'reports'}; exit status 1"
    )
    # What an earlier run loaded is not loaded again, nor counted again.
    again = desk.command("load", desk.put("june_again_bills.csv")).stderr.splitlines()[-1]
    assert again == "1 file: 1 already loaded"


def test_a_run_that_is_stopped_by_a_fault_says_so_last(desk: Desk) -> None:
    desk.put("drop/may_bills.csv")
    desk.configure(api={**desk.settings["api"], "base_url": "http://127.0.0.1:9"})
    said = desk.command("run", "--json")
    assert said.exit_status == 3
    (error,) = said.document["errors"]
    assert error["code"] == "api.unavailable"
    assert error["source"] == "http://127.0.0.1:9"
    assert f"billferry: {error['message']}; {error['remedy']}" in said.stderr.splitlines()
    assert said.stderr.splitlines()[-1].endswith("; exit status 3")
