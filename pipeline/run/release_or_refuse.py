"""`release` and `refuse`: a person's decision on the command line. What it is, and when it counts, is `decide`'s."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from pipeline.core.how_many import how_many
from pipeline.core.release_decisions import Person
from pipeline.edge.config import Config, api_key
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.lookup_by_name import single_file_named
from pipeline.errors import AnotherRun, UsageError
from pipeline.report.exit_status import run_result
from pipeline.report.summary_text import to_send
from pipeline.run.context import Options
from pipeline.run.decide import DecisionMade, HeldFileChoice, decide
from pipeline.run.opening import open_run
from pipeline.run.run_pass import Run
from pipeline.run.ui import Ui
from pipeline.run.work_dir import ledger_to_write
from schemas.results import RunFacts, RunResult


@dataclass(frozen=True, slots=True)
class Release:
    """How a held file goes on."""

    by: Person
    limit: int | None = None
    """So many records more, then it is held again."""
    accept_changes: bool = False
    now: bool = False
    """At once, not with the next pass."""


def release_file(config: Config, name: str, ui: Ui, options: Options, release: Release) -> RunResult:
    """Let a held file go on, with the next run or, with `release.now`, at once.

    A decision is bound to what the report showed: feed, totals and reasons. Where one of them differs later, it
    counts no more.

    Raises:
        UsageError: no file is called `name`, or several are; or as `decide`.
        AnotherRun: with `release.now`, while another run is active; the decision stands. And as `open_run`.
    """
    if release.now:
        api_key(config.settings)  # a wrong one is told before anything is decided
    choice = HeldFileChoice("release", release.by, limit=release.limit, accept_changes=release.accept_changes)
    decided = _decide(config, name, options, choice)
    if not release.now:
        return _told(config, decided, ui, options, f"the next run sends {_how_much(release.limit)}")
    try:
        return _at_once(config, decided, ui, options)
    except AnotherRun:
        _told(config, decided, ui, options, f"a run is active; the next one sends {_how_much(release.limit)}")
        raise


def refuse_file(config: Config, name: str, ui: Ui, options: Options, *, by: Person, why: str) -> RunResult:
    """End a held file: nothing more of it is sent, and it is moved to the quarantine at its source.

    That is done at once, or, while another run is active, by the next one. `why` is for its report. Raises UsageError:
    no file is called `name`, several are, or as `decide`; and as `open_run`.
    """
    decided = _decide(config, name, options, HeldFileChoice("refuse", by, why=why))
    try:
        return _at_once(config, decided, ui, options)
    except AnotherRun:
        return _told(config, decided, ui, options, "a run is active; the next one ends it")


def _decide(config: Config, name: str, options: Options, choice: HeldFileChoice) -> DecisionMade:
    """Raises UsageError."""
    with ledger_to_write(config.settings) as ledger:
        sha256 = _held(Files(ledger).named(name), name).sha256
    return decide(config, sha256, choice, clock=options.clock)


def _at_once(config: Config, decided: DecisionMade, ui: Ui, options: Options) -> RunResult:
    """What the run comes to that takes the decision up. Raises as `open_run`."""
    word = decided.decision.word
    with open_run(config, ui, options, word, needs_key=word == "release") as opened:
        run = Run(opened)
        result = run.result_of(partial(run.decided, decided.row))
        return (
            result if word == "release" else result.model_copy(update={"exit_status": opened.context.status})
        )


def _told(config: Config, decided: DecisionMade, ui: Ui, options: Options, next_step: str) -> RunResult:
    """Say what was decided and what comes next."""
    settings, summary, row = config.settings, decided.summary, decided.row
    told = decided.decision.told(settings.zone)
    ui.line(f"{row.name}: {told}")
    if decided.decision.word == "release":
        for currency, amounts in summary.held_amounts.items():
            ui.line(f"  to send: {to_send(currency, amounts)}")
    ui.line(f"  {next_step}")
    now = options.clock()
    run = RunFacts(
        id=str(uuid4()),
        started_at=now,
        finished_at=now,
        merchant=settings.merchant,
        environment=settings.environment,
        audit_head=decided.audit_head,
    )
    said = summary.model_copy(update={"run": run, "notes": [*summary.notes, told]})
    return run_result(run.id, []).model_copy(update={"files": [said]})


def _held(rows: list[FileRow], name: str) -> FileRow:
    """The held file of that name or SHA-256; others of the same name do not matter."""
    if len(rows) == 1 and not rows[0].held:
        state = rows[0].state.replace("_", " ")
        raise UsageError(problem=f"{rows[0].name} is not held, but {state}", remedy="see billferry status")
    return single_file_named(name, [row for row in rows if row.held] or rows)


def _how_much(limit: int | None) -> str:
    if limit is None:
        return "it"
    records = how_many(limit, "record")
    return f"{records} of it, then holds it again"
