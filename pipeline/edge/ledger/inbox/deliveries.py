"""Keeps deliveries: durable before they are acknowledged, many in one synced commit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.group_writer import GroupWriter
from pipeline.errors import DiskFull

MAX_GROUP = 1024
"""Deliveries of one commit."""
_STORE = (
    "INSERT INTO deliveries (webhook_id, digest, received_at, signed_at, source, body) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (webhook_id, digest) DO UPDATE SET copies = copies + 1"
)


class WebhookDelivery(NamedTuple):
    """A delivery whose signature was verified, or that a person vouches for."""

    webhook_id: str
    signed_at_s: int
    """Seconds since 1970, by its header."""
    source: Literal["webhook", "replay"]
    body: bytes


def store_deliveries(inbox: Ledger, deliveries: Sequence[WebhookDelivery], received_at: datetime) -> None:
    """Keep deliveries as one durable step; one that is already there is counted.

    Raises:
        DiskFull, LedgerBusy: none of them is kept.
    """
    at = received_at.isoformat(timespec="milliseconds")
    rows = [
        (each.webhook_id, hashlib.sha256(each.body).digest(), at, each.signed_at_s, each.source, each.body)
        for each in deliveries
    ]
    with transaction(inbox):
        inbox.executemany(_STORE, rows)


def store_counted(inbox: Ledger, deliveries: Sequence[WebhookDelivery], received_at: datetime) -> int:
    """The same; returns how many were not there before."""
    with transaction(inbox):
        (before,) = inbox.execute("SELECT coalesce(max(seq), 0) FROM deliveries").fetchone()
        store_deliveries(inbox, deliveries, received_at)
        (new,) = inbox.execute("SELECT count(*) FROM deliveries WHERE seq > ?", (before,)).fetchone()
    return int(new)


def size_bytes(inbox: Ledger) -> int:
    """How large the inbox is, without what is free in it."""
    (pages,), (free,), (page_bytes,) = (
        inbox.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
    )
    size: int = (pages - free) * page_bytes
    return size


class DeliveryWriter(GroupWriter[WebhookDelivery]):
    """A thread that keeps deliveries in groups, over a connection that it alone uses; an async context manager.

    Whoever waits for `store` may acknowledge: the delivery is on disk. At the end of the block, everything that was
    handed over is.
    """

    def __init__(self, inbox: Ledger, *, where: str, max_bytes: int) -> None:
        """`where` is the inbox's path, for messages; `max_bytes` the size from which nothing more is accepted."""
        super().__init__("inbox", MAX_GROUP)
        self._inbox = inbox
        self._where = where
        self._max_bytes = max_bytes
        self.problem: Exception | None = None
        """Why the last group was not kept; None once one is."""

    async def store(self, delivery: WebhookDelivery) -> None:
        """Come back when the delivery is on disk.

        Raises:
            DiskFull, LedgerBusy: it is not kept, and must not be acknowledged.
        """
        await self.submit(delivery)

    def commit(self, group: Sequence[WebhookDelivery], *, all_wait: bool) -> Exception | None:  # noqa: ARG002
        """Keep a group; what went wrong, or None."""
        self.problem = self._problem_of(group)
        return self.problem

    def _problem_of(self, group: Sequence[WebhookDelivery]) -> Exception | None:
        try:
            if size_bytes(self._inbox) > self._max_bytes:
                return DiskFull(where=self._where, problem="payments.max_inbox_bytes is reached")
            store_deliveries(self._inbox, group, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 (handed to whoever waits)
            return error
        return None
