"""What the inbox shows to people: how much of it there is, and payments one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.schema import TO_SETTLE

_LISTED = """
    SELECT deliveries.seq, received_at, source, copies,
        coalesce(iif(dismissed, 'dismissed', outcome), 'new') AS outcome, coalesce(codes, '') AS codes,
        event_id, event_type, payment_id, obligation_id, paid_at, payments.currency, amount_minor,
        payments.customer_reference, payments.account_reference, payments.bill_reference,
        customer_id, account_id, payments.bill_id,
        due_minor AS bill_due_minor, paid_minor AS bill_paid_minor,
        exported_in AS payments_file, decided_by, why, decided_at
    FROM deliveries LEFT JOIN payments USING (seq) LEFT JOIN paid_bills ON paid_bills.bill_id = payments.bill_id
        LEFT JOIN payment_decisions ON payment_decisions.id =
            (SELECT max(id) FROM payment_decisions WHERE payment_decisions.seq = deliveries.seq)
"""
_LISTED_REFUNDS = """
    SELECT refunds.id AS number, refunded_at, found_at, reconciliation_id, merchant_reference,
        refunds.customer_reference, refunds.currency, refunds.amount_minor,
        iif(refunds.target IS NULL, 'unmatched', 'applied') AS outcome, refunds.target,
        coalesce(payments.account_reference, paid_bills.account_reference) AS account_reference,
        paid_bills.bill_reference,
        due_minor AS bill_due_minor, paid_minor AS bill_paid_minor, refunds.exported_in AS payments_file
    FROM refunds LEFT JOIN paid_bills ON refunds.target = 'bill' AND paid_bills.bill_id = target_id
        LEFT JOIN payments ON seq = of_payment
"""
OPEN = ("waiting", "unmatched", "conflict", "unreadable", "new")
"""Outcomes of payments that somebody may have to look at."""


class InboxFacts(NamedTuple):
    """How far the inbox has come."""

    last_received_at: str | None
    not_read: int
    not_exported: int


class InboxStanding(NamedTuple):
    """What of the inbox somebody may have to know or do."""

    received: int
    """Deliveries, without those that came again."""
    last_received_at: str | None
    not_read: int
    open: dict[str, int]
    """Outcome → payments: `waiting`, `unmatched`, `conflict`."""
    files_pending: int
    """Payments files that are not handed over."""


class RefundSum(NamedTuple):
    """Refunds of one currency and outcome."""

    currency: str
    outcome: str
    """`applied`, or `unmatched` where the payment that is given back is not known."""
    refunds: int
    amount_minor: int


class ToCheck(NamedTuple):
    """Payments that a person should look at, at one moment."""

    open: dict[str, int]
    """Outcome → payments: `unmatched`, `conflict`."""
    newest: int
    """The newest delivery that is settled; 0: none."""


class InboxViews:
    """Over one connection, which may be read-only."""

    def __init__(self, inbox: Ledger) -> None:
        self._db = inbox

    def facts(self) -> InboxFacts:
        """How far receiving, reading and exporting have come."""
        row = self._db.execute(
            "SELECT (SELECT received_at FROM deliveries ORDER BY seq DESC LIMIT 1),"
            " (SELECT count(*) FROM deliveries WHERE seq > (SELECT coalesce(max(seq), 0) FROM payments)),"
            " (SELECT count(*) FROM payments WHERE exported_in IS NULL"
            " AND outcome IN ('applied', 'unmatched', 'conflict', 'waiting'))"
            " + (SELECT count(*) FROM differences WHERE exported_in IS NULL)"
            " + (SELECT count(*) FROM refunds WHERE exported_in IS NULL)"
        ).fetchone()
        return InboxFacts(*row)

    def refund_sums(self) -> list[RefundSum]:
        """All refunds that the vendor's reports had."""
        rows = self._db.execute(
            "SELECT currency, iif(target IS NULL, 'unmatched', 'applied') AS outcome, count(*), sum(amount_minor)"
            " FROM refunds GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return [RefundSum(*row) for row in rows]

    def refunds(
        self,
        *,
        outcomes: tuple[str, ...] = (),
        bill_reference: str | None = None,
        since: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Refunds in the order in which they became known; arguments as of `payments`."""
        rows = self._db.execute(
            f"SELECT * FROM ({_LISTED_REFUNDS}) WHERE (:bill IS NULL OR bill_reference = :bill)"  # noqa: S608 (ours)
            " AND (:since IS NULL OR found_at >= :since) ORDER BY number",
            {"bill": bill_reference, "since": since},
        )
        return (dict(row) for row in rows if not outcomes or row["outcome"] in outcomes)

    def standing(self) -> InboxStanding:
        """Without a look at every payment, so that it takes no time however many there are."""
        received, last_at, not_read, pending = self._db.execute(
            "SELECT (SELECT coalesce(max(seq), 0) FROM deliveries),"
            " (SELECT received_at FROM deliveries ORDER BY seq DESC LIMIT 1),"
            " (SELECT count(*) FROM deliveries WHERE seq > (SELECT coalesce(max(seq), 0) FROM payments)),"
            " (SELECT count(*) FROM exports WHERE handed_over_at IS NULL)"
        ).fetchone()
        rows = self._db.execute(
            f"SELECT outcome, count(*) FROM payments WHERE {TO_SETTLE} GROUP BY 1"  # noqa: S608 (ours)
        )
        return InboxStanding(received, last_at, not_read, dict(tuple(row) for row in rows), pending)

    def outcomes(self) -> dict[str, int]:
        """Outcome → deliveries; looks at every one."""
        rows = self._db.execute(
            "SELECT iif(dismissed, 'dismissed', outcome), count(*) FROM payments GROUP BY 1"
        )
        return dict(tuple(row) for row in rows)

    def to_check(self) -> ToCheck:
        """What a person should look at: without payments about which the API is still to be asked."""
        rows = self._db.execute(
            "SELECT outcome, count(*) FROM payments"  # noqa: S608 (ours)
            f" WHERE {TO_SETTLE} AND (outcome = 'conflict' OR outcome = 'unmatched' AND"
            " coalesce(account_id, customer_id) IN (SELECT owner_id FROM asked_owners)) GROUP BY 1"
        )
        (newest,) = self._db.execute("SELECT coalesce(max(seq), 0) FROM payments").fetchone()
        return ToCheck(dict(tuple(row) for row in rows), newest)

    def news_to_check(self, before: ToCheck) -> dict[str, int]:
        """Outcome → payments that a person should look at, and that were not among those before."""
        now = self.to_check()
        (unreadable,) = self._db.execute(
            "SELECT count(*) FROM payments WHERE seq > ? AND outcome = 'unreadable'", (before.newest,)
        ).fetchone()
        more = {outcome: count - before.open.get(outcome, 0) for outcome, count in now.open.items()}
        return {outcome: count for outcome, count in (more | {"unreadable": unreadable}).items() if count > 0}

    def newest(self, most: int, *, below: int | None, only_to_settle: bool) -> list[dict[str, Any]]:
        """The newest payments, as `payments` has them: so many, however many there are.

        Args:
            below: the place in the inbox of the last one of the page before; None: the first page.
            only_to_settle: only those that are waiting, unmatched or in conflict, and not dismissed.
        """
        table, which = ("payments", f"{TO_SETTLE} AND") if only_to_settle else ("deliveries", "")
        seqs = self._db.execute(
            f"SELECT seq FROM {table} WHERE {which} (?1 IS NULL OR seq < ?1) ORDER BY seq DESC LIMIT ?2",  # noqa: S608 (ours)
            (below, most),
        ).fetchall()
        marks = ", ".join("?" * len(seqs))
        rows = self._db.execute(
            f"{_LISTED} WHERE deliveries.seq IN ({marks}) ORDER BY deliveries.seq DESC",
            [seq for (seq,) in seqs],
        )
        return [dict(row) for row in rows]

    def payments(
        self,
        *,
        outcomes: tuple[str, ...] = (),
        bill_reference: str | None = None,
        since: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Payments in the order of the inbox.

        Args:
            outcomes: only those with one of them; empty: all.
            bill_reference: only those of that bill.
            since: only those received at that time (RFC 3339, UTC) or later.
        """
        marks = ", ".join("?" * len(outcomes))
        conditions = [
            *([f"outcome IN ({marks})"] if outcomes else []),
            *(["bill_reference = ?"] if bill_reference is not None else []),
            *(["received_at >= ?"] if since is not None else []),
        ]
        values = (*outcomes, *(each for each in (bill_reference, since) if each is not None))
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        for row in self._db.execute(f"SELECT * FROM ({_LISTED}) {where} ORDER BY seq", values):  # noqa: S608 (ours)
            yield dict(row)
