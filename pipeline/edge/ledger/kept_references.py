"""References that are kept when the outcomes of a file are forgotten."""

from __future__ import annotations

from pipeline.core.outcomes import AT_API
from pipeline.edge.ledger.door import Ledger

HELD = ",".join(f"'{outcome}'" for outcome in AT_API)


def keep_references(connection: Ledger, file_id: int, *, feed_changed: bool) -> None:
    """Keep the references of loaded records before their outcomes are forgotten, within the caller's transaction.

    Once a feed has changed, those of each later load are kept as well: one of them is the reference of now.
    """
    connection.execute(
        "INSERT INTO loaded_as SELECT file_id, record, reference FROM outcomes"  # noqa: S608
        f" WHERE file_id = ?1 AND outcome IN ({HELD})"
        " AND (?2 = 1 OR EXISTS (SELECT 1 FROM loaded_as AS kept WHERE kept.file_id = ?1))"
        " ON CONFLICT DO NOTHING",
        (file_id, feed_changed),
    )
