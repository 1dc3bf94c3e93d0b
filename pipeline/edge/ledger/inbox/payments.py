"""What each delivery came to, and what is paid of each bill. Written only while the run's lock is held.

Deliveries are settled in their order and without a gap, so the newest settled one shows how far that has come.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from pipeline.core.payments.bill_status import received_total
from pipeline.core.payments.events import Event, EventKind
from pipeline.core.payments.matching import LoadedBill, PaymentMatch
from pipeline.core.payments.payment_outcomes import UNKNOWN_CURRENCY, PaymentOutcome, PaymentTally
from pipeline.core.payments.shown_bill import VOIDED, is_over
from pipeline.core.payments.unposted import KnownPayment
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import Ledger, LedgerRow
from pipeline.edge.ledger.inbox.schema import TO_SETTLE

_EVENT_COLUMNS = (
    *("event_id", "event_type", "payment_id", "obligation_id", "paid_at"),
    *("currency", "amount_minor", "customer_id", "account_id", "bill_id"),
)
_COUNTED = "('applied', 'unmatched', 'conflict', 'waiting')"
"""Outcomes of events that are not a repetition of another one."""
UNCLEAR = frozenset({PaymentOutcome.WAITING, PaymentOutcome.UNMATCHED})
"""Outcomes of events that may still be matched."""


class NewDelivery(NamedTuple):
    """A delivery that was not settled yet."""

    seq: int
    body: bytes


class OpenPayment(NamedTuple):
    """A payment that could not be matched, as its event says."""

    seq: int
    outcome: PaymentOutcome
    event: Event


class PaidBill(NamedTuple):
    """What is known of a bill's payments, in minor units."""

    events_minor: int
    differences_minor: int
    refunded_minor: int
    paid_minor: int
    """All that is paid, as far as known, less refunds."""
    due_minor: int | None
    shown_minor: int | None
    shown_status: str | None
    looked_at: str | None

    @property
    def received_minor(self) -> int:
        """All that is paid, as far as known, before refunds."""
        return self.events_minor + self.differences_minor

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be paid of it."""
        return is_over(self.due_minor, self.paid_minor, self.shown_status)


class PaymentBook:
    """The settled payments over one connection of the inbox. Not for several threads at once."""

    def __init__(self, inbox: Ledger) -> None:
        self._db = inbox
        self._touched: dict[str, datetime] = {}
        """Bills whose sums are made at the end of a step: once for all of its payments, for a bill may have many."""

    @contextmanager
    def together(self) -> Iterator[None]:
        """Several steps as one durable step."""
        self._touched.clear()
        with transaction(self._db):
            yield
            for bill_id, at in self._touched.items():
                self._balance(bill_id, at)

    # -- reading --

    def new_deliveries(self, most: int) -> list[NewDelivery]:
        """The oldest deliveries that are not settled, in order."""
        rows = self._db.execute(
            "SELECT seq, coalesce(body, x'') FROM deliveries"
            " WHERE seq > (SELECT coalesce(max(seq), 0) FROM payments) ORDER BY seq LIMIT ?",
            (most,),
        )
        return [NewDelivery(seq, body) for seq, body in rows]

    def has_new(self) -> bool:
        """Whether a delivery is not settled."""
        row = self._db.execute(
            "SELECT (SELECT coalesce(max(seq), 0) FROM deliveries) > (SELECT coalesce(max(seq), 0) FROM payments)"
        ).fetchone()
        return bool(row[0])

    def open_payments(self, after: int, most: int) -> list[OpenPayment]:
        """Payments that wait for their bill or were not matched, after one, in order."""
        return self._open(f"{TO_SETTLE} AND outcome != 'conflict' AND seq > ?", after, most)

    def unmatched_of(self, owner_id: str, *, is_account: bool, most: int) -> list[OpenPayment]:
        """The oldest unmatched payments that name an owner and no bill, in order."""
        named = "account_id = ?" if is_account else "account_id IS NULL AND customer_id = ?"
        return self._open(f"outcome = 'unmatched' AND bill_id IS NULL AND {named}", owner_id, most)

    def _open(self, condition: str, *values: object) -> list[OpenPayment]:
        columns = ", ".join(_EVENT_COLUMNS)
        rows = self._db.execute(
            f"SELECT seq, outcome, {columns} FROM payments WHERE {condition} ORDER BY seq LIMIT ?",  # noqa: S608
            values,
        )
        return [
            OpenPayment(
                seq,
                PaymentOutcome(outcome),
                Event(EventKind.PAYMENT, **dict(zip(_EVENT_COLUMNS, event, strict=True))),
            )
            for seq, outcome, *event in rows
        ]

    def amount_of(self, payment_id: str, obligation_id: str) -> tuple[str, int] | None:
        """Currency and amount under which a payment of an obligation was first received; None: it is new."""
        row = self._db.execute(
            "SELECT currency, amount_minor FROM payments WHERE payment_id = ? AND obligation_id = ?"  # noqa: S608
            f" AND outcome IN {_COUNTED} ORDER BY seq LIMIT 1",
            (payment_id, obligation_id),
        ).fetchone()
        return None if row is None else (row[0], row[1])

    def paid_of(self, bill_ids: Collection[str]) -> dict[str, PaidBill]:
        """Bill id → what is known to be paid, of those that were paid or asked about."""
        rows = self._db.execute(
            "SELECT bill_id, events_minor, differences_minor, refunded_minor, paid_minor, due_minor, shown_minor,"
            " shown_status, looked_at FROM paid_bills WHERE bill_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(bill_ids)),),
        )
        return {bill_id: PaidBill(*known) for bill_id, *known in rows}

    def kept_tally(self) -> PaymentTally:
        """The same as `tally`, as the inbox keeps it added up: it takes no time however many there are."""
        rows = self._db.execute("SELECT * FROM payment_sums WHERE payments > 0").fetchall()
        received: dict[str, tuple[int, int]] = {}
        for currency, _, count, minor, copies, copied_minor in rows:
            before = received.get(currency, (0, 0))
            received[currency] = before[0] + count + copies, before[1] + minor + copied_minor
        return PaymentTally(received, _by_outcome(rows))

    def tally(self) -> PaymentTally:
        """All that was received and settled, by currency and outcome; copies of a delivery are duplicates."""
        settled = self._db.execute(
            "SELECT coalesce(currency, ?1), iif(dismissed, 'dismissed', outcome), count(*),"
            " coalesce(sum(amount_minor), 0), sum(copies),"
            " coalesce(sum(amount_minor * copies), 0) FROM payments JOIN deliveries USING (seq) GROUP BY 1, 2",
            (UNKNOWN_CURRENCY,),
        )
        received = self._db.execute(
            "SELECT coalesce(currency, ?1), sum(1 + copies), coalesce(sum(amount_minor * (1 + copies)), 0)"
            " FROM deliveries JOIN payments USING (seq) GROUP BY 1",
            (UNKNOWN_CURRENCY,),
        )
        return PaymentTally(
            {currency: (count, minor) for currency, count, minor in received}, _by_outcome(settled)
        )

    def is_unclear(self, owner_id: str | None) -> bool:
        """Whether a payment that names an owner, and none of the owner's bills, is not matched."""
        row = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM payments WHERE outcome IN ('unmatched', 'waiting') AND bill_id IS NULL"
            " AND (account_id = ?1 OR (account_id IS NULL AND customer_id = ?1)))",
            (owner_id,),
        ).fetchone()
        return bool(row[0])

    # -- writing --

    def settle(self, seq: int, event: Event, match: PaymentMatch, at: datetime) -> None:
        """Store what a delivery came to, and count it for its bill; inside `together`."""
        self._db.execute(
            f"INSERT INTO payments (seq, {', '.join(_EVENT_COLUMNS)}, outcome, matched_at)"  # noqa: S608 (ours)
            f" VALUES ({','.join('?' * (len(_EVENT_COLUMNS) + 3))})",
            (
                seq,
                *(getattr(event, name) for name in _EVENT_COLUMNS),
                match.outcome,
                at.isoformat("T", "seconds"),
            ),
        )
        self.rematch(seq, match, at)

    def rematch(self, seq: int, match: PaymentMatch, at: datetime) -> None:
        """Store what a payment was matched to; inside `together`. Ids of the event are kept, others are added."""
        bill, owner = match.bill, match.owner
        self._db.execute(
            "UPDATE payments SET outcome = ?, codes = ?, target = ?, matched_at = ?,"
            " customer_id = coalesce(customer_id, ?), account_id = coalesce(account_id, ?),"
            " bill_id = coalesce(bill_id, ?), customer_reference = ?, account_reference = ?, bill_reference = ?"
            " WHERE seq = ?",
            (
                *(match.outcome, match.code, match.target, at.isoformat("T", "seconds")),
                *((bill.customer_id, bill.account_id) if bill else (None, None)),
                bill.bill_id if bill and match.target == "bill" else None,
                bill.customer_reference if bill else owner.customer_reference if owner else None,
                bill.account_reference
                if bill
                else owner.reference
                if owner and owner.kind == "account"
                else None,
                bill.bill_reference if bill else None,
                seq,
            ),
        )
        if bill is not None and match.target == "bill":
            self._know(bill)
            self._touched[bill.bill_id] = at
            # What is left of the owner's bills may now explain another payment: the API is to be asked again.
            self._db.execute(
                "UPDATE asked_owners SET progress = '' WHERE owner_id = ?",
                (bill.account_id or bill.customer_id,),
            )
        if owner is not None and match.outcome not in UNCLEAR:
            self._balance_others(owner.owner_id, at)

    def assign(self, seq: int, match: PaymentMatch, at: datetime) -> None:
        """Store what a person says that a payment is for: its ids replace those of the event; inside `together`."""
        owner = match.owner
        (named,) = self._db.execute(
            "SELECT coalesce(account_id, customer_id) FROM payments WHERE seq = ?", (seq,)
        ).fetchone()
        ids = {owner.kind: owner.owner_id} if owner is not None else {}
        self._db.execute(
            "UPDATE payments SET customer_id = ?, account_id = ?, bill_id = NULL, dismissed = 0 WHERE seq = ?",
            (ids.get("customer"), ids.get("account"), seq),
        )
        self.rematch(seq, match, at)
        if named is not None:
            self._balance_others(named, at)

    def looked_at(self, bill: LoadedBill, paid_minor: int, status: str | None, at: datetime) -> int:
        """Store what the API shows as paid of a bill, and what no event accounts for; inside `together`.

        A payment that named only the bill's owner, and that is not matched yet, may be what is paid of it. Until
        that is known no difference is found, so that nothing is counted twice.

        Returns:
            The difference that this has found, in minor units; 0 where events account for everything.
        """
        self._know(bill)
        self._db.execute(
            "UPDATE paid_bills SET shown_minor = ?1, shown_status = ?2, looked_at = ?3,"
            " fallen_minor = fallen_minor + max(coalesce(shown_minor, 0) - ?1, 0) WHERE bill_id = ?4",
            (paid_minor, status, at.isoformat("T", "seconds"), bill.bill_id),
        )
        return self._balance(bill.bill_id, at)

    def refunded(self, bill_id: str, at: datetime) -> None:
        """A refund of a bill has become known, so that it may be paid again; inside `together`."""
        self._db.execute(
            "UPDATE paid_bills SET shown_status = NULL WHERE bill_id = ? AND shown_status != ?",
            (bill_id, VOIDED),
        )
        self._touched[bill_id] = at

    def _balance_others(self, owner_id: str, at: datetime) -> None:
        """A payment of an owner has become clear: what is paid of the owner's bills beside it may be a difference."""
        shown = self._db.execute(
            "SELECT bill_id FROM paid_bills WHERE owner_id = ? AND shown_minor > events_minor + differences_minor",
            (owner_id,),
        )
        self._touched |= {bill_id: at for (bill_id,) in shown}

    def _know(self, bill: LoadedBill) -> None:
        """Remember a bill; what is known of it now replaces what was, unless less is known."""
        self._db.execute(
            "INSERT INTO paid_bills (bill_id, bill_reference, customer_reference, account_reference, owner_id,"
            " currency, due_minor, file_id, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (bill_id) DO UPDATE SET due_minor = coalesce(excluded.due_minor, due_minor),"
            " currency = iif(excluded.due_minor IS NULL, currency, excluded.currency)",
            (
                *(bill.bill_id, bill.bill_reference, bill.customer_reference, bill.account_reference),
                bill.account_id or bill.customer_id,
                *(bill.currency or UNKNOWN_CURRENCY, bill.due_minor, bill.file_id, bill.record),
            ),
        )

    def _balance(self, bill_id: str, at: datetime) -> int:
        """Make events and differences of a bill add up to what is paid; the difference that is added, or 0."""
        # What was told as a payment before it turned out to contradict its bill was posted: it counts like a payment.
        events: int
        (events,) = self._db.execute(
            "SELECT coalesce(sum(amount_minor), 0) FROM payments JOIN paid_bills USING (bill_id)"
            " WHERE bill_id = ? AND (outcome = 'applied' AND target = 'bill' OR outcome = 'conflict'"
            " AND told_as IN ('waiting', 'unmatched') AND payments.currency = paid_bills.currency)",
            (bill_id,),
        ).fetchone()
        refunded: int
        (refunded,) = self._db.execute(
            "SELECT coalesce(sum(amount_minor), 0) FROM refunds WHERE target = 'bill' AND target_id = ?",
            (bill_id,),
        ).fetchone()
        shown, fallen, differences, currency, owner_id = self._db.execute(
            "SELECT shown_minor, fallen_minor, differences_minor, currency, owner_id FROM paid_bills"
            " WHERE bill_id = ?",
            (bill_id,),
        ).fetchone()
        found: int = received_total(events, shown, fallen, refunded) - events - differences
        if found > 0 and self.is_unclear(owner_id):
            found = 0
        self._db.execute(
            "UPDATE paid_bills SET events_minor = ?, differences_minor = ?, refunded_minor = ? WHERE bill_id = ?",
            (events, differences + found, refunded, bill_id),
        )
        if found:
            self._db.execute(
                "INSERT INTO differences (bill_id, currency, amount_minor, found_at) VALUES (?, ?, ?, ?)",
                (bill_id, currency, found, at.isoformat("T", "seconds")),
            )
        return found


def applied_to(inbox: Ledger, kind: str, owner_ids: Sequence[str]) -> dict[str, list[KnownPayment]]:
    """Owner id → its applied payments in order, then its refunds.

    Args:
        kind: `account` or `customer`.
    """
    rows = inbox.execute(
        f"SELECT {kind}_id, currency, amount_minor, paid_at, exported_in, handed_over_at, received_at"  # noqa: S608
        " FROM payments JOIN deliveries USING (seq) LEFT JOIN exports ON exports.seq = exported_in"
        f" WHERE outcome = 'applied' AND target = ?1 AND {kind}_id IN (SELECT value FROM json_each(?2))"
        " UNION ALL SELECT target_id, currency, -amount_minor, refunded_at, exported_in, handed_over_at, found_at"
        " FROM refunds LEFT JOIN exports ON exports.seq = exported_in"
        " WHERE target = ?1 AND target_id IN (SELECT value FROM json_each(?2))",
        (kind, json.dumps(list(owner_ids))),
    )
    found: dict[str, list[KnownPayment]] = {}
    for owner_id, *payment in rows:
        found.setdefault(owner_id, []).append(KnownPayment(*payment))
    return found


def _by_outcome(rows: Iterable[LedgerRow]) -> dict[str, dict[PaymentOutcome, tuple[int, int]]]:
    """Currency → outcome → deliveries, minor units.

    `rows`: currency, outcome, payments, their minor units, copies of their deliveries, and minor units of those.
    """
    found: dict[str, dict[PaymentOutcome, tuple[int, int]]] = {}
    for currency, outcome, count, minor, copies, copied_minor in rows:
        parts = found.setdefault(currency, {})
        for of, number, amount in (
            (PaymentOutcome(outcome), count, minor),
            (PaymentOutcome.DUPLICATE, copies, copied_minor),
        ):
            before = parts.get(of, (0, 0))
            parts[of] = (before[0] + number, before[1] + amount)
    return found
