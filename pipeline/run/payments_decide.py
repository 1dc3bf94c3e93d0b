"""The commands by which a person settles what matching cannot: `payments assign` and `payments dismiss`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Literal

from pipeline.core.payments.matching import PaymentMatch, Target
from pipeline.core.payments.payment_outcomes import PaymentOutcome
from pipeline.core.release_decisions import Person
from pipeline.core.values.amount_text import format_amount
from pipeline.edge.config import Config
from pipeline.edge.ledger.inbox.payment_decisions import PaymentDecisions, SettledPayment
from pipeline.edge.ledger.inbox.payments import PaymentBook
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.edge.ledger.loaded_bills import LoadedBills
from pipeline.errors import UsageError
from pipeline.run.context import Options
from pipeline.run.opening import OpenRun, open_run
from pipeline.run.ui import Ui
from schemas.settings import Settings

ASSIGNED = "payment.assigned"
_ASSIGNABLE = frozenset({PaymentOutcome.UNMATCHED, PaymentOutcome.WAITING})
_DISMISSIBLE = _ASSIGNABLE | {PaymentOutcome.CONFLICT, PaymentOutcome.UNREADABLE}


@dataclass(frozen=True, slots=True)
class DecisionOrder:
    """Which payment is decided about, by whom and why."""

    by: Person
    payment: str
    """Number of the list, event id or payment id."""
    why: str


@dataclass(frozen=True, slots=True)
class _Decision:
    """A payment that is decided about, while the block lasts."""

    opened: OpenRun
    book: PaymentBook
    decisions: PaymentDecisions
    payment: SettledPayment

    def note(self, decision: Literal["assigned", "dismissed"], order: DecisionOrder) -> None:
        """Remember it with who and why, and note it in the audit trail; inside `book.together`."""
        now = self.opened.context.options.clock()
        self.decisions.decided(self.payment.seq, decision, str(order.by), order.why.strip(), now)
        self.opened.history.done((), {"payment": self.payment.seq})


def assign_payment(
    config: Config, ui: Ui, options: Options, order: DecisionOrder, *, target: Target, reference: str
) -> str:
    """Apply an unmatched or waiting payment to what a person says; what was done, in words.

    Args:
        reference: of the bill, account or customer.

    Raises:
        UsageError: no payment, or several, are called so; it is not open; the reference is not known here; another
            currency. And as `open_run`.
    """
    with (
        open_run(config, ui, options, "payments assign", needs_key=False) as opened,
        _decision(opened, config.settings, order, _ASSIGNABLE) as each,
    ):
        match, currency = _match(LoadedBills(opened.files.ledger), target, reference)
        money = format_amount(each.payment.currency or "", each.payment.amount_minor or 0)
        if currency not in {None, each.payment.currency}:
            raise UsageError(
                problem=f"{target} {reference} is in {currency}, and the payment is {money}",
                remedy="assign it to what was paid",
            )
        with each.book.together():
            each.book.assign(each.payment.seq, match, options.clock())
            each.note("assigned", order)
    return f"payment {each.payment.seq} ({money}) is applied to {target} {reference}"


def dismiss_payment(config: Config, ui: Ui, options: Options, order: DecisionOrder) -> str:
    """Stop asking for a person's attention to a payment that is settled elsewhere; what was done, in words.

    Raises as `assign_payment`.
    """
    with (
        open_run(config, ui, options, "payments dismiss", needs_key=False) as opened,
        _decision(opened, config.settings, order, _DISMISSIBLE) as each,
        each.book.together(),
    ):
        each.decisions.dismiss(each.payment.seq)
        each.note("dismissed", order)
    return f"payment {each.payment.seq} is dismissed; it stays as it was received"


@contextmanager
def _decision(
    opened: OpenRun, settings: Settings, order: DecisionOrder, possible: frozenset[PaymentOutcome]
) -> Iterator[_Decision]:
    if settings.payments is None:
        raise UsageError(problem="payments are not configured", remedy="add payments: to the config")
    if not order.why.strip():
        raise UsageError(problem="--why is empty", remedy="say how it was settled")
    opened.payments.settle(may_ask=False)
    path = inbox_path(settings.work_dir)
    with closing(open_inbox(path, merchant=settings.merchant, environment=settings.environment)) as inbox:
        decisions = PaymentDecisions(inbox)
        payment = _one(order.payment, decisions.named(order.payment), possible)
        yield _Decision(opened, PaymentBook(inbox), decisions, payment)


def _one(name: str, found: list[SettledPayment], possible: frozenset[PaymentOutcome]) -> SettledPayment:
    """The payment of that name that can be decided about. Raises UsageError."""
    if not found:
        raise UsageError(problem=f"no payment is called {name}", remedy="see billferry payments list")
    open_ones = [each for each in found if each.outcome in possible]
    if not open_ones:
        raise UsageError(
            problem=f"payment {found[0].seq} is {found[0].outcome}",
            remedy=f"this is for payments that are {', '.join(sorted(possible))}",
        )
    if len(open_ones) > 1:
        numbers = ", ".join(str(each.seq) for each in open_ones)
        raise UsageError(problem=f"payments {numbers} are called {name}", remedy="give the number of one")
    return open_ones[0]


def _match(loaded: LoadedBills, target: Target, reference: str) -> tuple[PaymentMatch, str | None]:
    """What was paid, and its currency where that is known. Raises UsageError."""
    if target == "bill":
        bill = loaded.bill_named(reference)
        if bill is not None and bill.is_settled:
            return PaymentMatch(PaymentOutcome.APPLIED, ASSIGNED, "bill", bill=bill), bill.currency
    else:
        owner_id = loaded.owner_named(target, reference)
        owner = loaded.owners(target, {owner_id}).get(owner_id) if owner_id is not None else None
        if owner is not None:
            return PaymentMatch(PaymentOutcome.APPLIED, ASSIGNED, target, owner=owner), owner.currency
    raise UsageError(problem=f"no {target} {reference} was loaded", remedy="load its file first")
