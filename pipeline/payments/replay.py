"""Takes deliveries in that somebody stored elsewhere. The next run matches them, as if they had just been received."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from pipeline.core.payments.stored_delivery import (
    BESIDE_BODY_BYTES,
    LONGEST_ESCAPE,
    BadLine,
    bounded_lines,
    read_stored,
    require_signature,
)
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.deliveries import WebhookDelivery, size_bytes, store_counted
from pipeline.errors import DiskFull

GROUP_BYTES = 4_194_304
"""Bodies of one durable step, in all."""
GROUP = 500
MOST_SHOWN = 100
"""Bad lines that are kept to be shown; all are counted."""


class BadLineFound(NamedTuple):
    """A line that was not stored."""

    line: int
    problem: str


@dataclass(slots=True)
class Replayed:
    """What a file of deliveries came to."""

    stored: int = 0
    duplicates: int = 0
    """They were in the inbox before, or are in the file more than once."""
    bad: int = 0
    problems: list[BadLineFound] = field(default_factory=list)
    """The first of them."""


class DeliveryReplay:
    """Stores deliveries in the inbox, beside a receiver that may be at work."""

    def __init__(self, inbox: Ledger, *, where: str, max_inbox_bytes: int, max_body_bytes: int) -> None:
        """`where` is the inbox's path, for messages."""
        self._inbox = inbox
        self._where = where
        self._max_inbox_bytes = max_inbox_bytes
        self._max_body_bytes = max_body_bytes

    def replay(self, blocks: Iterable[bytes], keys: tuple[bytes, ...] | None, now: datetime) -> Replayed:
        """Store each delivery of a file; bad lines do not stop the others.

        Args:
            blocks: of a file with one JSON object a line.
            keys: that may have signed them; None: a person vouches for them.
            now: UTC.

        Raises:
            DiskFull, LedgerBusy: lines before are stored; the same file again counts them as duplicates.
        """
        result, group, group_bytes = Replayed(), list[WebhookDelivery](), 0
        for number, line in bounded_lines(blocks, LONGEST_ESCAPE * self._max_body_bytes + BESIDE_BODY_BYTES):
            try:
                group.append(self._delivery(line, keys))
            except BadLine as error:
                result.bad += 1
                if len(result.problems) < MOST_SHOWN:
                    result.problems.append(BadLineFound(number, str(error)))
                continue
            group_bytes += len(group[-1].body)
            if len(group) >= GROUP or group_bytes >= GROUP_BYTES:
                self._store(group, result, now)
                group, group_bytes = [], 0
        self._store(group, result, now)
        return result

    def _delivery(self, line: bytes | None, keys: tuple[bytes, ...] | None) -> WebhookDelivery:
        """Raises BadLine."""
        if line is None:
            raise BadLine("the line is longer than a delivery may be")
        stored = read_stored(line, self._max_body_bytes)
        if keys is not None:
            require_signature(stored, keys)
        webhook_id = (stored.headers.webhook_id or b"").decode()
        return WebhookDelivery(webhook_id, stored.headers.signed_at_s or 0, "replay", stored.body)

    def _store(self, group: list[WebhookDelivery], result: Replayed, now: datetime) -> None:
        if not group:
            return
        if size_bytes(self._inbox) > self._max_inbox_bytes:
            raise DiskFull(where=self._where, problem="payments.max_inbox_bytes is reached")
        new = store_counted(self._inbox, group, now)
        result.stored += new
        result.duplicates += len(group) - new
