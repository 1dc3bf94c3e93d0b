"""How the whole stands: runs, sources, what waits, what is owed, and the time."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pipeline.core.file_stages import SOURCES
from pipeline.core.how_many import how_many
from pipeline.core.plain_text import without_commands
from pipeline.core.values.timestamps import local_time
from pipeline.edge.clock import utc_now
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.inbox.deliveries import size_bytes
from pipeline.edge.ledger.runs import RunRow, Runs
from pipeline.errors import (
    EX_ANOTHER_RUN,
    EX_OK,
    EX_RECORDS,
    EX_UNFINISHED,
    EXIT_STATUSES,
    SIGNAL_BASE,
)
from pipeline.monitoring.payments_standing import inbox_to_read
from pipeline.monitoring.system_status import late_now, waiting_names
from pipeline.run.clock_check import Timekeeper
from pipeline.serve.page.problems import ASK
from pipeline.serve.page.site import Site
from schemas.settings import Settings

SHOWN_RUNS = 10
SHOWN_NAMES = 20
_MEANS = {
    EX_RECORDS: EXIT_STATUSES[EX_RECORDS].partition(": ")[2],
    EX_UNFINISHED: "the API or the SFTP server did not answer or did not let Billferry in, the disk is full, or records"
    " are in doubt. The next run goes on; if it stays so, ask the people who run Billferry",
    EX_ANOTHER_RUN: "nothing to do: the other run did the work",
    SIGNAL_BASE: "somebody stopped it; the next run goes on",
}
"""Exit status → what it means to somebody who sees the page; of the others, the people who run Billferry know."""
_ELSE = "ask the people who run Billferry to look at it"
LONGEST_RUN_WITHOUT_END = "has not ended: it is at work, or was killed"


def health_page(site: Site, request: Request) -> Response:
    """`/health/`: as `billferry status` and its metrics know it; nothing is asked over a network."""
    settings, now = site.settings, utc_now()
    with site.ledger() as ledger:
        files = Files(ledger) if ledger is not None else None
        runs = Runs(ledger).newest(SHOWN_RUNS) if ledger is not None else []
        requests, since = files.unsettled_requests() if files is not None else (0, None)
        trouble = Timekeeper(lambda: now, ledger, settings.zone).trouble() if ledger is not None else None
        facts = {
            "late": late_now(settings, ledger, now) if ledger is not None else [],
            "owed": {s: n for s in SOURCES if files and (n := len(files.pending_handovers(s)))},
        }
        waiting = waiting_names(settings, files)
    context = {
        **facts,
        "as_of": now,
        "runs": [_run(run, settings) for run in runs],
        "statuses": [
            (status, _MEANS.get(_known(status), _ELSE))
            for status in sorted({run.exit_status for run in runs if run.exit_status})
        ],
        "waiting": [(source, len(names), names[:SHOWN_NAMES]) for source, names in waiting.items()],
        "in_doubt": _in_doubt(requests, since, settings),
        "clock": f"{trouble.message}; {ASK} to set it right" if trouble is not None else None,
        "inbox_bytes": _inbox_bytes(settings),
    }
    return site.show(request, "health.html", context)


def _run(run: RunRow, settings: Settings) -> tuple[str, str, str, str]:
    """When it began, how it ended, what became of its files, and the tone of that."""
    began = local_time(run.started_at, settings.zone)
    files = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in run.states.items())
    if run.exit_status is None:
        return began, LONGEST_RUN_WITHOUT_END, files, "attention"
    status = run.exit_status
    meaning = without_commands(EXIT_STATUSES[_known(status)].partition(": ")[0].replace(" *n*", ""))
    tone = "good" if status == EX_OK else "attention" if status == EX_RECORDS else "stop"
    return began, f"{status}: {meaning}", files or "no files", tone


def _known(status: int) -> int:
    return SIGNAL_BASE if status > SIGNAL_BASE else status


def _in_doubt(requests: int, since: str | None, settings: Settings) -> str | None:
    if not requests:
        return None
    told = f" since {local_time(since, settings.zone)}" if since else ""
    return f"{how_many(requests, 'request')} in doubt{told}; the next pass settles them first"


def _inbox_bytes(settings: Settings) -> int | None:
    with inbox_to_read(settings) as inbox:
        return size_bytes(inbox) if inbox is not None else None
