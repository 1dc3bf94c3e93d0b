"""What the ledger remembers of the API: entities it told us of, and requests about to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import orjson

from pipeline.core.api.requests import NOTHING, Json, Kind, nested_parents


class Entity(NamedTuple):
    """What the API holds under a reference, as far as it told us."""

    kind: Kind
    reference: str
    id: str
    owner: str | None = None
    currency: str | None = None
    balance: int | None = None
    details: Json = NOTHING
    """Names, e-mails, phones and metadata as last sent."""
    watermark: str | None = None
    """Of the balance; None where it was never set from a file."""
    sure: bool = True
    """No newer balance can have been set by a ledger that knew more than this one."""

    @property
    def is_trusted(self) -> bool:
        """Whether the balance is the last that was set from a file."""
        return self.watermark is not None and bool(self.sure)


@dataclass(frozen=True)
class Intent:
    """A request about to be sent, byte for byte, with all that settling it needs."""

    kind: Kind
    reference: str
    file_id: int
    record: int
    method: str
    path: str
    body: bytes
    key: str | None
    content: str
    generation: int
    customer_reference: str
    account_reference: str | None
    balance_before: int | None
    watermark: str | None
    first_sent_at: str
    attempts: int = 0
    sure: bool = True
    """Whether its balance, once set, is the newest for sure (see `Entity.sure`)."""

    @property
    def business_key(self) -> tuple[Kind, str]:
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
