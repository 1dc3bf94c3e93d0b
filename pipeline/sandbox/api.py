"""The Billing API over HTTP: bearer keys, rate limit, idempotency keys, then the work.

Source: the vendor's public documentation of the Billing API; RFC 9110 (HTTP; `Retry-After`, `Date`), RFC 6750 (bearer
keys), RFC 9457 (problems) and the IETF draft for the Idempotency-Key header. Beside the API's own addresses there are
`/sandbox/state` and `/sandbox/requests`, to look at what it holds, and those of `control`.
"""

import asyncio
import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime

from aiohttp import web

from pipeline.sandbox import rules
from pipeline.sandbox.clock import Clock
from pipeline.sandbox.control import Control, loopback_only
from pipeline.sandbox.faults import Altered, Answered, Dropped, Fault, Faults, NoFaults, Received, Window
from pipeline.sandbox.keys import IdempotencyKeys, fingerprint
from pipeline.sandbox.rate import TokenBucket
from pipeline.sandbox.replies import Json, Problem, Reply, json_reply, problem_reply
from pipeline.sandbox.state import Account, Bill, Customer, Store
from pipeline.sandbox.switches import Switches
from pipeline.sandbox.till import Till
from pipeline.sandbox.work import Work

MAX_BODY_BYTES = 1 << 20
"""Not of the contract; far above the largest body that it allows."""
KINDS = ("customers", "accounts", "bills")


@dataclass
class Logged:
    """One request to the API, as tests and `/sandbox/requests` see it.

    `number` counts from 1; `status` is None until it is answered, and stays so when it never is; `replayed` says
    whether the reply was a stored one. The body is not kept: a bill file may have millions of records.
    """

    number: int
    method: str
    path: str
    status: int | None
    replayed: bool
    idempotency_key: str | None


class Exchange:
    """One request on its way through the API, and the faults that strike it."""

    def __init__(self, request: web.Request, received: Received, faults: tuple[Fault, ...]) -> None:
        self.request = request
        self.received = received
        self._faults = faults

    async def at(self, window: Window) -> None:
        """Let the faults of a window strike. Raises what they raise: `Dropped`, `Answered`."""
        for fault in self._faults:
            if fault.window is window:
                with suppress(Altered):
                    await fault.strike(self.received)

    async def altered_at(self, window: Window, reply: Reply) -> Reply:
        """The reply as the faults of a window leave it, for windows in which there is one. Raises `Dropped`,
        `Answered`."""
        for fault in self._faults:
            if fault.window is window:
                try:
                    await fault.strike(self.received)
                except Altered as altered:
                    reply = altered.change(reply)
        return reply


class BillingApi:
    """All state of one sandbox API. `lock` guards what other threads look at; nothing is awaited while it is held.

    `switches`, `faults` and the sets of keys may be replaced or changed at any time; each request reads them anew.
    """

    def __init__(
        self, switches: Switches, keys: Iterable[str], faults: Faults | None = None, salt: str = ""
    ) -> None:
        self.switches = switches
        self.keys = set(keys)
        self.expired_keys: set[str] = set()
        self.faults = faults or NoFaults()
        self.clock = Clock()
        self.store = Store(salt)
        self.book = IdempotencyKeys()
        self.log: list[Logged] = []
        self.lock = self.store.lock
        self.till = Till(self.store, self.clock, lambda: self.switches, salt)
        self.control = Control(self.till, self.clock, lambda: self.switches)
        self._buckets: dict[str, TokenBucket] = {}

    def application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_get("/sandbox/{view:state|requests}", self._look)
        self.control.add_to(application)
        application.router.add_route("*", "/{rest:.*}", self._serve)
        application.on_response_prepare.append(self._date)
        return application

    async def _date(self, _: web.Request, response: web.StreamResponse) -> None:
        """The `Date` header from the sandbox's clock, not the machine's: clients compare their own time with it."""
        response.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)

    def snapshot(self) -> Json:
        """Everything as plain dicts and lists; safe from any thread."""
        with self.lock:
            state = self.store.snapshot(overpayment=self.switches.overpays)
            return {**state, "requests": [dict(vars(logged)) for logged in self.log]}

    async def _look(self, request: web.Request) -> web.Response:
        """The state or the log as JSON, without a key."""
        loopback_only(request)
        snapshot = self.snapshot()
        view = request.match_info["view"]
        return web.json_response(snapshot if view == "state" else snapshot["requests"])

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, or break off as its faults say.

        The order of the steps is the contract's: nothing is looked at before the whole body is there, and a reply is
        stored under its idempotency key before it is sent, so that a lost reply can be asked for again.
        """
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            too_large = Problem(413, "too_large", f"the body has more than {MAX_BODY_BYTES} bytes")
            return await _send(request, problem_reply(too_large, len(self.log)))
        exchange, logged = self._receive(request, body)
        response: web.StreamResponse = web.Response()
        try:
            try:
                await exchange.at(Window.BEFORE_RECEIPT)
                reply = await exchange.altered_at(Window.BEFORE_REPLY, await self._reply(exchange))
            except Answered as instead:
                reply = instead.reply
            logged.status, logged.replayed = reply.status, reply.replayed
            response = await _send(request, reply)
            await exchange.at(Window.AFTER_REPLY)
        except Dropped:
            _close(request)
        except ConnectionError:
            pass  # the client closed the connection first: its time-out is what is tested
        return response

    def _receive(self, request: web.Request, body: bytes) -> tuple[Exchange, Logged]:
        """Number and log the request, and choose its faults; all of it before anything is awaited, so numbers have no
        gaps."""
        key = request.headers.get("Idempotency-Key")
        with self.lock:
            received = Received(len(self.log) + 1, request.method, request.path, key, body)
            logged = Logged(received.number, received.method, received.path, None, False, key)
            self.log.append(logged)
        return Exchange(request, received, self.faults.chosen_for(received)), logged

    async def _reply(self, exchange: Exchange) -> Reply:
        try:
            bearer = self._bearer(exchange.request)
            if exchange.received.method == "POST":
                return await self._keyed(exchange, bearer)
            self._within_rate(bearer)
            return (await self._worked(exchange))[0]
        except Problem as problem:
            return problem_reply(problem, exchange.received.number)

    def _bearer(self, request: web.Request) -> str:
        """The request's secret key. Raises `Problem`: 401 without a known one, 403 for a public, expired or deleted
        one."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Problem(401, "missing_key", "Authorization must be Bearer and a secret key")
        if key.startswith("pk_"):
            raise Problem(403, "public_key", "a public key has no permission here")
        if key in self.expired_keys:
            raise Problem(403, "expired_key", "this key has expired or was deleted")
        if key not in self.keys:
            raise Problem(401, "invalid_request", "this key is not known")
        return key

    def _within_rate(self, bearer: str) -> None:
        """Take a token of this key's bucket. Raises `Problem` 429 when there is none, with `Retry-After` as the
        switches say."""
        per_second = self.switches.requests_per_second
        if per_second is None:
            return
        now_s = self.clock.monotonic_s()
        bucket = self._buckets.get(bearer)
        if bucket is None or bucket.per_second != per_second:
            bucket = self._buckets[bearer] = TokenBucket.full(per_second, now_s)
        wait_s = bucket.take(now_s)
        if wait_s:
            raise Problem(429, "rate_limited", "too many requests", self._retry_after(math.ceil(wait_s)))

    def _retry_after(self, wait_s: int) -> dict[str, str]:
        """`Retry-After` as RFC 9110 has it: whole seconds, or an HTTP date in GMT; or none, which the contract allows
        too."""
        if self.switches.retry_after == "none":
            return {}
        if self.switches.retry_after == "seconds":
            return {"Retry-After": str(wait_s)}
        return {"Retry-After": format_datetime(self.clock.now() + timedelta(seconds=wait_s), usegmt=True)}

    async def _keyed(self, exchange: Exchange, bearer: str) -> Reply:
        """A POST under its idempotency key: worked on once, answered as often as it is asked.

        Also an error is stored, which spends the key; what a 429, a 503 or an injected fault does is for the switches
        and the fault to say. Raises `Problem`: 400 without a usable key, else as `IdempotencyKeys.claim`.
        """
        received = exchange.received
        key = received.idempotency_key
        if key is None or not rules.IDEMPOTENCY_KEY.match(key):
            raise Problem(400, "idempotency_key", "Idempotency-Key must be 1 to 255 of a-z, A-Z, 0-9 and -")
        if self.switches.ignore_idempotency_keys:
            self._within_rate(bearer)
            return (await self._worked(exchange))[0]
        now_s = self.clock.monotonic_s()
        self.book.forget_older(now_s - self.switches.key_life_s)
        # Asked before the rate limit: a key with a stored reply keeps it, whatever this request gets.
        known = self.book.knows(key)
        request = fingerprint(received.path, received.body)
        try:
            self._within_rate(bearer)
        except Problem as problem:
            reply = problem_reply(problem, received.number)
            if self.switches.stores(429) and not known:
                self.book.claim(key, request, now_s)
                self.book.keep(key, reply)
            return reply
        stored = self.book.claim(key, request, now_s)
        if stored is not None:
            return stored.again()
        keep = False
        try:
            reply, keep = await self._worked(exchange)
            if keep:
                self.book.keep(key, reply)
        finally:
            if not keep:
                self.book.release(key)
        return reply

    async def _worked(self, exchange: Exchange) -> tuple[Reply, bool]:
        """The reply, and whether it is to be stored under its idempotency key."""
        try:
            await exchange.at(Window.AFTER_RECEIPT)
            if self.switches.latency_s:
                await asyncio.sleep(self.switches.latency_s)
            try:
                reply = await self._dispatched(exchange)
            except Problem as problem:
                reply = problem_reply(problem, exchange.received.number)
            reply = await exchange.altered_at(Window.AFTER_WORK, reply)
        except Answered as instead:
            status = instead.reply.status
            return instead.reply, self.switches.stores(status) if instead.stored is None else instead.stored
        return reply, True

    async def _dispatched(self, exchange: Exchange) -> Reply:
        """Path and method to one operation.

        Raises `Problem`: 404 for an unknown address, 405 for a method that it does not take, else as the operation
        does.
        """
        received = exchange.received
        work = Work(self.store, self.switches, self.clock.now(), exchange.at)
        match (received.method, *received.path.split("/")[1:]):
            case ("POST", "billing", kind) if kind in KINDS:
                return self._shown(201, await work.create(kind, _json_body(exchange)))
            case ("GET", "billing", kind, name) if kind in KINDS:
                return self._shown(200, work.retrieve(kind, name))
            case ("PATCH", "billing", kind, name) if kind in KINDS:
                return self._shown(200, work.patch(kind, name, _json_body(exchange)))
            case ("POST", "billing", "bills", name, "void"):
                return self._shown(200, work.void(name, _json_body(exchange)))
            case (_, "billing", kind) | (_, "billing", kind, _) if kind in KINDS:
                raise Problem(405, "method", "this method is not allowed here")
        raise Problem(404, "not_found", "there is no such address")

    def _shown(self, status: int, entity: Customer | Account | Bill) -> Reply:
        with self.lock:
            if isinstance(entity, Bill):
                return json_reply(status, entity.document(overpayment=self.switches.overpays))
            return json_reply(status, entity.document())


def _json_body(exchange: Exchange) -> Json:
    """The request's body. Raises `Problem` 400: another content type, not JSON, not an object."""
    if exchange.received.body and exchange.request.content_type != "application/json":
        raise Problem(400, "content_type", "Content-Type must be application/json")
    return rules.parsed(exchange.received.body)


async def _send(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Returns when all of it is handed to the connection."""
    if reply.cut_after_bytes is not None:
        return await _send_cut(request, reply, reply.cut_after_bytes)
    response = web.Response(
        status=reply.status, body=reply.body, content_type=reply.content_type, headers=reply.headers
    )
    await response.prepare(request)
    await response.write_eof()
    return response


async def _send_cut(request: web.Request, reply: Reply, after_bytes: int) -> web.StreamResponse:
    """Announce the whole length and send less of it, as a server that dies half-way does."""
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_type = reply.content_type
    response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[:after_bytes])
    if request.transport is not None:
        request.transport.close()  # unlike an abort, this lets what is written arrive
    return response


def _close(request: web.Request) -> None:
    """Drop the connection at once, with whatever is still in its send buffer."""
    if request.transport is not None:
        request.transport.abort()
