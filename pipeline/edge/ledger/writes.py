"""Many changes as few statements.

A statement costs much the same for one row as for fifty, and each gives up and takes back the interpreter's lock,
which the event loop wants at the same time. So changes wait, table by table, for others like them; within a table
their order is kept. Whatever waits at the end is written before the transaction ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any

from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.ledger_changes import (
    Change,
    CloseIntent,
    DistrustEntities,
    ForgetEntity,
    OpenIntent,
    RenewIntent,
    SpendKey,
    StoreOutcome,
    UpgradeOutcome,
    UpsertEntity,
)
from pipeline.core.api.requests import encode
from pipeline.core.outcomes import Outcome, RecordOutcome

MAX_ROWS = 128
"""Rows of one statement: SQLite keeps each number of rows as a statement of its own."""
_INTENT_COLUMNS = tuple(field.name for field in fields(Intent))
_ENTITY_COLUMNS = Entity._fields
_OUTCOME_COLUMNS = (
    *("file_id", "record", "outcome", "reference", "codes", "message"),
    *("customer_id", "account_id", "bill_id", "attempts"),
)
_row_of_intent = attrgetter(*_INTENT_COLUMNS)
_GENERATION = "INSERT INTO generations VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET generation ="
"""Beginning of the statement that raises the generation of a key; its end says how."""

Row = tuple[Any, ...]
"""Values of one row, in the order of its table's columns."""


def write(connection: sqlite3.Connection, changes: Iterable[Change]) -> None:
    """Execute changes, in their order, inside the caller's transaction: a synced commit each would be the
    bottleneck.
    """
    pending = _PendingRows(connection)
    for change in changes:
        pending.take(change)
    pending.write_all()


class _PendingRows:
    """Rows that wait to be written, by table; the order between tables does not matter."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._opened: list[Row] = []
        self._closed: list[Row] = []
        self._open_keys: set[Row] = set()
        """Business keys of `_opened`."""
        self._entities: list[Row] = []
        self._outcomes: list[Row] = []

    def take(self, change: Change) -> None:
        """Queue one change; those that depend on rows still waiting write these first."""
        match change:
            case UpsertEntity(entity):
                self._entities.append(_row_of_entity(entity))
            case OpenIntent(intent):
                self._open(intent)
            case CloseIntent(intent):
                self._close(intent)
            case StoreOutcome(file_id, reference, outcome):
                self._outcomes.append(_row_of_outcome(file_id, reference, outcome))
            case RenewIntent(intent):
                self._close(intent)
                self._open(intent)
                self._db.execute(f"{_GENERATION} excluded.generation", _generation(intent, 0))
            case SpendKey(intent):
                self._db.execute(
                    f"{_GENERATION} max(generation + 1, excluded.generation)", _generation(intent, 1)
                )
            case ForgetEntity(kind, reference):
                self._write_entities()
                self._db.execute("DELETE FROM entities WHERE kind = ? AND reference = ?", (kind, reference))
            case DistrustEntities(file_id):
                self._write_entities()
                self._write_outcomes()
                for kind in ("customer", "account"):
                    self._db.execute(
                        "DELETE FROM entities WHERE kind = ?1 AND watermark IS NULL AND id IN (SELECT"
                        " iif(?1 = 'customer', customer_id, account_id) FROM outcomes WHERE file_id = ?2)",
                        (kind, file_id),
                    )
            case UpgradeOutcome(file_id, record):
                self._write_outcomes()
                self._db.execute(
                    "UPDATE outcomes SET outcome = ? WHERE file_id = ? AND record = ? AND outcome = ?",
                    (Outcome.UPDATED, file_id, record, Outcome.UNCHANGED),
                )

    def write_all(self) -> None:
        """Write everything that waits."""
        self._write_intents()
        self._write_entities()
        self._write_outcomes()

    def _open(self, intent: Intent) -> None:
        """Queue a new intent. There is at most one per business key, so its predecessor is closed before."""
        self._opened.append(_row_of_intent(intent))
        self._open_keys.add(intent.business_key)

    def _close(self, intent: Intent) -> None:
        """Queue the end of an intent; one that is itself still waiting to be written is written first."""
        if intent.business_key in self._open_keys:
            self._write_intents()
        self._closed.append(intent.business_key)

    def _write_intents(self) -> None:
        """What was closed goes before what was opened: a key may be closed and opened again."""
        self._many("DELETE FROM intents WHERE (kind, reference) IN (VALUES", 2, ")", self._closed)
        head = f"INSERT INTO intents ({','.join(_INTENT_COLUMNS)}) VALUES"
        self._many(head, len(_INTENT_COLUMNS), "", self._opened)
        self._open_keys.clear()

    def _write_entities(self) -> None:
        """Replaces what is known under the reference and, by the index of ids, what is known under the id."""
        head = f"INSERT OR REPLACE INTO entities ({','.join(_ENTITY_COLUMNS)}) VALUES"
        self._many(head, len(_ENTITY_COLUMNS), "", self._entities)

    def _write_outcomes(self) -> None:
        """A record that has an outcome gets the new one, and the attempts of both."""
        head = f"INSERT INTO outcomes ({','.join(_OUTCOME_COLUMNS)}) VALUES"
        updates = ", ".join(f"{name} = excluded.{name}" for name in _OUTCOME_COLUMNS[2:-1])
        tail = f"ON CONFLICT DO UPDATE SET {updates}, attempts = attempts + excluded.attempts"
        self._many(head, len(_OUTCOME_COLUMNS), tail, self._outcomes)

    def _many(self, head: str, columns: int, tail: str, rows: list[Row]) -> None:
        """Write all rows of one table in statements of at most MAX_ROWS, and empty the list.

        Args:
            head, tail: SQL before and after the rows.
            columns: values of each row.
        """
        for start in range(0, len(rows), MAX_ROWS):
            some = rows[start : start + MAX_ROWS]
            self._db.execute(_statement(head, columns, tail, len(some)), _flat(some))
        rows.clear()


@lru_cache(maxsize=8 * MAX_ROWS)
def _statement(head: str, columns: int, tail: str, rows: int) -> str:
    """The text for a number of rows; always the same object, so that SQLite finds it prepared."""
    marks = f"({','.join('?' * columns)})"
    return f"{head} {','.join([marks] * rows)} {tail}"


def _flat(rows: Sequence[Row]) -> list[Any]:
    """The values of all rows one after another, as the placeholders need them."""
    return [value for row in rows for value in row]


def _row_of_entity(entity: Entity) -> Row:
    """In the order of Entity; details as canonical JSON."""
    details = encode(entity.details).decode() if entity.details else "{}"
    return (
        *(entity.kind, entity.reference, entity.id, entity.owner),
        *(entity.currency, entity.balance, details, entity.watermark, entity.sure),
    )


def _row_of_outcome(file_id: int, reference: str, outcome: RecordOutcome) -> Row:
    """In the order of _OUTCOME_COLUMNS; codes joined by semicolons."""
    return (
        *(file_id, outcome.record, str(outcome.outcome), reference, ";".join(outcome.codes), outcome.message),
        *(outcome.customer_id, outcome.account_id, outcome.bill_id, outcome.attempts),
    )


def _generation(intent: Intent, later: int) -> Row:
    """Key and generation of a request; `later` is 1 when its key is spent."""
    return (intent.kind, intent.reference, intent.content, intent.generation + later)
