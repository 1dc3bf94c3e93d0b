"""The ledger's files as a list to leaf through: newest first, so many at a time, perhaps of a name."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files

_FITS = (
    "(?1 = '' OR instr(lower(name), lower(?1)) > 0"
    " OR (length(?1) >= 8 AND substr(sha256, 1, length(?1)) = lower(?1)))"
)
"""A name contains the text, or a SHA-256 begins with it."""


class FileList:
    """Over one connection; reads only."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def page(self, search: str, *, below: int | None, most: int) -> Sequence[FileRow]:
        """The newest files that fit.

        Args:
            search: a part of their names, or at least 8 first digits of their SHA-256; empty: all fit.
            below: id of the last file of the page before; None: the first page.
            most: so many files.
        """
        ids = self._db.execute(
            f"SELECT id FROM files WHERE {_FITS} AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3",  # noqa: S608
            (search, below, most),
        )
        return Files(self._db).with_ids([number for (number,) in ids])[::-1]

    def compared(self, most: int) -> Sequence[FileRow]:
        """The newest reports of payments that were compared, newest first."""
        ids = self._db.execute(
            "SELECT id FROM files WHERE state IN ('compared', 'compared_with_differences')"
            " ORDER BY id DESC LIMIT ?",
            (most,),
        )
        return Files(self._db).with_ids([number for (number,) in ids])[::-1]

    def count(self, search: str) -> int:
        """How many fit in all."""
        row = self._db.execute(f"SELECT count(*) FROM files WHERE {_FITS}", (search,)).fetchone()  # noqa: S608
        return int(row[0])
