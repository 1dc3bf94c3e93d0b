"""`audit`: who did what, entry by entry, and whether anything in it was altered, removed or reordered.

The lines for people are made from the document alone. Exit status: 0, or 1 where `--verify` found something.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, tzinfo
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from pipeline.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, Verbose, config_at, start
from pipeline.cli.printing import print_json, printable_lines, say
from pipeline.errors import EX_OK, EX_RECORDS, UsageError

SHORT = 8
_OF_EVENT = {"begun": "began", "ended": "ended", "config": "config changed", "restored": "ledger restored"}


def audit(
    config: ConfigPath = DEFAULT_CONFIG,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DAY", help="Only entries from this day on (YYYY-MM-DD)."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check that no entry was altered, removed or reordered.")
    ] = False,
    head: Annotated[
        list[str] | None,
        typer.Option(
            "--head",
            metavar="NUMBER:HASH",
            help="With --verify: an entry that you noted, or that a summary.json names. Can be given several times.",
        ),
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Show who did what: runs, files, releases, refusals, backups, changes of the config. With --verify, check it."""
    start(verbose=verbose)
    if head and not verify:
        raise UsageError(problem="--head is compared only with --verify", remedy="add --verify")
    if since and verify:
        raise UsageError(problem="--verify checks the whole trail", remedy="leave --since out")
    loaded = config_at(config)
    document = _checked(loaded, head or []) if verify else _entries(loaded, since)
    if as_json:
        print_json(document)
    else:
        for line in _check_in_words(document) if verify else _in_words(document):
            say(printable_lines(line))
    raise typer.Exit(document["exit_status"])


def _entries(config: Any, since: str | None) -> dict[str, Any]:
    """Entries in their order, each as it was hashed, with `digest`; `head` is the newest of the whole trail."""
    from pipeline.edge.ledger.audit import AuditTrail
    from pipeline.run.work_dir import existing_ledger

    settings = config.settings
    after = _start_of(since, settings.zone) if since else ""
    with existing_ledger(settings) as ledger:
        trail = AuditTrail(ledger) if ledger is not None else None
        rows = [{**json.loads(row.text), "digest": row.digest} for row in trail.entries()] if trail else []
        head = str(trail.head()) if trail else None
    entries = [row for row in rows if row["at"] >= after]
    return {"timezone": settings.timezone, "entries": entries, "head": head, "exit_status": EX_OK}


def _start_of(day: str, zone: tzinfo) -> str:
    """The beginning of a day of the config's time zone, RFC 3339 in UTC. Raises UsageError."""
    from pipeline.core.values.timestamps import rfc3339

    try:
        midnight = datetime.combine(date.fromisoformat(day), time(), zone)
    except ValueError:
        raise UsageError(
            problem=f"--since {day} is not a valid date", remedy="write it as YYYY-MM-DD"
        ) from None
    return rfc3339(midnight.astimezone(UTC))


def _checked(config: Any, heads: list[str]) -> dict[str, Any]:
    """What a check of the whole trail came to."""
    from pipeline.core.audit_chain import head_of
    from pipeline.diagnostics.audit_check import audit_check
    from pipeline.run.work_dir import existing_ledger

    given = []
    for text in heads:
        if (head := head_of(text)) is None:
            raise UsageError(
                problem=f"--head {text} is not a number and a hash", remedy="write it as NUMBER:HASH"
            )
        given.append(head)
    settings = config.settings
    with existing_ledger(settings) as ledger:
        found = audit_check(ledger, settings, given)
    return {
        "entries": found.head.number,
        "head": str(found.head),
        "findings": found.findings,
        "notes": found.notes,
        "without_end": found.open_runs,
        "errors": [_changed(settings.work_dir)] if found.findings else [],
        "exit_status": EX_RECORDS if found.findings else EX_OK,
    }


def _changed(work_dir: Path) -> dict[str, Any]:
    from pipeline.core.error_document import finding_document

    remedy = "keep work_dir as it is, and compare the ledger with a backup"
    return finding_document("audit.changed", "the audit trail was changed", remedy, str(work_dir))


def _in_words(document: dict[str, Any]) -> Iterator[str]:
    """One line an entry: number, when, who, what."""
    zone = ZoneInfo(document["timezone"])
    if not document["entries"]:
        yield "no entries"
    for entry in document["entries"]:
        at = datetime.fromisoformat(entry["at"]).astimezone(zone)
        who = f"{entry['user']} on {entry['host']}"
        yield f"{entry['number']:>6}  {at:%Y-%m-%d %H:%M:%S %Z}  {who}: {_what(entry)}"


def _what(entry: dict[str, Any]) -> str:
    """What an entry tells."""
    command, event, result = entry["command"], entry["event"], entry.get("result", {})
    files = [f"{file['name']} ({file['sha256'][:SHORT]})" for file in entry.get("files", ())]
    options = [f"{name} {_plain(value)}" for name, value in entry.get("options", {}).items()]
    said = []
    if event == "config":
        said.append(", ".join(result.get("changed", ())))
    elif event == "file":
        counts = ", ".join(f"{count} {outcome}" for outcome, count in result.get("records", {}).items())
        said.append(f"{result.get('state', '')}{f' ({counts})' if counts else ''}")
    elif event == "ended":
        states = [f"{count} {state}" for state, count in result.get("states", {}).items()]
        said.append(", ".join([f"exit status {result.get('exit_status')}", *states]))
    elif event == "done":
        said += [f"{name} {_plain(value)}" for name, value in result.items()]
    what = " ".join([command, _OF_EVENT.get(event, ""), *files]).strip()
    more = ", ".join([*options, *filter(None, said)])
    return f"{' '.join(what.split())}{f': {more}' if more else ''}"


def _plain(value: Any) -> str:
    """A value of an option as people write it."""
    if value is True:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _check_in_words(document: dict[str, Any]) -> Iterator[str]:
    """The findings first, then what is known, then the sentence that counts."""
    yield from document["findings"]
    yield from (f"note: {note}" for note in document["notes"])
    for number in document["without_end"].values():
        yield f"note: the run of entry {number} has no end: it is at work, or it was killed"
    entries = f"{document['entries']} entr{'y' if document['entries'] == 1 else 'ies'}"
    if document["findings"]:
        yield f"{entries}: the trail was changed"
    else:
        yield f"{entries}: none was altered, removed or reordered"
        yield f"newest entry: {document['head']}"
