"""Logs hold event names, ids and counts; values that slip in are masked, at every level and in both forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from pipeline.edge.log import start_logging

PLANTED = (
    "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "thandi.nkosi@mail.example",
    "8501015800085",
    "+27821234567",
    "082 123 4567",
)
SHA256 = "1234567890" * 6 + "abcd"
LEVELS = ("debug", "info", "warning", "error", "critical", "exception")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def say_everything(level: str) -> None:
    """Every way in which a value can get into a log line."""
    log: Any = structlog.get_logger()
    say = getattr(log, level)
    for value in PLANTED:
        say(f"event with {value}")
        say("event", value=value, nested={"a": [value, (value,)]}, text=f"x {value} y")
        say("event", **{"bytes": value.encode(), "error": ValueError(value), f"key {value}": 1})
        try:
            raise KeyError(value)
        except KeyError:
            say("event", exc_info=True)


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
    structlog.get_logger().info("file", state="loaded", sha256=SHA256, records=12345678)
    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "file",
        "level": "info",
        "state": "loaded",
        "sha256": SHA256,
        "records": 12345678,
    }


def test_only_warnings_are_logged_unless_asked_for_more(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(verbose=False, json_lines=True)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["loud"]


def test_where_stderr_is_no_terminal_lines_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(verbose=True)
    structlog.get_logger().info("file")
    assert json.loads(capsys.readouterr().err)["event"] == "file"
