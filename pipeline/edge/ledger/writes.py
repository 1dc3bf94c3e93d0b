"""Many changes as few statements.

What a load does with every record waits, in rows, and is written by one statement (see `at_once`), which changes no row
twice: of what is learned of one thing several times, what came last waits. The few other changes are statements of
their own. Whatever waits at the end is written before the transaction ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import orjson

from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.ledger_changes import (
    Change,
    CloseIntent,
    DistrustEntities,
    ForgetEntity,
    NoteProgress,
    OpenIntent,
    RenewIntent,
    SpendKey,
    StoreOutcome,
    UpgradeOutcome,
    UpsertEntity,
)
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.edge.ledger.at_once import INSERT, INTENT_COLUMNS
from pipeline.edge.ledger.door import Ledger

MAX_ROWS = 1024
"""Rows of one statement: a megabyte of JSON or so."""
_row_of_intent = attrgetter(*INTENT_COLUMNS)
_GENERATION = (
    "INSERT INTO generations VALUES (?,?,?,?)"
    " ON CONFLICT (kind, reference, content) DO UPDATE SET generation ="
)
"""Beginning of the statement that raises the generation of a key; its end says how."""
_NOTED = ("started_at", "at", "settled", "total", "per_s", "retried", "settled_minor", "total_minor")
_NOTE = (
    f"INSERT INTO load_progress (file_id, {', '.join(_NOTED)}) VALUES (?,?,?,?,?,?,?,?,?)"  # noqa: S608 (ours)
    f" ON CONFLICT (file_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _NOTED)}"
)

Values = tuple[Any, ...]
"""Values of one row, in the order of its table's columns."""


def write(connection: Ledger, changes: Iterable[Change]) -> None:
    """Execute changes, in their order, inside the caller's transaction: a synced commit each would be the
    bottleneck. `prepare_rows` of the ledger comes before it.
    """
    pending = _PendingRows(connection)
    for change in changes:
        pending.take(change)
    pending.write_all()


class _PendingRows:
    """Rows that wait to be written, by table; the order between tables does not matter."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection
        self._closed: list[Values] = []
        self._opened: list[Values] = []
        self._open_keys: set[Values] = set()
        """Business keys of `_opened`."""
        self._entities: dict[tuple[str, str], Entity] = {}
        """By kind and reference."""
        self._references: dict[tuple[str, str], str] = {}
        """Of `_entities`, by kind and id."""
        self._outcomes: dict[tuple[int, int], Values] = {}
        """By file and record."""
        self._waiting = 0

    def take(self, change: Change) -> None:
        """Queue one change; those that depend on rows still waiting write these first."""
        match change:
            case UpsertEntity(entity):
                self._learn(entity)
            case OpenIntent(intent):
                self._open(intent)
            case CloseIntent(intent):
                self._close(intent)
            case StoreOutcome(file_id, reference, outcome):
                self._conclude(file_id, reference, outcome)
            case RenewIntent(intent):
                self._close(intent)
                self._open(intent)
                self._db.execute(f"{_GENERATION} excluded.generation", _generation(intent, 0))
            case SpendKey(intent):
                self._db.execute(
                    f"{_GENERATION} CASE WHEN excluded.generation > generations.generation THEN excluded.generation"
                    " ELSE generations.generation + 1 END",
                    _generation(intent, 1),
                )
            case _:
                self.write_all()
                _execute(self._db, change)
        self._waiting += 1
        if self._waiting == MAX_ROWS:
            self.write_all()

    def write_all(self) -> None:
        """Write everything that waits, in one statement."""
        self._waiting = 0
        tables = self._closed, self._opened, self._entities, self._outcomes
        if any(tables):
            entities = [tuple(each) for each in self._entities.values()]  # their details: JSON within JSON
            rows = self._closed, self._opened, entities, [*self._outcomes.values()]
            self._db.execute(INSERT, [_as_json(each) for each in rows])
            for waiting in (*tables, self._open_keys, self._references):
                waiting.clear()

    def _learn(self, entity: Entity) -> None:
        """Queue what is known of an entity. Where a reference or an id changes hands, what waits is written first."""
        key, by_id = (entity.kind, entity.reference), (entity.kind, entity.id)
        before = self._entities.get(key)
        if (before is not None and before.id != entity.id) or (
            self._references.get(by_id, entity.reference) != entity.reference
        ):
            self.write_all()
        self._entities[key] = entity
        self._references[by_id] = entity.reference

    def _conclude(self, file_id: int, reference: str, outcome: RecordOutcome) -> None:
        """Queue an outcome, with the attempts of the one of the same record that waits, in whose place it comes."""
        key = file_id, outcome.record
        if (before := self._outcomes.get(key)) is not None:
            outcome = outcome._replace(attempts=outcome.attempts + before[-1])
        self._outcomes[key] = _row_of_outcome(file_id, reference, outcome)

    def _open(self, intent: Intent) -> None:
        """Queue a new intent. There is at most one per business key, so its predecessor is closed before."""
        self._opened.append(_row_of_intent(intent))
        self._open_keys.add(intent.business_key)

    def _close(self, intent: Intent) -> None:
        """Queue the end of an intent; one that is itself still waiting to be written is written first."""
        if intent.business_key in self._open_keys:
            self.write_all()
        self._closed.append(intent.business_key)


def _execute(connection: Ledger, change: Change) -> None:
    """Changes that are rare, and depend on what was written before them."""
    match change:
        case ForgetEntity(kind, reference):
            connection.execute("DELETE FROM entities WHERE kind = ? AND reference = ?", (kind, reference))
        case DistrustEntities(file_id):
            for kind in ("customer", "account"):
                connection.execute(
                    "DELETE FROM entities WHERE kind = ?1 AND watermark IS NULL AND id IN (SELECT"
                    " CASE ?1 WHEN 'customer' THEN customer_id ELSE account_id END FROM outcomes WHERE file_id = ?2)",
                    (kind, file_id),
                )
        case UpgradeOutcome(file_id, record):
            connection.execute(
                "UPDATE outcomes SET outcome = ? WHERE file_id = ? AND record = ? AND outcome = ?",
                (Outcome.UPDATED, file_id, record, Outcome.UNCHANGED),
            )
        case NoteProgress():
            connection.execute(_NOTE, _noted(change))


def _as_json(rows: Sequence[Values]) -> str:
    """Rows as SQLite takes them; bodies are JSON, and so text."""
    return orjson.dumps(rows, default=bytes.decode, option=orjson.OPT_SORT_KEYS).decode()


def _row_of_outcome(file_id: int, reference: str, outcome: RecordOutcome) -> Values:
    """In the order of OUTCOME_COLUMNS; codes joined by semicolons."""
    return (
        *(file_id, outcome.record, str(outcome.outcome), reference, ";".join(outcome.codes), outcome.message),
        *(outcome.customer_id, outcome.account_id, outcome.bill_id, outcome.attempts),
    )


def _noted(note: NoteProgress) -> Values:
    """In the order of the table's columns."""
    load = note.load
    sums = (orjson.dumps(dict(each)).decode() for each in (load.settled_minor, load.total_minor))
    return (
        *(note.file_id, load.started_at, load.at, load.settled, load.total, load.per_s, load.retried),
        *sums,
    )


def _generation(intent: Intent, later: int) -> Values:
    """Key and generation of a request; `later` is 1 when its key is spent."""
    return (intent.kind, intent.reference, intent.content, intent.generation + later)
