"""The running sandbox API: `with SandboxApi() as api: ...`.

Everything that a test needs goes through this object, from its own thread, while the API serves from another.
"""

import ssl
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from pipeline.sandbox.api import BillingApi
from pipeline.sandbox.background import BackgroundLoop
from pipeline.sandbox.clock import Clock
from pipeline.sandbox.faults import Faults
from pipeline.sandbox.payments import Payment, Refund
from pipeline.sandbox.replies import Json
from pipeline.sandbox.reports import Report
from pipeline.sandbox.switches import PaymentNames, Switches
from pipeline.sandbox.till import Till
from pipeline.sandbox.webhooks import Attempt, Message, Webhook

TEST_KEY = "sk_test_sandbox"


class SandboxApi:
    """A Billing API on loopback, served by a thread of its own. Every method is safe from any thread.

    Args:
        switches: answers to what the contract leaves open; may be replaced while it runs.
        keys: secret API keys that are let in.
        faults: what is broken on purpose; may be replaced while it runs.
        port: 0 takes a free one, which `port` and `url` then show.
        ssl_context: with one it speaks HTTPS only.
        salt: another one gives other ids; the same one gives the same ids in the same order.
        webhook_url, webhook_secret: where payments are told, and what the events are signed with; without, nothing is
            told. `send_webhooks` says more of it, also while it runs.
        merchant: its name in the vendor's reports.

    State is in memory alone: a new object knows no customers, bills or idempotency keys of an earlier one.
    """

    def __init__(
        self,
        switches: Switches | None = None,
        keys: Iterable[str] = (TEST_KEY,),
        *,
        faults: Faults | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        salt: str = "",
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
        merchant: str = "Sandbox",
    ) -> None:
        self.host = host
        self.port = port
        self._ssl_context = ssl_context
        self._api = BillingApi(switches or Switches(), keys, faults, salt)
        self._api.control.merchant = merchant
        self._loop: BackgroundLoop | None = None
        self._runner: web.AppRunner | None = None
        if webhook_url is not None and webhook_secret is not None:
            self.send_webhooks(Webhook(webhook_url, (webhook_secret,)))

    def start(self) -> None:
        """Returns when it listens. Raises OSError when the port is taken; nothing is left running then."""
        self._loop = BackgroundLoop("sandbox-api")
        try:
            self._loop.run(self._listen())
        except BaseException:
            self.stop()
            raise

    async def _listen(self) -> None:
        await self._till.sender.start()
        # Requests still being worked on get a second to end; whoever stops a sandbox does not wait for slow ones.
        self._runner = web.AppRunner(self._api.application(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self._ssl_context)
        await site.start()
        self.port = self._runner.addresses[0][1]

    def stop(self) -> None:
        """Closes every connection; what was recorded can still be looked at. Stopping twice does no harm."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        loop.run(self._till.sender.close())
        if self._runner is not None:
            loop.run(self._runner.cleanup())
        loop.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"{'https' if self._ssl_context else 'http'}://{self.host}:{self.port}"

    @property
    def switches(self) -> Switches:
        return self._api.switches

    @switches.setter
    def switches(self, switches: Switches) -> None:
        self._api.switches = switches

    @property
    def faults(self) -> Faults:
        return self._api.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._api.faults = faults

    @property
    def clock(self) -> Clock:
        """Its time, which `advance` moves: for keys to be forgotten, buckets to fill, GET to see what was created."""
        return self._api.clock

    def expire_key(self, key: str) -> None:
        """From now on this API key is answered 403."""
        self._api.expired_keys.add(key)

    def renew_key(self, key: str) -> None:
        """From now on this API key is good."""
        self._api.expired_keys.discard(key)
        self._api.keys.add(key)

    def forget_idempotency_keys(self) -> None:
        """As if a day had passed for the keys alone: each counts as new from now on."""
        with self._api.lock:
            self._api.book.forget_all()

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
        """A payer pays, as if on the vendor's pages: see `PaymentBook.pay` and `Till.pay`. `amount_minor` in the bill's
        or balance's currency."""
        return self._till.pay(
            id_or_reference,
            amount_minor,
            told=told,
            names=names,
            payment_id=payment_id,
            late_s=late_s,
            delay_s=delay_s,
        )

    def tell_again(self, payment: Payment, *, as_another: bool = False, delay_s: float = 0.0) -> Payment:
        """Deliver a payment's event once more: see `Till.tell_again`."""
        return self._till.tell_again(payment, as_another=as_another, delay_s=delay_s)

    def forge(self, id_or_reference: str, amount_minor: int, *, delay_s: float = 0.0) -> Payment:
        """Deliver an event that the vendor did not sign; nothing is paid: see `Till.forge`."""
        return self._till.forge(id_or_reference, amount_minor, delay_s=delay_s)

    def refund(self, payment_id: str) -> list[Refund]:
        """Give a payment back; no event tells of it: see `PaymentBook.refund`."""
        return self._till.refund(payment_id)

    @property
    def payments(self) -> list[Payment]:
        """All that was paid, in order; forged ones were not."""
        with self._api.lock:
            return list(self._till.book.payments)

    def reconciliation_report(self, day: date) -> Report:
        """What the vendor would put onto the merchant's SFTP server on the next day: see `reports.report_of`."""
        return self._till.report("reconciliation", day, merchant=self._api.control.merchant)

    def settlement_report(self, day: date) -> Report:
        """What the vendor would put there on the day after that."""
        return self._till.report("settlement", day, merchant=self._api.control.merchant)

    def put_reports_into(self, folder: Path) -> None:
        """Where `POST /sandbox/report` puts reports: the folder with the merchant's files."""
        self._api.control.reports = folder

    def send_webhooks(self, webhook: Webhook) -> None:
        """From now on payments are told there; so are those that wait for their next try."""
        self._till.sender.webhook = webhook

    @property
    def deliveries(self) -> list[Attempt]:
        """Every attempt to deliver an event, in order of its end."""
        return list(self._till.sender.log)

    def hold_deliveries(self) -> None:
        """Keep events back from now on, until `release_deliveries`."""
        self._till.sender.hold()

    def release_deliveries(self, order: Callable[[list[Message]], Iterable[Message]] = list) -> None:
        """Deliver what was held, one after the other in this order; what `order` leaves out is never delivered."""
        self._till.sender.release(order)

    def wait_for_deliveries(self, timeout_s: float) -> None:
        """Returns when all that is not held was taken or given up. Raises TimeoutError."""
        self._till.sender.wait(timeout_s)

    @property
    def _till(self) -> Till:
        return self._api.till

    def snapshot(self) -> Json:
        """`customers`, `accounts`, `bills`, each a list of what the API would show, in order of creation; accounts and
        bills also with `customer_reference` and `account_reference`; and `requests`, the log."""
        return self._api.snapshot()

    def count(self, method: str | None = None, path_prefix: str = "", status: int | None = None) -> int:
        """How many requests came in, of those that fit all that is given."""
        with self._api.lock:
            return sum(
                (method is None or logged.method == method)
                and logged.path.startswith(path_prefix)
                and (status is None or logged.status == status)
                for logged in self._api.log
            )
