"""Whether this ledger is the one that worked here last, or a copy of how it once was.

A ledger has an identity and a sequence, which each load advances, before it begins and when it has ended; a load of
balances also with each group of its changes. Both are also kept in a small file beside it. The ledger is written first,
the file then, before anything else happens: so the file is equal or, after a crash, behind. A file that is ahead, or of
another identity, means that the ledger may be behind: restored from a copy, lost, or brought here from elsewhere.

Hosts that share a ledger have a file each. A copy is recognised by the first of them that leads; the ledger keeps the
identity that it had before, so that the others, whose files have that one, take up the new one.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from pipeline.core.api.watermarks import Doubts
from pipeline.core.rules.missed_corrections import Missed
from pipeline.edge.disk import replaced_file
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import OPEN_STATES

NAME = "lineage.json"
"""Below work_dir, beside the ledger."""


class LedgerOrigin(StrEnum):
    """What a ledger turned out to be when a run opened it."""

    SAME = "same"
    NEW = "new"
    LOST = "lost"
    """A new one, and another one worked here before."""
    BEHIND = "behind"
    """A copy of how one once was, or one from elsewhere."""


_MAY_BE_BEHIND = {LedgerOrigin.LOST, LedgerOrigin.BEHIND}


@dataclass(frozen=True, slots=True)
class _Mark:
    """What is kept beside the ledger."""

    identity: str
    sequence: int
    """That of the ledger when this was written, or less after a crash."""
    newest: str
    """The latest day of a balance file whose load has begun; empty: none."""
    newest_name: str = ""
    """The latest date in the name of any file whose load has begun."""


class _Row(NamedTuple):
    identity: str
    sequence: int
    begins_after: str | None
    doubted_until: str
    last_file: int
    files_doubted_until: str
    was: str
    """Identities that it had before, and a blank after each."""


class Lineage:
    """The identity of one ledger and what is kept of it beside. Only while the run's lock is held, but for `look`."""

    def __init__(self, connection: Ledger, work_dir: Path) -> None:
        self._db = connection
        self._beside = work_dir / NAME

    def look(self) -> LedgerOrigin:
        """What this ledger is, without changing anything: for `doctor`, which holds no lock."""
        mark, row = self._mark(), self._row()
        if row.begins_after is None:
            return LedgerOrigin.NEW if mark is None else LedgerOrigin.LOST
        if mark is None:
            # A host that has never worked with a shared ledger knows nothing against it.
            return LedgerOrigin.SAME if row.sequence == 0 or self._db.is_shared else LedgerOrigin.BEHIND
        same = mark.identity == row.identity and row.sequence >= mark.sequence
        if mark.identity in row.was.split() and row.sequence >= 0:
            same = True  # another host has recognised it; since then it was not copied again
        return LedgerOrigin.SAME if same else LedgerOrigin.BEHIND

    def may_be_behind(self) -> bool:
        """Whether this ledger is not the one that worked here last."""
        return self.look() in _MAY_BE_BEHIND

    def recognise(self, tomorrow: str) -> LedgerOrigin:
        """See what this ledger is; from then on what it knows is doubted where it may be behind.

        Args:
            tomorrow: YYYY-MM-DD, the latest day that an unknown ledger may have loaded: of a time zone that is
                ahead of ours.

        Raises:
            DiskFull: the mark beside it cannot be written.
        """
        origin, mark = self.look(), self._mark()
        newest = mark.newest if mark else ""
        with transaction(self._db):
            if origin in {LedgerOrigin.NEW, LedgerOrigin.LOST}:
                self._db.execute("UPDATE lineage SET begins_after = ?", (tomorrow,))
            if origin in _MAY_BE_BEHIND:
                missed = self._missed_by_now(tomorrow)
                # Another host may have loaded later days than this one knows of.
                until = tomorrow if self._db.is_shared or not newest else newest
                self._db.execute(
                    "UPDATE lineage SET doubted_until = ?, files_doubted_until = ?, last_file = ?",
                    (until, missed.dated_until, missed.last_file),
                )
            if origin is LedgerOrigin.BEHIND:
                # What it set itself, while it was new, is doubted by the day it has missed alone.
                self._db.execute(
                    "UPDATE lineage SET was = was || identity || ' ', identity = ?, sequence = 0, begins_after = ''",
                    (uuid4().hex,),
                )
                self._db.execute("UPDATE entities SET sure = 0 WHERE watermark IS NOT NULL")
                self._db.execute("UPDATE intents SET sure = 0 WHERE watermark IS NOT NULL")
                marks = ",".join("?" * len(OPEN_STATES))
                self._db.execute(
                    f"UPDATE files SET copied_print = coalesce(copied_print, feed_print) WHERE state IN ({marks})",  # noqa: S608
                    OPEN_STATES,
                )
                self._db.execute(
                    "UPDATE gates SET restored = 1 WHERE file_id IN (SELECT id FROM files WHERE state = 'held')"
                )
        self._keep(mark, newest, mark.newest_name if mark else "")
        return origin

    def advance(self, day: str = "", named: str = "") -> None:
        """Note that a load begins or has ended.

        Args:
            day: YYYY-MM-DD of the balances that it begins to set; empty when it sets none.
            named: the date in the file's name; empty when there is none.

        Raises:
            DiskFull: the mark beside the ledger cannot be written.
        """
        mark = self._mark()
        with transaction(self._db):
            self.step()
        self._keep(mark, max(mark.newest if mark else "", day), max(mark.newest_name if mark else "", named))

    def step(self) -> None:
        """Advance the sequence, within the caller's transaction; `save_sequence` comes next."""
        self._db.execute("UPDATE lineage SET sequence = sequence + 1")

    def save_sequence(self) -> None:
        """Write the sequence beside the ledger, safe from a kill, not from a power cut: a mark that is behind does no
        harm.

        Raises:
            DiskFull: it cannot be written.
        """
        if (mark := self._mark()) is not None:
            self._keep(mark, mark.newest, mark.newest_name, durable=False)

    def doubts(self) -> Doubts:
        """Of which days files may be older than they look."""
        row = self._row()
        return Doubts(row.begins_after or "", row.doubted_until)

    def missed(self, tomorrow: str) -> Missed:
        """Of which files it may not know all corrections, also before it is recognised: that is for `tomorrow`."""
        if self.may_be_behind():
            return self._missed_by_now(tomorrow)
        row = self._row()
        return Missed(row.last_file, row.files_doubted_until)

    def held_in_copy(self) -> frozenset[int]:
        """Files that are held, as long as no run has recognised this ledger as a copy; then their gates tell it."""
        if self.look() is not LedgerOrigin.BEHIND:
            return frozenset()
        return frozenset(row[0] for row in self._db.execute("SELECT id FROM files WHERE state = 'held'"))

    def _missed_by_now(self, tomorrow: str) -> Missed:
        """What a ledger that knew more may have done until now."""
        mark = self._mark()
        last_file = self._db.execute("SELECT coalesce(max(id), 0) FROM files").fetchone()[0]
        return Missed(last_file, max(mark.newest_name if mark else "", tomorrow), is_unrecognised=True)

    def _row(self) -> _Row:
        return _Row(*self._db.execute(f"SELECT {', '.join(_Row._fields)} FROM lineage").fetchone())  # noqa: S608

    def _mark(self) -> _Mark | None:
        """What is beside the ledger; one that cannot be read fits no ledger."""
        try:
            return _Mark(**json.loads(self._beside.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            return _Mark("", 0, "")

    def _keep(self, mark: _Mark | None, newest: str, newest_name: str, *, durable: bool = True) -> None:
        """Write the mark beside the ledger, unless it already exists."""
        row = self._row()
        now = _Mark(row.identity, row.sequence, newest, newest_name)
        if now != mark:
            with replaced_file(self._beside, durable=durable) as file:
                file.write(json.dumps(asdict(now)).encode())
