"""Personal data in the ledger: what is known of one customer, and how it is removed for good.

What keeps a bill from being created twice stays: references, ids, hashes, amounts. Removed are names, e-mails, phones,
metadata and messages that may quote them. SQLite leaves what it deletes in free pages and in its log, so those are
overwritten as well. Source: sqlite.org/pragma.html#pragma_secure_delete, sqlite.org/lang_vacuum.html.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.core.personal_texts import REPLACED, without_texts
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger

REMOVED = "removed by billferry forget"
"""In the place of a message that may quote what was removed."""
_QUOTING = (("decisions", "why"), ("write_offs", "why"), ("outcomes", "message"))
"""Table and column of texts that people or the API have written."""
_OWNED = "(kind = 'customer' AND reference = ?1) OR owner = ?1"


class PersonalData:
    """Of the customer with that reference, over one connection. Not for several threads at once."""

    def __init__(self, connection: Ledger, reference: str) -> None:
        connection.erase()
        self._db = connection
        self._reference = reference

    def is_unsettled(self) -> bool:
        """Whether a request about this customer may have to be sent again, byte for byte."""
        row = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM intents WHERE customer_reference = ?)", (self._reference,)
        ).fetchone()
        return bool(row[0])

    def is_known(self) -> bool:
        """Whether the API holds this customer, or a rejected record names it."""
        row = self._db.execute(
            f"SELECT EXISTS (SELECT 1 FROM entities WHERE {_OWNED})"  # noqa: S608 (fixed text)
            " OR EXISTS (SELECT 1 FROM rejected WHERE customer_reference = ?1)",
            (self._reference,),
        ).fetchone()
        return bool(row[0])

    def details(self) -> list[dict[str, Any]]:
        """Names, e-mails, phones and metadata of the customer, its accounts and its bills, as last sent."""
        rows = self._db.execute(f"SELECT details FROM entities WHERE {_OWNED}", (self._reference,))  # noqa: S608
        return [json.loads(details) for (details,) in rows]

    def of_nobody_else(self, texts: Iterable[str]) -> list[str]:
        """Those of these texts that no other customer has: a family may share a phone."""
        shared = (
            "SELECT EXISTS (SELECT 1 FROM entities WHERE instr(details, ?2) > 0 AND coalesce(owner, '') != ?1"
            " AND NOT (kind = 'customer' AND reference = ?1))"
        )
        return [
            text
            for text in texts
            if not self._db.execute(
                shared, (self._reference, json.dumps(text, ensure_ascii=False)[1:-1])
            ).fetchone()[0]
        ]

    def file_ids(self) -> set[int]:
        """Files with records of this customer, as far as the ledger can tell."""
        rows = self._db.execute(
            "SELECT DISTINCT file_id FROM outcomes WHERE reference IN"  # noqa: S608 (fixed text)
            f" (SELECT reference FROM entities WHERE {_OWNED})"
            " UNION SELECT file_id FROM rejected WHERE customer_reference = ?1"
            " UNION SELECT by_file FROM corrected JOIN rejected USING (file_id, record) WHERE customer_reference = ?1",
            (self._reference,),
        )
        return {file_id for (file_id,) in rows}

    def archives_with(self, sha256: str) -> list[str]:
        """SHA-256s of the archives that a bill file came in."""
        rows = self._db.execute("SELECT DISTINCT archive FROM archive_members WHERE member = ?", (sha256,))
        return [archive for (archive,) in rows]

    def is_archive(self, sha256: str) -> bool:
        """Whether these bytes are an archive of several bill files."""
        row = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM archive_members WHERE archive = ?)", (sha256,)
        ).fetchone()
        return bool(row[0])

    def remove_messages(self, file_id: int, records: Sequence[int]) -> None:
        """Remove messages of these records of a file: an answer of the API may quote what it refused."""
        self._db.execute(
            "UPDATE outcomes SET message = ?1 WHERE file_id = ?2 AND message IS NOT NULL"
            " AND record IN (SELECT value FROM json_each(?3))",
            (REMOVED, file_id, json.dumps(list(records))),
        )

    def keep_summary(self, file_id: int, summary: str) -> None:
        """What a file's report says now (JSON, as in summary.json); its state stays."""
        self._db.execute("UPDATE files SET summary = ? WHERE id = ?", (summary, file_id))

    def remove_quotes(self, texts: Sequence[str]) -> None:
        """Remove texts where an answer of the API, a note or a person's reason quotes them.

        Args:
            texts: by `personal_texts.telling`.
        """
        with transaction(self._db):
            for text in texts:
                for table, column in _QUOTING:
                    self._db.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?1, ?2) WHERE instr({column}, ?1) > 0",  # noqa: S608
                        (text, REPLACED),
                    )
            rows = self._db.execute("SELECT id, summary FROM files WHERE summary IS NOT NULL").fetchall()
            for file_id, summary in rows:
                then = json.loads(summary)
                if (now := without_texts(then, texts)) != then:
                    self.keep_summary(file_id, json.dumps(now))

    def remove(self) -> None:
        """Remove what is known of the customer, in the caller's step; then nobody knows what to look for."""
        with transaction(self._db):
            self._db.execute(f"UPDATE entities SET details = '{{}}' WHERE {_OWNED}", (self._reference,))  # noqa: S608
            self._db.execute(
                "UPDATE outcomes SET message = ?2 WHERE message IS NOT NULL AND reference IN"  # noqa: S608
                f" (SELECT reference FROM entities WHERE {_OWNED})",
                (self._reference, REMOVED),
            )

    def ids(self) -> set[str]:
        """The API's ids of the customer, its accounts and its bills."""
        rows = self._db.execute(f"SELECT id FROM entities WHERE {_OWNED}", (self._reference,))  # noqa: S608
        return {each for (each,) in rows}

    def overwrite(self) -> None:
        """Write the ledger anew, without what was removed. Raises LedgerBusy, DiskFull."""
        self._db.overwrite()
