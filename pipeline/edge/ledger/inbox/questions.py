"""What was asked of the API, so that nothing is asked again while it cannot be answered differently."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.schema import TO_SETTLE


class DueOwner(NamedTuple):
    """An owner with payments that only the API's answers can match to a bill."""

    owner_id: str
    is_account: bool
    newest_seq: int
    """Of its payments that are not matched."""


class Questions:
    """Over one connection of the inbox. Written only while the run's lock is held."""

    def __init__(self, inbox: Ledger) -> None:
        self._db = inbox

    def due_owners(self, progress: str, asked_before: datetime, after: str, most: int) -> list[DueOwner]:
        """Owners of unmatched payments who were not asked about since something changed, by id.

        Args:
            progress: how far loads have come.
            asked_before: an answer from before then (UTC) is not believed any more.
            after: only ids after it.
        """
        rows = self._db.execute(
            "SELECT coalesce(account_id, customer_id) AS owner, account_id IS NOT NULL, max(seq)"  # noqa: S608 (ours)
            " FROM payments LEFT JOIN asked_owners ON owner_id = coalesce(account_id, customer_id)"
            f" WHERE {TO_SETTLE} AND outcome = 'unmatched' AND bill_id IS NULL AND owner > ? GROUP BY owner"
            " HAVING asked_at IS NULL OR max(seq) > newest_seq OR progress != ? OR asked_at <= ?"
            " ORDER BY owner LIMIT ?",
            (after, progress, _text(asked_before), most),
        )
        return [DueOwner(owner_id, bool(is_account), seq) for owner_id, is_account, seq in rows]

    def asked(self, owner: DueOwner, progress: str, at: datetime) -> None:
        """Remember that an owner was asked about; inside a transaction."""
        self._db.execute(
            "INSERT INTO asked_owners (owner_id, asked_at, newest_seq, progress) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (owner_id) DO UPDATE SET asked_at = excluded.asked_at,"
            " newest_seq = excluded.newest_seq, progress = excluded.progress",
            (owner.owner_id, _text(at), owner.newest_seq, progress),
        )

    def mark(self, name: str) -> str | None:
        """How far a work of that name has come; None: nothing is remembered."""
        row = self._db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_mark(self, name: str, value: str | None) -> None:
        """Remember how far it has come; None: forget it."""
        if value is None:
            self._db.execute("DELETE FROM marks WHERE name = ?", (name,))
        else:
            self._db.execute("INSERT OR REPLACE INTO marks (name, value) VALUES (?, ?)", (name, value))


def _text(time: datetime) -> str:
    return time.isoformat("T", "seconds")
