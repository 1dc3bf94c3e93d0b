"""Payments as the vendor has them: what was paid, what that changed, and the event that tells of it.

Source: the vendor's public documentation of payments and webhooks. An amount applied to a bill, account or customer is
an obligation (`ob_…`) of a payment (`pay_…`); one payment may be applied to several. A refund has no event.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.sandbox.currencies import major_units
from pipeline.sandbox.replies import Json
from pipeline.sandbox.rules import MAX_AMOUNT
from pipeline.sandbox.state import Account, Bill, Customer, Ids, Store
from pipeline.sandbox.switches import PaymentNames, Switches

EVENT_TYPE = "obligation.amount_applied"


@dataclass(frozen=True)
class Payment:
    """An amount applied to one bill, account or customer, in minor units of `currency`.

    `paid_id`, `paid_reference`: what was paid. `event` is the body of its webhook, and `webhook_id` the id that this is
    delivered under; `at` is the sandbox's time, aware, UTC.
    """

    id: str
    obligation_id: str
    webhook_id: str
    amount_minor: int
    currency: str
    paid_id: str
    paid_reference: str
    customer_reference: str
    at: datetime
    event: Json

    @property
    def body(self) -> bytes:
        """The event as it is sent."""
        return json.dumps(self.event, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Refund:
    """All of one payment's amount given back."""

    payment: Payment
    at: datetime


@dataclass
class PaymentBook:
    """Takes payments and gives them back. The caller holds the store's lock.

    Every method raises `KeyError` where nothing has this name, and `ValueError` for what cannot be paid.
    """

    store: Store
    salt: str = ""
    payments: list[Payment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._payment_ids = Ids("pay", self.salt)
        self._obligation_ids = Ids("ob", self.salt)
        self._event_ids = Ids("evt", self.salt)
        self._webhook_ids = Ids("msg", self.salt)

    def found(self, id_or_reference: str) -> Bill | Account | Customer:
        """What has this id or reference: a bill, else an account, else a customer."""
        store = self.store
        for shelf in (store.bills, store.accounts, store.customers):
            found: Bill | Account | Customer | None = shelf.find(id_or_reference)
            if found is not None:
                return found
        raise KeyError(id_or_reference)

    def payable(
        self, id_or_reference: str, amount_minor: int, switches: Switches
    ) -> Bill | Account | Customer:
        """What can be paid with this amount. Raises ValueError for a voided bill, more than may be paid, and an entity
        without a balance."""
        paid = self.found(id_or_reference)
        if isinstance(paid, Bill):
            if paid.voided:
                raise ValueError("this bill is voided: it cannot be paid")
            most = MAX_AMOUNT - paid.amount_paid if switches.overpays else paid.amount_remaining
            if not 0 < amount_minor <= most:
                amount, most_of_it = (major_units(minor, paid.currency) for minor in (amount_minor, most))
                raise ValueError(
                    f"{paid.currency} {amount} cannot be paid on this bill: {most_of_it} is open"
                )
        elif paid.balance is None:
            raise ValueError("no balance is tracked here")
        elif amount_minor < 1:
            raise ValueError("a payment is more than nothing")
        return paid

    def pay(
        self,
        id_or_reference: str,
        amount_minor: int,
        switches: Switches,
        at: datetime,
        *,
        names: PaymentNames | None = None,
        payment_id: str | None = None,
    ) -> Payment:
        """A payer pays a bill, else the account, else the customer of that name; `amount_paid` rises, a balance sinks.

        Args:
            names: which ids the event of a bill's payment carries; None: as the switch says.
            payment_id: of an earlier payment, a part of which this is; None: a payment of its own.
        """
        paid = self.payable(id_or_reference, amount_minor, switches)
        payment = self._made(paid, amount_minor, at, names or switches.payment_names, payment_id)
        self._applied(paid, amount_minor, switches)
        self.payments.append(payment)
        return payment

    def forged(self, id_or_reference: str, amount_minor: int, switches: Switches, at: datetime) -> Payment:
        """What somebody makes up who knows the address of the webhook: it looks like a payment, and nothing is
        paid."""
        return self._made(self.found(id_or_reference), amount_minor, at, switches.payment_names, None)

    def told_again(self, payment: Payment) -> Payment:
        """The same payment and obligation as another event, with a webhook id of its own."""
        event = {**payment.event, "id": self._event_ids.new()}
        return Payment(**{**vars(payment), "webhook_id": self._webhook_ids.new(), "event": event})

    def to_refund(self, id_or_reference: str) -> str:
        """The id of that payment, or of the newest of that bill, account or customer; rather one not given back."""
        found = [
            payment.id
            for payment in self.payments
            if id_or_reference in {payment.id, payment.paid_id, payment.paid_reference}
        ]
        given_back = {refund.payment.id for refund in self.refunds}
        left = [payment_id for payment_id in found if payment_id not in given_back]
        if not found:
            raise KeyError(id_or_reference)
        return (left or found)[-1]

    def refund(self, payment_id: str, switches: Switches, at: datetime) -> list[Refund]:
        """Give a payment back, with all that it was applied to; nothing is sent. `Switches.refunds_undo`: what changes.

        Raises ValueError when it was given back before.
        """
        applied = [payment for payment in self.payments if payment.id == payment_id]
        if not applied:
            raise KeyError(payment_id)
        if any(refund.payment.id == payment_id for refund in self.refunds):
            raise ValueError("this payment was refunded before")
        refunds = [Refund(payment, at) for payment in applied]
        for payment in applied if switches.refunds_undo else ():
            self._applied(self.found(payment.paid_id), -payment.amount_minor, switches)
        self.refunds += refunds
        return refunds

    def _applied(self, paid: Bill | Account | Customer, amount_minor: int, switches: Switches) -> None:
        if isinstance(paid, Bill):
            paid.amount_paid += amount_minor
        elif switches.balance_falls and paid.balance is not None:
            paid.balance -= amount_minor

    def _made(
        self,
        paid: Bill | Account | Customer,
        amount_minor: int,
        at: datetime,
        names: PaymentNames,
        payment_id: str | None,
    ) -> Payment:
        customer = paid if isinstance(paid, Customer) else self.store.customers.by_id(paid.customer_id)
        payment_id = payment_id or self._payment_ids.new()
        obligation_id = self._obligation_ids.new()
        currency = paid.currency or ""
        stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        data = {
            "id": obligation_id,
            "amount": amount_minor,
            "currency": currency,
            "payment_id": payment_id,
            **_named(paid, names),
            "metadata": dict(paid.metadata),
            "created_at": stamp,
            "updated_at": stamp,
        }
        return Payment(
            id=payment_id,
            obligation_id=obligation_id,
            webhook_id=self._webhook_ids.new(),
            amount_minor=amount_minor,
            currency=currency,
            paid_id=paid.id,
            paid_reference=paid.external_reference,
            customer_reference=customer.external_reference if customer else "",
            at=at,
            event={"id": self._event_ids.new(), "type": EVENT_TYPE, "data": data},
        )


def _named(paid: Bill | Account | Customer, names: PaymentNames) -> Json:
    """The ids that an event carries."""
    if isinstance(paid, Customer):
        return {"customer_id": paid.id}
    if isinstance(paid, Account):
        return {"account_id": paid.id}
    owner = {"account_id": paid.account_id} if paid.account_id else {"customer_id": paid.customer_id}
    return {
        "bill": {"bill_id": paid.id},
        "owner": owner,
        "both": {**owner, "bill_id": paid.id},
    }[names]
