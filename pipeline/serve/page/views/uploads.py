"""Dropped files: taken in while they arrive, and asked about where something is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from pipeline.core.names import SIDECAR_ENDING
from pipeline.core.plain_text import without_commands
from pipeline.core.proposal.feed_proposal import Proposal
from pipeline.core.values.timestamps import local_time
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.uploads import Uploads
from pipeline.errors import FileRefused, FileTooLarge, UsageError
from pipeline.monitoring.system_status import state_of
from pipeline.report.html.wording import named
from pipeline.run.propose_feed import preview_of_feed, propose_for
from pipeline.run.uploads import (
    AlreadyKnown,
    Asking,
    Taken,
    UploadResult,
    accept_upload,
    answer_upload,
    asked_content,
    asked_uploads,
    control_waiting,
    withdraw_upload,
)
from pipeline.serve.page.people import Visitor
from pipeline.serve.page.problems import told_on_page
from pipeline.serve.page.site import Form, Site, visitor_of
from pipeline.serve.page.streaming import ArrivingBody, NotArrived, form_parts

MAX_AT_ONCE = 8
"""Files that are taken in at the same time; others wait, and so do their senders."""
MAX_FILES = 200
"""In one form."""
TOKEN_HEADER = "x-billferry-token"  # noqa: S105 (a name)

_threads = ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="upload")


@dataclass(frozen=True, slots=True)
class DropResult:
    """What became of one dropped file, for a person."""

    name: str
    text: str
    address: str | None = None
    """Where it goes on."""
    is_taken: bool = True
    """False: it is not here."""
    is_known: bool = False
    """It was here before, and nothing was done."""


async def put_file(site: Site, request: Request) -> Response:
    """`PUT /upload?name=NAME&feed=FEED`: one file, as it is; what became of it as JSON."""
    visitor = visitor_of(request)
    site.require_form_token(visitor, request.headers.get(TOKEN_HEADER, ""))
    name, feed = request.query_params.get("name", ""), request.query_params.get("feed") or None
    if not name:
        raise HTTPException(400, "the file has no name")
    results = await _in_a_thread(partial(_dropped, site, visitor, name, ArrivingBody(request).blocks(), feed))
    documents = [
        {
            "name": each.name,
            "text": each.text,
            "address": each.address,
            "is_taken": each.is_taken,
            "is_known": each.is_known,
        }
        for each in results
    ]
    if all(each.is_taken for each in results):
        return JSONResponse({"files": documents})
    # What is left of the file is not read: it may have no end.
    return JSONResponse({"files": documents}, 422, headers={"connection": "close"})


async def post_files(site: Site, request: Request) -> Response:
    """`POST /upload`: a form with files, as a browser without our script sends it."""
    body, visitor = ArrivingBody(request), visitor_of(request)
    content_type = request.headers.get("content-type", "")
    results = await _in_a_thread(partial(_form_taken, site, visitor, body.blocks(), content_type))
    if len(results) == 1 and results[0].address and not results[0].is_known:
        return RedirectResponse(results[0].address, 303)
    return await asyncio.to_thread(partial(site.show, request, "dropped.html", _told(results)))


async def _in_a_thread(work: Any) -> Any:
    """In one of few threads, so that those who only look are answered meanwhile."""
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    except NotArrived as error:
        raise HTTPException(400, f"{error}") from error


def _form_taken(site: Site, visitor: Visitor, blocks: Iterable[bytes], content_type: str) -> list[DropResult]:
    """Raises NotArrived, HTTPException: nothing is taken before the token came."""
    results: list[DropResult] = []
    token, feed = "", None
    try:
        for number, part in enumerate(form_parts(blocks, content_type)):
            if number > MAX_FILES:
                raise HTTPException(400, f"a form may have {MAX_FILES} files")
            if part.file_name is None:
                text = part.text()
                token = text if part.name == "token" else token
                feed = (text or None) if part.name == "feed" else feed
                continue
            site.require_form_token(visitor, token)
            if part.file_name:
                results += _dropped(site, visitor, part.file_name, part.blocks(), feed)
    except NotArrived as error:
        if not results:
            raise
        results.append(DropResult("What came behind it", f"was not taken in: {error}", is_taken=False))
    if not results:
        raise HTTPException(400, "choose a file first")
    return results


def _dropped(
    site: Site, visitor: Visitor, name: str, blocks: Iterator[bytes], feed: str | None
) -> list[DropResult]:
    """Take one file in; what is wrong with it is told of it, and the next one goes on."""
    person = visitor.person
    try:
        if awaited := _file_that_awaits(site, visitor, name):
            answered = answer_upload(site.config, awaited, by=person, control=b"".join(blocks))
            return list(results_of(site, answered))
        control = control_waiting(site.config, person, name)
        accepted = accept_upload(site.config, name, blocks, by=person, feed=feed, control=control)
        return list(results_of(site, accepted))
    except (FileRefused, FileTooLarge) as error:
        return [DropResult(name, told_on_page(error), is_taken=False)]


def _file_that_awaits(site: Site, visitor: Visitor, name: str) -> str | None:
    """The token of a file that this person dropped, and that waits for the control file of that name."""
    if not name.endswith(SIDECAR_ENDING):
        return None
    asked = asked_uploads(site.config, visitor.person)
    return next((token for token, other in asked if other + SIDECAR_ENDING == name), None)


def results_of(site: Site, result: UploadResult) -> Iterator[DropResult]:
    """What became of what was dropped, of an archive file by file."""
    match result:
        case Asking():
            yield DropResult(result.name, without_commands(result.reason), f"/upload/{result.token}/")
        case Taken():
            for row in result.files:
                yield DropResult(row.name, "is here, and is checked next", f"/files/{row.sha256}/")
            yield from _known(site, result.known)
        case AlreadyKnown():
            yield from _known(site, result.files)


def _known(site: Site, rows: Sequence[FileRow]) -> Iterator[DropResult]:
    """Files that were here before: since when, from whom, and what became of them."""
    with site.ledger() as ledger:
        for row in rows:
            dropped = Uploads(ledger).of(row.sha256) if ledger is not None else []
            at = local_time(dropped[0].at if dropped else row.landed_at, site.settings.zone)
            how = f"was dropped before, on {at} by {dropped[0].by}" if dropped else f"came before, on {at}"
            text = f"this file {how}: {named(state_of(row)).lower()}. Nothing was done now"
            yield DropResult(row.name, text, f"/files/{row.sha256}/", is_known=True)


def _told(results: Sequence[DropResult]) -> dict[str, Any]:
    """What became of dropped files, for its template."""
    return {"results": results, "names": [each.name for each in results]}


def asking_page(site: Site, request: Request) -> Response:
    """`/upload/TOKEN/`: what is missing before a file can be taken, and the feed that is proposed for it."""
    return _asking(site, request, None)


def propose_again(site: Site, request: Request, form: Form) -> Response:
    """`/upload/TOKEN/feed`: the proposed feed as the person has corrected it: looked at again, or as a file to keep.

    It goes into the config by hand: the page never writes that.
    """
    yaml = form.get("yaml", "").replace("\r\n", "\n")
    if form.get("keep"):
        headers = {"content-disposition": 'attachment; filename="feed.yaml"'}
        return Response(yaml.encode(), media_type="application/yaml", headers=headers)
    return _asking(site, request, yaml)


def _asking(site: Site, request: Request, yaml: str | None) -> Response:
    """`yaml`: the feed as a person has it; None: as it is proposed."""
    token = request.path_params["key"]
    try:
        path, name = asked_content(site.config, token, visitor_of(request).person)
    except UsageError as gone:
        raise HTTPException(404, told_on_page(gone)) from gone
    proposal: Proposal | None = None
    problem = None
    if yaml is None:
        try:
            proposal = propose_for(path, name)
            yaml = proposal.yaml
        except UsageError as error:
            problem = without_commands(str(error.facts["problem"]))
    context = {
        "name": name,
        "names": [name],
        "key": token,
        "feeds": [feed.name for feed in site.settings.feeds],
        "yaml": yaml,
        "problem": problem,
        "doubts": proposal.doubts if proposal else (),
        "preview": preview_of_feed(path, name, yaml) if yaml is not None else None,
    }
    return site.show(request, "asking.html", context)


def answer_asked(site: Site, request: Request, form: Form) -> Response:
    """`/upload/TOKEN/answer`: go on with the feed that the person chose, or give the file up."""
    token, person = request.path_params["key"], visitor_of(request).person
    if form.get("withdraw"):
        if token in {each for each, _ in asked_uploads(site.config, person)}:
            withdraw_upload(site.config, token)
        return RedirectResponse("/", 303)
    result = answer_upload(site.config, token, by=person, feed=form.get("feed") or None)
    (first, *more) = results_of(site, result)
    if not more and first.address and not first.is_known:
        return RedirectResponse(first.address, 303)
    return site.show(request, "dropped.html", _told([first, *more]))


def asked_of(site: Site, visitor: Visitor) -> Sequence[DropResult]:
    """Files that wait for an answer of this person, for the overview."""
    if not visitor.may("upload"):
        return []
    return [
        DropResult(name, "waits for an answer", f"/upload/{token}/")
        for token, name in asked_uploads(site.config, visitor.person)
    ]
