"""The ledger of a merchant's world, for tests that look into it, change it, lose it or put a copy in its place."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pipeline.edge.ledger.database import copy_ledger
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.place import LedgerPlace, open_ledger
from pipeline.edge.ledger.postgres.address import PostgresAddress
from pipeline.edge.ledger.runs import Runs
from tests.servers.postgres import shared_server

LEDGER = os.environ.get("TEST_LEDGER", "sqlite")
"""Where ledgers of the tests are: `sqlite`, or `postgres`, a real server that the tests start."""
MARK_A_COPY = "UPDATE billferry.lineage SET sequence = -1"
"""What docs/how-to/use-postgresql.md has somebody do who has restored a database."""
sqlite_alone = pytest.mark.skipif(LEDGER != "sqlite", reason="about SQLite's file")


class LedgerOfWorld:
    """What `World` knows of its ledger."""

    folder: Path
    settings: dict[str, Any]

    @property
    def work_dir(self) -> Path:
        return self.folder / "var"

    def write_config(self) -> None:
        """Write the settings down."""
        raise NotImplementedError

    def begin_ledger(self) -> None:
        """Say in the settings where the ledger is, unless that is where it is without them."""
        if LEDGER == "postgres":
            self.settings["ledger"] = shared_server().new_ledger()

    def ledger(self, sql: str) -> list[tuple[Any, ...]]:
        """What a statement answers, in the spelling of the ledger's own (see `edge.ledger.door`)."""
        with closing(self._raw_ledger()) as ledger:
            return [tuple(row) for row in ledger.execute(sql)]

    def change_ledger(self, sql: str) -> None:
        with closing(self._raw_ledger()) as ledger:
            ledger.execute(sql)

    def _raw_ledger(self) -> Ledger | sqlite3.Connection:
        """Without a look at whose it is, nor of which version."""
        if isinstance(self.ledger_place, Path):
            return sqlite3.connect(self.ledger_place, isolation_level=None)
        return self.opened_ledger()

    def opened_ledger(self) -> Ledger:
        facts = {name: str(self.settings[name]) for name in ("merchant", "environment")}
        return open_ledger(self.ledger_place, **facts)  # type: ignore[arg-type]

    def copied_ledger(self, name: str = "copy", *, marked: bool = False) -> LedgerPlace:
        """A copy of the ledger as it is now, made while nothing works with it, for `put_back`.

        `marked`: it says of itself that it is one (in PostgreSQL, as whoever restores one is told to).
        """
        if isinstance(self.ledger_place, Path):
            path = self.folder / f"{name}.sqlite"
            if marked:
                with closing(self.opened_ledger()) as ledger:
                    copy_ledger(ledger, path)  # type: ignore[arg-type]  # it is SQLite's
                return path
            return Path(shutil.copy(self.ledger_place, path))
        copy = shared_server().copied(self.ledger_place.url)
        if marked:
            with closing(psycopg.connect(copy, autocommit=True)) as connection:
                connection.execute(MARK_A_COPY)
        return PostgresAddress(copy)

    def has_ledger(self) -> bool:
        """Whether a run has made one."""
        return not isinstance(self.ledger_place, Path) or self.ledger_place.exists()

    def put_back(self, copy: LedgerPlace) -> None:
        """The copy in place of the ledger."""
        self.lose_ledger()
        if isinstance(copy, Path):
            shutil.copy(copy, self.work_dir / "ledger.sqlite")
        else:
            self.settings["ledger"] = shared_server().copied(copy.url)
            self.write_config()

    @property
    def ledger_place(self) -> LedgerPlace:
        if (url := self.settings.get("ledger", "sqlite")) != "sqlite":
            return PostgresAddress(url)
        return self.work_dir / "ledger.sqlite"

    def expect_for_long(self, *feeds: str) -> None:
        """As if the hours of these feeds had been in the config for years, so that they are late on their first day."""
        self.work_dir.mkdir(mode=0o700, exist_ok=True)
        with closing(self.opened_ledger()) as ledger:
            Runs(ledger).expect(dict.fromkeys(feeds, ""), at="2020-01-01T00:00:00Z")

    def lose_ledger(self) -> None:
        if not isinstance(self.ledger_place, Path):
            self.settings["ledger"] = shared_server().new_ledger()
            self.write_config()
        for path in self.work_dir.glob("ledger*"):
            path.unlink()
