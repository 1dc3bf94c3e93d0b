"""What the load changes in the ledger, as data: so that many changes can be written as a handful of statements.

`edge/ledger/writes.py` carries them out, in their order within each table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.requests import Kind
from pipeline.core.outcomes import RecordOutcome


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """A request is about to be sent.

    One unsettled intent per business key: a second one breaks a constraint of the ledger, and the whole commit fails.
    """

    intent: Intent


@dataclass(frozen=True, slots=True)
class CloseIntent:
    """An intent is settled: it is deleted, by its business key. Nothing happens where there is none."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class RenewIntent:
    """The next generation of an intent takes the place of a spent one; later files begin with that generation, too."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class SpendKey:
    """The key of this intent is spent for good: the next attempt starts one generation later."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class UpsertEntity:
    """The API holds an entity. Its id and its reference both replace what was known under either."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class ForgetEntity:
    """The API no longer has it."""

    kind: Kind
    reference: str


@dataclass(frozen=True, slots=True)
class DistrustEntities:
    """Ids that a file's records show may be others': they are forgotten, but for those that carry a balance."""

    file_id: int


@dataclass(frozen=True, slots=True)
class StoreOutcome:
    """What became of a record of a file; attempts of earlier runs, which left it in doubt, are added.

    What the outcome has `learned` is not stored with it: each entity is a change of its own.
    """

    file_id: int
    reference: str
    """Of the record's bill, account or customer."""
    outcome: RecordOutcome


@dataclass(frozen=True, slots=True)
class UpgradeOutcome:
    """An unchanged record whose customer's or account's details were patched after it counts as updated."""

    file_id: int
    record: int


@dataclass(frozen=True, slots=True)
class LoadUnderWay:
    """How far the load of a file was at a moment."""

    started_at: str
    """RFC 3339, as `at`."""
    at: str
    settled: int
    """Records with a final outcome, those of earlier loads among them."""
    total: int
    per_s: float
    """Records settled a second, of late."""
    retried: int
    """Requests that repeated an earlier one."""
    settled_minor: Mapping[str, int]
    """Currency → minor units of the settled records."""
    total_minor: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class NoteProgress:
    """How far the load of a file is, for those who watch it."""

    file_id: int
    load: LoadUnderWay


Change = (
    OpenIntent
    | CloseIntent
    | RenewIntent
    | SpendKey
    | UpsertEntity
    | ForgetEntity
    | DistrustEntities
    | StoreOutcome
    | UpgradeOutcome
    | NoteProgress
)
