"""Runs as such: when they were, how they ended; and when each feed last got a file. Each method is a durable step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger, LedgerRow

KEPT_RUNS = 1000
"""A watch looks every few seconds; nobody asks for more than the last ones."""
_SELECT = "SELECT run_id, started_at, finished_at, exit_status, states FROM runs"


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run; times are RFC 3339. Without an end it was killed, or is at work."""

    run_id: str
    started_at: str
    finished_at: str | None
    exit_status: int | None
    states: dict[str, int]
    """State of a file → how many files of the run ended in it."""


class Runs:
    """The ledger's runs. Not for several threads at once."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def begin(self, run_id: str, *, at: str) -> int:
        """Remember that a run is at work; older runs than KEPT_RUNS are forgotten.

        Args:
            run_id: as logs and reports have it.
            at: the time, RFC 3339.

        Returns:
            Its number, for `end`.
        """
        with transaction(self._db):
            number = self._db.execute(
                "INSERT INTO runs (run_id, started_at) VALUES (?, ?) RETURNING id", (run_id, at)
            ).fetchone()[0]
            self._db.execute("DELETE FROM runs WHERE id <= ?", (number - KEPT_RUNS,))
        return int(number)

    def end(self, number: int, *, at: str, exit_status: int, states: Mapping[str, int]) -> None:
        """Note how a run ended.

        Args:
            states: state of a file → how many files of the run ended in it.
        """
        self._db.execute(
            "UPDATE runs SET finished_at = ?, exit_status = ?, states = ? WHERE id = ?",
            (at, exit_status, json.dumps(dict(states), sort_keys=True), number),
        )

    def last(self) -> RunRow | None:
        """The run that began last; None when there was none."""
        return _run(self._db.execute(f"{_SELECT} ORDER BY id DESC LIMIT 1").fetchone())

    def newest(self, most: int) -> list[RunRow]:
        """The last runs, newest first, so many of them."""
        rows = self._db.execute(f"{_SELECT} ORDER BY id DESC LIMIT ?", (most,)).fetchall()
        return [found for row in rows if (found := _run(row)) is not None]

    def last_finished(self) -> RunRow | None:
        """The last run that came to its end (exit status 0 or 1), also where a person must look at something."""
        return _run(
            self._db.execute(f"{_SELECT} WHERE exit_status IN (0, 1) ORDER BY id DESC LIMIT 1").fetchone()
        )

    def arrived(self, feed: str, *, at: str) -> None:
        """Note that a feed got a file, at that time (RFC 3339)."""
        self._db.execute(
            "INSERT INTO arrivals VALUES (?, ?) ON CONFLICT (feed) DO UPDATE SET at = excluded.at", (feed, at)
        )

    def expect(self, hours: Mapping[str, str], *, at: str) -> None:
        """Note by when each feed expects its files (feed → its hours, as text), and since when: `at` where that is new
        or changed. Hours that the ledger has as empty are those of a feed from before this was noted: any will do.
        """
        known = {
            feed: (before, since)
            for feed, before, since in self._db.execute("SELECT feed, hours, since FROM expectations")
        }
        now = {
            feed: (text, known[feed][1] if feed in known and known[feed][0] in {"", text} else at)
            for feed, text in hours.items()
        }
        if now == known:
            return
        with transaction(self._db):
            self._db.execute("DELETE FROM expectations")
            self._db.executemany(
                "INSERT INTO expectations (feed, hours, since) VALUES (?, ?, ?)",
                ((feed, *facts) for feed, facts in now.items()),
            )

    def expected_since(self) -> dict[str, datetime]:
        """Feed → since when its files are expected by their hour, in UTC, as the last run found it."""
        return {
            feed: datetime.fromisoformat(since)
            for feed, since in self._db.execute("SELECT feed, since FROM expectations")
        }

    def arrivals(self) -> dict[str, datetime]:
        """Feed → when it last got a file, in UTC."""
        return {
            row["feed"]: datetime.fromisoformat(row["at"])
            for row in self._db.execute("SELECT feed, at FROM arrivals")
        }


def _run(row: LedgerRow | None) -> RunRow | None:
    return RunRow(**{**dict(row), "states": json.loads(row["states"])}) if row else None
