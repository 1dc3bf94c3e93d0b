"""Bodies of deliveries, as long as they are kept; what each delivery came to stays when its body goes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger

_SETTLED = "('applied', 'duplicate', 'ignored', 'unreadable')"
"""Outcomes about which nobody has to look at the event itself any more."""
GROUP = 1000
"""Bodies of one durable step: the receiver waits no longer than that for the inbox."""


class DeliveryBodies:
    """Over one connection of the inbox. Not for several threads at once."""

    def __init__(self, inbox: Ledger) -> None:
        self._db = inbox

    def received_before(self, before: datetime) -> list[int]:
        """Settled deliveries that were received before then (UTC) and still have their bodies.

        Looks from the oldest one on and ends at the first that is younger, so that a run does not read the whole inbox.
        """
        text = before.isoformat(timespec="milliseconds")
        (first_kept,) = self._db.execute(
            "SELECT coalesce((SELECT seq FROM deliveries WHERE received_at >= ? ORDER BY seq LIMIT 1),"
            " (SELECT max(seq) + 1 FROM deliveries), 0)",
            (text,),
        ).fetchone()
        rows = self._db.execute(
            "SELECT seq FROM deliveries JOIN payments USING (seq)"  # noqa: S608 (ours)
            f" WHERE seq < ? AND body IS NOT NULL AND outcome IN {_SETTLED}",
            (first_kept,),
        )
        return [seq for (seq,) in rows]

    def remove(self, deliveries: Sequence[int]) -> None:
        """Remove the bodies of these deliveries, and overwrite where they were on disk; while the lock is held."""
        self._db.execute("PRAGMA secure_delete = ON")
        for start in range(0, len(deliveries), GROUP):
            with transaction(self._db):
                self._db.execute(
                    "UPDATE deliveries SET body = NULL WHERE seq IN (SELECT value FROM json_each(?))",
                    (json.dumps(deliveries[start : start + GROUP]),),
                )
