"""What all settling of one load shares, and what becomes of each intent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import polars as pl

from pipeline.core.identity import idempotency_key
from pipeline.core.intents import Entity, Intent
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.core.wanted import Kind
from pipeline.load.wire import Wire


class Memory(Protocol):
    """The ledger's intents, ids and outcomes. Changes are made inside `Commits.durable`."""

    def open_intents(self) -> list[Intent]: ...
    def entities(self, kind: Kind, references: Iterable[str]) -> dict[str, Entity]: ...
    def reference_of(self, kind: Kind, id_: str) -> str | None: ...
    def generations(self, kind: Kind, references: Iterable[str]) -> dict[tuple[str, str], int]: ...
    def settled_records(self, file_id: int) -> pl.Series: ...
    def open_intent(self, intent: Intent) -> None: ...
    def replace_intent(self, intent: Intent) -> None: ...
    def close_intent(self, intent: Intent) -> None: ...
    def spend(self, intent: Intent) -> None: ...
    def know(self, entity: Entity) -> None: ...
    def forget(self, kind: Kind, reference: str) -> None: ...
    def conclude(self, file_id: int, reference: str, outcome: RecordOutcome) -> None: ...
    def upgrade(self, file_id: int, record: int) -> None: ...


class Commits(Protocol):
    """Makes changes durable, many at once."""

    async def durable(self, change: Callable[[], None]) -> None:
        """Run a change and come back when it is on disk."""
        ...


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of an intent, and the ids that came to light."""

    outcome: Outcome
    codes: tuple[str, ...] = ()
    message: str | None = None
    customer_id: str | None = None
    account_id: str | None = None
    leaf_id: str | None = None
    attempts: int = 0
    entities: tuple[Entity, ...] = ()
    """What the answer taught; remembered together with the outcome."""


class Known:
    """Entities by reference: those of the customers at work in memory, the others asked from the ledger.

    Each bucket brings all that the ledger knows of its customers. From the first one on nothing else is asked for,
    so an absence needs no look into the ledger.
    """

    def __init__(self, reader: Memory) -> None:
        self._reader = reader
        self._entities: dict[tuple[Kind, str], Entity] = {}
        self._brought = False

    def bring(self, entities: Iterable[Entity]) -> None:
        """Take what the ledger knows of the next bucket."""
        self._brought = True
        self.add(*entities)

    def add(self, *entities: Entity) -> None:
        for entity in entities:
            self._entities[entity.kind, entity.reference] = entity

    def get(self, kind: Kind, reference: str | None) -> Entity | None:
        if reference is None:
            return None
        entity = self._entities.get((kind, reference))
        if entity is not None or self._brought:
            return entity
        return self._reader.entities(kind, [reference]).get(reference)

    def reference_of(self, kind: Kind, id_: str) -> str | None:
        """The reference that an id is known under; ids and references are one to one."""
        return self._reader.reference_of(kind, id_)

    def drop(self, kind: Kind, reference: str) -> None:
        """Forget one that is no longer at work."""
        self._entities.pop((kind, reference), None)


@dataclass(frozen=True, slots=True)
class Scope:
    """What all settling of one load shares."""

    merchant: str
    environment: str
    wire: Wire
    memory: Memory
    """For changes, inside `commits.durable`."""
    commits: Commits
    known: Known
    max_retry_s: float
    key_life_s: float

    def key(self, intent: Intent, generation: int) -> str:
        """The idempotency key of an intent's wish in a generation."""
        return idempotency_key(
            merchant=self.merchant,
            environment=self.environment,
            kind=intent.kind,
            reference=intent.reference,
            content=intent.content,
            generation=generation,
        )

    def older_than_its_key(self, intent: Intent) -> bool:
        """Whether the API may have forgotten the key of an intent."""
        age = datetime.now(UTC) - datetime.fromisoformat(intent.first_sent_at)
        return age.total_seconds() > self.key_life_s
