"""Moves a ledger from SQLite into a database of PostgreSQL, and proves that both hold the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from pipeline.edge.ledger.database import SqliteLedger, snapshot, transaction
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.postgres.connection import SCHEMA, PostgresLedger, postgres_errors
from pipeline.errors import LedgerDamaged, UsageError

BATCH = 10_000
"""Rows read at a time."""

Write = Callable[[Sequence[Any]], None]
"""Takes a row of a table."""


@dataclass(slots=True)
class TableSums:
    """What a table holds, as far as it can be compared: rows; of each column how many values are there, and their sum
    (of texts and bytes, that of their lengths).
    """

    rows: int = 0
    columns: dict[str, tuple[int, int | float]] = field(default_factory=dict)


def move_ledger(source: SqliteLedger, target: PostgresLedger) -> dict[str, int]:
    """Copy everything that `source` holds into `target`, in one transaction, which ends only if both hold the same.

    Of one that was copied before, and has not been worked with since, nothing is copied again.

    Args:
        source: nothing else works with it.
        target: of the same merchant.

    Returns:
        Table → how many rows it has.

    Raises:
        UsageError: the target is another ledger, or one that has come further.
        LedgerDamaged: after the copy the two differ; nothing is changed.
        DiskFull, LedgerBusy, LedgerUnreachable: as writing a ledger does; nothing is changed.
    """
    with snapshot(source), transaction(target):
        is_copied = target.execute("SELECT EXISTS (SELECT 1 FROM audit)").fetchone()[0]
        if is_copied and _mark(source) != _mark(target):
            raise UsageError(
                problem=f"{target.where} holds a ledger already",
                remedy="name an empty database in the config",
            )
        if not is_copied:
            target.execute("DELETE FROM lineage")
        with _without_triggers(target):
            return {table: _moved(source, target, table, is_copied=is_copied) for table in _in_order(source)}


@contextmanager
def _without_triggers(target: PostgresLedger) -> Iterator[None]:
    """What triggers wrote is copied like all else. They work again when the transaction ends, however it ends."""
    rows = target.execute(
        "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE relnamespace = to_regnamespace(?) AND relkind = 'r' AND NOT tgisinternal",
        (SCHEMA,),
    )
    tables = [name for (name,) in rows]
    for table in tables:
        target.script(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    for table in tables:
        target.script(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _mark(ledger: Ledger) -> tuple[Any, ...]:
    """Which ledger it is, and how far it has come."""
    row = ledger.execute("SELECT identity, sequence, (SELECT max(number) FROM audit) FROM lineage").fetchone()
    return tuple(row)


def _in_order(source: SqliteLedger) -> Iterator[str]:
    """The tables, each after those that it refers to."""
    names = source.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    left = {
        name: {row["table"] for row in source.execute(f"PRAGMA foreign_key_list({name})")}
        for (name,) in names
        if name != "binding"  # it was written as the target was opened
    }
    while left:
        ready = next(name for name, others in left.items() if not others & left.keys())
        del left[ready]
        yield ready


def _moved(source: SqliteLedger, target: PostgresLedger, table: str, *, is_copied: bool) -> int:
    """Copy a table, unless it is copied, and compare the two; how many rows it has."""
    columns = [row["name"] for row in source.execute(f"PRAGMA table_info({table})")]
    writing: AbstractContextManager[Write] = (
        nullcontext(lambda _: None) if is_copied else target.copying(table, columns)
    )
    with postgres_errors(target.where), writing as write:
        sums = _read(source, table, columns, write)
    if sums != (there := _sums(target, table, columns)):
        raise LedgerDamaged(where=target.where, problem=f"of {table} it holds {there}, not {sums}")
    _number_on(target, table, columns[0])
    return sums.rows


def _read(source: SqliteLedger, table: str, columns: Sequence[str], write: Write) -> TableSums:
    """Hand every row of a table to `write`; what it holds."""
    rows = source.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 (of our tables)
    rows.row_factory = None
    sums = TableSums(columns=dict.fromkeys(columns, (0, 0)))
    while some := rows.fetchmany(BATCH):
        for row in some:
            write(row)
        sums.rows += len(some)
        for name, values in zip(columns, zip(*some, strict=True), strict=True):
            count, total = sums.columns[name]
            there = [value for value in values if value is not None]
            sums.columns[name] = (count + len(there), total + sum(map(_size, there)))
    return sums


def _size(value: Any) -> int | float:
    return value if isinstance(value, int | float) else len(value)


def _sums(target: PostgresLedger, table: str, columns: Sequence[str]) -> TableSums:
    """What a table of the target holds."""
    types = {
        row["column_name"]: row["data_type"]
        for row in target.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = ?"
            " AND table_name = ?",
            (SCHEMA, table),
        )
    }
    sizes = {name: f"length({name})" if types[name] in {"text", "bytea"} else name for name in columns}
    asked = ", ".join(f"count({name}), coalesce(sum({size}), 0)" for name, size in sizes.items())
    rows, *found = target.execute(f"SELECT count(*), {asked} FROM {table}").fetchone()  # noqa: S608 (of our tables)
    return TableSums(rows, {name: (found[2 * at], found[2 * at + 1]) for at, name in enumerate(columns)})


def _number_on(target: PostgresLedger, table: str, column: str) -> None:
    """The next row gets the next number, where the database numbers them."""
    (numbers,) = target.execute("SELECT pg_get_serial_sequence(?, ?)", (table, column)).fetchone()
    if numbers is not None:
        last = f"SELECT setval(?, coalesce(max({column}), 1), max({column}) IS NOT NULL) FROM {table}"  # noqa: S608
        target.execute(last, (numbers,))
