"""What people close because it will never come: rejected records of an original, or all of a file."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.core.release_decisions import Person
from pipeline.edge.ledger.chain_sums import refresh_chain_sums
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger

WHOLE = 0
"""In the place of a record: all of a file whose records are not remembered, or that was refused."""


class WriteOffs:
    """Over one connection. Every method is one durable step."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def add(self, file_id: int, records: Sequence[int], *, count: int, by: Person, at: str, why: str) -> None:
        """Write records off, and owe their original a new report.

        Args:
            file_id: of the first original.
            records: open ones, as `Corrections.records` has them, or WHOLE alone.
            count: how many that are.
            at: the time, RFC 3339.
        """
        with transaction(self._db):
            number = self._db.execute(
                "INSERT INTO write_offs (file_id, at, user_name, host, why, records) VALUES (?,?,?,?,?,?) RETURNING id",
                (file_id, at, by.user_name, by.host, why, count),
            ).fetchone()[0]
            self._db.executemany(
                "INSERT INTO written_off (file_id, record, write_off) VALUES (?,?,?)",
                ((file_id, record, number) for record in records),
            )
            refresh_chain_sums(self._db, [file_id])
            self._db.execute("INSERT INTO renewals VALUES (?) ON CONFLICT DO NOTHING", (file_id,))
