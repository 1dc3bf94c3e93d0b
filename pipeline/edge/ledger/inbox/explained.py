"""Payments that name only an owner, while differences of the owner's bills have their money already.

A sweep has found what is paid of several bills; then an event comes that any of these may explain. Which one it is for
is not known, but all that the API shows as paid is posted: the event must not be posted again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.schema import OPEN_PAYMENTS

_OWNER = "coalesce(account_id, customer_id)"
_BILLS = """
    SELECT owner_id, currency, sum(differences_minor), sum(max(
        events_minor + differences_minor, coalesce(shown_minor, 0) + min(fallen_minor, refunded_minor)
    ) - events_minor - differences_minor)
    FROM paid_bills WHERE owner_id IN (SELECT value FROM json_each(?)) GROUP BY 1, 2
"""
_PAYMENTS = f"""
    SELECT {_OWNER} AS owner, currency, sum(iif(told_as = 'explained' AND repeated_in IS NULL, amount_minor, 0)),
        sum(iif(told_as = 'explained' AND repeated_in IS NULL, 0, amount_minor))
    FROM payments WHERE {OPEN_PAYMENTS} AND outcome = 'unmatched' AND bill_id IS NULL AND exported_in IS NOT NULL
        AND owner IN (SELECT value FROM json_each(?)) GROUP BY 1, 2
"""  # noqa: S608 (ours)


@dataclass(slots=True)
class _Money:
    """Of an owner and a currency, in minor units."""

    differences: int = 0
    """Posted differences that no payment explains yet."""
    not_posted: int = 0
    """What the API shows as paid of the owner's bills beyond what is posted; below zero: more is posted."""

    def explains(self, amount_minor: int) -> bool:
        """Whether a payment's money is posted already; the sums are those after it."""
        if self.not_posted >= amount_minor or self.differences < amount_minor:
            self.not_posted -= amount_minor
            return False
        self.differences -= amount_minor
        return True


def posted_once(inbox: Ledger, rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows of the next file so that no payment is posted whose money is posted already.

    Args:
        rows: of payments, in order: those that are in no file yet, then those that are in an earlier one. Of the first,
            some become `explained`; of the second, those that are explained as before are left out.
    """
    money = _money(inbox, {owner for row in rows if (owner := _owner(row))})
    for row in rows:
        of = money.get((_owner(row), row["currency"]))
        if of is None:
            yield row
        elif row.get("is_second"):
            if of.not_posted >= row["amount_minor"]:
                of.not_posted -= row["amount_minor"]
                yield row
        else:
            yield {**row, "kind": "explained"} if of.explains(row["amount_minor"]) else row


def _owner(row: Mapping[str, Any]) -> str | None:
    """The owner that an unmatched payment names; None for any other row."""
    owner: str | None = row["account_id"] or row["customer_id"]
    return owner if row["outcome"] == "unmatched" and row["bill_id"] is None else None


def _money(inbox: Ledger, owners: Collection[str]) -> dict[tuple[str | None, str], _Money]:
    found: dict[tuple[str | None, str], _Money] = {}
    if not owners:
        return found
    listed = (json.dumps(list(owners)),)
    for owner, currency, differences, not_posted in inbox.execute(_BILLS, listed):
        found[owner, currency] = _Money(differences, not_posted)
    for owner, currency, explained, posted in inbox.execute(_PAYMENTS, listed):
        of = found.setdefault((owner, currency), _Money())
        of.differences -= explained
        of.not_posted -= posted
    return found
