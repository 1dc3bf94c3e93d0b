"""Bill files that came by the page, and who dropped them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.core.release_decisions import Person
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger, LedgerRow


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """One bill file that somebody dropped on the page, by itself or inside an archive."""

    sha256: str
    dropped: str
    """SHA-256 of what was dropped: of the archive, or of the file itself."""
    name: str
    """As it was dropped; the file in an archive has the name that the ledger has for it."""
    size_bytes: int
    at: str
    """RFC 3339."""
    by: Person


class Uploads:
    """Over one connection. Every method is one durable step."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def add(self, uploads: Iterable[DroppedFile]) -> None:
        """Remember who dropped these files."""
        with transaction(self._db):
            self._db.executemany(
                "INSERT INTO uploads (sha256, dropped, name, size_bytes, at, user_name, host)"
                " VALUES (?,?,?,?,?,?,?)",
                [
                    (
                        *(each.sha256, each.dropped, each.name, each.size_bytes),
                        *(each.at, each.by.user_name, each.by.host),
                    )
                    for each in uploads
                ],
            )

    def of(self, sha256: str) -> list[DroppedFile]:
        """Every time that this bill file was dropped, oldest first; empty: it came by another way alone."""
        rows = self._db.execute("SELECT * FROM uploads WHERE sha256 = ? ORDER BY id", (sha256,))
        return [_upload(row) for row in rows]

    def of_drop(self, sha256: str) -> list[DroppedFile]:
        """The bill files that were in what was dropped with these bytes, in its order."""
        rows = self._db.execute("SELECT * FROM uploads WHERE dropped = ? ORDER BY id", (sha256,))
        return [_upload(row) for row in rows]

    def newest_by_file(self) -> dict[str, DroppedFile]:
        """SHA-256 → the last time that the file was dropped, of every file that was."""
        rows = self._db.execute("SELECT * FROM uploads ORDER BY id")
        return {row["sha256"]: _upload(row) for row in rows}


def _upload(row: LedgerRow) -> DroppedFile:
    return DroppedFile(
        sha256=row["sha256"],
        dropped=row["dropped"],
        name=row["name"],
        size_bytes=row["size_bytes"],
        at=row["at"],
        by=Person(row["user_name"], row["host"]),
    )
