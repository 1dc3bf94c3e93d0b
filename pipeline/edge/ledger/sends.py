"""Intents, ids and outcomes in the ledger.

The methods that change something only execute statements; the caller groups them into one transaction
(`GroupCommit` while loading), because a synced commit each would be the bottleneck.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, astuple, fields

import polars as pl

from pipeline.core.intents import Entity, Intent
from pipeline.core.outcomes import OPEN, Outcome, RecordOutcome
from pipeline.core.wanted import Kind

_OPEN_OUTCOMES = tuple(sorted(OPEN))

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


class Sends:
    """Intents, ids and outcomes over one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    # -- reading --

    def open_intents(self) -> list[Intent]:
        """Every unsettled intent, oldest first."""
        rows = self._db.execute("SELECT * FROM intents ORDER BY first_sent_at, kind, reference")
        return [Intent(**dict(row)) for row in rows]

    def entities(self, kind: Kind, references: Iterable[str]) -> dict[str, Entity]:
        """Known entities of one kind by reference."""
        rows = self._db.execute(
            "SELECT * FROM entities WHERE kind = ? AND reference IN (SELECT value FROM json_each(?))",
            (kind, json.dumps(list(references))),
        )
        return {row["reference"]: Entity(**dict(row)) for row in rows}

    def reference_of(self, kind: Kind, id_: str) -> str | None:
        """The reference an id is known under."""
        row = self._db.execute(
            "SELECT reference FROM entities WHERE kind = ? AND id = ?", (kind, id_)
        ).fetchone()
        return row[0] if row else None

    def generations(self, kind: Kind, references: Iterable[str]) -> dict[tuple[str, str], int]:
        """(reference, content) → generation, where keys are spent."""
        rows = self._db.execute(
            "SELECT reference, content, generation FROM generations"
            " WHERE kind = ? AND reference IN (SELECT value FROM json_each(?))",
            (kind, json.dumps(list(references))),
        )
        return {(row["reference"], row["content"]): row["generation"] for row in rows}

    def settled_records(self, file_id: int) -> pl.Series:
        """Records of a file whose outcome is final (Int64)."""
        rows = self._db.execute(
            "SELECT record FROM outcomes WHERE file_id = ? AND outcome NOT IN (?, ?)",
            (file_id, *_OPEN_OUTCOMES),
        )
        return pl.Series("record", [row[0] for row in rows], dtype=pl.Int64)

    def outcomes(self, file_id: int, first: int, last: int) -> pl.DataFrame:
        """Outcomes of records `first` to `last` inclusive, sorted (columns: OUTCOME_SCHEMA)."""
        columns = ", ".join(OUTCOME_SCHEMA)
        rows = self._db.execute(
            f"SELECT {columns} FROM outcomes WHERE file_id = ? AND record BETWEEN ? AND ? ORDER BY record",  # noqa: S608
            (file_id, first, last),
        ).fetchall()
        return pl.DataFrame([tuple(row) for row in rows], schema=OUTCOME_SCHEMA, orient="row")

    def references_of(self, file_id: int) -> set[str]:
        """References of a file's records that were accepted and did not end in its rejects."""
        rows = self._db.execute(
            "SELECT reference FROM outcomes WHERE file_id = ? AND outcome NOT IN (?, ?)",
            (file_id, Outcome.CONFLICT, Outcome.REFUSED),
        )
        return {row[0] for row in rows}

    # -- writing, inside the caller's transaction --

    def open_intent(self, intent: Intent) -> None:
        """Remember that a request is about to be sent. One unsettled intent per business key: a second one fails."""
        marks = ",".join("?" * len(fields(Intent)))
        self._db.execute(f"INSERT INTO intents VALUES ({marks})", astuple(intent))  # noqa: S608 (only marks)

    def replace_intent(self, intent: Intent) -> None:
        """The next generation takes the place of a spent one."""
        self.close_intent(intent)
        self.open_intent(intent)
        self._db.execute(
            "INSERT INTO generations VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET generation = excluded.generation",
            (intent.kind, intent.reference, intent.content, intent.generation),
        )

    def spend(self, intent: Intent) -> None:
        """The key of this intent is spent for good: the next attempt starts one generation later."""
        self._db.execute(
            "INSERT INTO generations VALUES (?,?,?,?)"
            " ON CONFLICT DO UPDATE SET generation = max(generation + 1, excluded.generation)",
            (intent.kind, intent.reference, intent.content, intent.generation + 1),
        )

    def close_intent(self, intent: Intent) -> None:
        self._db.execute(
            "DELETE FROM intents WHERE kind = ? AND reference = ?", (intent.kind, intent.reference)
        )

    def know(self, entity: Entity) -> None:
        """Remember an entity. Its id and its reference both replace what was known under either."""
        self._db.execute(
            "DELETE FROM entities WHERE kind = ? AND id = ? AND reference <> ?",
            (entity.kind, entity.id, entity.reference),
        )
        self._db.execute(
            "INSERT OR REPLACE INTO entities VALUES (:kind, :reference, :id, :owner, :currency, :balance, :details,"
            " :watermark)",
            asdict(entity),
        )

    def forget(self, kind: Kind, reference: str) -> None:
        """The API no longer has it."""
        self._db.execute("DELETE FROM entities WHERE kind = ? AND reference = ?", (kind, reference))

    def conclude(self, file_id: int, reference: str, outcome: RecordOutcome) -> None:
        """Remember what became of a record; attempts of earlier runs, which left it in doubt, are added."""
        self._db.execute(
            "INSERT OR REPLACE INTO outcomes (file_id, record, outcome, reference, codes, message, customer_id,"
            " account_id, bill_id, attempts) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9, ?10 + coalesce("
            "(SELECT attempts FROM outcomes WHERE file_id = ?1 AND record = ?2), 0))",
            (
                file_id,
                outcome.record,
                str(outcome.outcome),
                reference,
                ";".join(outcome.codes),
                outcome.message,
                outcome.customer_id,
                outcome.account_id,
                outcome.bill_id,
                outcome.attempts,
            ),
        )

    def upgrade(self, file_id: int, record: int) -> None:
        """An unchanged record whose customer's or account's details were patched after it counts as updated."""
        self._db.execute(
            "UPDATE outcomes SET outcome = ? WHERE file_id = ? AND record = ? AND outcome = ?",
            (Outcome.UPDATED, file_id, record, Outcome.UNCHANGED),
        )
