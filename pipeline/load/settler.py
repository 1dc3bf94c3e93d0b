"""What all settling of intents has in common: the delivery, and how its end becomes the outcome of a record."""

from __future__ import annotations

from typing import Any

from pipeline.core.api.intents import Intent
from pipeline.core.api.responses import Reading
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.load.context import LoadContext
from pipeline.load.retrying_client import Delivery


class Settler:
    """Settles one intent: outcomes carry what was found, and how often the intent was sent."""

    def __init__(self, context: LoadContext, *, may_have_worked: bool) -> None:
        """`may_have_worked`: an earlier run may have sent the intent, and nobody knows what came of it."""
        self._context = context
        self._client = context.client
        self._parents = context.parents
        self._delivery = Delivery(context.client, may_have_worked=may_have_worked)

    def broken_off(self, intent: Intent) -> RecordOutcome:
        """The outcome when the load stops over a record: in doubt if a request may have worked, else not attempted."""
        outcome = Outcome.IN_DOUBT if self._delivery.may_have_worked else Outcome.NOT_ATTEMPTED
        return self._outcome(intent, outcome)

    def _outcome(
        self, intent: Intent, outcome: Outcome, code: str = "", message: str | None = None, **found: Any
    ) -> RecordOutcome:
        """The outcome of the intent's record. `found`: ids and entities that came to light, by their fields in it."""
        return RecordOutcome(
            intent.record,
            outcome,
            codes=(code,) if code else (),
            message=message,
            attempts=intent.attempts + self._delivery.sends,
            **found,
        )

    def _refused(self, intent: Intent, reading: Reading) -> RecordOutcome:
        """The API will not take it; the key is spent with it (see `SpendKey`)."""
        return self._outcome(intent, Outcome.REFUSED, reading.code, reading.message)

    def _in_doubt(self, intent: Intent, code: str, message: str) -> RecordOutcome:
        """Nobody can tell yet; the intent stays open, and the next run settles it."""
        return self._outcome(intent, Outcome.IN_DOUBT, code, message)

    def _look_up_failed(self, intent: Intent) -> RecordOutcome:
        return self._in_doubt(intent, "api.uncertain", "the look-up was not answered")

    def _not_sent(self, intent: Intent, reading: Reading) -> RecordOutcome:
        """The last send never left. An earlier one may still have worked."""
        return self.broken_off(intent)._replace(codes=(reading.code,), message=reading.message)

    def _of_another_customer(self, intent: Intent) -> RecordOutcome:
        """As `of_another_customer`, after requests."""
        return of_another_customer(intent)._replace(attempts=intent.attempts + self._delivery.sends)


def of_another_customer(intent: Intent, account_id: str | None = None) -> RecordOutcome:
    """The outcome of a record whose account the API, or the ledger, holds under another customer; nothing was sent."""
    return RecordOutcome(
        intent.record,
        Outcome.CONFLICT,
        ("account_reference.other_customer",),
        "the account belongs to another customer",
        account_id=account_id,
        attempts=intent.attempts,
    )
