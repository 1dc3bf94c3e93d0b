"""What `payments status` and `payments list` tell. Reads the inbox alone; needs no lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime

from pipeline.core.payments.bill_status import bill_status
from pipeline.edge.ledger.database import snapshot
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.deliveries import size_bytes
from pipeline.edge.ledger.inbox.exports import Exports
from pipeline.edge.ledger.inbox.payments import PaymentBook
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.edge.ledger.inbox.views import InboxViews
from pipeline.errors import UsageError
from schemas.payments import (
    PaymentCounts,
    PaymentFacts,
    PaymentsFileFacts,
    PaymentsList,
    PaymentsStatus,
    RefundFacts,
    RefundSums,
)
from schemas.settings import Settings

MOST_FILES = 20


@contextmanager
def existing_inbox(settings: Settings) -> Iterator[Ledger]:
    """The merchant's inbox for reading. Raises UsageError where there is none yet, and as `open_inbox`."""
    path = inbox_path(settings.work_dir)
    if not path.exists():
        raise UsageError(
            problem="no payments have been received here yet",
            remedy="configure payments, then start billferry serve",
        )
    opened = open_inbox(path, merchant=settings.merchant, environment=settings.environment, read_only=True)
    with closing(opened) as inbox, snapshot(inbox):
        yield inbox


def payments_status(settings: Settings, as_of: datetime, *, as_kept: bool = False) -> PaymentsStatus:
    """How far receiving, matching and handing over have come.

    Args:
        as_kept: by the sums that the inbox keeps; else every payment is counted again.

    Raises:
        UnbalancedReport: what was received is not what outcomes add up to. And as `existing_inbox`.
    """
    with existing_inbox(settings) as inbox:
        facts, book = InboxViews(inbox).facts(), PaymentBook(inbox)
        tally = book.kept_tally() if as_kept else book.tally()
        tally.check()
        return PaymentsStatus(
            exit_status=0,
            merchant=settings.merchant,
            environment=settings.environment,
            as_of=as_of,
            inbox_bytes=size_bytes(inbox),
            last_received_at=_moment(facts.last_received_at),
            not_read=facts.not_read,
            currencies=[
                PaymentCounts(
                    currency=currency,
                    received=received[0],
                    received_minor=received[1],
                    by_outcome={str(each): count for each, (count, _) in tally.by_outcome[currency].items()},
                    by_outcome_minor={
                        str(each): minor for each, (_, minor) in tally.by_outcome[currency].items()
                    },
                )
                for currency, received in sorted(tally.received.items())
            ],
            refunds=[
                RefundSums(
                    currency=each.currency,
                    outcome="unmatched" if each.outcome == "unmatched" else "applied",
                    refunds=each.refunds,
                    refunded_minor=each.amount_minor,
                )
                for each in InboxViews(inbox).refund_sums()
            ],
            not_exported=facts.not_exported,
            files=[
                PaymentsFileFacts(
                    seq=file.seq,
                    name=file.name,
                    made_at=datetime.fromisoformat(file.made_at),
                    records=file.records,
                    amounts_minor=file.amounts_minor,
                    handed_over_at=_moment(file.handed_over_at),
                )
                for file in Exports(inbox).all()[-MOST_FILES:]
            ],
        )


def newest_payments(
    settings: Settings, most: int, *, below: int | None, only_to_settle: bool
) -> list[PaymentFacts]:
    """The newest payments. Arguments as of `InboxViews.newest`; raises as `existing_inbox`."""
    with existing_inbox(settings) as inbox:
        rows = InboxViews(inbox).newest(most, below=below, only_to_settle=only_to_settle)
        return [_facts(row) for row in rows]


def payments_mark(settings: Settings) -> tuple[object, ...]:
    """Another one whenever a payment has come, or something has become of one. Raises as `existing_inbox`."""
    with existing_inbox(settings) as inbox:
        standing, facts = InboxViews(inbox).standing(), InboxViews(inbox).facts()
        refunds = InboxViews(inbox).refund_sums()
        return (
            standing.received,
            tuple(sorted(standing.open.items())),
            standing.files_pending,
            facts,
            *refunds,
        )


def payments_list(
    settings: Settings,
    as_of: datetime,
    *,
    outcomes: tuple[str, ...] = (),
    bill_reference: str | None = None,
    since: str | None = None,
) -> PaymentsList:
    """Payments one by one. Arguments as of `InboxViews.payments`; raises as `existing_inbox`."""
    with existing_inbox(settings) as inbox:
        views = InboxViews(inbox)
        rows = views.payments(outcomes=outcomes, bill_reference=bill_reference, since=since)
        refunds = views.refunds(outcomes=outcomes, bill_reference=bill_reference, since=since)
        return PaymentsList(
            exit_status=0,
            as_of=as_of,
            payments=[_facts(row) for row in rows],
            refunds=[_refund_facts(row) for row in refunds],
        )


def _facts(row: dict[str, object]) -> PaymentFacts:
    codes = str(row["codes"])
    return PaymentFacts.model_validate(
        {
            **row,
            "received_at": _moment(row["received_at"]),
            "paid_at": _moment(row["paid_at"]),
            "decided_at": _moment(row["decided_at"]),
            "codes": codes.split(";") if codes else [],
            "bill_status": _status(row),
        }
    )


def _refund_facts(row: dict[str, object]) -> RefundFacts:
    return RefundFacts.model_validate(
        {
            **row,
            "refunded_at": _moment(row["refunded_at"]),
            "found_at": _moment(row["found_at"]),
            "bill_status": _status(row),
        }
    )


def _status(row: dict[str, object]) -> str | None:
    due, paid = row["bill_due_minor"], row["bill_paid_minor"]
    return str(bill_status(due, paid)) if isinstance(due, int) and isinstance(paid, int) else None


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
