"""The webhook receiver: a delivery is verified, durable in the inbox, and only then acknowledged.

Nothing in a body is looked at here: what it says is decided when it is matched. So whatever arrives, the answer is one
of a few, and an attacker who knows the address can neither store nor learn anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.routing import Route

from pipeline.core.payments.signatures import DeliveryHeaders, SignatureVerdict, verify
from pipeline.edge.ledger.inbox.deliveries import WebhookDelivery
from pipeline.edge.log import get_logger
from pipeline.errors import BillferryError

BODY_TIMEOUT_S = 10.0
"""A delivery is a few hundred bytes: whoever takes longer has lost the connection, or wants to keep it."""
RETRY_AFTER_S = 30
ANSWERS = {
    200: b"ok",
    400: b"a header of the delivery is missing or malformed",
    401: b"the signature does not fit, or the time stamp is out of tolerance",
    405: b"use POST",
    408: b"the body came too slowly",
    413: b"the body is too large",
    503: b"not stored; deliver it again later",
}
"""Status → the text of the answer, which repeats nothing of the request."""

log = get_logger()

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Inbox(Protocol):
    """Where deliveries are kept."""

    problem: Exception | None

    async def store(self, delivery: WebhookDelivery) -> None:
        """Come back when it is on disk."""


class _NotWhole(Exception):
    """The body did not arrive; `status` is the answer, None where nobody waits for one."""

    def __init__(self, status: int | None) -> None:
        super().__init__()
        self.status = status


class Receiver:
    """The ASGI endpoint of the webhook's address."""

    def __init__(
        self, inbox: Inbox, keys: Sequence[bytes], *, tolerance_s: float, max_body_bytes: int
    ) -> None:
        """`keys` by `signatures.signing_keys`; `tolerance_s` as in `signatures.verify`."""
        self._inbox = inbox
        self._keys = keys
        self._tolerance_s = tolerance_s
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            await answer(send, 405)
            return
        try:
            body = await self._body(scope, receive)
        except _NotWhole as error:
            if error.status is not None:
                await answer(send, error.status, close=True)
            return
        await answer(send, await self._received(_delivery_headers(scope), body))

    async def _received(self, headers: DeliveryHeaders, body: bytes) -> int:
        """The status of the answer: 200 once the delivery is on disk."""
        verdict = verify(headers, body, self._keys, now_s=time.time(), tolerance_s=self._tolerance_s)
        if verdict is SignatureVerdict.MALFORMED:
            return 400
        if (
            verdict is not SignatureVerdict.GENUINE
            or headers.webhook_id is None
            or headers.signed_at_s is None
        ):
            return 401
        try:
            await self._inbox.store(
                WebhookDelivery(headers.webhook_id.decode("ascii"), headers.signed_at_s, "webhook", body)
            )
        except BillferryError as error:
            _report(error)
            return 503
        return 200

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body. Raises _NotWhole: it is too large, too slow, or the connection is lost."""
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._max_body_bytes:
                raise _NotWhole(413)
        chunks: list[bytes] = []
        size_bytes = 0
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _NotWhole(None)
                    chunk = message.get("body", b"")
                    size_bytes += len(chunk)
                    if size_bytes > self._max_body_bytes:
                        raise _NotWhole(413)
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return b"".join(chunks)
        except TimeoutError:
            raise _NotWhole(408) from None

    async def health(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """200 while the inbox keeps what is received; 503 after it could not."""
        await answer(send, 200 if self._inbox.problem is None else 503)


def receiver_app(receiver: Receiver, path: str) -> Starlette:
    """The application: the webhook's `path`, and `/healthz`."""
    return Starlette(
        routes=[
            Route(path, _Endpoint(receiver)),
            Route("/healthz", _Endpoint(receiver.health), methods=["GET"]),
        ]
    )


class _Endpoint:
    """An ASGI application as the endpoint of a route; Starlette wraps functions and methods in requests of its own."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _report(error: BillferryError) -> None:
    """Once a delivery could not be kept; the API delivers it again."""
    log.error("delivery.not_stored", code=error.code)


def _delivery_headers(scope: Scope) -> DeliveryHeaders:
    """The headers of a delivery. One that is there twice counts as missing: two programs may read it differently."""
    found: dict[bytes, bytes | None] = {}
    for name, value in scope["headers"]:
        if name.startswith(b"webhook-"):
            found[name] = None if name in found else value
    return DeliveryHeaders(
        found.get(b"webhook-id"), found.get(b"webhook-timestamp"), found.get(b"webhook-signature")
    )


async def answer(send: Send, status: int, *, close: bool = False) -> None:
    """Send a short answer; `close` also ends the connection, so that the rest of a body is not read."""
    text = ANSWERS[status]
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if status == 503:
        headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
    if status == 405:
        headers.append((b"allow", b"POST"))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
