"""`status`: the state of files, feeds and runs, in words and as one JSON document.

The words are made from the document alone, so nothing can be seen that `--json` lacks. What is open comes first: nobody
should have to look for what is to be done.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.cli.payments_words import payments_in_words
from pipeline.cli.printing import say, width_of
from pipeline.cli.status_filters import StatusFilter
from pipeline.cli.text_layout import cut_middle
from pipeline.core.how_many import how_many
from pipeline.core.outcomes import FileState
from pipeline.core.payments.comparison_words import comparison_lines
from pipeline.core.values.amount_text import format_amount, grouped
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.config import Config
from pipeline.edge.ledger.counted import Counted, added
from pipeline.edge.ledger.postgres.parts import SeenWorker
from pipeline.edge.ledger.runs import RunRow
from pipeline.monitoring.payments_standing import PaymentsStanding, payments_standing
from pipeline.monitoring.system_status import SystemStatus, state_of, system_status
from pipeline.report.summary_text import money_of
from pipeline.run.chain_part import chain_part
from pipeline.run.work_dir import existing_ledger
from schemas.results import Breakdown, ChainPart, ComparisonFacts

LISTED_FILES = 20
SHOWN_NAMES = 5
SHORT_NAME = 24
"""Cells that a name has even on a narrow terminal; shorter ones are all alike."""
RELEASED = "released"
_NOTHING = Breakdown().model_dump()


def status_document(config: Config, chosen: StatusFilter | None = None) -> dict[str, Any]:
    """Everything that `status` knows. No server is asked and no lock is taken, so it works during a run and without
    network.

    Times are UTC (RFC 3339), amounts in minor units by currency and outcome, `files` oldest first, whatever their
    number. `waiting` and `owed` are by source: `drop` as the folder is now, `sftp` as it was when last listed.
    `open_intents` and `owed_moves` are sums of `in_doubt` and `owed`, for programs that want one number. `open` adds up
    what corrections or people have yet to close, each record once; `chosen` leaves files, and what they add, out.

    Raises:
        UsageError: `chosen` names a day, state or feed that does not exist.
        LedgerDamaged, LedgerOfAnother, LedgerOutdated: as opening the ledger for reading does.
    """
    settings, chosen, now = config.settings, chosen or StatusFilter(), datetime.now(UTC)
    with existing_ledger(settings) as ledger:
        current = system_status(settings, ledger, now)
    chosen.check([*(feed.name for feed in settings.feeds), *(row.feed for row in current.files)])
    files = [file for file in _files(current, settings.zone) if chosen.fits(file, settings.zone)]
    shown = {file["sha256"] for file in files}
    late = [each for each in _late(current) if chosen.feed in {None, each["feed"]}]
    return {
        "as_of": rfc3339(now),
        "merchant": settings.merchant,
        "environment": settings.environment,
        "timezone": settings.timezone,
        "last_run": _run(current.last_run, current.leader),
        "open": _added(files),
        "files": files,
        "states": dict(sorted(current.states().items())),
        "unfinished": [row.name for row in current.unfinished if row.sha256 in shown],
        "held": [row.name for row in current.held if row.sha256 in shown],
        "in_doubt": {
            "records": current.records_in_doubt,
            "requests": current.requests_in_doubt,
            "since": current.in_doubt_since,
        },
        "waiting": {source: list(names) for source, names in current.waiting.items()},
        "owed": dict(current.owed),
        "owed_to_store": dict(current.owed_to_store),
        "late": late,
        "payments": _payments(payments_standing(settings)),
        "workers": [_worker(each) for each in current.workers],
        "open_intents": current.requests_in_doubt,
        "owed_moves": sum(current.owed.values()),
    }


def describe_status(
    document: dict[str, Any],
    short: Callable[[str], str] = lambda name: name,
    chosen: StatusFilter | None = None,
) -> Iterator[str]:
    """The document in lines for people, what is open first: late feeds, unfinished, held and doubtful files, and
    rejects that nothing has closed.

    Args:
        document: as `status_document` makes it. Times are shown in its `timezone`, the merchant's.
        short: makes a file name short enough for the terminal; the hash digits beside it stay whole.
        chosen: how many files are listed.
    """
    zone, chosen = ZoneInfo(document["timezone"]), chosen or StatusFilter()
    yield f"{document['merchant']} ({document['environment']}), times in {document['timezone']}"
    yield f"last run: {_run_in_words(document['last_run'], zone)}"
    for late in document["late"]:
        last = f"; last file received {_local(late['last_at'], zone)}" if late["last_at"] else ""
        yield f"LATE: feed {late['feed']}: no file received, due {_local(late['due_at'], zone)}{last}"
    if workers := document["workers"]:
        told = (f"{each['name']} {_doing(each, short)}" for each in workers)
        yield f"workers: {len(workers)} ({'; '.join(told)})"
    yield from _open(document, zone, short)
    yield from _to_correct(document, short, chosen)
    for source, names in document["waiting"].items():
        if names:
            where = "in the drop folder" if source == "drop" else "on the SFTP server when last checked"
            yield f"waiting {where}: {len(names)} ({_some(names, short)})"
    owed = {source: count for source, count in document["owed"].items() if count}
    if owed:
        pending = ", ".join(f"{count} to {source}" for source, count in owed.items())
        yield f"moves and uploads pending: {pending}; the next run tries again"
    if hosts := document["owed_to_store"]:
        pending = ", ".join(how_many(count, "document") + f" on {host}" for host, count in hosts.items())
        yield f"not in the store yet: {pending}; the next run there puts what it has"
    yield from payments_in_words(document["payments"])
    yield f"next run: {next_run(document)}"
    yield from _rest(document, short, chosen)


def _worker(seen: SeenWorker) -> dict[str, Any]:
    since = rfc3339(datetime.fromtimestamp(seen.since, UTC))
    return {"name": seen.name, "since": since, "file": seen.file, "records": seen.records}


def _doing(worker: dict[str, Any], short: Callable[[str], str]) -> str:
    return f"loads {short(worker['file'])}" if worker["file"] else "waits"


def _to_correct(document: dict[str, Any], short: Callable[[str], str], chosen: StatusFilter) -> Iterator[str]:
    """Rejects and refused files that nothing has closed, the oldest file first, and how much that is in all."""
    files = [file for file in document["files"] if _needs_correction(file)]
    if not files:
        return
    part = ChainPart.model_validate(_parts_of(document["open"]))
    what = "1 file" if len(files) == 1 else f"{len(files)} files"
    money = f" ({', '.join(money_of(part))})" if money_of(part) else ""
    told = f"{records_of(part.records)} of {what}{money}" if part.records else what
    yield f"OPEN: {told}; correct or write them off"
    shown = len(files) if chosen.open_only or chosen.everything else LISTED_FILES
    for file in files[:shown]:
        yield f"  {_line(file, document['as_of'], short)}"
    if len(files) > shown:
        yield f"  ({len(files) - shown} more; all of them with --open)"


def _needs_correction(file: dict[str, Any]) -> bool:
    """Whether something of a file is to be corrected or written off; of a refused one perhaps no record is known."""
    return bool(file["open"]["records"] or (file["is_open"] and file["state"] == FileState.REFUSED))


def _line(file: dict[str, Any], now: str, short: Callable[[str], str]) -> str:
    """One file: state, name, age, what is open of it, and its money."""
    part = ChainPart.model_validate(file["open"])
    total = (file["records"] or {}).get("total", 0)
    what = f"{part.records} of {total} open" if total else "no record could be read"
    told = ", ".join([what, *money_of(part)])
    name = f"{short(file['name'])} ({file['sha256'][:8]})"
    return f"{_words(file):<20} {name} {age(file['landed_at'], now)} ago: {told}"


def next_run(document: dict[str, Any]) -> str:
    """What the next run will do, as far as it is known now."""
    decided = Counter(file["decided"]["word"] for file in document["files"] if file["decided"])
    held = sum(file["state"] == FileState.HELD and not file["decided"] for file in document["files"])
    tasks = [
        (document["in_doubt"]["requests"], "settles {} in doubt"),
        (len(document["unfinished"]), "resumes {}"),
        (decided["release"], "sends {} released"),
        (decided["refuse"], "ends {} refused"),
        (sum(map(len, document["waiting"].values())), "takes {} waiting"),
        (sum(document["owed"].values()), "tries {} pending moves and uploads again"),
        (held, "leaves {} held"),
    ]
    return ", ".join(text.format(count) for count, text in tasks if count) or "looks for new files"


def _rest(document: dict[str, Any], short: Callable[[str], str], chosen: StatusFilter) -> Iterator[str]:
    """How many files are in each state, and those of which nothing is open, the newest last."""
    if not document["files"]:
        yield "no files" if chosen != StatusFilter() else "no files yet"
        return
    counted = Counter(map(_words, document["files"]))
    yield "files: " + ", ".join(f"{count} {state}" for state, count in sorted(counted.items()))
    if chosen.open_only:
        return
    rest = [file for file in document["files"] if not _needs_correction(file)]
    left = 0 if chosen.everything else len(rest) - LISTED_FILES
    if left > 0:
        yield f"({left} earlier files; all of them with --all)"
    for file in rest[max(left, 0) :]:
        name = f"{short(file['name'])} ({file['sha256'][:8]})"
        told = f"{age(file['landed_at'], document['as_of'])} ago: {_outcomes(file)}"
        yield f"{_words(file):<20} {name} {told}".rstrip(": ")


def print_status(document: dict[str, Any], chosen: StatusFilter) -> None:
    """Print the lines on stdout. Names are shortened on a terminal; the digits beside them serve as well as a name."""
    width = width_of(sys.stdout)
    short = partial(cut_middle, width=max(width // 2, SHORT_NAME)) if width else str
    for line in describe_status(document, short, chosen):
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


def _words(file: dict[str, Any]) -> str:
    """`loaded with rejects`."""
    return _state(file).replace("_", " ")


def _late(current: SystemStatus) -> list[dict[str, Any]]:
    return [
        {
            "feed": each.feed,
            "due_at": rfc3339(each.due_at.astimezone(UTC)),
            "last_at": rfc3339(each.last_at.astimezone(UTC)) if each.last_at else None,
        }
        for each in current.late
    ]


def _payments(standing: PaymentsStanding | None) -> dict[str, Any] | None:
    if standing is None or not (inbox := standing.inbox).received:
        return None
    return {
        "last_received_at": inbox.last_received_at,
        "not_read": inbox.not_read,
        "open": inbox.open,
        "files_pending": inbox.files_pending,
    }


def _run(run: RunRow | None, leader: str | None) -> dict[str, Any] | None:
    """The last run for the document; `finished_at` and `exit_status` are null while it runs, or if it was killed."""
    if run is None:
        return None
    return {
        "run_id": run.run_id,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "process": leader if run.finished_at is None else None,
        "exit_status": run.exit_status,
        "states": run.states,
    }


def _run_in_words(run: dict[str, Any] | None, zone: ZoneInfo) -> str:
    if run is None:
        return "none yet"
    if run["finished_at"] is None:
        what = {
            None: "has not ended: it is running, or it was killed",
            "": "is not at work any more: it was killed, or lost the ledger",
        }
        said = what.get(run["process"], f"is at work ({run['process']})")
        return f"started {_local(run['started_at'], zone)} and {said}"
    files = (
        ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in run["states"].items())
        or "no files"
    )
    return f"{_local(run['finished_at'], zone)}, exit status {run['exit_status']} ({files})"


def _files(current: SystemStatus, zone: ZoneInfo) -> Iterator[dict[str, Any]]:
    """Each file, in landing order. What is open of a chain stands with its original alone."""
    nothing = chain_part(Counted()).model_dump()
    chains = {row.id: chain for chain in current.chains for row in (chain.original, *chain.corrections)}
    for row in current.files:
        chain, summary = chains[row.id], row.summary or {}
        dropped = current.dropped.get(row.sha256)
        decision, is_original = current.decided.get(row.sha256), chain.original.id == row.id
        opened = chain_part(chain.open).model_dump() if is_original else nothing
        yield {
            "name": row.name,
            "sha256": row.sha256,
            "state": state_of(row),
            "source": row.source,
            "feed": row.feed,
            "landed_at": row.landed_at,
            "finished_at": row.finished_at,
            "records": _whole(summary["records"]) if "records" in summary else None,
            "amounts_minor": {currency: _whole(parts) for currency, parts in summary["amounts_minor"].items()}
            if "amounts_minor" in summary
            else None,
            "amount_unreadable": summary.get("amount_unreadable", 0),
            "comparison": summary.get("comparison"),
            "is_open": row.is_open or (is_original and chain.needs_correction),
            "open": opened,
            "corrected": chain_part(chain.was_corrected).model_dump() if is_original else nothing,
            "written_off": chain_part(chain.written_off).model_dump() if is_original else nothing,
            "corrects": None if is_original else chain.original.name,
            "holds": summary.get("holds", []) if row.held else [],
            "dropped": {"at": dropped.at, "by": str(dropped.by)} if dropped else None,
            "decision": decision.told(zone) if decision else None,
            "decided": {"word": decision.word, "at": decision.at, "by": str(decision.by)}
            if decision
            else None,
        }


def _whole(parts: dict[str, int]) -> dict[str, int]:
    """By every outcome, also by those that an earlier version, which wrote the summary, did not know."""
    return _NOTHING | parts


def _added(files: list[dict[str, Any]]) -> dict[str, Any]:
    """How many files are open, and what their chains have yet to close."""
    parts = [
        Counted(part["records"], part["amounts_minor"], part["amount_unreadable"])
        for part in (file["open"] for file in files)
    ]
    return {"files": sum(file["is_open"] for file in files), **chain_part(added(parts)).model_dump()}


def _parts_of(opened: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in opened.items() if name != "files"}


def records_of(number: int) -> str:
    """`1 record`, `2 000 records`."""
    return f"{grouped(number)} record{'' if number == 1 else 's'}"


def age(at: str, now: str) -> str:
    """`3 d`, `5 h`, `12 min`: how long ago that was."""
    minutes = int((datetime.fromisoformat(now) - datetime.fromisoformat(at)).total_seconds()) // 60
    days, hours = minutes // (24 * 60), minutes // 60
    return f"{days} d" if days else f"{hours} h" if hours else f"{max(minutes, 0)} min"


def _outcomes(file: dict[str, Any]) -> str:
    records = {name: count for name, count in (file["records"] or {}).items() if count and name != "total"}
    amounts = [
        format_amount(currency, parts["total"])
        for currency, parts in (file["amounts_minor"] or {}).items()
        if any(parts.values())
    ]
    closed = [
        f"{file[name]['records']} {name.replace('_', ' ')} since"
        for name in ("corrected", "written_off")
        if file[name]["records"]
    ]
    corrects = [f"corrects {file['corrects']}"] if file["corrects"] else []
    dropped = [f"dropped by {file['dropped']['by']}"] if file["dropped"] else []
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in records.items())
    if file["comparison"]:
        counts = "; ".join(comparison_lines(ComparisonFacts.model_validate(file["comparison"], strict=False)))
    return "; ".join([*filter(None, [counts]), *amounts, *closed, *corrects, *dropped])


def _some(names: list[str], short: Callable[[str], str]) -> str:
    more = [f"and {len(names) - SHOWN_NAMES} more"] if len(names) > SHOWN_NAMES else []
    return ", ".join([*map(short, names[:SHOWN_NAMES]), *more])


def _local(at: str, zone: ZoneInfo) -> str:
    """An RFC 3339 time in a time zone, to the minute."""
    return f"{datetime.fromisoformat(at).astimezone(zone):%Y-%m-%d %H:%M}"
