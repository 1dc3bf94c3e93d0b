"""What `export` needs of each loaded record, kept in the ledger when a report is made: the landed copy will be gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipeline.core.outcomes import AT_API
from pipeline.edge.ledger.accepted import Accepted
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow


@dataclass(frozen=True, slots=True)
class AcceptedRecords:
    """Reads the rows of a report (`write_results`), batch after batch."""

    ledger: Ledger
    file_id: int
    at: datetime

    @classmethod
    def of(cls, ledger: Ledger, row: FileRow) -> AcceptedRecords:
        """Of a file whose reports are written again: a version that kept none of these may have loaded it."""
        return cls(ledger, row.id, datetime.fromisoformat(row.finished_at or row.landed_at))

    def __call__(self, rows: pl.DataFrame) -> None:
        """Remember those that the API holds. A line of a bill has the outcome of the record that was sent for it."""
        loaded = rows.filter(pl.col("outcome").is_in([outcome.value for outcome in AT_API]))
        if loaded.is_empty():
            return
        sent_as = pl.when(verdict="line").then("duplicate_of").otherwise("record")
        kept = loaded.select(
            *("record", "line", "customer_reference", "account_reference"),
            *("amount_minor", "bill_date", "due_date"),
            sent_as=sent_as,
            corrects="reject_record",
            currency="currency_counted",
        )
        Accepted(self.ledger).remember(self.file_id, kept, at=int(self.at.timestamp()))
