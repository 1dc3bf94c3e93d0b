"""What the inbox holds of one customer, and how it is removed for good.

Bodies and references go; ids, hashes, amounts and outcomes stay, so that no payment is counted or handed over twice.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

from pipeline.edge.ledger.database import SqliteLedger, transaction
from pipeline.edge.ledger.inbox.refunds import hidden_identity

_IDS = "(SELECT value FROM json_each(:ids))"
_OURS = (
    f"(customer_reference = :reference OR customer_id IN {_IDS} OR account_id IN {_IDS} OR bill_id IN {_IDS})"
)
_BILLS = f"(customer_reference = :reference OR bill_id IN {_IDS})"
_REFUNDS = (
    f"(refunds.customer_reference = :reference OR target_id IN {_IDS}"  # noqa: S608 (ours)
    f" OR merchant_reference IN (SELECT bill_reference FROM paid_bills WHERE bill_id IN {_IDS}))"
)
_MONEY = "('applied', 'unmatched', 'conflict', 'waiting')"


class FileWithCustomer(NamedTuple):
    """A payments file that tells payments of the customer."""

    seq: int
    name: str
    references: frozenset[str]
    """Its references of customer, accounts and bills there."""


class InboxCustomer:
    """The customer with that reference and those ids at the API, over one connection of the inbox."""

    def __init__(self, inbox: SqliteLedger, reference: str, ids: Collection[str]) -> None:
        inbox.execute("PRAGMA secure_delete = ON")
        self._db = inbox
        self._values = {"reference": reference, "ids": json.dumps(sorted(ids))}

    def is_known(self) -> bool:
        """Whether a payment of the customer was received."""
        row = self._db.execute(
            f"SELECT EXISTS (SELECT 1 FROM payments WHERE {_OURS})",  # noqa: S608 (ours)
            self._values,
        ).fetchone()
        return bool(row[0])

    def is_owed(self) -> bool:
        """Whether a payment of the customer is in no payments file yet, or in one that is not handed over."""
        not_yet = (
            "(exported_in IS NULL OR exported_in IN (SELECT seq FROM exports WHERE handed_over_at IS NULL))"
        )
        row = self._db.execute(
            f"SELECT EXISTS (SELECT 1 FROM payments WHERE {_OURS} AND outcome IN {_MONEY} AND {not_yet})"  # noqa: S608
            f" OR EXISTS (SELECT 1 FROM differences JOIN paid_bills USING (bill_id) WHERE {_BILLS} AND {not_yet})"
            f" OR EXISTS (SELECT 1 FROM refunds WHERE {_REFUNDS} AND {not_yet})",
            self._values,
        ).fetchone()
        return bool(row[0])

    def files(self) -> list[FileWithCustomer]:
        """Payments files with references of the customer, as long as the inbox knows them."""
        references = "customer_reference, account_reference, bill_reference"
        found: dict[tuple[int, str], set[str]] = {}
        for condition in (
            f"SELECT exported_in AS file, {references} FROM payments WHERE {_OURS}",  # noqa: S608
            f"SELECT repeated_in AS file, {references} FROM payments WHERE {_OURS}",  # noqa: S608
            f"SELECT exported_in AS file, {references} FROM differences JOIN paid_bills USING (bill_id) WHERE {_BILLS}",  # noqa: S608
            *(
                f"SELECT refunds.{column} AS file, {of}.customer_reference, {of}.account_reference, {of}.bill_reference"  # noqa: S608
                f" FROM refunds JOIN {of} ON {on} WHERE {_REFUNDS}"
                for column in ("exported_in", "repeated_in")
                for of, on in (("paid_bills", "bill_id = target_id"), ("payments", "seq = of_payment"))
            ),
        ):
            rows = self._db.execute(
                f"SELECT seq, name, {references} FROM exports JOIN ({condition}) ON seq = file",  # noqa: S608
                self._values,
            )
            for seq, name, *texts in rows:
                if given := {text for text in texts if text}:
                    found.setdefault((seq, name), set()).update(given)
        return [FileWithCustomer(*file, frozenset(texts)) for file, texts in sorted(found.items())]

    def remove(self, texts: Sequence[str]) -> None:
        """Remove bodies and references of the customer, and bodies that quote these texts; one durable step."""
        self._db.create_function("hidden", 1, hidden_identity, deterministic=True)
        with transaction(self._db):
            self._db.execute(
                "UPDATE refunds SET identity = iif(merchant_reference = '' AND customer_reference = '', identity,"  # noqa: S608
                f" hidden(identity)), merchant_reference = '', customer_reference = '' WHERE {_REFUNDS}",
                self._values,
            )
            self._db.execute(
                f"UPDATE deliveries SET body = NULL WHERE seq IN (SELECT seq FROM payments WHERE {_OURS})",  # noqa: S608
                self._values,
            )
            for text in texts:
                for form in {text, json.dumps(text)[1:-1]}:
                    self._db.execute(
                        "UPDATE deliveries SET body = NULL WHERE instr(body, ?)"
                        " AND seq IN (SELECT seq FROM payments)",
                        (form.encode(),),
                    )
            self._db.execute(
                "UPDATE payments SET customer_reference = NULL, account_reference = NULL, bill_reference = NULL"  # noqa: S608
                f" WHERE {_OURS}",
                self._values,
            )
            self._db.execute(
                "UPDATE paid_bills SET customer_reference = NULL, account_reference = NULL, bill_reference = ''"  # noqa: S608
                f" WHERE {_BILLS}",
                self._values,
            )
