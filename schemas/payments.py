"""What the commands `payments …` print with `--json`. Amounts are minor units."""

from __future__ import annotations

from typing import Literal

from schemas.results import ComparisonFacts, ErrorFacts, Moment, Number
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


class RefundSums(Shape):
    """Refunds of one currency, by the vendor's reports."""

    currency: str
    outcome: Literal["applied", "unmatched"]
    """`unmatched`: the payment that is given back is not known here."""
    refunds: Number
    refunded_minor: int


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
    refunds: list[RefundSums]
    not_exported: Number
    """Payments and refunds that are in no payments file yet."""
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
    """Paid in all, as far as known, less refunds."""
    bill_status: str | None
    payments_file: Number | None
    """Number of the payments file that it is in; null: none yet."""
    decided_by: str | None
    """Who assigned or dismissed it; null: nobody."""
    why: str | None
    decided_at: Moment | None


class RefundFacts(Shape):
    """One refund, by the vendor's report."""

    number: Number
    refunded_at: Moment
    found_at: Moment
    """When the report was taken in."""
    reconciliation_id: str
    """As the report has it, like `merchant_reference` and `customer_reference`."""
    merchant_reference: str
    customer_reference: str
    currency: str
    amount_minor: int
    """Above zero."""
    outcome: Literal["applied", "unmatched"]
    """`unmatched`: the payment that is given back is not known here."""
    target: str | None
    """`bill`, `account` or `customer`: what the payment was applied to."""
    account_reference: str | None
    bill_reference: str | None
    bill_due_minor: int | None
    bill_paid_minor: int | None
    """Paid in all, as far as known, less refunds."""
    bill_status: str | None
    payments_file: Number | None
    """Number of the payments file that it is in; null: none yet."""


class PaymentsList(Shape):
    """`payments list --json`."""

    exit_status: Literal[0]
    as_of: Moment
    payments: list[PaymentFacts]
    """In the order of the inbox."""
    refunds: list[RefundFacts]
    """In the order in which they became known."""


class SweptCurrency(Shape):
    """Payments of one currency that no event told of."""

    currency: str
    bills: Number
    amount_minor: int


class TroubledBillFacts(Shape):
    """A bill of which the API does not say what is paid."""

    bill_reference: str
    trouble: str
    """`missing`, `another_bill`, `other_currency` or `unreadable`."""


class PaymentsSweep(Shape):
    """`payments sweep --json`."""

    exit_status: Number
    as_of: Moment
    asked: Number
    """Bills that the API answered about."""
    found: list[SweptCurrency]
    voided: Number
    """Bills that are voided; they are not asked about again."""
    shows_less: Number
    """Bills of which the API shows less than events told: compare the vendor's report."""
    unclear: Number
    """Bills with a difference that an unmatched payment of their owner may explain."""
    unanswered: Number
    """Bills without a usable answer; the next sweep asks again."""
    troubles: dict[str, Number]
    """Kind → bills of which the API does not say what is paid."""
    troubled: list[TroubledBillFacts]
    """The first 100 of them."""
    left: Number
    """Loaded bills that the next sweep goes through; 0 when the sweep has come to its end."""
    errors: list[ErrorFacts]


class BadLineFacts(Shape):
    """A line of a file of deliveries that was not stored."""

    line: Number
    problem: str


class PaymentsReplay(Shape):
    """`payments replay --json`."""

    exit_status: Number
    stored: Number
    duplicates: Number
    """They were in the inbox before, or are in the file more than once."""
    bad: Number
    problems: list[BadLineFacts]
    """The first 100 of them."""


class PaymentsMatch(ComparisonFacts):
    """`payments match --json`."""

    exit_status: Number
    report: str
    sha256: str
    results: str
    """Path of the file with each payment."""
    page: str
    """Path of the page for people."""
