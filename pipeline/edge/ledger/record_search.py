"""Records of all files by a reference that people know them by: of a bill, an account or a customer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger

_INDEXES = {
    "outcomes_by_reference": "outcomes (reference)",
    "accepted_by_account_name": "accepted (account_reference) WHERE account_reference IS NOT NULL",
    "accepted_by_customer_name": "accepted (customer_reference) WHERE customer_reference IS NOT NULL",
    "rejected_by_bill_name": "rejected (bill_reference) WHERE bill_reference IS NOT NULL",
    "rejected_by_account_name": "rejected (account_reference) WHERE account_reference IS NOT NULL",
    "rejected_by_customer_name": "rejected (customer_reference) WHERE customer_reference IS NOT NULL",
}
"""Not among the ledger's migrations: they cost each record some microseconds, and only the page needs them."""
_FATE = (
    "CASE WHEN aside.record IS NOT NULL OR taken.settled = 1 THEN 'corrected' WHEN taken.record IS NOT NULL"
    " THEN 'claimed' WHEN gone.record IS NOT NULL THEN 'written_off' END, coalesce(taken.by_file, aside.by_file)"
)
_CLOSED_BY = (
    " LEFT JOIN corrected AS taken ON taken.file_id = place.file_id AND taken.record = place.record"
    " LEFT JOIN left_out AS aside ON aside.file_id = place.file_id AND aside.record = place.record"
    " LEFT JOIN written_off AS gone ON gone.file_id = place.file_id AND gone.record = place.record"
)
"""What became of a rejected record since, as `Corrections.records` tells it, and the correction that did."""
_NEWEST = "ORDER BY file_id DESC, record DESC LIMIT ?2"


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record of a file that has the reference."""

    file_id: int
    record: int
    """Its number in the file."""
    line: int | None
    """Its line in the file, where that is kept."""
    outcome: str
    codes: str
    """Joined by semicolons."""
    currency: str | None
    amount_minor: int | None
    bill_id: str | None
    since: str | None
    """Of a record that was not loaded: `corrected`, `claimed` (a correction is under way) or `written_off`."""
    by_file: int | None
    """The correction that did."""


class RecordSearch:
    """Over one connection. Not for several threads at once."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def make_indexes(self) -> None:
        """Make the indexes that the search needs, once for a ledger; while the run's lock is held."""
        if not self.is_ready():
            with transaction(self._db):
                for name, on in _INDEXES.items():
                    self._db.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {on}")

    def is_ready(self) -> bool:
        """Whether they are there: without them every record would be looked at."""
        return self._db.names_of("index") >= _INDEXES.keys()

    def find(self, reference: str, most: int) -> list[FoundRecord]:
        """Records with exactly that reference, of the newest files first; of each kind at most so many."""
        found: dict[tuple[int, int], FoundRecord] = {}
        for each in (*self._sent(reference, most), *self._rejected(reference, most)):
            found.setdefault((each.file_id, each.record), each)
        return sorted(found.values(), key=lambda each: (-each.file_id, each.record))

    def _sent(self, reference: str, most: int) -> Iterator[FoundRecord]:
        """Those with an outcome: by their own reference, and by that of their account or customer."""
        own = f"SELECT file_id, record FROM outcomes WHERE reference = ?1 {_NEWEST}"  # noqa: S608 (ours)
        owners = [
            f"SELECT file_id, sent_as AS record FROM accepted WHERE {name} = ?1"  # noqa: S608 (ours)
            " ORDER BY file_id DESC, accepted.record DESC LIMIT ?2"
            for name in ("account_reference", "customer_reference")
        ]
        for places in (own, *owners):
            rows = self._db.execute(
                "SELECT DISTINCT place.file_id, place.record, coalesce(accepted.line, was.line), outcomes.outcome,"  # noqa: S608 (ours)
                " codes, coalesce(accepted.currency, was.currency), coalesce(accepted.amount_minor, was.amount_minor),"
                f" bill_id, {_FATE} FROM ({places}) AS place"
                " JOIN outcomes ON outcomes.file_id = place.file_id AND outcomes.record = place.record"
                " LEFT JOIN accepted ON accepted.file_id = place.file_id AND accepted.record = place.record"
                " LEFT JOIN rejected AS was ON was.file_id = place.file_id AND was.record = place.record"
                f"{_CLOSED_BY}",
                (reference, most),
            )
            yield from (FoundRecord(*row) for row in rows)

    def _rejected(self, reference: str, most: int) -> Iterator[FoundRecord]:
        """Those that were rejected, as they are remembered for their corrections."""
        for name in ("bill_reference", "account_reference", "customer_reference"):
            rows = self._db.execute(
                "SELECT place.file_id, place.record, line, place.outcome, '', place.currency, place.amount_minor,"  # noqa: S608 (ours)
                f" NULL, {_FATE} FROM (SELECT * FROM rejected WHERE {name} = ?1 {_NEWEST}) AS place{_CLOSED_BY}",
                (reference, most),
            )
            yield from (FoundRecord(*row) for row in rows)
