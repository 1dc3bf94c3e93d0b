"""A person's decision about a held file: one short step of the ledger, while a run may be at work.

A decision is bound to what the person was shown. The first one counts: whoever comes later is told whose it was. The
next pass acts on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from pipeline.core.file_stages import Hold
from pipeline.core.release_decisions import Basis, Decision, Person, Word, is_first_person, print_of
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.clock import utc_now
from pipeline.edge.config import Config, same_feed
from pipeline.edge.ledger.decisions import Decisions
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.sends import Sends
from pipeline.edge.ledger.uploads import Uploads
from pipeline.edge.local.bell import ring
from pipeline.errors import UsageError
from pipeline.monitoring.audit_log import AuditLog, named_files
from pipeline.run.release_gate import approval_days
from pipeline.run.work_dir import ledger_to_write
from schemas.results import Summary
from schemas.settings import Settings

WhyNot = Literal["not_held", "changed", "decided", "second_person", "changes_values"]
"""Why a decision did not come about, as `facts["why_not"]` of its UsageError: the file is not held (any more); it is
not what was shown; another person was first; the person dropped it and a second one has to release it; it changes
values of its original, and `accept_changes` is not set."""


@dataclass(frozen=True, slots=True)
class HeldFileChoice:
    """What a person wants to become of a held file."""

    word: Word
    by: Person
    shown: str | None = None
    """`print_of_shown` when the person saw the file; None: as its report shows it now."""
    limit: int | None = None
    """Of a release: so many records more, then it is held again."""
    accept_changes: bool = False
    why: str | None = None
    """Of a refusal, for the reports."""


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """A decision that counts, pending until a run takes the file up."""

    row: FileRow
    summary: Summary
    """As the person was shown the file."""
    decision: Decision
    audit_head: str = ""
    """The entry of the audit trail, as reports note it."""


def decide(
    config: Config, sha256: str, choice: HeldFileChoice, *, clock: Callable[[], datetime] = utc_now
) -> DecisionMade:
    """Remember what a person decided about the held file with that SHA-256, with an entry in the audit trail.

    A person may replace the own decision until a run takes it up.

    Raises:
        UsageError: it did not come about, see `WhyNot`. LedgerBusy, DiskFull, LedgerDamaged, LedgerOfAnother,
            AnotherRun: as `ledger_to_write`.
    """
    with ledger_to_write(config.settings) as ledger, Files(ledger).together():
        decided = _Judge(config.settings, ledger, clock()).decided(sha256, choice)
        Decisions(ledger).decide(decided.decision)
        how: dict[str, object] = {}
        if decided.decision.up_to is not None:
            how["up_to"] = decided.decision.up_to
        if choice.accept_changes:
            how["accept_changes"] = True
        audit = AuditLog(ledger, config.settings, choice.by, choice.word, clock)
        head = audit.done(named_files([decided.row]), options=how)
    ring(config.settings.work_dir)
    return replace(decided, audit_head=str(head))


def print_of_shown(ledger: Ledger, row: FileRow) -> str:
    """A hash of what a decision about a held file is about: feed, totals, reasons, and how much of it is settled.

    For a form: where it differs when the person decides, the file was changed, checked anew or sent further meanwhile.
    """
    gate = Decisions(ledger).gate(row.id)
    basis = (gate.basis.feed_print, gate.basis.totals) if gate else ()
    holds = sorted(map(print_of, _holds(row)))
    told = json.dumps([row.sha256, row.state, basis, holds, _settled(ledger, row)])
    return hashlib.sha256(told.encode()).hexdigest()


def people_who_dropped(ledger: Ledger, row: FileRow) -> list[Person]:
    """Who dropped a file on the page: of a correction that came another way, those who dropped its originals."""
    files, seen = Files(ledger), set[int]()
    found, at = Uploads(ledger).of(row.sha256), row
    while not found and at.rejects_of is not None and at.id not in seen:
        seen.add(at.id)
        if (original := files.by_short_name(at.rejects_of)) is None:
            break
        at, found = original, Uploads(ledger).of(original.sha256)
    return [each.by for each in found]


def needs_second_person(settings: Settings, ledger: Ledger, row: FileRow, by: Person) -> bool:
    """Whether `by` may not release the file, because they dropped it and the config asks for a second person."""
    if settings.page is None or settings.page.approvals != "second_person":
        return False
    return is_first_person(by, people_who_dropped(ledger, row))


@dataclass(frozen=True, slots=True)
class _Judge:
    """Whether a decision may come about, within a step of the ledger."""

    settings: Settings
    ledger: Ledger
    now: datetime

    def decided(self, sha256: str, choice: HeldFileChoice) -> DecisionMade:
        """Raises UsageError, see `WhyNot`."""
        row = Files(self.ledger).by_sha256(sha256)
        if row is None or not row.held or row.summary is None:
            raise _not_held(row)
        self._first(row, choice.by)
        if choice.shown is not None and choice.shown != print_of_shown(self.ledger, row):
            raise _why_not("changed", f"{row.name} is not what you were shown any more", "look at it again")
        if choice.word == "release" and needs_second_person(self.settings, self.ledger, row, choice.by):
            raise _why_not(
                "second_person",
                f"{row.name} was dropped by {choice.by.user_name}, who cannot release it too (page.approvals)",
                "let another person release it",
            )
        summary = Summary.model_validate(row.summary, strict=False)
        if choice.word == "release" and not choice.accept_changes and any(h.changes for h in summary.holds):
            raise _why_not(
                "changes_values",
                f"{row.name} changes values that were valid in its original",
                "compare each change in its report, then add --accept-changes",
            )
        return DecisionMade(row, summary, self._decision(row, choice))

    def _first(self, row: FileRow, by: Person) -> None:
        """Raises UsageError: another person has decided, and that still counts."""
        pending = Decisions(self.ledger).pending(row.sha256)
        if pending is None:
            return
        if pending.has_expired(self.now, approval_days(self.settings)):
            Decisions(self.ledger).settle(row.sha256, "expired")
        elif not pending.by.is_same_as(by):
            told = pending.told(self.settings.zone)
            raise _why_not("decided", f"{row.name} was already {told}", "the next run acts on that")

    def _decision(self, row: FileRow, choice: HeldFileChoice) -> Decision:
        """Bound to all that its report shows. Raises UsageError where the report shows the file no more."""
        gate = Decisions(self.ledger).gate(row.id)
        feed = next((each for each in self.settings.feeds if each.name == row.feed), None)
        if gate is None or feed is None or not same_feed(gate.basis.feed_print, feed):
            raise _why_not(
                "changed",
                f"the feed of {row.name} has changed since it was held",
                "billferry run checks the file again; review it then",
            )
        is_release = choice.word == "release"
        return Decision(
            row.sha256,
            choice.word,
            rfc3339(self.now),
            choice.by,
            Basis(gate.basis.feed_print, gate.basis.totals),
            frozenset(map(print_of, _holds(row))),
            accept_changes=is_release and choice.accept_changes,
            up_to=None
            if choice.limit is None or not is_release
            else _settled(self.ledger, row) + choice.limit,
            why=None if is_release else choice.why,
        )


def _not_held(row: FileRow | None) -> UsageError:
    if row is None:
        return _why_not("not_held", "the ledger knows no such file", "see billferry status")
    if row.state == "landed":
        return _why_not(
            "not_held", f"{row.name} is not held: a run is at work on it", "try again when that has ended"
        )
    state = row.state.replace("_", " ")
    return _why_not("not_held", f"{row.name} is not held, but {state}", "see billferry status")


def _why_not(why_not: WhyNot, problem: str, remedy: str) -> UsageError:
    return UsageError(problem=problem, remedy=remedy, why_not=why_not)


def _holds(row: FileRow) -> list[Hold]:
    """What its report says that it is held for."""
    return [
        Hold(hold["code"], hold["message"], tuple(hold.get("changes", ())))
        for hold in (row.summary or {}).get("holds", ())
    ]


def _settled(ledger: Ledger, row: FileRow) -> int:
    """How many of its records have a final outcome."""
    return Sends(ledger).count_settled(row.id)
