"""The ledger's tables in PostgreSQL, made from those that SQLite's migrations lead to, so that both are the same.

Text is compared by its bytes (`COLLATE "C"`), as SQLite does. What SQLite keeps in the connection or has built in is
here for good: the view that takes the rows of a group (see `at_once`), the guards of the audit trail, and functions.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple, Self

from pipeline.edge.ledger.at_once import ENTITY_COLUMNS, INTENT_COLUMNS, OUTCOME_COLUMNS
from pipeline.edge.ledger.migrations import MIGRATIONS
from pipeline.edge.ledger.postgres.dialect import spelled
from pipeline.edge.ledger.postgres.parts import HOLD_FAST

_TYPES = {
    "INTEGER": "bigint",
    "TEXT": 'text COLLATE "C"',
    "REAL": "double precision",
    "BLOB": "bytea",
}
_TRIGGER = re.compile(
    r"CREATE TRIGGER \w+ AFTER (?P<event>\w+) ON (?P<table>\w+)(?: WHEN (?P<condition>.+?))?"
    r"\s+BEGIN\b(?P<body>.+)\bEND",
    re.DOTALL,
)
_COMMENT = re.compile(r"--.*")
_TRUTHS = {"sure"}
"""Columns that are true or false in a row of the view, and 1 or 0 in the table."""
_KEY = {"kind", "reference"}
_FUNCTIONS = """
    CREATE FUNCTION instr(text, text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN strpos($1, $2);
    CREATE FUNCTION json_extract(text, text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN $1::json #>> string_to_array(substr($2, 3), '.');
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
"""
"""`instr` and the one use of `json_extract`: a path of names."""
_GUARDS = """
    CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER audit_is_never_shortened BEFORE DELETE OR TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def scripts(version: int = 0) -> Iterator[str]:
    """Statements that bring a ledger of that version, in the schema that is searched first, to the newest one.

    Version 0 is no ledger yet. From any other, each migration is followed by itself: what it adds to the tables is read
    off SQLite's, before and after it, and its statements that change rows are run in PostgreSQL's spelling.
    """
    if version == 0:
        yield _FUNCTIONS
    with closing(sqlite3.connect(":memory:")) as model:
        model.row_factory = sqlite3.Row
        for step in MIGRATIONS[:version]:
            model.executescript(step)
        for step in MIGRATIONS[version:] if version else [";".join(MIGRATIONS)]:
            before = _Schema.of(model)
            model.executescript(step)
            yield from _difference(before, _Schema.of(model), model)
            if version:
                yield from _row_changes(step)
        types = {table: _column_types(model, table) for table in _names(model, "table")}
    if version == 0:
        yield _GUARDS
    yield _takes_rows(types)
    yield HOLD_FAST
    if version == 0:
        yield (
            "INSERT INTO lineage (identity, sequence, doubted_until)"
            " VALUES (replace(gen_random_uuid()::text, '-', ''), 0, '');"
        )


class _Schema(NamedTuple):
    """What there is in SQLite's ledger, each by its name: columns of tables, and the SQL of indexes and triggers."""

    tables: dict[str, dict[str, sqlite3.Row]]
    indexes: dict[str, str]
    triggers: dict[str, str]

    @classmethod
    def of(cls, model: sqlite3.Connection) -> Self:
        named = "SELECT name, sql FROM sqlite_schema WHERE type = '{}' AND sql != ''"
        return cls(
            {
                table: {each["name"]: each for each in _rows(model, f"PRAGMA table_info({table})")}
                for table in _names(model, "table")
            },
            dict(map(tuple, _rows(model, named.format("index")))),
            dict(map(tuple, _rows(model, named.format("trigger")))),
        )


def _difference(before: _Schema, after: _Schema, model: sqlite3.Connection) -> Iterator[str]:
    """Statements that make the one of the other. A column that is taken away or altered is a bug of the migration."""
    new = [table for table in after.tables if table not in before.tables]
    for name in before.triggers.keys() - after.triggers.keys():
        yield f"DROP FUNCTION IF EXISTS {name} CASCADE;"
    for name in before.indexes.keys() - after.indexes.keys():
        yield f"DROP INDEX {name};"
    for table in before.tables.keys() - after.tables.keys():
        yield f"DROP TABLE {table};"
    for table in new:
        yield _table(model, table)
    for table in new:
        yield from _references(model, table)
    for table in before.tables.keys() & after.tables.keys():
        yield from _new_columns(table, before.tables[table], after.tables[table])
    for name, sql in after.indexes.items():
        if before.indexes.get(name) != sql:
            yield f"DROP INDEX IF EXISTS {name}; {sql};"
    for name, sql in after.triggers.items():
        if before.triggers.get(name) != sql:
            yield _trigger(name, sql)


def _new_columns(table: str, before: dict[str, sqlite3.Row], after: dict[str, sqlite3.Row]) -> Iterator[str]:
    for name, column in before.items():
        if name not in after or tuple(after[name])[1:] != tuple(column)[1:]:
            raise RuntimeError(f"a migration alters {table}.{name}, and PostgreSQL is not told how")
    for name, column in after.items():
        if name not in before:
            yield f"ALTER TABLE {table} ADD COLUMN {_column(column, is_number=False)};"


def _row_changes(step: str) -> Iterator[str]:
    """Statements of a migration that change rows."""
    statement = ""
    for line in step.splitlines(keepends=True):
        statement += _COMMENT.sub("", line)
        if sqlite3.complete_statement(statement):
            if statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE")):
                yield spelled(statement).text.replace("%%", "%")
            statement = ""


def _rows(model: sqlite3.Connection, sql: str) -> list[Any]:
    return model.execute(sql).fetchall()


def _names(model: sqlite3.Connection, kind: str) -> list[str]:
    found = _rows(model, f"SELECT name FROM sqlite_schema WHERE type = '{kind}' AND name NOT LIKE 'sqlite_%'")  # noqa: S608
    return [name for (name,) in found]


def _column_types(model: sqlite3.Connection, table: str) -> dict[str, str]:
    return {each["name"]: each["type"] for each in _rows(model, f"PRAGMA table_info({table})")}


def _table(model: sqlite3.Connection, table: str) -> str:
    columns = _rows(model, f"PRAGMA table_info({table})")
    key = [each["name"] for each in sorted(columns, key=lambda each: each["pk"]) if each["pk"]]
    ((sql,),) = _rows(model, f"SELECT sql FROM sqlite_schema WHERE name = '{table}'")  # noqa: S608
    numbered = key if key == ["id"] or "AUTOINCREMENT" in sql else []
    parts = [_column(each, is_number=numbered == [each["name"]]) for each in columns]
    if key:
        parts.append(f"PRIMARY KEY ({', '.join(key)})")
    for index in _rows(model, f"PRAGMA index_list({table})"):
        if index["origin"] == "u":
            names = [each["name"] for each in _rows(model, f"PRAGMA index_info({index['name']})")]
            parts.append(f"UNIQUE ({', '.join(names)})")
    return f"CREATE TABLE {table} ({', '.join(parts)});"


def _column(each: sqlite3.Row, *, is_number: bool) -> str:
    """`is_number`: the database numbers the rows, as SQLite does."""
    text = f"{each['name']} {_TYPES[each['type']]}"
    if is_number:
        return f"{text} GENERATED BY DEFAULT AS IDENTITY"
    if each["notnull"]:
        text += " NOT NULL"
    if each["dflt_value"] is not None:
        text += f" DEFAULT {each['dflt_value']}"
    return text


def _trigger(name: str, sql: str) -> str:
    """What a trigger of SQLite does to each row, as one of PostgreSQL; those of the audit trail are `_GUARDS`."""
    found = _TRIGGER.fullmatch(sql)
    if found is None:
        return ""
    condition = f"WHEN ({found['condition']})" if found["condition"] else ""
    return f"""
    CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS
        $body$ BEGIN {found["body"]} RETURN NULL; END $body$;
    CREATE OR REPLACE TRIGGER {name} AFTER {found["event"]} ON {found["table"]} FOR EACH ROW {condition}
        EXECUTE FUNCTION {name}();
    """


def _references(model: sqlite3.Connection, table: str) -> Iterator[str]:
    for each in _rows(model, f"PRAGMA foreign_key_list({table})"):
        yield f"ALTER TABLE {table} ADD FOREIGN KEY ({each['from']}) REFERENCES {each['table']} ({each['to']});"


def _takes_rows(types: dict[str, dict[str, str]]) -> str:
    """The view of `at_once` and the trigger that takes a row of it apart.

    No row is given twice (see `writes`). Hosts of version 21 or earlier, which may still be at work, give some twice:
    what they write through (`rows_at_once`, `take_rows`) is left as it is.
    """
    again = ", ".join(f"{name} = excluded.{name}" for name in OUTCOME_COLUMNS[2:-1])
    kind, of_id = ENTITY_COLUMNS.index("kind"), ENTITY_COLUMNS.index("id")
    known = ", ".join(f"{name} = excluded.{name}" for name in ENTITY_COLUMNS if name not in _KEY)
    add_entities = f"""
            INSERT INTO entities ({", ".join(ENTITY_COLUMNS)})
                SELECT {_values("entities", ENTITY_COLUMNS, types)} FROM {_given("entities")}
                ON CONFLICT (kind, reference) DO UPDATE SET {known}"""  # noqa: S608
    return f"""
    DROP VIEW IF EXISTS group_rows;
    CREATE VIEW group_rows (closed, opened, entities, outcomes) AS
        SELECT NULL::jsonb, NULL::jsonb, NULL::jsonb, NULL::jsonb;
    CREATE OR REPLACE FUNCTION take_group_rows() RETURNS trigger LANGUAGE plpgsql
        -- Plans are made once, by a connection's first group. No choice is left to them that may turn out badly once
        -- tables have grown: a row that goes is looked up by itself, and one that comes meets others by one index.
        SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $body$ BEGIN
        IF new.closed <> '[]' THEN
            -- Only whoever has the lock of writers, or the lease of their part, changes intents.
            DELETE FROM intents WHERE ctid = ANY (ARRAY (SELECT (SELECT intents.ctid FROM intents
                WHERE kind = given.value ->> 0 AND reference = given.value ->> 1) FROM {_given("closed")}));
        END IF;
        IF new.opened <> '[]' THEN
            INSERT INTO intents ({", ".join(INTENT_COLUMNS)})
                SELECT {_values("intents", INTENT_COLUMNS, types)} FROM {_given("opened")};
        END IF;
        IF new.entities <> '[]' THEN
            BEGIN {add_entities};
            EXCEPTION WHEN unique_violation THEN
                -- An id was known under another reference. That is rare: it is planned anew, by what tables hold then.
                EXECUTE 'DELETE FROM entities USING jsonb_array_elements($1) AS given (value)
                    WHERE kind = given.value ->> {kind} AND id = given.value ->> {of_id}' USING new.entities;
                {add_entities};
            END;
        END IF;
        IF new.outcomes <> '[]' THEN
            INSERT INTO outcomes ({", ".join(OUTCOME_COLUMNS)})
                SELECT {_values("outcomes", OUTCOME_COLUMNS, types)} FROM {_given("outcomes")}
                ON CONFLICT (file_id, record) DO UPDATE SET {again},
                    attempts = outcomes.attempts + excluded.attempts;
        END IF;
        RETURN new;
    END $body$;
    CREATE TRIGGER take_group_rows INSTEAD OF INSERT ON group_rows FOR EACH ROW EXECUTE FUNCTION take_group_rows();
    """  # noqa: S608 (fixed names)


def _given(rows: str) -> str:
    """SQL: the rows of a column of the view."""
    return f"jsonb_array_elements(new.{rows}) AS given (value)"


def _values(table: str, columns: tuple[str, ...], types: dict[str, dict[str, str]]) -> str:
    """SQL that takes the values of a row out of a JSON array, under the names of its columns."""
    taken = []
    for at, name in enumerate(columns):
        text = f"(given.value ->> {at})"
        as_type = {
            "INTEGER": f"{text}::bigint",
            "REAL": f"{text}::double precision",
            "BLOB": f"convert_to({text}, 'UTF8')",
        }
        if name in _TRUTHS:
            as_type["INTEGER"] = f"{text}::boolean::integer"
        taken.append(f"{as_type.get(types[table][name], text)} AS {name}")
    return ", ".join(taken)
