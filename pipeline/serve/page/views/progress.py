"""A file that a run works on: how far it is, for those who watch, and the button that stops it."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from pipeline.run.stop_load import stop_load
from pipeline.serve.page.site import Form, Site, visitor_of

NOTHING_MORE = 204
"""With that status a browser does not ask again."""


async def watch_file(site: Site, request: Request) -> Response:
    """`/files/SHA256/progress`: server-sent events until no run works on the file any more."""
    sha256 = await run_in_threadpool(_sha256_of, site, request)
    if sha256 not in await site.progress.now():
        return Response(status_code=NOTHING_MORE)
    if not site.progress.has_room:
        raise HTTPException(
            503, "too many people watch; this page shows how far it is when it is opened again"
        )
    headers = {"x-accel-buffering": "no"}  # nginx hands events on at once then
    return StreamingResponse(site.progress.events(sha256), media_type="text/event-stream", headers=headers)


def stop_shown(site: Site, request: Request, form: Form) -> Response:  # noqa: ARG001 (its token was asked for)
    """`/files/SHA256/stop`: the run ends what is under way of it and holds it. Raises UsageError: nothing is."""
    with site.ledger() as ledger:
        row = site.file(ledger, request.path_params["key"])
    stop_load(site.config, row.sha256, row.name, visitor_of(request).person)
    return RedirectResponse(f"/files/{row.sha256}/", 303)


def _sha256_of(site: Site, request: Request) -> str:
    with site.ledger() as ledger:
        return site.file(ledger, request.path_params["key"]).sha256
