"""Bills that were loaded, found by the API's ids: for payments, which name nothing else."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

from pipeline.core.payments.matching import LoadedBill, Owner
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import OPEN_STATES

_INDEXES = (
    "CREATE INDEX IF NOT EXISTS outcomes_by_bill ON outcomes (bill_id) WHERE bill_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS outcomes_by_account ON outcomes (account_id) WHERE bill_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS outcomes_by_customer ON outcomes (customer_id)"
    " WHERE bill_id IS NOT NULL AND account_id IS NULL",
)
"""Not among the ledger's migrations: they cost each bill some microseconds, and only payments need them."""
_MADE_BY = "ORDER BY outcome = 'created' DESC, file_id, record"
"""Of several files that state a bill, the one that created it; else the first."""
_LISTED = "IN (SELECT value FROM json_each(?))"
_FINISHED = (
    f"FROM outcomes JOIN files ON files.id = file_id WHERE bill_id IS NOT NULL AND (file_id, record) > (?, ?)"
    f" AND state NOT IN {OPEN_STATES} AND finished_at <= ?"
)


class BillPlace(NamedTuple):
    """Where a bill was loaded from."""

    file_id: int
    record: int
    bill_id: str


START = BillPlace(0, 0, "")
"""Before every bill."""


class LoadedBills:
    """Bills and owners over one connection of the ledger. Not for several threads at once."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection
        self._has_lines: dict[int, bool] = {}

    def make_indexes(self) -> None:
        """Make the indexes that the look-ups need, once for a ledger; while the run's lock is held."""
        wanted = {"outcomes_by_bill", "outcomes_by_account", "outcomes_by_customer"}
        if not wanted <= self._db.names_of("index"):
            with transaction(self._db):
                for statement in _INDEXES:
                    self._db.execute(statement)

    def by_ids(self, bill_ids: Collection[str]) -> dict[str, LoadedBill]:
        """Bill id → the bill, of those that were loaded."""
        return self._bills(f"bill_id {_LISTED}", (json.dumps(list(bill_ids)),))

    def of_owner(self, owner: Owner, most: int) -> list[LoadedBill]:
        """Bills of an account, or those that a customer has without an account; some of them where they are too many.

        Args:
            most: of so many statements of bills at most; a bill may be stated by several files.
        """
        condition = "account_id = ?" if owner.kind == "account" else "customer_id = ? AND account_id IS NULL"
        ids = self._db.execute(
            f"SELECT DISTINCT bill_id FROM outcomes WHERE bill_id IS NOT NULL AND {condition} LIMIT ?",  # noqa: S608
            (owner.owner_id, most),
        ).fetchall()
        return list(self.by_ids([bill_id for (bill_id,) in ids]).values())

    def owners(self, kind: str, ids: Collection[str]) -> dict[str, Owner]:
        """Id → account or customer, of those that the ledger knows."""
        rows = self._db.execute(
            "SELECT kind, id, reference, owner, currency, watermark IS NOT NULL FROM entities"  # noqa: S608 (ours)
            f" WHERE kind = ? AND id {_LISTED}",
            (kind, json.dumps(list(ids))),
        )
        return {
            owner_id: Owner(
                kind, owner_id, reference, reference if kind == "customer" else owner, currency, bool(balance)
            )
            for kind, owner_id, reference, owner, currency, balance in rows
        }

    def owner_named(self, kind: str, reference: str) -> str | None:
        """The id of an account or customer; None where none of that reference is known."""
        row = self._db.execute(
            "SELECT id FROM entities WHERE kind = ? AND reference = ? AND id IS NOT NULL", (kind, reference)
        ).fetchone()
        return None if row is None else str(row[0])

    def bill_named(self, reference: str) -> LoadedBill | None:
        """A bill that was loaded, by its reference; looks at every record."""
        ids = self._db.execute(
            "SELECT DISTINCT bill_id FROM outcomes WHERE reference = ? AND bill_id IS NOT NULL", (reference,)
        ).fetchall()
        found = self.by_ids([bill_id for (bill_id,) in ids])
        return next(iter(found.values()), None)

    def file_names(self, file_ids: Collection[int]) -> dict[int, str]:
        """Id of a bill file → its name."""
        rows = self._db.execute(
            f"SELECT id, name FROM files WHERE id {_LISTED}",  # noqa: S608 (ours)
            (json.dumps(list(file_ids)),),
        )
        return dict(tuple(row) for row in rows)

    def after(self, place: BillPlace, loaded_before: str, most: int) -> list[BillPlace]:
        """Bills of finished files in the order in which they were loaded, after one of them.

        A bill that several files state is there for each of them.

        Args:
            loaded_before: only of files that were finished by then (RFC 3339, UTC).
        """
        rows = self._db.execute(
            f"SELECT file_id, record, bill_id {_FINISHED} ORDER BY file_id, record LIMIT ?",
            (place.file_id, place.record, loaded_before, most),
        )
        return [BillPlace(*row) for row in rows]

    def count_after(self, place: BillPlace, loaded_before: str) -> int:
        """How many there are; arguments as of `after`."""
        (count,) = self._db.execute(
            f"SELECT count(*) {_FINISHED}", (place.file_id, place.record, loaded_before)
        ).fetchone()
        return int(count)

    def progress(self) -> str:
        """A mark that changes whenever bills or owners may have become known."""
        row = self._db.execute(
            "SELECT (SELECT coalesce(max(id), 0) FROM loads), (SELECT coalesce(sum(sequence), 0) FROM lineage),"
            " (SELECT coalesce(max(finished_at), '') FROM files)"
        ).fetchone()
        return json.dumps(tuple(row))

    def _bills(self, condition: str, values: Sequence[str]) -> dict[str, LoadedBill]:
        rows = self._db.execute(
            "SELECT bill_id, reference, customer_id, account_id, file_id, record, files.state"  # noqa: S608 (ours)
            f" FROM outcomes JOIN files ON files.id = file_id WHERE {condition} {_MADE_BY}",
            values,
        ).fetchall()
        found: dict[str, LoadedBill] = {}
        for bill_id, reference, customer_id, account_id, file_id, record, state in rows:
            if bill_id not in found:
                known = self._accepted(file_id, record)
                found[bill_id] = LoadedBill(
                    bill_id=bill_id,
                    bill_reference=reference,
                    customer_id=customer_id,
                    account_id=account_id,
                    customer_reference=known[0],
                    account_reference=known[1],
                    currency=known[2],
                    due_minor=known[3],
                    file_id=file_id,
                    record=record,
                    is_settled=known[3] is not None or state not in OPEN_STATES,
                )
        return found

    def _accepted(self, file_id: int, record: int) -> tuple[str | None, str | None, str | None, int | None]:
        """Customer, account, currency and amount (minor units) of a bill; of one with lines, their sum."""
        if file_id not in self._has_lines:
            row = self._db.execute(
                "SELECT EXISTS (SELECT 1 FROM accepted WHERE file_id = ? AND record != sent_as)", (file_id,)
            ).fetchone()
            self._has_lines[file_id] = bool(row[0])
        of_bill = "sent_as" if self._has_lines[file_id] else "record"
        row = self._db.execute(
            "SELECT max(customer_reference), max(account_reference), max(currency), sum(amount_minor)"  # noqa: S608
            f" FROM accepted WHERE file_id = ? AND {of_bill} = ?",
            (file_id, record),
        ).fetchone()
        return tuple(row)
