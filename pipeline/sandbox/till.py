"""Where payers pay, as if on the vendor's pages: a payment is booked, and told to the webhook that is set."""

from collections.abc import Callable
from datetime import date

from pipeline.sandbox.clock import Clock
from pipeline.sandbox.payments import Payment, PaymentBook, Refund
from pipeline.sandbox.reports import Report, ReportKind, report_of
from pipeline.sandbox.state import Store
from pipeline.sandbox.switches import PaymentNames, Switches
from pipeline.sandbox.webhooks import Message, Sender


class Till:
    """Payments and their deliveries of one API. Every method is safe from any thread, and from its own loop.

    What is told is delivered in the background; without a webhook nothing is. Methods raise `KeyError` where nothing
    has a name, `ValueError` for what cannot be paid, and `RuntimeError` where something is to be told while the API is
    not running.
    """

    def __init__(self, store: Store, clock: Clock, switches: Callable[[], Switches], salt: str) -> None:
        self.book = PaymentBook(store, salt)
        self.sender = Sender(clock)
        self._store = store
        self._clock = clock
        self._switches = switches

    def pay(
        self,
        id_or_reference: str,
        amount_minor: int,
        *,
        told: bool = True,
        names: PaymentNames | None = None,
        payment_id: str | None = None,
        late_s: float = 0.0,
        delay_s: float = 0.0,
    ) -> Payment:
        """Pay and have it told.

        Args:
            told: False: its event is lost.
            names, payment_id: as in `PaymentBook.pay`.
            late_s, delay_s: as in `webhooks.Message`.
        """
        if told:
            self._require_teller()
        with self._store.lock:
            payment = self.book.pay(
                id_or_reference,
                amount_minor,
                self._switches(),
                self._clock.now(),
                names=names,
                payment_id=payment_id,
            )
        if told:
            self._tell(Message(payment, late_s, delay_s))
        return payment

    def tell_again(self, payment: Payment, *, as_another: bool = False, delay_s: float = 0.0) -> Payment:
        """Deliver a payment's event once more: under its webhook id, or as another event with a webhook id of its own.

        Returns the payment with what was delivered now.
        """
        with self._store.lock:
            again = self.book.told_again(payment) if as_another else payment
        self._tell(Message(again, delay_s=delay_s))
        return again

    def forge(self, id_or_reference: str, amount_minor: int, *, delay_s: float = 0.0) -> Payment:
        """Deliver an event that the vendor did not sign; nothing is paid. It is tried once."""
        with self._store.lock:
            made_up = self.book.forged(id_or_reference, amount_minor, self._switches(), self._clock.now())
        self._tell(Message(made_up, delay_s=delay_s, forged=True))
        return made_up

    def refund(self, payment_id: str) -> list[Refund]:
        """Give a payment back; no event tells of it, only the vendor's reports."""
        with self._store.lock:
            return self.book.refund(payment_id, self._switches(), self._clock.now())

    def report(self, kind: ReportKind, day: date, *, merchant: str) -> Report:
        """The vendor's report of a day: see `reports.report_of`."""
        with self._store.lock:
            return report_of(kind, self.book, day, self._switches(), merchant=merchant)

    def _require_teller(self) -> None:
        """Raises RuntimeError: nobody is there to tell what is about to be paid."""
        if self.sender.webhook is not None and not self.sender.is_running:
            raise RuntimeError("the sandbox is not running")

    def _tell(self, message: Message) -> None:
        if self.sender.webhook is not None:
            self.sender.send(message)
