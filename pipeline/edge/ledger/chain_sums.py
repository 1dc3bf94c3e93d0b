"""Sums of an original's rejected records by what became of each, kept beside those rows for `chains`.

Made again in the transaction that changes what they are made from: claims that are settled, records that corrections
leave out or people write off. A chain of a million records is then read as few rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from pipeline.edge.ledger.door import Ledger

SPLIT = 1_000_000_000
"""Minor units in a `billion`: two sums of 64 bits hold what one may not."""

_AS_NOW = "CASE WHEN taken.record IS NOT NULL THEN taken.amount_minor ELSE was.amount_minor END"
_SUMS = f"""
    INSERT INTO chain_sums
    SELECT was.file_id, was.outcome, was.counted, coalesce(taken.by_file, aside.by_file),
        coalesce(taken.outcome, aside.outcome),
        coalesce(taken.currency, CASE WHEN aside.record IS NOT NULL THEN was.counted END),
        CASE WHEN taken.record IS NULL AND aside.record IS NULL AND gone.record IS NOT NULL THEN 1 ELSE 0 END, count(*),
        coalesce(sum(was.amount_minor / {SPLIT}), 0), coalesce(sum(was.amount_minor % {SPLIT}), 0),
        count(*) - count(was.amount_minor),
        coalesce(sum({_AS_NOW} / {SPLIT}), 0),
        coalesce(sum({_AS_NOW} % {SPLIT}), 0),
        count(*) - count({_AS_NOW})
    FROM rejected AS was
    LEFT JOIN corrected AS taken ON taken.file_id = was.file_id AND taken.record = was.record AND taken.settled = 1
    LEFT JOIN left_out AS aside ON aside.file_id = was.file_id AND aside.record = was.record
    LEFT JOIN written_off AS gone ON gone.file_id = was.file_id AND gone.record = was.record
    WHERE was.file_id IN (SELECT value FROM json_each(?))
    GROUP BY 1, 2, 3, 4, 5, 6, 7
"""  # noqa: S608 (a number of ours)


def refresh_chain_sums(connection: Ledger, originals: Iterable[int]) -> None:
    """Make the sums of these originals (ids) again, inside the caller's transaction."""
    asked = json.dumps(sorted(set(originals)))
    connection.execute("DELETE FROM chain_sums WHERE file_id IN (SELECT value FROM json_each(?))", (asked,))
    connection.execute(_SUMS, (asked,))


def originals_corrected_by(connection: Ledger, file_id: int) -> list[int]:
    """Ids of the originals that a file has claimed records of, or left records of out: one, if any."""
    rows = connection.execute(
        "SELECT DISTINCT file_id FROM corrected WHERE by_file = ?1"
        " UNION SELECT DISTINCT file_id FROM left_out WHERE by_file = ?1",
        (file_id,),
    )
    return [original for (original,) in rows]
