"""Held files in the ledger: what people decided, how far each file may go, and what each feed loaded before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from pipeline.core.release_decisions import Basis, Decision, Fate, Person
from pipeline.core.rules.earlier_amounts import MOST_COMPARED, Past
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger, LedgerRow
from pipeline.edge.ledger.loads_under_way import LoadsUnderWay, StopAsked

if TYPE_CHECKING:  # status reads decisions, and loads no polars
    from pipeline.core.values.amount_spread import Spread

_SPREAD = ("records", "smallest_minor", "median_minor", "largest_minor", "usual_twice_minor", "with_decimals")
"""Columns of what is remembered of the amounts of one currency, in the order of `Spread`."""


@dataclass(frozen=True, slots=True)
class Gate:
    """How far a file may go while it is what `basis` says."""

    basis: Basis
    is_open: bool
    """False: it is held."""
    up_to: int | None = None
    """So many of its records may be settled in all; None: every one."""
    last_load: int | None = None
    """Number of its feed's last load when it was held."""
    restored: bool = False
    """It was held when the ledger was copied that was restored since: a decision about it may have been missed."""


@dataclass(frozen=True, slots=True)
class LoadedAmounts:
    """The amounts of one currency of a file that was loaded, in minor units."""

    name: str
    at: str
    """When it was loaded, RFC 3339."""
    records: int
    smallest_minor: int
    median_minor: int
    largest_minor: int


class Decisions:
    """Over one connection. Every method is one durable step."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    # -- what people decided --

    def decide(self, decision: Decision) -> bool:
        """Remember a decision about a held file, in the place of one that is pending: the caller knows that it may.

        Returns:
            False when the file is not held (any more), so that nothing was decided.
        """
        with transaction(self._db):
            held = self._db.execute(
                "SELECT 1 FROM files WHERE sha256 = ? AND state = 'held'", (decision.sha256,)
            ).fetchone()
            if held is None:
                return False
            self.settle(decision.sha256, "replaced")
            self._db.execute(
                "INSERT INTO decisions (sha256, word, at, user_name, host, feed_print, totals, holds,"
                " accept_changes, up_to, why) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (
                    *(decision.sha256, decision.word, decision.at, decision.by.user_name, decision.by.host),
                    *(decision.basis.feed_print, decision.basis.totals, json.dumps(sorted(decision.holds))),
                    *(int(decision.accept_changes), decision.up_to, decision.why),
                ),
            )
        return True

    def pending(self, sha256: str) -> Decision | None:
        """The decision that is to be taken up."""
        return self._newest(sha256, "pending")

    def all_pending(self) -> dict[str, Decision]:
        """SHA-256 → the decision that is to be taken up."""
        rows = self._db.execute("SELECT * FROM decisions WHERE fate = 'pending'")
        return {row["sha256"]: _decision(row) for row in rows}

    def settled(self, sha256: str) -> list[tuple[Decision, Fate]]:
        """All that are pending no more, oldest first, with what became of each."""
        rows = self._db.execute(
            "SELECT * FROM decisions WHERE sha256 = ? AND fate != 'pending' ORDER BY id", (sha256,)
        )
        return [(_decision(row), row["fate"]) for row in rows]

    def every(self, sha256: str) -> list[tuple[Decision, Fate]]:
        """All of them, oldest first, each with what became of it; one that is pending comes last."""
        found = self.settled(sha256)
        if (pending := self.pending(sha256)) is not None:
            found.append((pending, "pending"))
        return found

    def releases(self, sha256: str) -> list[Decision]:
        """All that were taken up: what a person has accepted stays accepted, whatever was decided after it."""
        rows = self._db.execute(
            "SELECT * FROM decisions WHERE sha256 = ? AND fate = 'taken' AND word = 'release'", (sha256,)
        )
        return [_decision(row) for row in rows]

    def settle(self, sha256: str, fate: Fate) -> None:
        """The pending decision, if any, is pending no more."""
        self._db.execute(
            "UPDATE decisions SET fate = ? WHERE sha256 = ? AND fate = 'pending'", (fate, sha256)
        )

    def _newest(self, sha256: str, fate: Fate) -> Decision | None:
        row = self._db.execute(
            "SELECT * FROM decisions WHERE sha256 = ? AND fate = ? ORDER BY id DESC LIMIT 1", (sha256, fate)
        ).fetchone()
        return _decision(row) if row else None

    def dropped_by(self, sha256: str) -> Person | None:
        """Who dropped the file on the page, the last one where several did; None: nobody."""
        row = self._db.execute(
            "SELECT user_name, host FROM uploads WHERE sha256 = ? ORDER BY id DESC LIMIT 1", (sha256,)
        ).fetchone()
        return Person(row["user_name"], row["host"]) if row else None

    # -- how far files may go --

    def gate(self, file_id: int) -> Gate | None:
        """How far a file may go; None while that is not settled."""
        row = self._db.execute("SELECT * FROM gates WHERE file_id = ?", (file_id,)).fetchone()
        if row is None:
            return None
        basis = Basis(row["feed_print"], row["totals"])
        return Gate(basis, bool(row["is_open"]), row["up_to"], row["last_load"], bool(row["restored"]))

    def set_gate(
        self, file_id: int, gate: Gate, *, sha256: str, fate: Fate | None, stop: StopAsked | None = None
    ) -> None:
        """Let a file go so far, and settle its pending decision in the same step.

        Args:
            fate: how that decision is settled; None leaves it pending.
            stop: a stop that the decision has ended; one that was asked for since stays.
        """
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO gates (file_id, feed_print, totals, is_open, up_to, last_load, restored)"
                " VALUES (?,?,?,?,?,?,?) ON CONFLICT (file_id) DO UPDATE SET feed_print = excluded.feed_print,"
                " totals = excluded.totals, is_open = excluded.is_open, up_to = excluded.up_to,"
                " last_load = excluded.last_load, restored = excluded.restored",
                (
                    *(file_id, gate.basis.feed_print, gate.basis.totals),
                    *(int(gate.is_open), gate.up_to, gate.last_load, int(gate.restored)),
                ),
            )
            if fate is not None:
                self.settle(sha256, fate)
            if stop is not None:
                LoadsUnderWay(self._db).end_stop(stop)

    def stop_asked(self, file_id: int) -> StopAsked | None:
        """Who has stopped the load of a file on the page, as far as no decision has ended that."""
        return LoadsUnderWay(self._db).stop_asked(file_id)

    def forget_gate(self, file_id: int) -> None:
        """A file starts afresh, and is judged afresh."""
        self._db.execute("DELETE FROM gates WHERE file_id = ?", (file_id,))

    # -- what feeds loaded before --

    def loaded(self, file_id: int, feed: str, spreads: Sequence[Spread], *, at: str) -> None:
        """Note that a file of a feed was loaded, and its amounts, for comparing later files with it.

        Args:
            spreads: one for each currency; none: later files are not compared with this one.
            at: the time, RFC 3339.
        """
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO loads (file_id, feed, at) VALUES (?,?,?)"
                " ON CONFLICT (file_id) DO UPDATE SET feed = excluded.feed",
                (file_id, feed, at),
            )
            self._db.executemany(
                f"INSERT INTO spreads (file_id, currency, {', '.join(_SPREAD)}) VALUES (?,?,?,?,?,?,?,?)"  # noqa: S608 (ours)
                f" ON CONFLICT (file_id, currency) DO UPDATE SET"
                f" {', '.join(f'{name} = excluded.{name}' for name in _SPREAD)}",
                [(file_id, *astuple(spread)) for spread in spreads],
            )

    def last_load(self, feed: str) -> int | None:
        """Number of a feed's last load; None: it is new."""
        row = self._db.execute("SELECT max(id) FROM loads WHERE feed = ?", (feed,)).fetchone()
        return None if row[0] is None else int(row[0])

    def feeds_loaded(self) -> frozenset[str]:
        """Feeds that are not new."""
        return frozenset(feed for (feed,) in self._db.execute("SELECT DISTINCT feed FROM loads"))

    def past(self, feed: str, currency: str, *, beside: int | None) -> list[Past]:
        """The amounts of a feed's last loads in that currency, newest first, MOST_COMPARED at most.

        Args:
            beside: id of a file that is not to be among them: the one that is compared.
        """
        rows = self._db.execute(
            "SELECT usual_twice_minor, with_decimals FROM loads JOIN spreads USING (file_id)"
            " WHERE feed = ? AND currency = ? AND file_id IS NOT ? ORDER BY loads.id DESC LIMIT ?",
            (feed, currency, beside, MOST_COMPARED),
        )
        return [Past(*row) for row in rows]

    def loaded_amounts(self, feed: str, currency: str) -> list[LoadedAmounts]:
        """The amounts of a feed's last loads in that currency, newest first, MOST_COMPARED at most."""
        rows = self._db.execute(
            "SELECT name, at, records, smallest_minor, median_minor, largest_minor FROM loads"
            " JOIN spreads USING (file_id) JOIN files ON files.id = loads.file_id"
            " WHERE loads.feed = ? AND currency = ? ORDER BY loads.id DESC LIMIT ?",
            (feed, currency, MOST_COMPARED),
        )
        return [LoadedAmounts(*row) for row in rows]


def _decision(row: LedgerRow) -> Decision:
    return Decision(
        sha256=row["sha256"],
        word=row["word"],
        at=row["at"],
        by=Person(row["user_name"], row["host"]),
        basis=Basis(row["feed_print"], row["totals"]),
        holds=frozenset(json.loads(row["holds"])),
        accept_changes=bool(row["accept_changes"]),
        up_to=row["up_to"],
        why=row["why"],
    )
