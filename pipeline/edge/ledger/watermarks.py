"""In what order balances were set, over all files of one ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from pipeline.core.api.requests import Kind
from pipeline.core.api.watermarks import day_of
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import NEXT_LANDING


class BalanceOrder:
    """The ledger's watermarks. Not for several threads at once."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def is_overtaken(self, file_id: int, kind: Kind, *, after: str, before: str) -> bool:
        """Whether another file has set a balance that this one had set, with a watermark between the two (exclusive).

        Assumed once its outcomes are forgotten.

        Args:
            after, before: watermarks, see `core.api.watermarks`; they sort as text.
        """
        row = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM outcomes JOIN entities ON entities.kind = ?1"
            " AND entities.reference = outcomes.reference WHERE outcomes.file_id = ?2"
            " AND entities.watermark > ?3 AND entities.watermark < ?4)"
            " OR NOT EXISTS (SELECT 1 FROM outcomes WHERE file_id = ?2)",
            (kind, file_id, after, before),
        ).fetchone()
        return bool(row[0])

    def reaffirm(
        self, file_id: int, kind: Kind, *, was: str, now: Callable[[int], str], name_parts: Mapping[str, str]
    ) -> None:
        """Bytes that were loaded come under a later date, and nothing came between: what they set is of that day now.

        Args:
            was: the watermark of those balances so far.
            now: place in the order of landing → the watermark from now on.
            name_parts: from the new file name.
        """
        with transaction(self._db):
            landing = self._db.execute(f"SELECT {NEXT_LANDING}").fetchone()[0]
            self._db.execute(
                "UPDATE entities SET watermark = ? WHERE kind = ? AND watermark = ?"
                " AND reference IN (SELECT reference FROM outcomes WHERE file_id = ?)",
                (now(landing), kind, was, file_id),
            )
            self._db.execute(
                "UPDATE files SET as_of = ?, landing = ?, name_parts = ? WHERE id = ?",
                (day_of(now(landing)), landing, json.dumps(dict(name_parts), sort_keys=True), file_id),
            )

    def newest_day(self) -> str | None:
        """The latest day (YYYY-MM-DD) that balances of a file are of; None when no file has any."""
        found: str | None = self._db.execute("SELECT max(as_of) FROM files").fetchone()[0]
        return found
