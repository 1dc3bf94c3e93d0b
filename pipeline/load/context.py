"""What all settling of one load shares, and what becomes of each intent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from pipeline.core.api.idempotency import idempotency_key
from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.ledger_changes import Change
from pipeline.core.api.requests import Kind
from pipeline.core.outcomes import Outcome
from pipeline.load.entity_cache import EntityCache
from pipeline.load.id_checks import IdChecks
from pipeline.load.retrying_client import RetryingClient


class Commits(Protocol):
    """Makes changes of the ledger durable, many at once, in the order in which they are asked for.

    So only what must be on disk before something else happens is waited for: an intent, before it is sent.
    """

    async def durable(self, *changes: Change) -> None:
        """Make changes together and come back when they, and all before them, are on disk."""
        ...

    async def soon(self, *changes: Change) -> None:
        """Make changes together, before any that are asked for later."""
        ...


class Settlement(NamedTuple):
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


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What all settling of one load shares."""

    merchant: str
    environment: str
    wire: RetryingClient
    commits: Commits
    known: EntityCache
    ids: IdChecks
    max_retry_s: float
    key_life_s: float
    clock: Callable[[], datetime]
    """In UTC."""

    def key(self, kind: Kind, reference: str, content: str, generation: int) -> str:
        """The idempotency key of a wish in a generation."""
        return idempotency_key(
            merchant=self.merchant,
            environment=self.environment,
            kind=kind,
            reference=reference,
            content=content,
            generation=generation,
        )

    def older_than_its_key(self, intent: Intent) -> bool:
        """Whether the API may have forgotten the key of an intent, or nobody can tell because the clock went back."""
        age = self.clock() - datetime.fromisoformat(intent.first_sent_at)
        return not 0 <= age.total_seconds() <= self.key_life_s
