"""`status`: how things stand, in words and as one JSON document."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.cli.printing import say, width_of
from pipeline.cli.terminal import cut_middle
from pipeline.core.outcomes import FileState
from pipeline.core.release_decisions import Decision
from pipeline.core.values.money import format_amount
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.config import Config
from pipeline.edge.ledger import FileRow, RunRow
from pipeline.monitoring.system_status import SystemStatus, state_of, system_status
from pipeline.run.work_dir import existing_ledger

SHOWN_FILES = 20
SHOWN_NAMES = 5
SHORT_NAME = 24
RELEASED = "released"


def status_document(config: Config) -> dict[str, Any]:
    """Everything that `status` knows: times in UTC, amounts in minor units, `files` oldest first."""
    settings = config.settings
    with existing_ledger(settings) as ledger:
        stands = system_status(settings, ledger, datetime.now(UTC))
    return {
        "merchant": settings.merchant,
        "environment": settings.environment,
        "timezone": settings.timezone,
        "last_run": _run(stands.last_run),
        "files": [_file(row, stands.decided.get(row.sha256), settings.zone) for row in stands.files],
        "states": dict(sorted(stands.states().items())),
        "unfinished": [row.name for row in stands.unfinished],
        "held": [row.name for row in stands.held],
        "in_doubt": {
            "records": stands.records_in_doubt,
            "requests": stands.requests_in_doubt,
            "since": stands.in_doubt_since,
        },
        "waiting": {source: list(names) for source, names in stands.waiting.items()},
        "owed": dict(stands.owed),
        "late": _late(stands),
        "open_intents": stands.requests_in_doubt,
        "owed_moves": sum(stands.owed.values()),
    }


def describe_status(
    document: dict[str, Any], short: Callable[[str], str] = lambda name: name
) -> Iterator[str]:
    """The same for people, what needs somebody first. Times are those of the merchant, names are made `short`."""
    zone = ZoneInfo(document["timezone"])
    yield f"{document['merchant']} ({document['environment']}), times in {document['timezone']}"
    yield f"last run: {_run_in_words(document['last_run'], zone)}"
    for late in document["late"]:
        last = f"; last file received {_local(late['last_at'], zone)}" if late["last_at"] else ""
        yield f"LATE: feed {late['feed']}: no file received, due {_local(late['due_at'], zone)}{last}"
    yield from _open(document, zone, short)
    for source, names in document["waiting"].items():
        if names:
            where = "in the drop folder" if source == "drop" else "on the SFTP server when last checked"
            yield f"waiting {where}: {len(names)} ({_some(names, short)})"
    owed = {source: count for source, count in document["owed"].items() if count}
    if owed:
        told = ", ".join(f"{count} to {source}" for source, count in owed.items())
        yield f"moves and uploads pending: {told}; the next run tries again"
    if not document["files"]:
        yield "no files yet"
        return
    counted = Counter(map(_state, document["files"]))
    yield "files: " + ", ".join(f"{count} {state}" for state, count in sorted(counted.items()))
    left = len(document["files"]) - SHOWN_FILES
    if left > 0:
        yield f"({left} earlier files; all of them with --json)"
    for file in document["files"][-SHOWN_FILES:]:
        yield f"{_state(file):<20} {short(file['name'])} ({file['sha256'][:8]}) {_outcomes(file)}".rstrip()


def show_status(document: dict[str, Any]) -> None:
    """On stdout. On a terminal names are shortened; the digits beside them serve as well as the name."""
    width = width_of(sys.stdout)
    short = partial(cut_middle, width=max(width // 2, SHORT_NAME)) if width else str
    for line in describe_status(document, short):
        say(line)


def _open(document: dict[str, Any], zone: ZoneInfo, short: Callable[[str], str]) -> Iterator[str]:
    if names := document["unfinished"]:
        yield f"UNFINISHED: {len(names)} ({_some(names, short)}); billferry run resumes them"
    for file in document["files"]:
        if file["state"] == FileState.HELD:
            yield _held(file, short)
    doubt = document["in_doubt"]
    if doubt["requests"] or doubt["records"]:
        since = f" since {_local(doubt['since'], zone)}" if doubt["since"] else ""
        count = max(doubt["records"], doubt["requests"])
        yield f"IN DOUBT: {count} {'record' if count == 1 else 'records'}{since}; settled first in the next run"


def _held(file: dict[str, Any], short: Callable[[str], str]) -> str:
    state, name = _state(file), f"{short(file['name'])} ({file['sha256'][:8]})"
    if state != FileState.HELD:
        does = "sends" if state == RELEASED else "ends"
        return f"{state.upper()}: {name}, {file['decision']}; the next run {does} it"
    why = "; ".join(hold["message"] for hold in file["holds"])
    return f"HELD: {name}: {why}; billferry release or refuse it"


def _state(file: dict[str, Any]) -> str:
    """As people know it: a held file that somebody has decided about waits for the next run, and for nobody."""
    state: str = file["state"]
    return {"release": RELEASED, "refuse": "refused"}[file["decided"]["word"]] if file["decided"] else state


def _late(stands: SystemStatus) -> list[dict[str, Any]]:
    return [
        {
            "feed": each.feed,
            "due_at": rfc3339(each.due_at.astimezone(UTC)),
            "last_at": rfc3339(each.last_at.astimezone(UTC)) if each.last_at else None,
        }
        for each in stands.late
    ]


def _run(run: RunRow | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "run_id": run.run_id,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "exit_status": run.exit_status,
        "states": run.states,
    }


def _run_in_words(run: dict[str, Any] | None, zone: ZoneInfo) -> str:
    if run is None:
        return "none yet"
    if run["finished_at"] is None:
        return f"started {_local(run['started_at'], zone)} and has not ended: it is running, or it was killed"
    files = ", ".join(f"{count} {state}" for state, count in run["states"].items()) or "no files"
    return f"{_local(run['finished_at'], zone)}, exit status {run['exit_status']} ({files})"


def _file(row: FileRow, decision: Decision | None, zone: ZoneInfo) -> dict[str, Any]:
    summary = row.summary or {}
    return {
        "name": row.name,
        "sha256": row.sha256,
        "state": state_of(row),
        "source": row.source,
        "feed": row.feed,
        "landed_at": row.landed_at,
        "finished_at": row.finished_at,
        "records": summary.get("records"),
        "amounts_minor": summary.get("amounts_minor"),
        "holds": summary.get("holds", []) if row.held else [],
        "decision": decision.told(zone) if decision else None,
        "decided": {"word": decision.word, "at": decision.at, "by": str(decision.by)} if decision else None,
    }


def _outcomes(file: dict[str, Any]) -> str:
    records = {name: count for name, count in (file["records"] or {}).items() if count and name != "total"}
    amounts = [
        format_amount(currency, parts["total"])
        for currency, parts in (file["amounts_minor"] or {}).items()
        if any(parts.values())
    ]
    return "; ".join([", ".join(f"{count} {name}" for name, count in records.items()), *amounts])


def _some(names: list[str], short: Callable[[str], str]) -> str:
    more = [f"and {len(names) - SHOWN_NAMES} more"] if len(names) > SHOWN_NAMES else []
    return ", ".join([*map(short, names[:SHOWN_NAMES]), *more])


def _local(at: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(at).astimezone(zone):%Y-%m-%d %H:%M}"
