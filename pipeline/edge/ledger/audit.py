"""The audit trail in the ledger: entries are appended, and never changed or removed, which two triggers guard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager

from pipeline.core.audit_chain import EMPTY, AuditEntry, AuditHead, ChainedEntry, next_entry
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger

_TRIGGERS = ("audit_is_never_changed", "audit_is_never_shortened")


class AuditTrail:
    """Over one connection. Not for several threads at once."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def append(self, entry: AuditEntry) -> AuditHead:
        """Append an entry; within `together`, in the same step as what it tells. The head that it makes."""
        with transaction(self._db):
            added = next_entry(self.head(), entry)
            self._db.execute("INSERT INTO audit (number, entry, digest) VALUES (?, ?, ?)", added)
        return AuditHead(added.number, added.digest)

    def together(self) -> AbstractContextManager[None]:
        """Entries and what they tell as one durable step: a transaction for the length of the block."""
        return transaction(self._db)

    def head(self) -> AuditHead:
        """The newest entry; EMPTY where there is none."""
        row = self._db.execute("SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1").fetchone()
        return AuditHead(row["number"], row["digest"]) if row else EMPTY

    def entries(self) -> Iterator[ChainedEntry]:
        """All of them, in their order."""
        rows = self._db.execute("SELECT number, entry, digest FROM audit ORDER BY number")
        return (ChainedEntry(*row) for row in rows)

    def last_config(self) -> tuple[str | None, dict[str, str]]:
        """Print of the config of the last entry about it, and those of its parts; None and nothing before the first."""
        row = self._db.execute(
            "SELECT entry FROM audit WHERE json_extract(entry, '$.event') = 'config' ORDER BY number DESC LIMIT 1"
        ).fetchone()
        entry = json.loads(row["entry"]) if row else {}
        return entry.get("config"), entry.get("result", {}).get("parts", {})

    def missing_guards(self) -> list[str]:
        """Triggers of the table that are not there any more."""
        there = self._db.names_of("trigger")
        return [name for name in _TRIGGERS if name not in there]
