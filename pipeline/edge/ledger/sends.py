"""Intents, ids and outcomes in the ledger."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import orjson
import polars as pl

from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.ledger_changes import Change
from pipeline.core.api.requests import Kind
from pipeline.core.outcomes import OPEN, Outcome
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.writes import write

_OPEN_OUTCOMES = tuple(sorted(OPEN))
"""Outcomes that a later run may still change."""

RECORDS_AT_ONCE = 100_000
"""Records of which one statement tells."""

_PARENTS = "FROM entities WHERE kind IN ('customer', 'account')"

OUTCOME_SCHEMA = {
    "record": pl.Int64,
    "outcome": pl.String,
    "codes": pl.String,
    "message": pl.String,
    "customer_id": pl.String,
    "account_id": pl.String,
    "bill_id": pl.String,
    "attempts": pl.Int64,
}
"""Columns of outcomes as they are read; `codes` are joined by semicolons, ids are null until they are known."""


class Sends:
    """Intents, ids and outcomes over one connection. Not for several threads at once."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    # -- reading --

    def open_intents(self) -> list[Intent]:
        """Every unsettled intent, of all files, oldest first: a run settles these before anything new is sent."""
        rows = self._db.execute("SELECT * FROM intents ORDER BY first_sent_at, kind, reference")
        return [Intent(**dict(row)) for row in rows]

    def entities(self, kind: Kind, references: Iterable[str]) -> dict[str, Entity]:
        """Known entities of one kind by reference; references that are not known are left out."""
        rows = self._db.execute(
            "SELECT * FROM entities WHERE kind = ? AND reference IN (SELECT value FROM json_each(?))",
            (kind, json.dumps(list(references))),
        )
        return {
            row["reference"]: Entity(**{**dict(row), "details": json.loads(row["details"])}) for row in rows
        }

    def references(self, kind: Kind, ids: Iterable[str]) -> dict[str, str]:
        """id → the reference it is known under, where it is known."""
        rows = self._db.execute(
            "SELECT id, reference FROM entities WHERE kind = ? AND id IN (SELECT value FROM json_each(?))",
            (kind, json.dumps(list(ids))),
        )
        return dict(tuple(row) for row in rows)

    def count_parents(self, up_to: int) -> int:
        """How many customers and accounts are known, from the index alone; no more than `up_to` are counted."""
        rows = self._db.execute(f"SELECT count(*) FROM (SELECT 1 {_PARENTS} LIMIT ?) AS counted", (up_to,))  # noqa: S608 (fixed text)
        return int(rows.fetchone()[0])

    def parent_ids(self) -> Iterator[tuple[Kind, str]]:
        """(kind, id) of every known customer and account, from the index alone."""
        rows = self._db.execute(f"SELECT kind, id {_PARENTS}")
        rows.row_factory = None  # plain tuples
        return iter(rows)

    def generations(self, kind: Kind, references: Iterable[str]) -> dict[tuple[str, str], int]:
        """(reference, content) → generation, where keys are spent."""
        rows = self._db.execute(
            "SELECT reference, content, generation FROM generations"
            " WHERE kind = ? AND reference IN (SELECT value FROM json_each(?))",
            (kind, json.dumps(list(references))),
        )
        return {(row["reference"], row["content"]): row["generation"] for row in rows}

    def count_settled(self, file_id: int) -> int:
        """How many records of a file have a final outcome."""
        rows = self._db.execute(
            f"SELECT count(*) FROM outcomes WHERE file_id = ? AND outcome NOT IN ({_marks(_OPEN_OUTCOMES)})",  # noqa: S608 (only marks)
            (file_id, *_OPEN_OUTCOMES),
        )
        return int(rows.fetchone()[0])

    def settled_records(self, file_id: int) -> pl.Series:
        """Records of a file whose outcome is final (Int64)."""
        return self._records(file_id, *_OPEN_OUTCOMES)

    def sent_records(self, file_id: int) -> pl.Series:
        """Records of a file that have an outcome or are in doubt (Int64): those that were not left unattempted."""
        return self._records(file_id, Outcome.NOT_ATTEMPTED)

    def _records(self, file_id: int, *without: Outcome) -> pl.Series:
        """Records of a file whose outcome is none of `without` (Int64), in no order."""
        first, last = self._db.execute(
            "SELECT min(record), max(record) FROM outcomes WHERE file_id = ?", (file_id,)
        ).fetchone()
        parts = [pl.Series("record", [], dtype=pl.Int64)]
        for start in range(first, last + 1, RECORDS_AT_ONCE) if first is not None else ():
            condition = f"record BETWEEN ? AND ? AND outcome NOT IN ({_marks(without)})"
            values = (file_id, start, start + RECORDS_AT_ONCE - 1, *without)
            parts.append(self._outcomes({"record": pl.Int64}, condition, values)["record"])
        return pl.concat(parts)

    def outcomes(self, file_id: int, records: pl.Series) -> pl.DataFrame:
        """Outcomes of these records (ascending, each once) of a file, sorted (columns: OUTCOME_SCHEMA).

        No others are read: what lies between records that are far apart costs nothing.
        """
        condition, asked = "record IN (SELECT value FROM json_each(?))", [json.dumps(records.to_list())]
        if (
            records.len() and records[-1] - records[0] == records.len() - 1
        ):  # no gap: as one range, in half the time
            condition, asked = "record BETWEEN ? AND ?", [records[0], records[-1]]
        return self._outcomes(OUTCOME_SCHEMA, condition, (file_id, *asked)).sort("record")

    def _outcomes(
        self, schema: Mapping[str, type[pl.DataType]], condition: str, values: Sequence[object]
    ) -> pl.DataFrame:
        """Columns of outcomes of a file, in no order. Each is one JSON text: a row of eight values as Python's would
        cost as much again, and the interpreter's lock with it.
        """
        columns = ", ".join(f"json_group_array({name})" for name in schema)
        rows = self._db.execute(
            f"SELECT {columns} FROM outcomes WHERE file_id = ? AND {condition}",  # noqa: S608 (ours)
            values,
        )
        texts = zip(schema.items(), rows.fetchone(), strict=True)
        return pl.DataFrame([pl.Series(name, orjson.loads(text), dtype) for (name, dtype), text in texts])

    # -- writing --

    def write(self, *changes: Change) -> None:
        """Execute changes; the caller groups them into one transaction (`GroupCommit` while loading)."""
        self._db.prepare_rows()
        write(self._db, changes)


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))
