"""`status`: the state of files, feeds and runs, in words and as one JSON document.

The words are made from the document alone, so nothing can be seen that `--json` lacks. The exit status is 0 even if
files are held: whoever wants an alarm reads the document or the metrics.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.cli.printing import say, width_of
from pipeline.cli.text_layout import cut_middle
from pipeline.core.outcomes import FileState
from pipeline.core.release_decisions import Decision
from pipeline.core.values.money import format_amount
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.config import Config
from pipeline.edge.ledger import FileRow, RunRow
from pipeline.monitoring.system_status import SystemStatus, state_of, system_status
from pipeline.run.work_dir import existing_ledger

LISTED_FILES = 20
SHOWN_NAMES = 5
SHORT_NAME = 24
"""Cells that a name has even on a narrow terminal; shorter ones are all alike."""
RELEASED = "released"


def status_document(config: Config) -> dict[str, Any]:
    """Everything that `status` knows. No server is asked and no lock is taken, so it works during a run and without
    network.

    Times are UTC (RFC 3339), amounts in minor units by currency and outcome, `files` oldest first, whatever their
    number. `waiting` and `owed` are by source: `drop` as the folder is now, `sftp` as it was when last listed.
    `open_intents` and `owed_moves` are sums of `in_doubt` and `owed`, for programs that want one number.

    Raises:
        LedgerDamaged, LedgerOfAnother, LedgerOutdated: as opening the ledger for reading does.
    """
    settings = config.settings
    with existing_ledger(settings) as ledger:
        current = system_status(settings, ledger, datetime.now(UTC))
    return {
        "merchant": settings.merchant,
        "environment": settings.environment,
        "timezone": settings.timezone,
        "last_run": _run(current.last_run),
        "files": [_file(row, current.decided.get(row.sha256), settings.zone) for row in current.files],
        "states": dict(sorted(current.states().items())),
        "unfinished": [row.name for row in current.unfinished],
        "held": [row.name for row in current.held],
        "in_doubt": {
            "records": current.records_in_doubt,
            "requests": current.requests_in_doubt,
            "since": current.in_doubt_since,
        },
        "waiting": {source: list(names) for source, names in current.waiting.items()},
        "owed": dict(current.owed),
        "late": _late(current),
        "open_intents": current.requests_in_doubt,
        "owed_moves": sum(current.owed.values()),
    }


def describe_status(
    document: dict[str, Any], short: Callable[[str], str] = lambda name: name
) -> Iterator[str]:
    """The document in lines for people, what needs attention first: late feeds, unfinished, held and doubtful files.

    Args:
        document: as `status_document` makes it. Times are shown in its `timezone`, the merchant's.
        short: makes a file name short enough for the terminal; the hash digits beside it stay whole.
    """
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
        pending = ", ".join(f"{count} to {source}" for source, count in owed.items())
        yield f"moves and uploads pending: {pending}; the next run tries again"
    if not document["files"]:
        yield "no files yet"
        return
    counted = Counter(map(_state, document["files"]))
    yield "files: " + ", ".join(f"{count} {state}" for state, count in sorted(counted.items()))
    left = len(document["files"]) - LISTED_FILES
    if left > 0:
        yield f"({left} earlier files; all of them with --json)"
    for file in document["files"][-LISTED_FILES:]:
        yield f"{_state(file):<20} {short(file['name'])} ({file['sha256'][:8]}) {_outcomes(file)}".rstrip()


def show_status(document: dict[str, Any]) -> None:
    """Print the lines on stdout. Names are shortened on a terminal; the digits beside them serve as well as a name."""
    width = width_of(sys.stdout)
    short = partial(cut_middle, width=max(width // 2, SHORT_NAME)) if width else str
    for line in describe_status(document, short):
        say(line)


def _open(document: dict[str, Any], zone: ZoneInfo, short: Callable[[str], str]) -> Iterator[str]:
    """What is not finished, with what happens next or who has to decide."""
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
    """As people know it: a held file that somebody has decided about is `released` or `refused`, though the next run
    is yet to do it.
    """
    state: str = file["state"]
    return {"release": RELEASED, "refuse": "refused"}[file["decided"]["word"]] if file["decided"] else state


def _late(current: SystemStatus) -> list[dict[str, Any]]:
    return [
        {
            "feed": each.feed,
            "due_at": rfc3339(each.due_at.astimezone(UTC)),
            "last_at": rfc3339(each.last_at.astimezone(UTC)) if each.last_at else None,
        }
        for each in current.late
    ]


def _run(run: RunRow | None) -> dict[str, Any] | None:
    """The last run for the document; `finished_at` and `exit_status` are null while it runs, or if it was killed."""
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
    """An RFC 3339 time in a time zone, to the minute."""
    return f"{datetime.fromisoformat(at).astimezone(zone):%Y-%m-%d %H:%M}"
