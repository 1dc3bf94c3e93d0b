"""Both databases end with the same rows, whatever is written into them."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.core.api.intents import Entity
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
from pipeline.core.api.requests import Kind
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.postgres.address import PostgresAddress
from pipeline.edge.ledger.postgres.connection import SCHEMA
from pipeline.edge.ledger.postgres.opening import open_postgres_ledger
from pipeline.edge.ledger.writes import write
from tests.edge.ledger.conftest import intent, land, opened
from tests.seeds import cases, drawn
from tests.servers.postgres import shared_server

KINDS: tuple[Kind, ...] = ("customer", "account", "bill")
LIKE_SQLITE = {"bigint": "INTEGER", "text": "TEXT", "double precision": "REAL", "bytea": "BLOB"}


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Ledger, Ledger]]:
    address = PostgresAddress(shared_server().new_ledger())
    with (
        closing(opened(tmp_path / "ledger.sqlite")) as one,
        closing(open_postgres_ledger(address, merchant="citypower", environment="test")) as other,
    ):
        yield one, other


def tables(ledger: Ledger) -> list[str]:
    rows = ledger.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return sorted(name for (name,) in rows)


def plain(value: object) -> object:
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, str) and value.startswith("{"):
        return json.dumps(json.loads(value), sort_keys=True)
    return value


def held(ledger: Ledger, table: str) -> list[tuple[object, ...]]:
    """Each row; a JSON object as what it says, since PostgreSQL orders its keys."""
    rows = (
        tuple(plain(value) for value in row)
        for row in ledger.execute(f"SELECT * FROM {table}")  # noqa: S608 - names of ours
    )
    return sorted(rows, key=repr)


def test_both_have_the_same_tables_and_columns(both: tuple[Ledger, Ledger]) -> None:
    one, other = both
    wanted = {
        (table, row["name"]): (row["type"], bool(row["notnull"]) or bool(row["pk"]))
        for table in tables(one)
        for row in one.execute(f"PRAGMA table_info({table})")
    }
    rows = other.execute(
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns JOIN"
        " information_schema.tables USING (table_schema, table_name)"
        " WHERE table_schema = ? AND table_type = 'BASE TABLE' AND table_name != 'version'",
        (SCHEMA,),
    )
    assert {(t, c): (LIKE_SQLITE[kind], null == "NO") for t, c, kind, null in rows} == wanted
    unique = "SELECT count(*) FROM pg_indexes WHERE schemaname = ? AND indexdef LIKE 'CREATE UNIQUE%'"
    of_sqlite = sum(
        row["unique"] for table in tables(one) for row in one.execute(f"PRAGMA index_list({table})")
    )
    row_ids = sum(
        1
        for table in tables(one)
        if len([c for c in one.execute(f"PRAGMA table_info({table})") if c["pk"]]) == 1
        and not any(row["origin"] == "pk" for row in one.execute(f"PRAGMA index_list({table})"))
    )
    assert other.execute(unique, (SCHEMA,)).fetchone()[0] == of_sqlite + row_ids


def some_changes(dice: random.Random) -> list[Change]:
    """Changes as a load makes them, and more tangled than that: few references and ids, again and again."""
    changes: list[Change] = []
    opened_keys: set[tuple[str, str]] = set()
    for _ in range(dice.randrange(1, 60)):
        kind = dice.choice(KINDS)
        reference, its_id = f"R{dice.randrange(5)}", f"id{dice.randrange(6)}"
        one = intent(
            reference,
            kind=kind,
            content=dice.choice("xy"),
            generation=dice.randrange(3),
            sure=dice.random() < 0.5,
        )
        match dice.randrange(10):
            case 0 if (kind, reference) not in opened_keys:
                opened_keys.add((kind, reference))
                changes.append(OpenIntent(one))
            case 1:
                opened_keys.discard((kind, reference))
                changes.append(CloseIntent(one))
            case 2:
                opened_keys.add((kind, reference))
                changes.append(RenewIntent(one))
            case 3:
                changes.append(SpendKey(one))
            case 4 | 5:
                details = {"name": dice.choice(["Zoë", 'quo"te', "back\\slash", "", "\\u0000"])}
                changes.append(UpsertEntity(Entity(kind, reference, its_id, owner="C", details=details)))
            case 6:
                outcome = RecordOutcome(
                    dice.randrange(4),
                    dice.choice(list(Outcome)),
                    ("a.b", "c.d")[: dice.randrange(3)],
                    dice.choice([None, "why"]),
                    attempts=dice.randrange(4),
                )
                changes.append(StoreOutcome(1, reference, outcome))
            case 7:
                changes.append(ForgetEntity(kind, reference))
            case 8:
                changes.append(UpgradeOutcome(1, dice.randrange(4)))
            case _:
                changes.append(DistrustEntities(1))
    return changes


def test_a_group_leaves_the_same_rows_as_its_changes_one_by_one(
    both: tuple[Ledger, Ledger], tmp_path: Path
) -> None:
    dice = drawn()
    with closing(opened(tmp_path / "alone.sqlite")) as alone:
        for ledger in (*both, alone):
            land(Files(ledger))
            ledger.prepare_rows()
        for _ in range(cases(60, soak=5_000)):
            changes = some_changes(dice)
            opens = {c.intent.business_key for c in changes if isinstance(c, OpenIntent)}
            for ledger in (*both, alone):
                for key in opens:
                    ledger.execute("DELETE FROM intents WHERE kind = ? AND reference = ?", key)
                with transaction(ledger):
                    for group in ([each] for each in changes) if ledger is alone else [changes]:
                        write(ledger, group)
            for table in ("intents", "entities", "outcomes", "generations"):
                assert held(both[0], table) == held(both[1], table) == held(alone, table)


def test_text_is_ordered_by_its_bytes(both: tuple[Ledger, Ledger]) -> None:
    """As watermarks and hashes are compared."""
    names = ["a", "B", "Z", "é", "z", "~", "0", " "]
    for ledger in both:
        ledger.executemany("INSERT INTO arrivals VALUES (?, ?)", [(name, "x") for name in names])
        found = [feed for (feed,) in ledger.execute("SELECT feed FROM arrivals ORDER BY feed")]
        assert found == sorted(names)


def test_what_sqlite_refuses_is_refused(both: tuple[Ledger, Ledger]) -> None:
    import psycopg

    for ledger, refusal in zip(both, (sqlite3.IntegrityError, psycopg.IntegrityError), strict=True):
        for statement in (
            "INSERT INTO arrivals VALUES ('bills', NULL)",
            "INSERT INTO gates (file_id, feed_print, totals, is_open) VALUES (7, '', '', 1)",
            "INSERT INTO audit VALUES (1, 'x', NULL)",
        ):
            with pytest.raises(refusal):
                ledger.execute(statement)


def test_a_nul_that_the_api_sends_does_no_harm(both: tuple[Ledger, Ledger]) -> None:
    """PostgreSQL's text has none, and SQLite's JSON ends there."""
    for ledger, kept in zip(both, ("a", "a\ufffdb"), strict=True):
        land(Files(ledger))
        ledger.prepare_rows()
        write(ledger, [StoreOutcome(1, "R", RecordOutcome(1, Outcome.REFUSED, message="a\0b"))])
        assert [message for (message,) in ledger.execute("SELECT message FROM outcomes")] == [kept]
