"""What a person decides about a held file: it goes on, or it ends. A word in the ledger, bound to what was held."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from pipeline.core.file_stages import Hold
from pipeline.core.how_many import how_many
from pipeline.core.release_decisions import Basis, Decision, Person, print_of
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.config import Config, same_feed
from pipeline.edge.ledger.decisions import Decisions
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.lookup_by_name import single_file_named
from pipeline.edge.ledger.sends import Sends
from pipeline.errors import UsageError
from pipeline.monitoring.audit_log import named_files
from pipeline.report.summary_text import to_send
from pipeline.run.context import Options
from pipeline.run.opening import OpenRun, open_run
from pipeline.run.run_pass import Run
from pipeline.run.ui import Ui
from schemas.results import RunResult, Summary


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
        UsageError: no file is called `name`, or several are; it is not held; its feed has changed since; or it
            changes what was right in its original and `release.accept_changes` is not set. And as `open_run`.
    """
    with open_run(config, ui, options, "release", needs_key=release.now) as opened:
        row = _held(opened, name)
        summary = Summary.model_validate(row.summary, strict=False)
        if any(hold.changes for hold in summary.holds) and not release.accept_changes:
            raise UsageError(
                problem=f"{row.name} changes values that were valid in its original",
                remedy="compare each change in its report, then add --accept-changes",
            )
        up_to = None if release.limit is None else _settled(opened, row) + release.limit
        decision = replace(
            _decision(opened, row, summary, release.by), accept_changes=release.accept_changes, up_to=up_to
        )
        _decide(opened, row, decision)
        if release.now:
            run = Run(opened)
            return run.result_of(partial(run.decided, row))
        told = decision.told(opened.context.settings.zone)
        ui.line(f"{row.name}: {told}")
        for currency, amounts in summary.held_amounts.items():
            ui.line(f"  to send: {to_send(currency, amounts)}")
        ui.line(f"  the next run sends {_how_much(release.limit)}")
        said = summary.model_copy(update={"run": opened.context.facts(), "notes": [*summary.notes, told]})
        return opened.context.result([]).model_copy(update={"files": [said]})


def refuse_file(config: Config, name: str, ui: Ui, options: Options, *, by: Person, why: str) -> RunResult:
    """End a held file: nothing more of it is sent, and it is moved to the quarantine at its source.

    `why` is for its report. Raises UsageError: no file is called `name`, several are, or it is not held; and as
    `open_run`.
    """
    with open_run(config, ui, options, "refuse", needs_key=False) as opened:
        row = _held(opened, name)
        summary = Summary.model_validate(row.summary, strict=False)
        _decide(opened, row, replace(_decision(opened, row, summary, by), word="refuse", why=why))
        run = Run(opened)
        result = run.result_of(partial(run.decided, row))
        return result.model_copy(update={"exit_status": opened.context.status})


def _settled(opened: OpenRun, row: FileRow) -> int:
    """How many of its records have a final outcome."""
    return Sends(opened.files.ledger).settled_records(row.id).len()


def _held(opened: OpenRun, name: str) -> FileRow:
    """The held file of that name or SHA-256; others of the same name do not matter."""
    rows = Files(opened.files.ledger).named(name)
    if len(rows) == 1 and not rows[0].held:
        state = rows[0].state.replace("_", " ")
        raise UsageError(problem=f"{rows[0].name} is not held, but {state}", remedy="see billferry status")
    return single_file_named(name, [row for row in rows if row.held] or rows)


def _decision(opened: OpenRun, row: FileRow, summary: Summary, by: Person) -> Decision:
    """A release of all that its report shows. Raises UsageError where the report shows the file no more."""
    gate = Decisions(opened.files.ledger).gate(row.id)
    if gate is None or not same_feed(gate.basis.feed_print, opened.files.landed_from(row).feed):
        raise UsageError(
            problem=f"the feed of {row.name} has changed since it was held",
            remedy="billferry run checks the file again; review it then",
        )
    prints = frozenset(print_of(Hold(hold.code, hold.message, tuple(hold.changes))) for hold in summary.holds)
    basis = Basis(gate.basis.feed_print, gate.basis.totals)
    return Decision(row.sha256, "release", rfc3339(opened.context.options.clock()), by, basis, prints)


def _decide(opened: OpenRun, row: FileRow, decision: Decision) -> None:
    """Remember a decision, and that it was made. Raises UsageError where a run has taken the file up meanwhile."""
    how: dict[str, object] = {"up_to": decision.up_to} if decision.up_to is not None else {}
    if decision.accept_changes:
        how["accept_changes"] = True
    with Files(opened.files.ledger).together():
        if not Decisions(opened.files.ledger).decide(decision):
            raise UsageError(problem="the file is no longer held", remedy="see billferry status")
        opened.history.done(named_files([row]), how)


def _how_much(limit: int | None) -> str:
    if limit is None:
        return "it"
    records = how_many(limit, "record")
    return f"{records} of it, then holds it again"
