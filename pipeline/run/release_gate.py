"""The gate before money: which checked files are sent, and which wait for a person first.

What lets a file through is durable before its first byte is sent, so that neither a kill nor a later pass sends more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.core.files import CheckedFile, Hold, LandedFile, Refusal
from pipeline.core.outcomes import FileState, Outcome
from pipeline.core.release_decisions import (
    FIRST,
    REFUSED,
    RESTORED,
    Basis,
    Decision,
    Fate,
    always,
    first_of_feed,
    limited,
    restored,
    totals_text,
)
from pipeline.core.rules.plausibility import OUT_OF_PROPORTION, UNIT_SUSPICIOUS, unlike_before
from pipeline.core.values.amount_spread import spreads
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.config import feed_print
from pipeline.edge.ledger import FINISHED_STATES, FileRow, Gate, Sends
from pipeline.load import not_sent
from pipeline.run.context import RunContext
from schemas.results import Breakdown, Summary

_BY_HISTORY = frozenset({FIRST, OUT_OF_PROPORTION, UNIT_SUSPICIOUS})
"""Reasons that another file of the feed may do away with when it is loaded."""


@dataclass(frozen=True, slots=True)
class GatedFile:
    """A checked file and how far it may go: not at all with `checked.holds` or a refusal."""

    checked: CheckedFile
    up_to: int | None = None
    """So many of its records may be settled in all; None: every one."""


class GateKeeper:
    """Judges the files of one run. In a dry run nothing is remembered and no decision is taken up."""

    def __init__(self, desk: RunContext) -> None:
        self._desk = desk
        self._zone = desk.settings.zone

    def judged(self, landed: LandedFile, checked: CheckedFile, file_id: int | None) -> GatedFile:
        """Hold a checked file, refuse it, or let it through, and remember which.

        `landed` has its feed as the config has it: a correction was checked as a spreadsheet has saved it.
        """
        if checked.refusal is not None:
            return GatedFile(checked)
        decisions = self._desk.decisions
        row = self._desk.row(landed.sha256)
        basis = Basis(feed_print(landed.feed), totals_text(checked.totals))
        gate = decisions.gate(row.id) if row and decisions else None
        passed = gate is not None and gate.is_open and gate.basis == basis and self._accepted(checked, basis)
        was_restored = gate is not None and gate.restored
        holds = (
            *(() if passed else self._reasons(checked, row)),
            *self._limit_reached(checked, row, gate),
            *([restored()] if was_restored else []),
        )
        new = Gate(basis, passed or not holds, gate.up_to if gate else None, restored=was_restored)
        decision = decisions.pending(landed.sha256) if decisions else None
        fate: Fate | None = None
        if decision is None:
            new = self._canary(new, row) if not holds else new
        elif decision.covers(basis, holds):
            new, fate, holds = Gate(basis, decision.word == "release", decision.up_to), "taken", ()
        else:
            fate = "void"
        told = self._told(landed, decision, fate)
        self._remember(new, file_id, landed, fate)
        checked = replace(checked, holds=holds, notes=(*checked.notes, *told))
        if decision and fate == "taken" and decision.word == "refuse":
            return GatedFile(replace(checked, refusal=Refusal(REFUSED, decision.told(self._zone))))
        return GatedFile(checked, new.up_to)

    def _told(self, landed: LandedFile, now: Decision | None, fate: Fate | None) -> list[str]:
        """Every decision about these bytes, the one of `now` last; a refusal is told where the file is refused."""
        earlier = self._desk.decisions.settled(landed.sha256) if self._desk.decisions else []
        told = [decision.told(self._zone, then) for decision, then in earlier]
        if now and fate and (fate != "taken" or now.word == "release"):
            told.append(now.told(self._zone, fate))
        return told

    def after_load(self, judged: GatedFile, file_id: int) -> CheckedFile:
        """Hold what a limit has left, once nothing more goes under it and nothing is in doubt."""
        checked, settled = judged.checked, self._desk.settled(file_id)
        left = self._desk.left_to_send(checked, file_id)
        reached = judged.up_to is not None and settled >= judged.up_to
        if reached and left and not checked.holds and not self.in_doubt(file_id):
            return replace(checked, holds=(limited(settled, left),))
        return checked

    def with_what_is_left(self, checked: CheckedFile, file_id: int) -> CheckedFile:
        """A held file with the sizes of what it has not sent yet: that is what a person decides about."""
        if not checked.holds:
            return checked
        sent = Sends(self._desk.connection()).sent_records(file_id)
        return replace(checked, spreads=spreads(not_sent(checked.records, sent))) if len(sent) else checked

    def in_doubt(self, file_id: int) -> bool:
        """Whether records were sent whose outcome is unknown."""
        return self._desk.kept_outcomes(file_id) > self._desk.settled(file_id)

    def remember_loaded(self, checked: CheckedFile, file_id: int, state: str, records: Breakdown) -> None:
        """A feed is new no more, and later files are compared with this one: whole files alone, not corrections."""
        decisions = self._desk.decisions
        if decisions and state in FINISHED_STATES and records.created + records.updated + records.unchanged:
            whole = checked.landed.rejects_of is None
            at = rfc3339(self._desk.now())
            decisions.loaded(file_id, checked.landed.feed.name, checked.spreads if whole else (), at=at)

    # -- files that wait, or were ended by a person --

    def says_as_before(self, landed: LandedFile, row: FileRow) -> bool:
        """Whether nothing has changed for a held file, or one that a person refused: it is not even checked again."""
        decisions = self._desk.decisions
        if decisions is None or row.summary is None or self._desk.feed_changed(landed, row):
            return False
        if row.held and self._desk.options.dry_run:
            return False  # it says of each file what a run would
        if row.held:
            codes = {hold["code"] for hold in row.summary.get("holds", ())}
            gate = decisions.gate(row.id)
            moved = gate is None or gate.last_load != decisions.last_load(landed.feed.name)
            untold = gate is not None and gate.restored and RESTORED not in codes
            return (
                decisions.pending(row.sha256) is None and not untold and not (moved and codes & _BY_HISTORY)
            )
        by_person = (row.summary.get("refusal") or {}).get("code") == REFUSED
        return row.state == FileState.REFUSED and by_person and not self._desk.options.force

    # -- reasons --

    def _reasons(self, checked: CheckedFile, row: FileRow | None) -> Iterator[Hold]:
        """Why a file that was not let through yet waits. One that would send nothing waits for nobody."""
        if not checked.totals.count(Outcome.NOT_ATTEMPTED):
            return
        yield from checked.holds
        feed, decisions = checked.landed.feed, self._desk.decisions
        usually = "first" if self._desk.settings.environment == "live" else "never"
        release = feed.release or usually
        if release == "always":
            yield always()
        elif release == "first" and (decisions is None or decisions.last_load(feed.name) is None):
            yield first_of_feed(feed.name)
        if decisions is None or feed.unusual == "load" or checked.landed.rejects_of is not None:
            return  # part of a file is in no proportion
        for spread in checked.spreads:
            past = decisions.past(feed.name, spread.currency, beside=row.id if row else None)
            yield from unlike_before(spread, past, feed.amount.unit)

    def _accepted(self, checked: CheckedFile, basis: Basis) -> bool:
        """Whether people accepted all that the check holds it for: it may have been let through without that.

        Nothing is compared for a record that another correction has taken, until the API refuses that one.
        """
        decisions = self._desk.decisions
        releases = decisions.releases(checked.landed.sha256) if checked.holds and decisions else []
        return all(any(each.covers(basis, [hold]) for each in releases) for hold in checked.holds)

    def _limit_reached(
        self, checked: CheckedFile, row: FileRow | None, gate: Gate | None
    ) -> tuple[Hold, ...]:
        if row is None or gate is None or gate.up_to is None:
            return ()
        settled, left = self._desk.settled(row.id), self._desk.left_to_send(checked, row.id)
        return (limited(settled, left),) if left and settled >= gate.up_to else ()

    def _canary(self, gate: Gate, row: FileRow | None) -> Gate:
        """What `--limit` of the command line allows; it never allows more than an earlier one does."""
        limit = self._desk.options.limit
        if limit is None or row is None:
            return gate
        up_to = self._desk.settled(row.id) + limit
        return replace(gate, up_to=up_to if gate.up_to is None else min(up_to, gate.up_to))

    def _remember(
        self, gate: Gate, file_id: int | None, landed: LandedFile, fate: Fate | None = None
    ) -> None:
        decisions = self._desk.decisions
        if file_id is None or decisions is None:
            return
        gate = replace(gate, last_load=decisions.last_load(landed.feed.name))
        decisions.set_gate(file_id, gate, sha256=landed.sha256, fate=fate)


def as_reported(checked: CheckedFile, then: Summary) -> CheckedFile:
    """A file checked again as its report told it: what the gate and people decided is not decided anew."""
    holds = tuple(Hold(hold.code, hold.message, tuple(hold.changes)) for hold in then.holds)
    if then.refusal is not None and then.refusal.code == REFUSED:
        return replace(checked, holds=(), refusal=Refusal(REFUSED, then.refusal.message))
    return replace(checked, holds=holds)
