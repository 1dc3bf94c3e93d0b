"""What was received and reported of files, and how far it is in the store that hosts share.

A document is owed until it is stored; superseded once its folder is noted anew. What expires or is forgotten is removed
from the store first; then the row of the one goes, and that of the other stays, gone, for hosts that still have a copy.
What was superseded is forgotten a day later.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import OPEN_STATES

_COLUMNS = "id, file_id, folder, name, sha256, size_bytes, at, host, state"
_LIVE = "state IN ('owed', 'stored')"


class FoundDocument(NamedTuple):
    """A document as it is in its folder now."""

    name: str
    """Below the folder."""
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A row of the table; its columns are described there (`later_migrations`)."""

    id: int
    file_id: int
    folder: str
    name: str
    sha256: str
    size_bytes: int
    at: str
    host: str
    state: str

    @property
    def is_stored(self) -> bool:
        """Whether it was put, and is to stay."""
        return self.state == "stored"


class Documents:
    """Over one connection. Every method is one durable step."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def note(self, file_id: int, folder: str, found: Sequence[FoundDocument], *, at: str, host: str) -> None:
        """What is in a folder of a file now, in place of what was noted of it before; what is new is owed."""
        with transaction(self._db):
            live = self.of(folder)
            known = {(each.name, each.sha256) for each in live}
            now = {(each.name, each.sha256) for each in found}
            self._become("superseded", [each.id for each in live if (each.name, each.sha256) not in now])
            self._db.executemany(
                "INSERT INTO documents (file_id, folder, name, sha256, size_bytes, at, host, state)"
                " VALUES (?,?,?,?,?,?,?,'owed')",
                [
                    (file_id, folder, *each, at, host)
                    for each in found
                    if (each.name, each.sha256) not in known
                ],
            )

    def owe_again(self, folder: str, *, host: str) -> None:
        """What is in a folder is to be put once more, by that host."""
        self._db.execute(
            "UPDATE documents SET state = 'owed', host = ? WHERE folder = ? AND state = 'stored'",
            (host, folder),
        )

    def files_without(self, since: str) -> list[int]:
        """Ids of files that were reported since that time (RFC 3339), and of which no document was noted."""
        rows = self._db.execute(
            "SELECT id FROM files WHERE finished_at >= ? AND summary IS NOT NULL"
            " AND id NOT IN (SELECT file_id FROM documents)",
            (since,),
        )
        return [file_id for (file_id,) in rows]

    def of(self, folder: str) -> list[StoredDocument]:
        """What is in a folder by the newest note of it, stored or owed."""
        return self._select(f"folder = ? AND {_LIVE}", (folder,))

    def was_noted(self, folder: str, name: str, sha256: str) -> bool:
        """Whether that was once in a folder."""
        return bool(self._select("folder = ? AND name = ? AND sha256 = ?", (folder, name, sha256)))

    def all(self) -> list[StoredDocument]:
        """Everything that is or was in the store, and is not to be removed."""
        return self._select("state IN ('owed', 'stored', 'superseded')")

    def owed(self) -> list[StoredDocument]:
        """What is still to be put, the oldest first."""
        return self._select("state = 'owed'")

    def stored(self, document: StoredDocument) -> None:
        """It was put. One that was superseded or withdrawn meanwhile stays that."""
        self._db.execute(
            "UPDATE documents SET state = 'stored' WHERE id = ? AND state = 'owed'", (document.id,)
        )

    def old(self, folders: str, before: str) -> list[StoredDocument]:
        """What was noted before that time (RFC 3339), and nothing of its folder since, of files finished before it.

        `folders`: the first part of their folders' names.
        """
        marks = ",".join("?" * len(OPEN_STATES))
        return self._select(
            "at < ? AND folder LIKE ? AND state IN ('owed', 'stored', 'superseded')"  # noqa: S608 (only marks)
            " AND NOT EXISTS (SELECT 1 FROM documents AS newer WHERE newer.folder = documents.folder"
            " AND newer.at >= ? AND newer.state IN ('owed', 'stored'))"
            f" AND file_id IN (SELECT id FROM files WHERE finished_at < ? AND state NOT IN ({marks}))",
            (before, f"{folders}/%", before, before, *OPEN_STATES),
        )

    def superseded(self, before: str) -> list[StoredDocument]:
        """What was noted before that time (RFC 3339), and has been superseded by what is stored."""
        return self._select(
            "state = 'superseded' AND at < ? AND NOT EXISTS (SELECT 1 FROM documents AS newer"
            " WHERE newer.folder = documents.folder AND newer.state = 'owed')",
            (before,),
        )

    def drop_traces(self, before: str) -> None:
        """Of what was noted before that time (RFC 3339) and is gone no host has a copy any more."""
        self._db.execute("DELETE FROM documents WHERE state = 'gone' AND at < ?", (before,))

    def withdraw(self, ids: Collection[int], why: Literal["expired", "forgotten"]) -> None:
        """These are to be removed from the store."""
        with transaction(self._db):
            self._become(why, ids)

    def withdrawn(self) -> list[StoredDocument]:
        """What is to be removed from the store."""
        return self._select("state IN ('expired', 'forgotten')")

    def is_wanted(self, sha256: str) -> bool:
        """Whether an object is also that of a document that stays."""
        return bool(self._select("sha256 = ? AND state IN ('owed', 'stored', 'superseded')", (sha256,)))

    def removed(self, document: StoredDocument) -> None:
        """It is in the store no more."""
        if document.state == "expired":
            self._db.execute("DELETE FROM documents WHERE id = ?", (document.id,))
        else:
            self._db.execute("UPDATE documents SET state = 'gone' WHERE id = ?", (document.id,))

    def forgotten(self) -> list[StoredDocument]:
        """What no host may keep any more; not what came again since."""
        return self._select(
            "state IN ('forgotten', 'gone') AND NOT EXISTS (SELECT 1 FROM documents AS again"
            " WHERE again.folder = documents.folder AND again.name = documents.name"
            " AND again.sha256 = documents.sha256 AND again.state IN ('owed', 'stored'))"
        )

    def _become(self, state: str, ids: Collection[int]) -> None:
        self._db.executemany("UPDATE documents SET state = ? WHERE id = ?", [(state, each) for each in ids])

    def _select(self, which: str, values: Sequence[object] = ()) -> list[StoredDocument]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM documents WHERE {which} ORDER BY id", values)  # noqa: S608
        return [StoredDocument(*row) for row in rows]
