"""Loaded records one by one, for `export`: what is kept of each beside its outcome, and for as long.

A record of a correction is exported where the chain counts it (see `chains`): as the one that loaded a record of the
original. One that only repeats what another file loaded is not.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from pipeline.core.outcomes import AT_API
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger

_MARKS = ",".join("?" * len(AT_API))
ACCEPTED = {
    "record": pl.Int64,
    "line": pl.Int64,
    "outcome": pl.String,
    "customer_reference": pl.String,
    "account_reference": pl.String,
    "reference": pl.String,
    "currency": pl.String,
    "amount_minor": pl.Int64,
    "bill_date": pl.String,
    "due_date": pl.String,
    "customer_id": pl.String,
    "account_id": pl.String,
    "bill_id": pl.String,
    "corrects": pl.Int64,
    "loaded_at": pl.Int64,
}
"""Columns of batches: `reference` is that of the bill, or of whose balance it is; `corrects` the record of the first
original, null where the file is none's correction; `loaded_at` in seconds since 1970, UTC."""
_KEPT = (
    *("record", "sent_as", "line", "corrects", "customer_reference", "account_reference"),
    *("currency", "amount_minor", "bill_date", "due_date"),
)
BATCH = 20_000
"""Rows read at a time."""


class Accepted:
    """Loaded records over one connection. Not for several threads at once."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def remember(self, file_id: int, rows: pl.DataFrame, *, at: int) -> None:
        """Remember loaded records of a file; one that is remembered already keeps its time.

        Args:
            rows: columns `_KEPT`, in the order of `record`.
            at: seconds since 1970, UTC.
        """
        values = ",".join("?" * (len(_KEPT) + 2))
        updates = ", ".join(f"{name} = excluded.{name}" for name in _KEPT[1:])
        changed = " OR ".join(f"accepted.{name} IS NOT excluded.{name}" for name in _KEPT[1:])
        with transaction(self._db):
            self._db.executemany(
                f"INSERT INTO accepted (file_id, {', '.join(_KEPT)}, loaded_at) VALUES ({values})"  # noqa: S608 (ours)
                f" ON CONFLICT (file_id, record) DO UPDATE SET {updates} WHERE {changed}",
                ((file_id, *row, at) for row in rows.select(_KEPT).iter_rows()),
            )

    def batches(self, file_id: int, *, of_original: int | None) -> Iterator[pl.DataFrame]:
        """Loaded records of a file, in its order (columns: ACCEPTED).

        Args:
            of_original: id of the first original of a correction: then only records that stand for one of it.
        """
        names = ", ".join("accepted.record" if name == "record" else name for name in ACCEPTED)
        stands = (
            ""
            if of_original is None
            else " AND EXISTS (SELECT 1 FROM corrected AS taken WHERE taken.file_id = ? AND taken.record = corrects"
            " AND taken.by_file = accepted.file_id AND taken.settled = 1)"
        )
        # CROSS JOIN: in the order of the first table, so that nothing is sorted. Source: sqlite.org/optoverview.html.
        rows = self._db.execute(
            f"SELECT {names} FROM accepted CROSS JOIN outcomes ON outcomes.file_id = accepted.file_id"  # noqa: S608 (ours)
            f" AND outcomes.record = sent_as WHERE accepted.file_id = ? AND outcome IN ({_MARKS}){stands}"
            " ORDER BY accepted.record",
            (file_id, *AT_API, *(() if of_original is None else (of_original,))),
        )
        rows.row_factory = None  # plain tuples
        while some := rows.fetchmany(BATCH):
            yield pl.DataFrame(some, schema=ACCEPTED, orient="row")
