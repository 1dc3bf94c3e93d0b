"""What the ledger remembers of the API: entities that it showed, and requests about to be sent.

Fields are columns of the ledger's tables `entities` and `intents`, by the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import orjson

from pipeline.core.api.requests import NOTHING, Json, Kind, nested_parents


class Entity(NamedTuple):
    """What the API holds under a reference, as far as it was seen. Amounts are in minor units."""

    kind: Kind
    reference: str
    id: str
    owner: str | None = None
    """Reference of its customer; None for customers, and where it is not known."""
    currency: str | None = None
    balance: int | None = None
    """As last set or seen; None for bills, and where there is none."""
    details: Json = NOTHING
    """Names, e-mails, phones and metadata as last sent."""
    watermark: str | None = None
    """Of the balance; None where it was never set from a file."""
    sure: bool = True
    """No newer balance can have been set by a ledger that knew more than this one."""
    set_at: str | None = None
    """When its balance was set from a file (RFC 3339, UTC): payments since then have lowered it."""

    @property
    def is_trusted(self) -> bool:
        """Whether the balance is the last that was set from a file."""
        return self.watermark is not None and bool(self.sure)


@dataclass(frozen=True)
class Intent:
    """A request about to be sent, byte for byte, with all that settling it needs.

    It is in the ledger before its first byte is sent, and leaves it with the outcome of its record.
    """

    kind: Kind
    reference: str
    file_id: int
    record: int
    """Number of the record in its file, from 1."""
    method: str
    path: str
    body: bytes
    key: str | None
    """Idempotency key of a POST; None for a PATCH, which has none."""
    content: str
    """SHA-256 (hex) of what the file states, by `idempotency.content_of`."""
    generation: int
    """Counts the keys of one content: a spent one is followed by the next."""
    customer_reference: str
    account_reference: str | None
    balance_before: int | None
    """The balance (minor units) that a PATCH replaces: while it is still there, the PATCH has not worked."""
    watermark: str | None
    """Of its balance, by `watermarks.watermark`; None for bills."""
    first_sent_at: str
    """ISO 8601, UTC."""
    attempts: int = 0
    sure: bool = True
    """Whether its balance, once set, is the newest for sure (see `Entity.sure`)."""

    @property
    def business_key(self) -> tuple[Kind, str]:
        """Kind and reference: the ledger holds one intent for each at most."""
        return self.kind, self.reference

    @cached_property
    def stated(self) -> Json:
        """The body as an object, which nobody changes."""
        body: Json = orjson.loads(self.body)
        return body

    @property
    def nested_keys(self) -> set[tuple[str, str]]:
        """Business keys of the parents that it nests."""
        return {(kind, parent["external_reference"]) for kind, parent in nested_parents(self.stated).items()}
