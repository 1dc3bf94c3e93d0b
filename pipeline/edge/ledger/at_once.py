"""Rows of all tables that a load changes, in one statement.

Each statement makes its thread wait for the interpreter's lock three times, while the event loop keeps it for as long
as it has answers to read; and the loop soon waits for the ledger. So a group of changes is one row of a view, and a
trigger takes it apart: its columns are JSON arrays of rows. View and trigger are of the connection alone (TEMP), no
part of the ledger's tables. Source: sqlite.org/json1.html#jeach, sqlite.org/lang_createtrigger.html.
"""

from __future__ import annotations

from dataclasses import fields

from pipeline.core.api.intents import Entity, Intent

INTENT_COLUMNS = tuple(field.name for field in fields(Intent))
ENTITY_COLUMNS = Entity._fields
OUTCOME_COLUMNS = (
    *("file_id", "record", "outcome", "reference", "codes", "message"),
    *("customer_id", "account_id", "bill_id", "attempts"),
)
_BLOBS = frozenset({"body"})
"""Columns whose bytes come as text, since JSON has no bytes."""


def _insert(table: str, columns: tuple[str, ...], rows: str, *, instead: str = "") -> str:
    """SQL that adds rows to a table; `rows` is the view's column that holds them, `instead` an OR clause."""
    values = (
        f"CAST(value ->> {at} AS BLOB)" if name in _BLOBS else f"value ->> {at}"
        for at, name in enumerate(columns)
    )
    return (
        f"INSERT {instead} INTO {table} ({', '.join(columns)})"  # noqa: S608 (fixed names)
        f" SELECT {', '.join(values)} FROM json_each(new.{rows})"
    )


_LAST_WORD = ", ".join(f"{name} = excluded.{name}" for name in OUTCOME_COLUMNS[2:-1])

SETUP = (
    "CREATE TEMP VIEW IF NOT EXISTS group_rows (closed, opened, entities, outcomes)"
    " AS SELECT NULL, NULL, NULL, NULL",
    f"""
    CREATE TEMP TRIGGER IF NOT EXISTS take_group_rows INSTEAD OF INSERT ON group_rows BEGIN
        -- What was closed goes before what was opened: a key may be closed and opened again.
        DELETE FROM intents WHERE (kind, reference) IN
            (SELECT value ->> 0, value ->> 1 FROM json_each(new.closed));
        {_insert("intents", INTENT_COLUMNS, "opened")};
        -- Replaces what is known under the reference and, by the index of ids, what is known under the id.
        {_insert("entities", ENTITY_COLUMNS, "entities", instead="OR REPLACE")};
        -- A record that has an outcome gets the new one, and the attempts of both.
        {_insert("outcomes", OUTCOME_COLUMNS, "outcomes")} WHERE true
            ON CONFLICT DO UPDATE SET {_LAST_WORD}, attempts = attempts + excluded.attempts;
    END
    """,  # noqa: S608 (fixed names)
)
"""Make the view and its trigger, where the connection has none yet."""

INSERT = "INSERT INTO group_rows VALUES (?, ?, ?, ?)"
"""Takes, as JSON arrays of rows: kinds and references of intents to close; intents; entities; outcomes."""
