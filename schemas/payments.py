"""What `payments status --json` and `payments list --json` print. Amounts are minor units."""

from __future__ import annotations

from typing import Literal

from schemas.results import Moment, Number
from schemas.shape import Shape


class PaymentCounts(Shape):
    """Deliveries and their amounts in one currency, or under `?` where none can be read."""

    currency: str
    received: Number
    """Deliveries that were acknowledged and read, copies included; the sum of the outcomes."""
    received_minor: int
    by_outcome: dict[str, Number]
    """Outcome → deliveries."""
    by_outcome_minor: dict[str, int]
    """Outcome → amount."""


class PaymentsFileFacts(Shape):
    """A payments file."""

    seq: Number
    name: str
    made_at: Moment
    records: Number
    amounts_minor: dict[str, int]
    """Currency → sum of the rows that are to be posted."""
    handed_over_at: Moment | None
    """null: pending."""


class PaymentsStatus(Shape):
    """`payments status --json`."""

    exit_status: Literal[0]
    merchant: str
    environment: str
    as_of: Moment
    inbox_bytes: Number
    last_received_at: Moment | None
    not_read: Number
    """Deliveries that the next run reads."""
    currencies: list[PaymentCounts]
    not_exported: Number
    """Payments that are in no payments file yet."""
    files: list[PaymentsFileFacts]
    """The newest last; at most 20."""


class PaymentFacts(Shape):
    """One payment event."""

    seq: Number
    """Its place in the inbox."""
    received_at: Moment
    source: str
    copies: Number
    """How often it was delivered again."""
    outcome: str
    codes: list[str]
    event_id: str | None
    event_type: str | None
    payment_id: str | None
    obligation_id: str | None
    paid_at: Moment | None
    currency: str | None
    amount_minor: int | None
    customer_reference: str | None
    account_reference: str | None
    bill_reference: str | None
    customer_id: str | None
    account_id: str | None
    bill_id: str | None
    bill_due_minor: int | None
    bill_paid_minor: int | None
    """Paid in all, as far as known."""
    bill_status: str | None
    payments_file: Number | None
    """Number of the payments file that it is in; null: none yet."""


class PaymentsList(Shape):
    """`payments list --json`."""

    exit_status: Literal[0]
    as_of: Moment
    payments: list[PaymentFacts]
    """In the order of the inbox."""
