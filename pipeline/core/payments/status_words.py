"""Payments in words, for the command line and the page: what was received, what became of it, and each payment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from pipeline.core.how_many import how_many
from pipeline.core.payments.payment_outcomes import UNKNOWN_CURRENCY, PaymentOutcome
from pipeline.core.values.amount_text import format_amount, grouped
from schemas.payments import PaymentCounts, PaymentFacts, PaymentsFileFacts, PaymentsStatus, RefundFacts

_MEANING: dict[str, str] = {
    PaymentOutcome.APPLIED: "applied to bills and balances",
    PaymentOutcome.UNMATCHED: "unmatched: several bills of the payer fit, or none. Find out what was paid, then"
    " have it assigned (billferry payments list --unmatched, billferry payments assign)",
    PaymentOutcome.CONFLICT: "in conflict with what is known, such as another currency than the bill's. Compare with"
    " the API's dashboard (billferry payments list --open)",
    PaymentOutcome.WAITING: "waiting for their bill: the first run after it was loaded matches them. If they wait for"
    " days, ask for the bill's file (billferry payments list --open)",
    PaymentOutcome.UNREADABLE: "unreadable: kept as received. Report them to the API's support"
    " (billferry payments list --open)",
    PaymentOutcome.DISMISSED: "dismissed: settled elsewhere, as somebody has decided",
    PaymentOutcome.DUPLICATE: "received again, and counted once",
    PaymentOutcome.IGNORED: "events of other types; not payments",
}
"""Outcome → what it means and what to do, in the order in which people are told."""
PAYMENT_HEADINGS = ("no.", "received", "amount", "for", "outcome", "bill", "in file", "why")
REFUND_HEADINGS = ("no.", "refunded", "amount", "for", "outcome", "bill", "in file")
_REFUNDED: dict[str, str] = {
    "applied": "refunded, and taken off what is paid",
    "unmatched": "refunded of payments that are not known here. Compare with the API's dashboard"
    " (billferry payments list --unmatched)",
}


def status_in_words(shown: PaymentsStatus, zone: ZoneInfo, schedule: str) -> Iterator[str]:
    """The lines of `payments status`.

    Args:
        zone: the merchant's, for the times that are shown.
        schedule: `payments.export`.
    """
    if shown.last_received_at is None:
        yield "No payments have been received yet."
        if not shown.refunds:
            return
    else:
        yield f"Last payment event received: {_local(shown.last_received_at, zone)}, time in {zone.key}"
    if shown.not_read:
        yield f"{how_many(shown.not_read, 'event')} not read yet; the next run reads them"
    for each in shown.currencies:
        yield from _currency(each)
    if shown.refunds:
        yield "Refunds, by the vendor's report:"
    for refunds in shown.refunds:
        yield (
            f"  {grouped(refunds.refunds)} ({format_amount(refunds.currency, refunds.refunded_minor)})"
            f" {_REFUNDED[refunds.outcome]}"
        )
    if shown.not_exported:
        yield (
            f"{how_many(shown.not_exported, 'payment')} not in a payments file yet: {_schedule(schedule)}"
            " (billferry payments export writes one now)"
        )
    if shown.files:
        yield "Payments files, the newest last:"
    for file in shown.files:
        yield f"  {_file(file, zone)}"


def payment_cells(each: PaymentFacts, zone: ZoneInfo) -> tuple[str, ...]:
    """What PAYMENT_HEADINGS name of a payment event."""
    known = each.currency is not None and each.amount_minor is not None
    owner = each.bill_reference or each.account_reference or each.customer_reference
    return (
        str(each.seq),
        _local(each.received_at, zone),
        format_amount(each.currency or "", each.amount_minor or 0) if known else "",
        owner or each.bill_id or each.account_id or each.customer_id or each.event_type or "",
        each.outcome,
        (each.bill_status or "").replace("_", " "),
        "" if each.payments_file is None else str(each.payments_file),
        "; ".join([*each.codes, *([f"{each.decided_by}: {each.why}"] if each.decided_by else [])]),
    )


def refund_cells(each: RefundFacts, zone: ZoneInfo) -> tuple[str, ...]:
    """What REFUND_HEADINGS name of a refund."""
    return (
        str(each.number),
        _local(each.refunded_at, zone),
        format_amount(each.currency, each.amount_minor),
        each.bill_reference or each.account_reference or each.merchant_reference,
        each.outcome,
        (each.bill_status or "").replace("_", " "),
        "" if each.payments_file is None else str(each.payments_file),
    )


def _currency(each: PaymentCounts) -> Iterator[str]:
    events = how_many(each.received, "payment event")
    if each.currency == UNKNOWN_CURRENCY:
        yield f"{how_many(each.received, 'event')} without a readable amount:"
    else:
        yield f"{format_amount(each.currency, each.received_minor)} in {events}:"
    for outcome, meaning in _MEANING.items():
        if count := each.by_outcome.get(outcome):
            money = (
                ""
                if each.currency == UNKNOWN_CURRENCY
                else f" ({format_amount(each.currency, each.by_outcome_minor[outcome])})"
            )
            yield f"  {grouped(count)}{money} {meaning}"


def _file(file: PaymentsFileFacts, zone: ZoneInfo) -> str:
    amounts = ", ".join(format_amount(currency, minor) for currency, minor in file.amounts_minor.items())
    handed = (
        f"handed over {_local(file.handed_over_at, zone)}"
        if file.handed_over_at
        else "pending: the next run hands it over"
    )
    posted = f"{amounts} to post" if amounts else "nothing to post"
    return f"{file.name}: {how_many(file.records, 'row')}, {posted}, {handed}"


def _schedule(schedule: str) -> str:
    words = {"each_run": "the next run writes one", "hourly": "a run writes one each hour"}
    return words.get(schedule, f"a run writes one {schedule}")


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
