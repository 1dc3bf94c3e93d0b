"""Every event that is logged is documented with its fields, and none besides."""

from __future__ import annotations

import ast
import json

from docs.events import MEANINGS, OUTCOME, logged
from pipeline.core.outcomes import Outcome
from tests.cli.desk import MIXED_BILLS, Desk, desk
from tests.law import house
from tests.world import ROOT

__all__ = ["desk"]


def test_every_event_has_a_meaning_and_every_meaning_an_event() -> None:
    names = [event.name for event in logged()]
    assert len(names) == len(set(names)), "one event, one place"
    assert set(names) == MEANINGS.keys()


def test_every_logger_is_called_log() -> None:
    """Events are found by that name."""
    found = [
        (path.name, ast.unparse(node))
        for path in house.sources(ROOT, "pipeline")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign | ast.Expr) and "get_logger()" in ast.unparse(node)
    ]
    assert len(found) > 3
    assert {text for _, text in found} == {"log = get_logger()"}, found


def test_what_a_run_logs_is_what_is_documented(desk: Desk) -> None:
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    desk.configure(metrics_file="billferry.prom")
    said = desk.spawn("run", "--verbose")
    lines = [json.loads(line) for line in said.stderr.splitlines() if line.startswith("{")]
    documented = {event.name: event for event in logged()}
    seen = set()
    for line in lines:
        event = documented[line.pop("event")]
        seen.add(event.name)
        assert line.pop("level") == event.level
        assert line.pop("timestamp").endswith("Z")
        stated = set(event.fields) - {OUTCOME}
        more = {outcome.value for outcome in Outcome} if OUTCOME in event.fields else set()
        assert stated <= line.keys() <= stated | more, event.name
    assert seen >= {"run.started", "collected", "landed", "checked", "loaded", "file", "metrics.written",
                    "run.ended"}  # fmt: skip
    runs = {json.loads(line).get("run") for line in said.stderr.splitlines() if '"run.' in line}
    assert len(runs) == 1
    assert None not in runs
