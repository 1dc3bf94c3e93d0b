"""What a person does to a running sandbox from another terminal, over HTTP on loopback, without a key.

`POST /sandbox/pay`, `…/refund` and `…/report`, and `GET /sandbox/deliveries`; `ask` is the other end of it. What is
refused is answered with its status and `{"error": "…"}`.
"""

import asyncio
import ipaddress
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Literal, get_args

import aiohttp
from aiohttp import web

from pipeline.sandbox.clock import Clock
from pipeline.sandbox.currencies import major_units, minor_units
from pipeline.sandbox.payments import Payment
from pipeline.sandbox.replies import Json, Problem
from pipeline.sandbox.reports import ReportKind
from pipeline.sandbox.rules import parsed
from pipeline.sandbox.state import Bill
from pipeline.sandbox.switches import Switches
from pipeline.sandbox.till import Till
from pipeline.sandbox.webhooks import Attempt

Way = Literal["usual", "late", "duplicate", "out_of_order", "bad_signature", "no_bill_id"]
"""How a payment is told."""
LATE_S = 600.0
"""More than any receiver's tolerance."""
ANSWERS_WITHIN_S = 20.0


class Refused(Exception):
    """The sandbox would not do it; the text says why."""


def loopback_only(request: web.Request) -> None:
    """Raises HTTPForbidden: who may look is decided by the address, whatever the server listens on."""
    if not ipaddress.ip_address(request.remote or "0.0.0.0").is_loopback:  # noqa: S104 - an address to refuse
        raise web.HTTPForbidden(text="loopback only")


class Control:
    """The routes.

    Args:
        reports: the folder that reports are put into, which may be set while it runs; None: nowhere.
    """

    def __init__(self, till: Till, clock: Clock, switches: Callable[[], Switches]) -> None:
        self.merchant = "Sandbox"
        self.reports: Path | None = None
        self._till = till
        self._clock = clock
        self._switches = switches

    def add_to(self, application: web.Application) -> None:
        application.router.add_get("/sandbox/deliveries", self._deliveries)
        application.router.add_post("/sandbox/pay", self._pay)
        application.router.add_post("/sandbox/refund", self._refund)
        application.router.add_post("/sandbox/report", self._report)

    async def _deliveries(self, request: web.Request) -> web.Response:
        loopback_only(request)
        return web.json_response(self._till.sender.snapshot())

    async def _pay(self, request: web.Request) -> web.Response:
        """Body: `reference`, `amount` (text, in major units), and `way`. Answers once the receiver did, or soon gives
        up waiting for that."""
        try:
            asked = await _asked(request)
            reference, way = str(asked.get("reference", "")), asked.get("way", "usual")
            if way not in get_args(Way):
                raise ValueError(f"a payment is told in one of these ways: {', '.join(get_args(Way))}")
            paid = self._till.book.found(reference)
            amount_minor = minor_units(str(asked.get("amount", "")), paid.currency or "")
            if way != "bad_signature":
                self._till.book.payable(reference, amount_minor, self._switches())
            payments, attempts = await self._paid(reference, amount_minor, way)
        except KeyError:
            return web.json_response({"error": "nothing here has this id or reference"}, status=404)
        except ValueError as refused:
            return web.json_response({"error": str(refused)}, status=422)
        webhook, currency = self._till.sender.webhook, paid.currency or ""
        return web.json_response(
            {
                "what": type(paid).__name__.lower(),
                "currency": currency,
                "payments": [
                    {"payment_id": each.id, "amount": major_units(each.amount_minor, currency)}
                    for each in payments
                ],
                "paid": way != "bad_signature",
                "remaining": major_units(paid.amount_remaining, currency) if isinstance(paid, Bill) else None,
                "receiver": webhook.url if webhook else None,
                "deliveries": [vars(each) for each in attempts],
            }
        )

    async def _paid(self, reference: str, amount_minor: int, way: Way) -> tuple[list[Payment], list[Attempt]]:
        """The payments of one request, in their order, and their deliveries in theirs. Raises ValueError."""
        till = self._till
        if way == "bad_signature":
            made_up = till.forge(reference, amount_minor)
            return [made_up], await self._answers(made_up)
        if way == "out_of_order":
            if amount_minor < 2:
                raise ValueError("this is too little to be paid in two parts")
            first = till.pay(reference, amount_minor // 2, told=False)
            second = till.pay(reference, amount_minor - amount_minor // 2)
            attempts = await self._answers(second)
            till.tell_again(first)
            return [first, second], [*attempts, *await self._answers(first)]
        payment = till.pay(
            reference,
            amount_minor,
            names="owner" if way == "no_bill_id" else None,
            late_s=LATE_S if way == "late" else 0.0,
        )
        attempts = await self._answers(payment, 2 if way == "late" else 1)
        if way == "duplicate":
            till.tell_again(payment)
            attempts = await self._answers(payment, 2)
            attempts += await self._answers(till.tell_again(payment, as_another=True))
        return [payment], attempts

    async def _answers(self, payment: Payment, count: int = 1) -> list[Attempt]:
        """So many deliveries of a payment, or those that there were in time."""
        if self._till.sender.webhook is None:
            return []
        return await self._till.sender.attempts(payment.webhook_id, count, ANSWERS_WITHIN_S)

    async def _refund(self, request: web.Request) -> web.Response:
        """Body: `reference`, as of `PaymentBook.to_refund`. Gives that payment back."""
        try:
            reference = str((await _asked(request)).get("reference", ""))
            refunds = self._till.refund(self._till.book.to_refund(reference))
        except KeyError:
            return web.json_response({"error": "nothing that was paid has this id or reference"}, status=404)
        except ValueError as refused:
            return web.json_response({"error": str(refused)}, status=422)
        return web.json_response(
            {
                "refunds": [
                    {
                        "payment_id": each.payment.id,
                        "reference": each.payment.paid_reference,
                        "currency": each.payment.currency,
                        "amount": major_units(each.payment.amount_minor, each.payment.currency),
                    }
                    for each in refunds
                ]
            }
        )

    async def _report(self, request: web.Request) -> web.Response:
        """Body: `kind` and `day` (YYYY-MM-DD; absent: today). Puts the report where the merchant's files are."""
        try:
            asked = await _asked(request)
            kind: ReportKind = "settlement" if asked.get("kind") == "settlement" else "reconciliation"
            day = date.fromisoformat(str(asked["day"])) if asked.get("day") else self._clock.now().date()
        except ValueError as refused:
            return web.json_response({"error": str(refused)}, status=422)
        if self.reports is None:
            return web.json_response({"error": "there is no SFTP server to put reports on"}, status=422)
        report = self._till.report(kind, day, merchant=self.merchant)
        path = self.reports / report.name
        await asyncio.to_thread(_put, path, report.text)
        return web.json_response({"path": str(path), "rows": report.rows})


async def _asked(request: web.Request) -> Json:
    """The request's body. Raises ValueError: no JSON object."""
    loopback_only(request)
    try:
        return parsed(await request.read())
    except Problem as problem:
        raise ValueError(problem.detail) from problem


def _put(path: Path, text: str) -> None:
    """Outside that folder first, so that nobody takes half of it."""
    beside = path.parent.parent / f".{path.name}.part"
    beside.write_bytes(text.encode())
    beside.replace(path)


def ask(url: str, path: str, document: Json) -> Json:
    """Have the sandbox at `url` do what it offers at `path`.

    Raises:
        ConnectionError: no sandbox answers there.
        Refused: it would not.
    """
    return asyncio.run(_ask(url + path, document))


async def _ask(address: str, document: Json) -> Json:
    timeout = aiohttp.ClientTimeout(total=4 * ANSWERS_WITHIN_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(address, json=document) as response,
        ):
            answer: Json = await response.json()
    except (aiohttp.ClientError, ValueError, TimeoutError) as error:
        raise ConnectionError(str(error)) from error
    if response.status != 200:
        raise Refused(answer.get("error", f"status {response.status}"))
    return answer
