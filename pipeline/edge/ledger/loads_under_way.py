"""Loads that are under way: how far each is, and whether a person has asked for its stop."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pipeline.core.api.ledger_changes import LoadUnderWay
from pipeline.core.release_decisions import Person
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger, LedgerRow
from pipeline.edge.ledger.file_rows import OPEN_STATES


@dataclass(frozen=True, slots=True)
class StopAsked:
    """A person has stopped the load of a file."""

    id: int
    """Of this stop: a later one of the same file is another one."""
    at: str
    """RFC 3339."""
    by: Person


@dataclass(frozen=True, slots=True)
class FileUnderWay:
    """A file that a run works on or will, but for those that are held; `load` is None before it is sent."""

    sha256: str
    name: str
    state: str
    """`landed` or `unfinished`."""
    load: LoadUnderWay | None
    stop: StopAsked | None


class LoadsUnderWay:
    """Over one connection. Every method is one durable step."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def all(self) -> list[FileUnderWay]:
        """Files that are not finished and not held, oldest first: by the index of states, however many files and
        records there are.
        """
        rows = self._db.execute(
            "SELECT sha256, name, state, load.*, stops.id AS stop_id, stops.at AS stop_at, user_name, host FROM files"
            " LEFT JOIN load_progress AS load ON load.file_id = files.id"
            " LEFT JOIN stops ON stops.file_id = files.id"
            " WHERE state IN ('landed', 'unfinished') ORDER BY files.id"
        )
        return [
            FileUnderWay(row["sha256"], row["name"], row["state"], _load(row), _stop(row)) for row in rows
        ]

    def stop_asked(self, file_id: int) -> StopAsked | None:
        """Who has stopped the load of a file; None: nobody, or it was released since."""
        row = self._db.execute(
            "SELECT id AS stop_id, at AS stop_at, user_name, host FROM stops WHERE file_id = ?", (file_id,)
        ).fetchone()
        return _stop(row) if row else None

    def ask_stop(self, sha256: str, by: Person, *, at: str) -> bool:
        """Ask for the stop of a file's load, at that time (RFC 3339); the first one who asks counts.

        Returns:
            False where no run works on the file or will: nothing was asked.
        """
        with transaction(self._db):
            row = self._db.execute(
                f"SELECT id FROM files WHERE sha256 = ? AND state IN {OPEN_STATES} AND state != 'held'",  # noqa: S608
                (sha256,),
            ).fetchone()
            if row is None:
                return False
            self._db.execute(
                "INSERT INTO stops (file_id, at, user_name, host) VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
                (row["id"], at, by.user_name, by.host),
            )
        return True

    def every_stop(self, file_id: int) -> list[StopAsked]:
        """Each time that a person has asked for the stop of a file's load, oldest first."""
        rows = self._db.execute(
            "SELECT id AS stop_id, at AS stop_at, user_name, host FROM ended_stops WHERE file_id = ?1"
            " UNION ALL SELECT id, at, user_name, host FROM stops WHERE file_id = ?1 ORDER BY stop_at",
            (file_id,),
        )
        return [stop for row in rows if (stop := _stop(row)) is not None]

    def end_stop(self, stop: StopAsked) -> None:
        """It was followed, and a person has decided how the file goes on."""
        self._end_stops("id = ?", stop.id)

    def end_stop_of(self, file_id: int) -> None:
        """The file has ended, whether or not somebody had asked for its stop."""
        self._end_stops("file_id = ?", file_id)

    def _end_stops(self, which: str, number: int) -> None:
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO ended_stops (file_id, at, user_name, host)"  # noqa: S608 (ours)
                f" SELECT file_id, at, user_name, host FROM stops WHERE {which}",
                (number,),
            )
            self._db.execute(f"DELETE FROM stops WHERE {which}", (number,))  # noqa: S608 (ours)


def _load(row: LedgerRow) -> LoadUnderWay | None:
    if row["file_id"] is None:
        return None
    return LoadUnderWay(
        *(row["started_at"], row["at"], row["settled"], row["total"], row["per_s"], row["retried"]),
        json.loads(row["settled_minor"]),
        json.loads(row["total_minor"]),
    )


def _stop(row: LedgerRow) -> StopAsked | None:
    if row["stop_id"] is None:
        return None
    return StopAsked(row["stop_id"], row["stop_at"], Person(row["user_name"], row["host"]))
