"""What persons decided of payments that could not be matched."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from pipeline.core.payments.payment_outcomes import PaymentOutcome
from pipeline.edge.ledger.door import Ledger


class SettledPayment(NamedTuple):
    """A payment event that was read."""

    seq: int
    outcome: PaymentOutcome
    currency: str | None
    amount_minor: int | None


class PaymentDecisions:
    """Over one connection of the inbox. Written only while the run's lock is held."""

    def __init__(self, inbox: Ledger) -> None:
        self._db = inbox

    def named(self, name: str) -> list[SettledPayment]:
        """Payments with that number of the list, event id or payment id, without repetitions; looks at every one."""
        rows = self._db.execute(
            "SELECT seq, outcome, currency, amount_minor FROM payments WHERE outcome != 'duplicate'"
            " AND (CAST(seq AS TEXT) = ?1 OR event_id = ?1 OR payment_id = ?1) ORDER BY seq",
            (name,),
        )
        return [SettledPayment(seq, PaymentOutcome(outcome), *money) for seq, outcome, *money in rows]

    def dismiss(self, seq: int) -> None:
        """Nobody needs to look at it any more; inside a transaction."""
        self._db.execute("UPDATE payments SET dismissed = 1 WHERE seq = ?", (seq,))

    def decided(
        self, seq: int, decision: Literal["assigned", "dismissed"], by: str, why: str, at: datetime
    ) -> None:
        """Remember who has decided that, and why; inside a transaction."""
        self._db.execute(
            "INSERT INTO payment_decisions (seq, decision, decided_by, why, decided_at) VALUES (?, ?, ?, ?, ?)",
            (seq, decision, by, why, at.isoformat("T", "seconds")),
        )
