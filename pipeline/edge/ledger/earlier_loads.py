"""References that records of a file had when it was read under an earlier feed: a changed one may give them others."""

from __future__ import annotations

import json

import polars as pl

from pipeline.core.api.requests import Kind
from pipeline.core.rules.changed_references import BEFORE
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.kept_references import HELD

_GIVEN = "(SELECT value FROM json_each(?2))"


class EarlierLoads:
    """Of one file, over one connection. Not for several threads at once."""

    def __init__(self, connection: Ledger, file: FileRow) -> None:
        """A finished file, which only a dry run looks at, has not started afresh: it has its outcomes still."""
        self._db = connection
        self._file = file
        self._loads = ["loaded_as WHERE file_id = ?1"]
        if file.finished:
            self._loads.append(f"outcomes WHERE file_id = ?1 AND outcome IN ({HELD})")

    def any_loaded(self) -> bool:
        """Whether references are known that records were loaded under before."""
        return any(self._any(loads) for loads in self._loads)

    def any_rejected(self) -> bool:
        """Whether it is known which records were rejected."""
        return self._any("rejected WHERE file_id = ?1")

    def loaded(self, records: pl.Series) -> pl.DataFrame:
        """Those of these records that were loaded before, once for each reference (columns: BEFORE)."""
        selects = [f"SELECT record, reference, '' FROM {each} AND record IN {_GIVEN}" for each in self._loads]  # noqa: S608
        return self._before(" UNION ".join(selects), records)

    def loaded_references(self, references: pl.Series) -> pl.Series:
        """Those of these references that some record of the file was loaded under before."""
        selects = [f"SELECT reference FROM {each} AND reference IN {_GIVEN}" for each in self._loads]  # noqa: S608
        rows = self._db.execute(" UNION ".join(selects), (self._file.id, json.dumps(references.to_list())))
        return pl.Series([row[0] for row in rows], dtype=pl.String)

    def rejected(self, kind: Kind, records: pl.Series) -> pl.DataFrame:
        """Those of these records that were rejected, and that no known correction stands for (columns: BEFORE).

        Also those that have an outcome by now: what a person has released stays the same after a kill.
        """
        return self._before(
            f"SELECT record, {kind}_reference, concerned FROM rejected WHERE file_id = ?1 AND record IN {_GIVEN}"  # noqa: S608
            " AND record NOT IN (SELECT record FROM corrected WHERE file_id = ?1)",
            records,
        )

    def _before(self, statement: str, records: pl.Series) -> pl.DataFrame:
        rows = self._db.execute(statement, (self._file.id, json.dumps(records.to_list())))
        rows.row_factory = None  # plain tuples
        return pl.DataFrame(rows.fetchall(), schema=BEFORE, orient="row")

    def _any(self, rows: str) -> bool:
        found = self._db.execute(f"SELECT EXISTS (SELECT 1 FROM {rows})", (self._file.id,))  # noqa: S608
        return bool(found.fetchone()[0])
