"""Which files have changed since somebody looked: triggers number each change of what their chains are made of."""

from __future__ import annotations

from pipeline.edge.ledger.door import Ledger


class FileChanges:
    """Over one connection; reads only."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def last(self) -> tuple[str, int]:
        """The identity of the ledger (see `lineage`), and the number of its last change.

        Another identity or a lower number: it is another ledger than before.
        """
        row = self._db.execute(
            "SELECT (SELECT identity FROM lineage), (SELECT coalesce(max(number), 0) FROM changes)"
        ).fetchone()
        return row[0], row[1]

    def since(self, number: int) -> list[int]:
        """Ids of files that have changed after the change of that number; 0: all files."""
        # Sorted here: for an order SQLite would go through the index of all files.
        rows = self._db.execute("SELECT file_id FROM changes WHERE number > ?", (number,))
        return sorted(file_id for (file_id,) in rows)
