"""Parts of a file whose load is spread over hosts, and the hosts that work on them.

A part is leased for a while, under an epoch that rises with each lease: what is done under an earlier one is refused.
Only the database's clock counts. Leases change behind the lock of writers, so that two hosts never have the same part.
A group of outcomes is written beside those of other hosts, which are about other customers: it locks the row of its
part alone (`hold_fast`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.edge.ledger.door import Ledger, LedgerRow
from pipeline.errors import LeaseLost

APPLICATION = "billferry"
"""How the names of connections begin; the process that has one follows."""
RUNS = 0x62696C6D
"""Key of the lock that a run holds for as long as it works: "bilm"."""
_LEADER = (
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted"  # noqa: S608 (a number)
    f" AND objid = {RUNS} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
SEEN_WITHIN_S = 10
"""A worker that was not heard of for so long is taken for gone."""
_NOW = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
WITHDRAW = "UPDATE parts SET epoch = epoch + 1, is_withdrawn = 1 WHERE is_withdrawn = 0"
"""Whoever leads now begins with this: the epoch of every lease is over."""
LEASE_LOST = "BF001"
"""How the server tells it; codes that begin so are nobody else's. Source: PostgreSQL's manual, appendix A."""
HOLD_FAST = f"""
    CREATE OR REPLACE FUNCTION hold_fast(part bigint, its_epoch bigint) RETURNS void LANGUAGE plpgsql AS $body$ BEGIN
        PERFORM 1 FROM parts WHERE id = part AND epoch = its_epoch FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION '%', part USING ERRCODE = '{LEASE_LOST}';
        END IF;
    END $body$;
"""
"""What `hold_fast` calls: the server refuses, since its answer is not waited for."""
_FREE = (
    f"SELECT id FROM parts WHERE is_done = 0 AND is_withdrawn = 0 AND (leased_until IS NULL OR leased_until < {_NOW})"  # noqa: S608 (ours)
    " AND (?1 IS NULL OR file_id = ?1)"
    " AND NOT EXISTS (SELECT 1 FROM parts AS other WHERE other.file_id = parts.file_id AND other.halted IS NOT NULL)"
)
"""Parts that may be taken; `?1` is a file's id, or NULL for those of all files."""


def process_name() -> str:
    """Of this process among those of all hosts: its host, and which one there."""
    return f"{os.uname().nodename}:{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a part, for as long as nobody has a later epoch of it."""

    part: int
    epoch: int
    file_id: int
    facts: Mapping[str, Any]
    """What a host must know of the file, besides the records."""
    records: bytes
    """Parquet."""


@dataclass(frozen=True, slots=True)
class PartDone:
    """What has come of a part by now."""

    settled: int = 0
    """Records with a final outcome, since the part was made."""
    settled_minor: Mapping[str, int] = field(default_factory=dict)
    retried: int = 0


@dataclass(frozen=True, slots=True)
class PartState:
    """How far a part is."""

    is_done: bool
    host: str | None
    """Who works on it."""
    done: PartDone
    said: Sequence[Mapping[str, Any]]
    """What each load of the part came to that has ended."""
    halted: str | None
    """Why nobody goes on with the file: what the API did; None: nothing is known against it."""


@dataclass(frozen=True, slots=True)
class SeenWorker:
    """A process that works on parts, or waits for some."""

    name: str
    """`<host>:<process>`."""
    since: float
    """Seconds since 1970 by the database's clock."""
    part: int | None
    file: str | None
    """Name of the file that the part is of."""
    records: int
    """Settled since it began."""

    @property
    def host(self) -> str:
        """Without the process."""
        return self.name.rpartition(":")[0]


class LoadParts:
    """Over one connection to PostgreSQL."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    # -- whoever leads the load --

    def withdraw(self) -> None:
        """Take all parts back: whoever works on one cannot write any more, and is to let go of it."""
        self._db.execute(WITHDRAW)

    def left_for_s(self) -> float:
        """How long hosts that had a part may still wait for an answer; 0.0: none does, and parts are forgotten."""
        self._db.execute(
            f"DELETE FROM parts WHERE is_withdrawn = 1 AND (leased_until IS NULL OR leased_until < {_NOW})"  # noqa: S608
        )
        rows = self._db.execute(f"SELECT max(leased_until) - {_NOW} FROM parts WHERE is_withdrawn = 1")  # noqa: S608
        return max(0.0, rows.fetchone()[0] or 0.0)

    def add(self, file_id: int, facts: Mapping[str, Any], records: bytes) -> None:
        """Add a part for whoever takes it first."""
        self._db.execute(
            "INSERT INTO parts (file_id, facts, records, epoch, is_done, is_withdrawn, settled, settled_minor,"
            " retried, said) VALUES (?,?,?,0,0,0,0,'{}',0,'')",
            (file_id, json.dumps(facts), records),
        )

    def states(self, file_id: int) -> list[PartState]:
        """How far each part of a file is."""
        rows = self._db.execute(
            f"SELECT is_done, CASE WHEN leased_until >= {_NOW} THEN host END AS host, settled, settled_minor, retried,"  # noqa: S608
            " said, halted FROM parts WHERE file_id = ? ORDER BY id",
            (file_id,),
        )
        return [_state(row) for row in rows]

    # -- whoever works on parts --

    def lease(self, host: str, lease_s: float, *, file_id: int | None = None) -> Lease | None:
        """Take the first part that nobody works on, for so long; None: there is none. `file_id`: of this file alone."""
        if self._db.execute(f"{_FREE} LIMIT 1", (file_id,)).fetchone() is None:
            return (
                None  # looked at without the lock of writers, which every second look would take for nothing
            )
        rows = self._db.execute(
            f"UPDATE parts SET epoch = epoch + 1, host = ?2, leased_until = {_NOW} + ?3"  # noqa: S608 (ours)
            f" WHERE id = ({_FREE} ORDER BY id LIMIT 1) RETURNING id, epoch, file_id, facts, records",
            (file_id, host, lease_s),
        )
        row = rows.fetchone()
        if row is None:
            return None
        return Lease(row["id"], row["epoch"], row["file_id"], json.loads(row["facts"]), bytes(row["records"]))

    def renew(self, lease: Lease, lease_s: float, done: PartDone) -> None:
        """Keep a part for so long from now, and tell how far it is. Raises LeaseLost."""
        self._changed(
            lease,
            f"leased_until = {_NOW} + ?, settled = ?, settled_minor = ?, retried = ?",
            lease_s,
            *_progress(done),
        )

    def end(
        self,
        lease: Lease,
        done: PartDone,
        said: Mapping[str, Any],
        *,
        is_done: bool,
        halted: str | None = None,
    ) -> None:
        """Give a part back.

        Args:
            said: what this load of it came to.
            is_done: nothing of it is left to send.
            halted: why nobody should go on with its file.

        Raises LeaseLost.
        """
        self._changed(
            lease,
            "leased_until = NULL, host = NULL, settled = ?, settled_minor = ?, retried = ?, said = said || ?,"
            " is_done = ?, halted = ?",
            *_progress(done),
            json.dumps(said) + "\n",
            int(is_done),
            halted,
        )

    def let_go(self, lease: Lease) -> None:
        """Nothing of a part that was taken from us is under way any more."""
        self._db.execute(
            "UPDATE parts SET leased_until = NULL WHERE id = ? AND epoch = ? AND is_withdrawn = 1",
            (lease.part, lease.epoch + 1),
        )

    def hold_fast(self, lease: Lease) -> None:
        """Within a transaction that writes: refuse it unless the lease is the latest one. Raises LeaseLost.

        Whoever wants to end the lease waits for the end of the transaction.
        """
        self._db.execute("SELECT hold_fast(?, ?)", (lease.part, lease.epoch))

    def _changed(self, lease: Lease, what: str, *values: Any) -> None:
        rows = self._db.execute(
            f"UPDATE parts SET {what} WHERE id = ? AND epoch = ?",  # noqa: S608 (fixed texts)
            (*values, lease.part, lease.epoch),
        )
        if not rows.rowcount:
            raise LeaseLost(part=lease.part)

    # -- who is there --

    def seen(self, name: str, part: int | None, records: int) -> None:
        """Note that a worker is there, and what it does. Those that are gone are forgotten."""
        self._db.execute(
            f"INSERT INTO workers (name, since, at, part, records) VALUES (?1, {_NOW}, {_NOW}, ?2, ?3)"  # noqa: S608
            " ON CONFLICT (name) DO UPDATE SET at = excluded.at, part = excluded.part, records = excluded.records",
            (name, part, records),
        )
        self._db.execute(f"DELETE FROM workers WHERE at < {_NOW} - 3600")  # noqa: S608

    def leader(self) -> str:
        """The process that has the lock of runs, as `process_name` there says; empty: none has."""
        row = self._db.execute(_LEADER).fetchone()
        return str(row[0]).removeprefix(f"{APPLICATION} ") if row is not None else ""

    def gone(self, name: str) -> None:
        """A worker has ended."""
        self._db.execute("DELETE FROM workers WHERE name = ?", (name,))

    def workers(self) -> list[SeenWorker]:
        """Those that were heard of lately, by name."""
        rows = self._db.execute(
            "SELECT workers.name, since, workers.part, files.name AS file, workers.records FROM workers"  # noqa: S608
            " LEFT JOIN parts ON parts.id = workers.part LEFT JOIN files ON files.id = parts.file_id"
            f" WHERE workers.at >= {_NOW} - {SEEN_WITHIN_S} ORDER BY workers.name"
        )
        return [
            SeenWorker(row["name"], row["since"], row["part"], row["file"], row["records"]) for row in rows
        ]


def _progress(done: PartDone) -> tuple[int, str, int]:
    return done.settled, json.dumps(dict(done.settled_minor)), done.retried


def _state(row: LedgerRow) -> PartState:
    return PartState(
        bool(row["is_done"]),
        row["host"],
        PartDone(row["settled"], json.loads(row["settled_minor"]), row["retried"]),
        [json.loads(line) for line in row["said"].splitlines()],
        row["halted"],
    )
