"""The last time of this machine's clock that something else confirmed."""

from __future__ import annotations

from datetime import datetime

from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger


class ConfirmedTime:
    """The ledger's idea of the time. Not for several threads at once."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def confirmed(self) -> datetime | None:
        """The last confirmed time, in UTC; None where there was no run yet."""
        row = self._db.execute("SELECT confirmed_at FROM clock").fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def confirm(self, at: str) -> None:
        """Note the time (RFC 3339, UTC) that something else confirmed, also where an earlier note was of a
        later one.
        """
        with transaction(self._db):
            self._db.execute("DELETE FROM clock")
            self._db.execute("INSERT INTO clock VALUES (?)", (at,))
