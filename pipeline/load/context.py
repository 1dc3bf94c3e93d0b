"""What all records of one load share: whom they ask, what is known, and the bounds from the config."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pipeline.core.api.idempotency import idempotency_key
from pipeline.core.api.intents import Intent
from pipeline.core.api.requests import Kind
from pipeline.load.entity_cache import EntityCache
from pipeline.load.id_checks import IdChecks
from pipeline.load.ledger_access import LedgerWriter
from pipeline.load.paid_since import PaymentGuard
from pipeline.load.parents import Parents
from pipeline.load.retrying_client import RetryingClient


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What all records of one load share."""

    merchant: str
    environment: str
    client: RetryingClient
    ledger: LedgerWriter
    cache: EntityCache
    """What is known of customers, accounts and bills; asked before the API is."""
    parents: Parents
    id_checks: IdChecks
    max_retry_s: float
    """How long one request is repeated at most."""
    key_life_s: float
    """How long after its first send an idempotency key is sure to be known to the API."""
    clock: Callable[[], datetime]
    """In UTC."""
    payments: PaymentGuard | None = None
    """What is known of payments; None where the config has none."""

    def key(self, kind: Kind, reference: str, content: str, generation: int) -> str:
        """The idempotency key (a UUID) of a create in a generation; `content` as by `content_of`."""
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
