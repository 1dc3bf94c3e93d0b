"""Logs hold event names, ids and counts; values that slip in are masked, at every level and in both forms."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from pipeline.edge.log import LOGGER, get_logger, masked_trace, start_logging

PLANTED = (
    "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "thandi.nkosi@mail.example",
    "8501015800085",
    "+27821234567",
    "082 123 4567",
)
SHA256 = "1234567890" * 6 + "abcd"
LEVELS = ("info", "error")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    logger = logging.getLogger(LOGGER)
    handlers, propagate, level = logger.handlers[:], logger.propagate, logger.level
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)


def say_everything(level: str) -> None:
    """Every way in which a value can get into a log line."""
    say = getattr(get_logger(), level)
    for value in PLANTED:
        say(f"event with {value}")
        say("event", value=value, nested={"a": [value, (value,)]}, text=f"x {value} y")
        say("event", **{"bytes": value.encode(), "error": ValueError(value), f"key {value}": 1})


@pytest.mark.parametrize("json_lines", [True, False])
@pytest.mark.parametrize("level", LEVELS)
def test_no_secret_or_personal_value_gets_into_a_log(
    level: str, json_lines: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    start_logging(verbose=True, json_lines=json_lines)
    say_everything(level)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("event") >= 3 * len(PLANTED)
    assert [value for value in PLANTED if value in said.err] == []


def test_json_lines_are_json_with_time_level_and_ids(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(verbose=True, json_lines=True)
    get_logger().info("file", state="loaded", sha256=SHA256, records=12345678)
    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "file",
        "level": "info",
        "state": "loaded",
        "sha256": SHA256,
        "records": 12345678,
    }


def test_in_a_program_that_has_not_asked_for_lines_events_go_to_the_logger_of_that_name_alone() -> None:
    script = (
        "import logging, sys; from pipeline.edge.log import get_logger; log = get_logger()\n"
        "log.info('unheard', key='sk_test_4eC39HqLyjWDarjtT1zdp7dc')\n"
        "logging.basicConfig(level='INFO', stream=sys.stdout, format='%(name)s %(levelname)s %(message)s')\n"
        "log.info('heard', state='loaded', key='sk_test_4eC39HqLyjWDarjtT1zdp7dc')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stderr == ""
    assert ran.stdout.startswith("billferry INFO event='heard' ")
    assert "state='loaded'" in ran.stdout
    assert "4eC39HqLyjWDarjtT1zdp7dc" not in ran.stdout


def test_nothing_is_logged_unless_asked_for_because_people_are_told_of_errors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for verbose, events in ((False, []), (True, ["info", "error"])):
        start_logging(verbose=verbose, json_lines=True)
        get_logger().info("info")
        get_logger().error("error")
        assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == events


def test_where_stderr_is_no_terminal_lines_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(verbose=True)
    get_logger().info("file")
    assert json.loads(capsys.readouterr().err)["event"] == "file"


# -- bugs -----------------------------------------------------------------------------------------------------

KEY, WORD = "sk_test_X9", "hunter2"


def of_a_number() -> object:
    return int(KEY.replace("_", ""))


def of_a_chain() -> object:
    try:
        return dict[str, str]()[WORD]
    except KeyError as error:
        raise ValueError(f"`{WORD}` of {KEY}") from error


def of_a_group() -> object:
    trouble = ValueError(f'"{WORD}"')
    trouble.add_note(f"at '{WORD}'")
    raise ExceptionGroup("two", [trouble, KeyError(WORD)])


def of_text() -> object:
    return WORD.encode("utf-16").decode("utf-8")


def of_what_cannot_be_told() -> object:
    class Rude(Exception):
        def __str__(self) -> str:
            raise KeyError(WORD)

    raise Rude


@pytest.mark.parametrize("bug", [of_a_number, of_a_chain, of_a_group, of_text, of_what_cannot_be_told])
def test_a_trace_shows_where_and_not_what_it_was_at_work_on(bug: Callable[[], object]) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (any)
        bug()
    trace = masked_trace(caught.value)
    assert f"in {bug.__name__}" in trace
    assert type(caught.value).__name__ in trace
    for value in (KEY, "sktestX9", WORD):
        assert value not in trace


def test_names_of_the_program_stay_in_a_trace() -> None:
    with pytest.raises(AttributeError) as caught:
        None.nothing_like_it  # type: ignore[attr-defined]  # noqa: B018
    assert "has no attribute 'nothing_like_it'" in masked_trace(caught.value)


@pytest.fixture
def _hooks() -> Iterator[None]:
    before = threading.excepthook, sys.unraisablehook
    yield
    threading.excepthook, sys.unraisablehook = before


@pytest.mark.usefixtures("_hooks")
def test_what_nobody_catches_is_masked_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(verbose=False)
    thread = threading.Thread(target=of_a_number)
    thread.start()
    thread.join()
    try:
        of_a_chain()
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "x", 1, f"at {KEY}", (), (type(error), error, None))
        assert logging.lastResort is not None
        logging.lastResort.emit(record)

    said = capsys.readouterr().err
    assert "in of_a_number" in said
    assert "ValueError" in said
    for value in (KEY, "sktestX9", WORD):
        assert value not in said
