"""The gate before money: which checked files are sent, and which wait for a person first.

What lets a file through is durable before its first byte is sent, so that neither a kill nor a later pass sends more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from pipeline.core.file_stages import CheckedFile, Hold, Refusal
from pipeline.core.outcomes import Outcome
from pipeline.core.release_decisions import (
    FIRST,
    REFUSED,
    RESTORED,
    Basis,
    Decision,
    Fate,
    Person,
    always,
    first_of_feed,
    limited,
    restored,
    stopped,
    totals_text,
    uploaded,
)
from pipeline.core.rules.earlier_amounts import Past
from pipeline.core.rules.plausibility import OUT_OF_PROPORTION, UNIT_SUSPICIOUS, unlike_before
from pipeline.core.values.amount_spread import spreads
from pipeline.edge.config import feed_print
from pipeline.edge.ledger.decisions import Gate
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.loads_under_way import StopAsked
from pipeline.edge.ledger.sends import Sends
from pipeline.load.planner import count_to_send, not_sent
from pipeline.run.file_repository import FileInWork, FileRepository, MetFile, feed_changed
from schemas.results import Summary
from schemas.settings import Settings

_BY_HISTORY = frozenset({FIRST, OUT_OF_PROPORTION, UNIT_SUSPICIOUS})
"""Reasons that another file of the feed may do away with when it is loaded."""


@dataclass(frozen=True, slots=True)
class GatedFile:
    """A checked file and how far it may go: not at all with `checked.holds` or a refusal."""

    checked: CheckedFile
    up_to: int | None = None
    """So many of its records may be settled in all; None: every one."""


class DecisionMemory(Protocol):
    """What people decided about held files and how far each may go; in a dry run without changes."""

    def pending(self, sha256: str) -> Decision | None:
        """The decision that is to be taken up; None: nobody has decided, or it was taken up."""

    def settled(self, sha256: str) -> list[tuple[Decision, Fate]]:
        """Earlier decisions, oldest first, each with what became of it."""

    def releases(self, sha256: str) -> list[Decision]:
        """Releases that were taken up: what a person has accepted stays accepted."""

    def gate(self, file_id: int) -> Gate | None:
        """How far a file may go; None: it was not judged yet."""

    def set_gate(
        self, file_id: int, gate: Gate, *, sha256: str, fate: Fate | None, stop: StopAsked | None = None
    ) -> None:
        """Remember that, and in the same step what became of its pending decision (`fate`; None: nothing).

        `stop`: a stop that a decision has ended.
        """

    def stop_asked(self, file_id: int) -> StopAsked | None:
        """Who has stopped the load of a file on the page; None: nobody, or it was released since."""

    def dropped_by(self, sha256: str) -> Person | None:
        """Who dropped the file on the page, the last one where several did; None: nobody."""

    def last_load(self, feed: str) -> int | None:
        """Number of a feed's last load; None: nothing of it was loaded yet."""

    def past(self, feed: str, currency: str, *, beside: int | None) -> Sequence[Past]:
        """The amounts of a feed's last loads in a currency, without those of the file `beside`."""


@dataclass(frozen=True, slots=True)
class GateKeeper:
    """Judges the files of one run."""

    settings: Settings
    files: FileRepository
    decisions: DecisionMemory
    clock: Callable[[], datetime]
    """In UTC: a release counts for so many days."""
    limit: int | None = None
    """So many more records of each file, as the command line says; None: all."""
    force: bool = False

    def judged(self, work: FileInWork, checked: CheckedFile) -> GatedFile:
        """Hold a checked file, refuse it, or let it through, and remember which.

        `work.landed` has its feed as the config has it: a correction was checked as a spreadsheet has saved it.
        """
        if checked.refusal is not None:
            return GatedFile(checked)
        landed, file_id = work.landed, work.file_id
        basis = Basis(feed_print(landed.feed), totals_text(checked.totals))
        gate = self.decisions.gate(file_id)
        passed = gate is not None and gate.is_open and gate.basis == basis and self._accepted(checked, basis)
        was_restored = gate is not None and gate.restored
        stop = self.decisions.stop_asked(file_id)
        holds = (
            *(() if passed else self._reasons(checked, file_id)),
            *self._limit_reached(checked, file_id, gate),
            *self._stop_reached(checked, file_id, stop),
            *([restored()] if was_restored else []),
        )
        new = Gate(basis, passed or not holds, gate.up_to if gate else None, restored=was_restored)
        decision = self.decisions.pending(landed.sha256)
        fate: Fate | None = None
        if decision is None:
            new = self._canary(new, file_id) if not holds else new
        elif decision.has_expired(self.clock(), approval_days(self.settings)):
            fate = "expired"
        elif decision.covers(basis, holds):
            new, fate, holds = Gate(basis, decision.word == "release", decision.up_to), "taken", ()
        else:
            fate = "void"
        told = self._told(landed.sha256, decision, fate)
        new = replace(new, last_load=self.decisions.last_load(landed.feed.name))
        ended = stop if fate == "taken" else None
        self.decisions.set_gate(file_id, new, sha256=landed.sha256, fate=fate, stop=ended)
        checked = replace(checked, holds=holds, notes=(*checked.notes, *told))
        if decision and fate == "taken" and decision.word == "refuse":
            return GatedFile(replace(checked, refusal=Refusal(REFUSED, decision.told(self.settings.zone))))
        return GatedFile(checked, new.up_to)

    def _told(self, sha256: str, now: Decision | None, fate: Fate | None) -> list[str]:
        """Every decision about these bytes, the one of `now` last; a refusal is told where the file is refused."""
        zone = self.settings.zone
        told = [decision.told(zone, then) for decision, then in self.decisions.settled(sha256)]
        if now and fate and (fate != "taken" or now.word == "release"):
            told.append(now.told(zone, fate))
        return told

    def after_load(self, judged: GatedFile, file_id: int) -> CheckedFile:
        """Hold what a limit or a person's stop has left, once nothing more goes under it and nothing is in doubt."""
        checked, settled = judged.checked, self._settled(file_id)
        reached = judged.up_to is not None and settled >= judged.up_to
        if not checked.holds and not self.in_doubt(file_id):
            left = self._left_to_send(checked, file_id)
            holds = (
                *((limited(settled, left),) if reached and left else ()),
                *self._stop_reached(checked, file_id, self.decisions.stop_asked(file_id)),
            )
            checked = replace(checked, holds=holds)
        return self.with_what_is_left(checked, file_id)

    def with_what_is_left(self, checked: CheckedFile, file_id: int) -> CheckedFile:
        """A held file with the sizes of what it has not sent yet: that is what a person decides about."""
        if not checked.holds:
            return checked
        sent = Sends(self.files.ledger).sent_records(file_id)
        return replace(checked, spreads=spreads(not_sent(checked.records, sent))) if len(sent) else checked

    def in_doubt(self, file_id: int) -> bool:
        """Whether records were sent whose outcome is unknown."""
        return Files(self.files.ledger).kept_outcomes(file_id) > self._settled(file_id)

    def _left_to_send(self, checked: CheckedFile, file_id: int) -> int:
        """Accepted records without a final outcome."""
        return count_to_send(checked.records) - self._settled(file_id)

    def _settled(self, file_id: int) -> int:
        """Records whose outcome is final."""
        return Sends(self.files.ledger).count_settled(file_id)

    # -- files that wait, or were ended by a person --

    def says_as_before(self, met: MetFile) -> bool:
        """Whether nothing has changed for a held file, or one that a person refused: it is not even checked again."""
        landed, row = met.landed, met.row
        if row is None or row.summary is None or feed_changed(landed, row):
            return False
        if row.held:
            return self.files.keeps_waiting(row) and self._still_holds(row, landed.feed.name)
        return row.was_refused_by_person and not self.force

    def _still_holds(self, row: FileRow, feed: str) -> bool:
        """Whether no person has decided since, and no other file has done away with the reasons."""
        codes = {hold["code"] for hold in (row.summary or {}).get("holds", ())}
        gate = self.decisions.gate(row.id)
        moved = gate is None or gate.last_load != self.decisions.last_load(feed)
        untold = gate is not None and gate.restored and RESTORED not in codes
        return (
            self.decisions.pending(row.sha256) is None and not untold and not (moved and codes & _BY_HISTORY)
        )

    # -- reasons --

    def _reasons(self, checked: CheckedFile, file_id: int) -> Iterator[Hold]:
        """Why a file that was not let through yet waits. One that would send nothing waits for nobody."""
        if not checked.totals.count(Outcome.NOT_ATTEMPTED):
            return
        yield from checked.holds
        if (person := self.decisions.dropped_by(checked.landed.sha256)) is not None:
            yield uploaded(person)
        feed = checked.landed.feed
        usually = "first" if self.settings.environment == "live" else "never"
        release = feed.release or usually
        if release == "always":
            yield always()
        elif release == "first" and self.decisions.last_load(feed.name) is None:
            yield first_of_feed(feed.name)
        if feed.unusual == "load" or checked.landed.rejects_of is not None:
            return  # part of a file is in no proportion
        for spread in checked.spreads:
            past = self.decisions.past(feed.name, spread.currency, beside=file_id)
            yield from unlike_before(spread, past, feed.amount.unit)

    def _accepted(self, checked: CheckedFile, basis: Basis) -> bool:
        """Whether people accepted all that the check holds it for: it may have been let through without that.

        Nothing is compared for a record that another correction has taken, until the API refuses that one.
        """
        releases = self.decisions.releases(checked.landed.sha256) if checked.holds else []
        return all(any(each.covers(basis, [hold]) for each in releases) for hold in checked.holds)

    def _limit_reached(self, checked: CheckedFile, file_id: int, gate: Gate | None) -> tuple[Hold, ...]:
        """The hold of a file of which as many records are settled as its limit allows."""
        if gate is None or gate.up_to is None:
            return ()
        settled, left = self._settled(file_id), self._left_to_send(checked, file_id)
        return (limited(settled, left),) if left and settled >= gate.up_to else ()

    def _stop_reached(self, checked: CheckedFile, file_id: int, stop: StopAsked | None) -> tuple[Hold, ...]:
        """The hold of a file that a person has stopped; of one that is settled whole nothing is left to hold."""
        left = self._left_to_send(checked, file_id) if stop is not None else 0
        return (stopped(stop.by, self._settled(file_id), left),) if stop is not None and left else ()

    def _canary(self, gate: Gate, file_id: int) -> Gate:
        """What `--limit` of the command line allows; it never allows more than an earlier one does."""
        if self.limit is None:
            return gate
        up_to = self._settled(file_id) + self.limit
        return replace(gate, up_to=up_to if gate.up_to is None else min(up_to, gate.up_to))


def approval_days(settings: Settings) -> int | None:
    """For so many days a release counts that no run has taken up; None: without a page, for good."""
    return settings.page.approval_days if settings.page is not None else None


def as_reported(checked: CheckedFile, then: Summary) -> CheckedFile:
    """A file checked again as its report told it: what the gate and people decided is not decided anew."""
    holds = tuple(Hold(hold.code, hold.message, tuple(hold.changes)) for hold in then.holds)
    if then.refusal is not None and then.refusal.code == REFUSED:
        return replace(checked, holds=(), refusal=Refusal(REFUSED, then.refusal.message))
    return replace(checked, holds=holds)
