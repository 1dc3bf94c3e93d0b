"""Whether this ledger is the one that worked here last, or a copy of how it once was.

A ledger has an identity and a sequence, which each load advances, before it begins and when it has ended. Both are
also kept in a small file beside it. The ledger is written first, the file then, before anything else happens: so the
file is equal, or one behind after a crash between the two, and then it is brought up to date before the next step.
Any other pair means that the ledger may be behind: restored from a copy, lost, or brought here from elsewhere.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from pipeline.core.api.watermarks import Doubts
from pipeline.edge.disk import replaced_file
from pipeline.edge.ledger.database import transaction

NAME = "lineage.json"


class Whence(StrEnum):
    """What a ledger turned out to be."""

    SAME = "same"
    NEW = "new"
    LOST = "lost"
    """A new one, and another one worked here before."""
    BEHIND = "behind"
    """A copy of how one once was, or one from elsewhere."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """What is kept beside the ledger."""

    identity: str
    sequence: int
    newest: str
    """The latest day of a balance file whose load has begun; empty: none."""


class _Row(NamedTuple):
    identity: str
    sequence: int
    begins_after: str | None
    doubted_until: str


class Lineage:
    """The identity of one ledger and what is kept of it beside. Only while the run's lock is held, but for `look`."""

    def __init__(self, connection: sqlite3.Connection, work_dir: Path) -> None:
        self._db = connection
        self._beside = work_dir / NAME

    def look(self) -> Whence:
        """What this ledger is, without changing anything."""
        mark, row = self._mark(), self._row()
        if row.begins_after is None:
            return Whence.NEW if mark is None else Whence.LOST
        if mark is None:
            return Whence.SAME if row.sequence == 0 else Whence.BEHIND
        same = mark.identity == row.identity and row.sequence - mark.sequence in {0, 1}
        return Whence.SAME if same else Whence.BEHIND

    def recognise(self, tomorrow: str) -> Whence:
        """See what this ledger is; from then on its balances are doubted where it may be behind.

        `tomorrow`: the latest day that an unknown ledger may have loaded. Raises DiskFull.
        """
        whence, mark = self.look(), self._mark()
        newest = mark.newest if mark else ""
        with transaction(self._db):
            if whence in {Whence.NEW, Whence.LOST}:
                self._db.execute("UPDATE lineage SET begins_after = ?", (tomorrow,))
            if whence in {Whence.LOST, Whence.BEHIND}:
                self._db.execute("UPDATE lineage SET doubted_until = ?", (newest or tomorrow,))
            if whence is Whence.BEHIND:
                # What it set itself, while it was new, is doubted by the day it has missed alone.
                self._db.execute(
                    "UPDATE lineage SET identity = ?, sequence = 0, begins_after = ''", (uuid4().hex,)
                )
                self._db.execute("UPDATE entities SET sure = 0 WHERE watermark IS NOT NULL")
                self._db.execute("UPDATE intents SET sure = 0 WHERE watermark IS NOT NULL")
        self._keep(mark, newest)
        return whence

    def advance(self, day: str | None = None) -> None:
        """A load begins or has ended; `day`: that of the balances it begins to set. Raises DiskFull."""
        mark = self._mark()
        newest = max(mark.newest if mark else "", day or "")
        with transaction(self._db):
            self._db.execute("UPDATE lineage SET sequence = sequence + 1")
        self._keep(mark, newest)

    def doubts(self) -> Doubts:
        """Of which days files may be older than they look."""
        row = self._row()
        return Doubts(row.begins_after or "", row.doubted_until)

    def _row(self) -> _Row:
        return _Row(*self._db.execute("SELECT * FROM lineage").fetchone())

    def _mark(self) -> _Mark | None:
        """What is beside the ledger; one that cannot be read fits no ledger."""
        try:
            return _Mark(**json.loads(self._beside.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            return _Mark("", 0, "")

    def _keep(self, mark: _Mark | None, newest: str) -> None:
        row = self._row()
        now = _Mark(row.identity, row.sequence, newest)
        if now != mark:
            with replaced_file(self._beside) as file:
                file.write(json.dumps(asdict(now)).encode())
