"""The log events as a table: names and fields from the calls that make them, what they mean from here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.tables import table
from schemas.results import RequestCounts

LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
_CODE = Path(__file__).resolve().parent.parent / "pipeline"

MEANINGS = {
    "run.started": "A run started; `run` is its id, as in `summary.json` and `status --json`.",
    "collected": "A source was checked: how many files can be taken, and how many are left for later.",
    "landed": "A complete file was fetched; from now on `sha256` identifies it.",
    "uploaded": "A file was dropped on the page and landed; the next run checks it.",
    "document.owed": "What was dropped on the page could not be put into the store for `code`; the next run does that.",
    "checked": "A file was read and checked; `refused` is the rule that refused it, or null.",
    "loaded": "The sending of a file ended: number of requests, retries, 429s and look-ups.",
    "file": "The result of a file, as in its report; outcomes without records are left out.",
    "error": "An error of the run or of one file; also printed on stderr.",
    "metrics.written": "The metrics file was written.",
    "pinged": "A ping was sent to the monitor; `problem` is null if it succeeded.",
    "notified": "The config's `notify` was run; `problem` is null if it succeeded.",
    "run.ended": "A run ended.",
    "looked": "`watch` checked one source.",
    "part.begun": "A worker has a part of a file; `epoch` rises with each host that has it.",
    "part.lost": "Another host has the part by now; this one writes nothing more of it.",
    "part.ended": "A worker has loaded a part, or given it back: its requests, as in `loaded`.",
    "delivery.not_stored": "`serve` could not store a delivery and answered 503; the API delivers it again.",
    "server.error": "A bug in `serve`, with its trace; other requests continue.",
    "page.error": "A bug in a view of the page, with its trace; nothing was changed by it.",
}
"""In the order in which a run logs them."""

OUTCOME = "<outcome>"
UNPACKED = {
    "checked": [OUTCOME],
    "loaded": list(RequestCounts.model_fields),
    "part.ended": list(RequestCounts.model_fields),
    "file": [OUTCOME],
}
"""Fields that a call unpacks from something else, so that the call itself does not name them."""


@dataclass(frozen=True)
class Event:
    """One event: its level, and its fields besides `event`, `level` and `timestamp`."""

    name: str
    level: str
    fields: tuple[str, ...]


def logged() -> Iterator[Event]:
    """Every event that the code logs. Raises TypeError for one whose name is computed."""
    for path in sorted(_CODE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _is_log(node.func):
                yield _event(node)


def log_events() -> str:
    """A row for each event. Raises KeyError for one without a meaning."""
    found = {event.name: event for event in logged()}
    order = list(MEANINGS)
    rows = [
        (f"`{event.name}`", event.level, " ".join(f"`{each}`" for each in event.fields), MEANINGS[event.name])
        for event in sorted(found.values(), key=lambda event: order.index(event.name))
    ]
    return table(("event", "level", "fields", "meaning"), rows)


def _is_log(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr in LEVELS
        and isinstance(function.value, ast.Name)
        and function.value.id == "log"
    )


def _event(call: ast.Call) -> Event:
    name, function = call.args[0], call.func
    if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
        raise TypeError(f"line {call.lineno}: the name of an event must be a plain string")
    stated = [keyword.arg for keyword in call.keywords if keyword.arg is not None]
    unpacked = UNPACKED[name.value] if len(stated) < len(call.keywords) else []
    return Event(
        name.value, function.attr if isinstance(function, ast.Attribute) else "", (*stated, *unpacked)
    )
