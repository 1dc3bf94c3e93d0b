"""Originals whose report is to be written again, since a correction was loaded or records were written off."""

from __future__ import annotations

from pipeline.edge.ledger.chain_sums import refresh_chain_sums
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files


class Renewals:
    """Over one connection. Every method is one durable step."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def recount(self, file_id: int) -> None:
        """Make the sums of an original again, whose rejected records have just been remembered."""
        with transaction(self._db):
            refresh_chain_sums(self._db, [file_id])

    def owed(self) -> list[FileRow]:
        """Files whose report is owed, in landing order."""
        return Files(self._db).with_ids(
            file_id for (file_id,) in self._db.execute("SELECT file_id FROM renewals")
        )

    def paid(self, file_id: int, *, summary: str | None) -> None:
        """Its report is written. `summary`: as it stands in the report now, JSON; None leaves what is remembered."""
        with transaction(self._db):
            if summary is not None:
                self._db.execute("UPDATE files SET summary = ? WHERE id = ?", (summary, file_id))
            self._db.execute("DELETE FROM renewals WHERE file_id = ?", (file_id,))
