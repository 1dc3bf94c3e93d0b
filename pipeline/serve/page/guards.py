"""What a request must have before a view sees it, and what every answer carries.

Nothing here depends on a cookie, for there is none. That a form was sent from our own page is told by `Sec-Fetch-Site`
and `Origin`, which a page of somebody else cannot set, and by a token that only our pages contain. Source: W3C Fetch
Metadata, OWASP CSRF Prevention.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders

from pipeline.serve.page.people import Headers, NotIdentified, People

HEALTH_PATH = "/healthz"
SAFE_METHODS = frozenset({"GET", "HEAD"})
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
"""Of every page: nothing from elsewhere, nothing inline, in nobody's frame. Source: W3C CSP Level 3."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""What every answer has, unless its view says otherwise."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guarded:
    """An application behind the guards: it sees only requests of people who are known, sent from its own pages."""

    def __init__(
        self, app: App, people: People, *, is_local: bool, is_well: Callable[[], bool] = lambda: True
    ) -> None:
        """Of an application.

        Args:
            is_local: the page listens on this machine alone, and is asked for under no other name.
            is_well: whether what it shows can be read; told to whoever asks, for monitors have no name.
        """
        self._app = app
        self._is_well = is_well
        self._people = people
        self._is_local = is_local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    answered.setdefault(name, value)
            await send(message)

        headers: Headers = scope["headers"]
        try:
            if (problem := self._problem(scope["method"], headers)) is not None:
                await _say(with_headers, 403, problem)
                return
            if scope["path"] == HEALTH_PATH and scope["method"] in SAFE_METHODS:
                well = await run_in_threadpool(self._is_well)
                await _say(with_headers, *((200, "ok") if well else (503, "the ledger cannot be read")))
                return
            scope["visitor"] = self._people.visitor(headers)
        except NotIdentified as error:
            await _say(with_headers, 401, f"{error}")
            return
        await self._app(scope, receive, with_headers)

    def _problem(self, method: str, headers: Headers) -> str | None:
        """Why a request is not answered whoever sent it: it came by another name, or from another site's page."""
        host = _one(headers, b"host")
        if host is None or (self._is_local and not _names_this_machine(host)):
            return "the page is not served under that name"
        if method in SAFE_METHODS:
            return None
        site, origin = _one(headers, b"sec-fetch-site"), _one(headers, b"origin")
        if site not in {None, b"same-origin", b"none"}:
            return "the request was sent from another site"
        if origin is not None and urlsplit(origin.decode("latin-1")).netloc.encode("latin-1") != host:
            return "the request was sent from another site"
        return None


def _one(headers: Headers, name: bytes) -> bytes | None:
    """The value of a header that is there once; one that is there twice counts as missing."""
    found = [value for each, value in headers if each == name]
    return found[0] if len(found) == 1 else None


def _names_this_machine(host: bytes) -> bool:
    """Whether a Host header is `localhost` or a loopback address: a name of somebody else's may lead here (DNS
    rebinding).
    """
    try:
        name = urlsplit(f"//{host.decode('ascii')}").hostname
        return name == "localhost" or (name is not None and ipaddress.ip_address(name).is_loopback)
    except ValueError:
        return False


async def _say(send: Send, status: int, why: str) -> None:
    """One line of plain text: whoever gets it has no page."""
    body = f"{why}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
