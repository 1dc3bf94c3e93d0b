"""Outcomes of records, states of files, and the law that nothing is missing (design §4).

Every record ends in exactly one outcome; per currency the outcomes add up to the total, in records and in
minor units.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pipeline.core.api.intents import Entity


class Outcome(StrEnum):
    """What became of one record."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"
    NOT_ATTEMPTED = "not_attempted"


AT_API = (Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED)
"""Outcomes of records that the API holds."""

REJECTS = frozenset({Outcome.REJECTED, Outcome.CONFLICT, Outcome.REFUSED})
"""Outcomes whose records stand in rejects.csv."""

OPEN = frozenset({Outcome.IN_DOUBT, Outcome.NOT_ATTEMPTED})
"""Outcomes that keep a file unfinished."""


class FileState(StrEnum):
    """What became of one file."""

    LOADED = "loaded"
    LOADED_WITH_REJECTS = "loaded_with_rejects"
    UNFINISHED = "unfinished"
    HELD = "held"
    REFUSED = "refused"
    ALREADY_LOADED = "already_loaded"
    UNMATCHED = "unmatched"
    VALIDATED = "validated"
    VALIDATED_WITH_REJECTS = "validated_with_rejects"
    COMPARED = "compared"
    COMPARED_WITH_DIFFERENCES = "compared_with_differences"


def still_open(state: str) -> frozenset[Outcome]:
    """Outcomes that a later run may change: in a refused file only what is in doubt, the rest is refused with it."""
    return frozenset({Outcome.IN_DOUBT}) if state == FileState.REFUSED else OPEN


class RecordOutcome(NamedTuple):
    """What became of one record that was to be sent, and what its requests brought to light."""

    record: int
    outcome: Outcome
    codes: tuple[str, ...] = ()
    message: str | None = None
    customer_id: str | None = None
    account_id: str | None = None
    bill_id: str | None = None
    attempts: int = 0
    """How often it was sent, answers of "too many requests" included."""
    learned: tuple[Entity, ...] = ()
    """Entities that the API showed on the way; the ledger takes them up in the same commit as the outcome."""
