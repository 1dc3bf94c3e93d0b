"""What the ledger knows of the original of a corrected rejects file, as frames."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import polars as pl

from pipeline.core.api.requests import Kind
from pipeline.core.rules.compared_columns import COMPARED
from pipeline.core.rules.correction_limits import LOADED, ORIGINALS, TAKEN
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.rejected_records import RELEASED, among_these

CHUNK_RECORDS = 100_000
"""Rows that are read at once."""
_GIVEN = "(SELECT value FROM json_each(?2))"


@dataclass(frozen=True, slots=True)
class LedgerOriginals:
    """What the ledger knows of the original of one corrected rejects file (`corrections.Originals`)."""

    connection: Ledger
    original_id: int
    by_file: int | None
    """The corrected file itself, if it is known: its own claims do not keep it from claiming."""
    source: str
    """Name of the first original."""
    medians: dict[str, int]
    """Currency → what amounts are in proportion to, in minor units without sign; as far as there is anything."""
    missed_some: bool
    """Whether records of it may have been corrected without this ledger knowing."""

    def rejected(self, records: pl.Series) -> pl.DataFrame:
        """Those of these records of the original that may be corrected (columns: ORIGINALS).

        Not among them: records that have an outcome of their own by now, or an open intent.
        """
        names = ", ".join(f"rejected.{name}" for name in ("record", *COMPARED, "concerned"))
        rows = self.connection.execute(
            f"SELECT {names}, taken.record IS NOT NULL, EXISTS (SELECT 1 FROM written_off AS gone"  # noqa: S608
            " WHERE gone.file_id = rejected.file_id AND gone.record IN (rejected.record, 0))"
            " FROM rejected LEFT JOIN corrected AS taken"
            " ON taken.file_id = rejected.file_id AND taken.record = rejected.record AND taken.by_file != ?"
            " WHERE rejected.file_id = ? AND rejected.record IN (SELECT value FROM json_each(?))"
            " AND NOT EXISTS (SELECT 1 FROM outcomes WHERE outcomes.file_id = rejected.file_id"
            " AND outcomes.record = rejected.record AND outcome NOT IN (?, ?))"
            " AND rejected.record NOT IN (SELECT record FROM intents WHERE file_id = rejected.file_id)",
            (
                self.by_file or 0,
                self.original_id,
                json.dumps(records.drop_nulls().unique().to_list()),
                *RELEASED,
            ),
        )
        rows.row_factory = None  # plain tuples
        return pl.DataFrame(rows.fetchall(), schema=ORIGINALS, orient="row")

    def numbered(self, kind: Kind, references: pl.Series) -> pl.DataFrame:
        """`reference` → `record` of the only rejected record that has it, for rejects without numbers
        (columns: TAKEN).
        """
        column = f"{kind}_reference"
        rows = self.connection.execute(
            f"SELECT {column}, min(record) FROM rejected WHERE file_id = ? AND {column} IN"  # noqa: S608
            f" (SELECT value FROM json_each(?)) GROUP BY {column} HAVING count(*) = 1",
            (self.original_id, json.dumps(references.drop_nulls().unique().to_list())),
        )
        rows.row_factory = None
        return pl.DataFrame(rows.fetchall(), schema=TAKEN, orient="row")

    def incomplete(self, records: pl.Series) -> pl.Series:
        """Those of these records whose bill has more rejected lines in the original than are among them."""
        rows = self.connection.execute(
            f"SELECT record FROM rejected WHERE file_id = ?1 AND record IN {_GIVEN} AND bill_reference IN"  # noqa: S608 (ours)
            " (SELECT bill_reference FROM rejected WHERE file_id = ?1 GROUP BY bill_reference"
            f" HAVING count(*) > count(*) FILTER (WHERE record IN {_GIVEN}))",
            (self.original_id, json.dumps(records.drop_nulls().unique().to_list())),
        )
        return pl.Series("record", [row[0] for row in rows], dtype=pl.Int64)

    def loaded(self, among: Collection[str] | None) -> Iterator[pl.DataFrame]:
        """References that the original and its other corrections loaded, and for which of its records: LOADED.

        `among`: none but these is asked about; None: all.
        """
        which, asked = among_these("reference", among)
        rows = self.connection.execute(
            f"SELECT record, reference FROM outcomes WHERE file_id = ? AND outcome NOT IN (?, ?){which}"  # noqa: S608
            f" UNION ALL SELECT record, reference FROM corrected WHERE file_id = ? AND by_file != ?{which}",
            (self.original_id, *RELEASED, *asked, self.original_id, self.by_file or 0, *asked),
        )
        rows.row_factory = None
        while some := rows.fetchmany(CHUNK_RECORDS):
            yield pl.DataFrame(some, schema=LOADED, orient="row")
