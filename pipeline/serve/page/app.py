"""The routes of the page, each with the role that it needs, and how an answer comes about.

Views are plain functions: what they read is on disk, so each works in a thread of its own while others are answered.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.log import get_logger, masked_trace
from pipeline.errors import EX_USAGE, BillferryError
from pipeline.serve.page.guards import App, Guarded
from pipeline.serve.page.people import not_allowed
from pipeline.serve.page.problems import told_on_page
from pipeline.serve.page.site import ASSET_TYPES, Form, Site, visitor_of
from pipeline.serve.page.views import (
    correcting,
    decisions,
    files,
    health,
    months,
    overview,
    payments,
    progress,
    search,
    uploads,
)
from schemas.settings import PageRole

MAX_FORM_BYTES = 65_536
"""Of what a form sends; files are no forms."""
MAX_FORM_FIELDS = 1_000
FOR_GOOD = "private, max-age=31536000, immutable"
"""How long a browser may keep what has a print of its content in its address."""

log = get_logger()


@dataclass(frozen=True, slots=True)
class Shown:
    """An address that shows something, and changes nothing."""

    path: str
    view: Callable[[Site, Request], Response]
    role: PageRole | None = "read"
    """None: everybody who is known, also to tell them that they may do nothing."""


@dataclass(frozen=True, slots=True)
class Done:
    """An address that a form is sent to."""

    path: str
    action: Callable[[Site, Request, Form], Response]
    role: PageRole
    max_bytes: int = MAX_FORM_BYTES
    max_fields: int = MAX_FORM_FIELDS


def _asset(site: Site, request: Request) -> Response:
    name = request.path_params["name"]
    if name not in site.assets:
        raise HTTPException(404)
    return Response(site.assets[name], media_type=ASSET_TYPES[name], headers={"cache-control": FOR_GOOD})


@dataclass(frozen=True, slots=True)
class Streamed:
    """An address whose request or answer goes on for a while. One that files are sent to reads them as they arrive,
    and asks for the token itself.
    """

    path: str
    method: str
    receive: Callable[[Site, Request], Awaitable[Response]]
    role: PageRole


SHOWN: tuple[Shown, ...] = (
    Shown("/", overview.overview),
    Shown("/files/", overview.all_files),
    Shown("/files/{key}/", files.file_page),
    Shown("/files/{key}/{name}", files.download),
    Shown("/files/{key}/preview/{name}", files.preview_download),
    Shown("/files/{key}/correct/", correcting.rejects_table, "upload"),
    Shown("/months/{key}/", months.month),
    Shown("/search/", search.search_page),
    Shown("/payments/", payments.payments_page),
    Shown("/health/", health.health_page),
    Shown("/upload/{key}/", uploads.asking_page, "upload"),
    Shown("/static/{name}", _asset, role=None),
)
DONE: tuple[Done, ...] = (
    Done("/files/{key}/release", decisions.release_shown, "approve"),
    Done("/files/{key}/refuse", decisions.refuse_shown, "approve"),
    Done("/files/{key}/stop", progress.stop_shown, "approve"),
    Done("/files/{key}/withdraw", decisions.withdraw_own, "upload"),
    *(
        Done(
            f"/files/{{key}}/correct/{name}",
            action,
            "upload",
            correcting.MAX_FORM_BYTES,
            correcting.MAX_FORM_FIELDS,
        )
        for name, action in (
            ("check", correcting.check_mended_records),
            ("save", correcting.save_mended_records),
        )
    ),
    Done("/upload/{key}/answer", uploads.answer_asked, "upload"),
    Done("/upload/{key}/feed", uploads.propose_again, "upload"),
)
STREAMED: tuple[Streamed, ...] = (
    Streamed("/upload", "PUT", uploads.put_file, "upload"),
    Streamed("/upload", "POST", uploads.post_files, "upload"),
    Streamed("/files/{key}/progress", "GET", progress.watch_file, "read"),
)


def page_app(site: Site, *, is_local: bool) -> App:
    """The whole application, behind its guards. `is_local`: as `Guarded`."""
    table: list[tuple[str, str, PageRole | None, Callable[[Site, Request], Awaitable[Response]]]] = [
        *((each.method, each.path, each.role, each.receive) for each in STREAMED),
        *(("GET", each.path, each.role, partial(_show, each)) for each in SHOWN),
        *(("POST", each.path, each.role, partial(_do, each)) for each in DONE),
    ]
    routes = [
        Route(path, _endpoint(site, role, work), methods=[method]) for method, path, role, work in table
    ]
    handlers = {HTTPException: partial(_problem_page, site), Exception: partial(_bug_page, site)}
    app = Starlette(routes=routes, exception_handlers=handlers)
    return Guarded(app, site.people, is_local=is_local, is_well=site.is_well)


def _endpoint(
    site: Site, role: PageRole | None, answered: Callable[[Site, Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """What Starlette calls: the role is asked for before anything of the request is read."""

    async def endpoint(request: Request) -> Response:
        if role is not None and not visitor_of(request).may(role):
            raise HTTPException(403, not_allowed(role))
        try:
            return await answered(site, request)
        except BillferryError as error:
            status = 409 if error.exit_status == EX_USAGE else 503
            raise HTTPException(status, told_on_page(error)) from error

    return endpoint


async def _show(shown: Shown, site: Site, request: Request) -> Response:
    return await run_in_threadpool(shown.view, site, request)


async def _do(done: Done, site: Site, request: Request) -> Response:
    form = await _form(request, done.max_bytes, done.max_fields)
    site.require_form_token(visitor_of(request), form.get("token", ""))
    return await run_in_threadpool(done.action, site, request, form)


async def _form(request: Request, max_bytes: int, max_fields: int) -> Form:
    """What a form sent, URL-encoded. Raises HTTPException: it is too large, or something else."""
    sent = bytearray()
    try:
        async for chunk in request.stream():
            sent += chunk
            if len(sent) > max_bytes:
                raise HTTPException(413, "the form is too large")
    except ClientDisconnect:
        raise HTTPException(400, "the form did not arrive whole") from None
    try:
        fields = parse_qs(
            sent.decode(), keep_blank_values=True, strict_parsing=bool(sent), max_num_fields=max_fields
        )
    except (UnicodeDecodeError, ValueError):
        raise HTTPException(400, "that is no form") from None
    return {name: values[-1] for name, values in fields.items()}


_OF_A_FILE = re.compile(r"/files/([0-9a-f]{64})/", re.ASCII)
_TITLES = {
    400: "That did not work",
    401: "Nobody is signed in",
    403: "Not allowed",
    404: "There is nothing here",
    405: "That is not possible here",
    409: "That is not possible now",
    413: "Too large",
    503: "Not now",
}


async def _problem_page(site: Site, request: Request, error: Exception) -> Response:
    """What went wrong, in the words of the error."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    is_told = status in _TITLES and detail and detail != _standard(status)
    row = await run_in_threadpool(_file_asked, site, request)
    address = f"/files/{row.sha256}/" if row is not None else None
    is_its_page = request.method == "GET" and request.url.path == address
    facts = error.__cause__.facts if isinstance(error.__cause__, BillferryError) else {}
    context = {
        "title": _TITLES.get(status, "That did not work"),
        "text": detail if is_told else "",
        "back": None if is_its_page else address,
        "names": [*([row.name] if row is not None else []), str(facts.get("name", ""))],
    }
    return await run_in_threadpool(partial(site.show, request, "problem.html", context, status=status))


def _file_asked(site: Site, request: Request) -> FileRow | None:
    """The file that a request was about; None: it was about none, or that is not known here."""
    found = _OF_A_FILE.match(request.url.path)
    if found is None:
        return None
    try:
        with site.ledger() as ledger:
            return Files(ledger).by_sha256(found[1]) if ledger is not None else None
    except BillferryError:
        return None


def _standard(status: int) -> str:
    """What Starlette says where nobody has said anything."""
    return HTTPException(status).detail


async def _bug_page(site: Site, request: Request, error: Exception) -> Response:
    """A bug: its trace goes to the log, not to the browser."""
    log.error("page.error", path=request.url.path, trace=masked_trace(error))
    context = {
        "title": "A bug in Billferry",
        "back": None,
        "text": "Nothing was changed by it. Please tell it to the people who run Billferry: its trace is in their log.",
    }
    return await run_in_threadpool(partial(site.show, request, "problem.html", context, status=500))
