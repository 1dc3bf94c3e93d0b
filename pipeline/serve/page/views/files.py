"""One file: its report as runs wrote it, and what people decided about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from pipeline.core.values.timestamps import local_time
from pipeline.edge.ledger.decisions import Decisions
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.loads_under_way import LoadsUnderWay
from pipeline.edge.ledger.uploads import Uploads
from pipeline.report.folders import REPORT_NAMES
from pipeline.report.html.index_page import report_of
from pipeline.report.html.render import rendered_below
from pipeline.report.html.top import main_of, top_on_page
from pipeline.report.html.wording import named
from pipeline.run.preview import Preview
from pipeline.run.stored_documents import STORE_TROUBLES, StoredDocuments
from pipeline.serve.page.people import Visitor, not_allowed
from pipeline.serve.page.problems import told_on_page
from pipeline.serve.page.progress import HowFar, is_worked_on
from pipeline.serve.page.site import TEMPLATES, Site, visitor_of
from pipeline.serve.page.views.correcting import mend_link
from pipeline.serve.page.views.decisions import decision_context
from schemas.results import Summary

MOST_BYTES = 80_000
"""Of a report's sections on the page; of a longer one the single records are left to the report itself."""
PREVIEW_AGAIN_S, WAITING_AGAIN_S = 1, 3
"""Seconds after which a page is asked for again: while its preview is made; while a run works on it, or has to."""
SHOWN_PREVIEWS = {"ready", "checked", "failed"}
"""There is something to read."""
DOWNLOADS = {name: kind for kind, names in REPORT_NAMES.items() for name in names}
_OWN_POLICY = re.compile(rb'http-equiv="Content-Security-Policy" content="([^"\n]{1,500})"')
_HEAD_BYTES = 2048


def file_page(site: Site, request: Request) -> Response:
    """`/files/SHA256/`: a file. Other ways to name one, as reports do in their links, lead there."""
    with site.ledger() as ledger:
        row = site.file(ledger, request.path_params["key"])
        if row.sha256 != request.path_params["key"]:
            return RedirectResponse(f"/files/{row.sha256}/", 307)
        told, is_decided = _decisions(site, ledger, row)
        dropped = _dropped(site, ledger, _summary(row.summary)) if ledger is not None else {}
        decide = decision_context(site, ledger, row, visitor_of(request)) if ledger is not None else None
        away = _brought(site, ledger, row)
        mending = mend_link(site, ledger, row) if ledger is not None else None
    is_new = row.state == "landed" and not is_worked_on(row)
    progress = site.under_way().get(row.sha256)
    if is_new and progress is not None and not progress.is_sent:
        progress = None  # its preview tells more
    preview = site.previews.preview_upload(row.sha256) if is_new and progress is None else None
    summary = _summary(preview.summary if preview is not None else row.summary)
    is_at_work = progress is not None and row.state == "landed"
    is_outdated = row.summary is not None and row.summary["state"] != row.state
    folder = preview.folder if preview is not None else None if is_outdated else _report_folder(site, row)
    again_s = _again_s(preview, is_waiting=is_decided or is_at_work)
    link = "preview/" if preview is not None else ""
    context: dict[str, Any] = {
        "file": row,
        "state": _state(row, progress),
        "told": told,
        "is_decided": is_decided,
        "decide": decide,
        "mending": mending,
        "report": _sections(folder, _top(site, summary, dropped, visitor_of(request), link)),
        "downloads": _downloads(folder, visitor_of(request)),
        "preview": preview,
        "progress": progress,
        "is_worked_on": is_at_work,
        "is_outdated": is_outdated,
        "again_s": again_s,
        "is_awaited": again_s is not None and (preview is None or preview.state not in SHOWN_PREVIEWS),
        "requests": [json.dumps(each, indent=2) for each in preview.requests] if preview else [],
        "link": link,
        "away": away,
    }
    return site.show(request, "bill_file.html", context)


def download(site: Site, request: Request) -> Response:
    """`/files/SHA256/NAME`: a file of its report."""
    key, name = request.path_params["key"], request.path_params["name"]
    with site.ledger() as ledger:
        row = site.file(ledger, key)
        if row.sha256 != key:
            return RedirectResponse(f"/files/{row.sha256}/{quote(name)}", 307)
        if (away := _brought(site, ledger, row)) is not None:
            raise HTTPException(503, away)
    return _part_of(_report_folder(site, row), row, name, visitor_of(request))


def preview_download(site: Site, request: Request) -> Response:
    """`/files/SHA256/preview/NAME`: a file of its preview."""
    with site.ledger() as ledger:
        row = site.file(ledger, request.path_params["key"])
    folder = site.previews.preview_upload(row.sha256).folder
    return _part_of(folder, row, request.path_params["name"], visitor_of(request))


def _part_of(folder: Path | None, row: FileRow, name: str, visitor: Visitor) -> Response:
    if not _may_have(visitor, name):
        raise HTTPException(403, not_allowed("upload", "approve"))
    if folder is None or name not in DOWNLOADS or not (folder / name).is_file():
        raise HTTPException(404, "that part of the report is not there")
    if DOWNLOADS[name] == "page":
        return _whole_report(folder / name)
    return FileResponse(
        folder / name,
        media_type="application/octet-stream",
        filename=f"{row.name}.{name}",
        content_disposition_type="attachment",
    )


def _state(row: FileRow, progress: HowFar | None) -> str:
    """What becomes of a file just now, or has: what its last report said may be over."""
    if row.state != "landed":
        return named(row.state)
    return progress.title if progress is not None else "Waits for the next pass"


def _brought(site: Site, ledger: Ledger | None, row: FileRow) -> str | None:
    """Have the newest report here, if the store has it; why it cannot be had, in words for the page."""
    if ledger is not None and row.summary is not None:
        documents = StoredDocuments(site.settings, ledger)
        try:
            documents.remove_forgotten(row.id)
            documents.bring_report(row)
        except STORE_TROUBLES as error:
            return told_on_page(error)
    return None


def _report_folder(site: Site, row: FileRow) -> Path | None:
    reports = site.settings.work_dir / "reports"
    found = report_of(row, reports)
    return reports / found[0] if found else None


def _summary(facts: Mapping[str, Any] | None) -> Summary | None:
    return Summary.model_validate(facts, strict=False) if facts is not None else None


def _top(
    site: Site, summary: Summary | None, dropped: Mapping[str, str], visitor: Visitor, beside: str
) -> Iterator[bytes] | None:
    """The top of a report in words for the page; None: it stays as it was written. `dropped`, `beside`: as of
    `top_on_page`.
    """
    if summary is None or summary.comparison is not None:
        return None
    may_have_rejects = _may_have(visitor, REPORT_NAMES["rejects"][0])
    context = top_on_page(summary, dropped, may_have_rejects=may_have_rejects, beside=beside)
    return rendered_below(TEMPLATES, "report_top.html", context, timezone=site.settings.timezone)


def _dropped(site: Site, ledger: Ledger, summary: Summary | None) -> dict[str, str]:
    """SHA-256 of each correction of a file that came by the page → when it was dropped the last time, and by whom."""
    corrections = summary.chain.corrections if summary is not None and summary.chain is not None else []
    found = {}
    for each in corrections:
        if dropped := Uploads(ledger).of(each.sha256):
            found[each.sha256] = (
                f"on {local_time(dropped[-1].at, site.settings.zone)} by {dropped[-1].by.user_name}"
            )
    return found


def _sections(folder: Path | None, top: Iterator[bytes] | None) -> Markup | None:
    """The sections of the report, which escaped all texts when it was written. `top`: as of `main_of`."""
    (page,) = REPORT_NAMES["page"]
    if folder is None or not (folder / page).is_file():
        return None
    sections = main_of((folder / page).read_bytes(), most=MOST_BYTES, top=top)
    return None if sections is None else Markup(sections)  # noqa: S704 (written by us, from escaped texts)


def _downloads(folder: Path | None, visitor: Visitor) -> list[str]:
    if folder is None:
        return []
    return [name for name in DOWNLOADS if (folder / name).is_file() and _may_have(visitor, name)]


def _may_have(visitor: Visitor, name: str) -> bool:
    """Rejects repeat whole records, with names and addresses of people: for those who correct them or decide."""
    return DOWNLOADS.get(name) != "rejects" or visitor.may("upload") or visitor.may("approve")


def _decisions(site: Site, ledger: Ledger | None, row: FileRow) -> tuple[list[str], bool]:
    """What people decided about a file, in words, oldest first; and whether the next run has to act on some of it."""
    if ledger is None:
        return [], False
    every, zone = Decisions(ledger).every(row.sha256), site.settings.zone
    told = [
        *(
            (drop.at, f"dropped on {local_time(drop.at, zone)} by {drop.by}")
            for drop in Uploads(ledger).of(row.sha256)
        ),
        *(
            (stop.at, f"stop asked for on {local_time(stop.at, zone)} by {stop.by}")
            for stop in LoadsUnderWay(ledger).every_stop(row.id)
        ),
        *(
            (made.at, made.told(zone, fate) + ("; the next run acts on it" if fate == "pending" else ""))
            for made, fate in every
        ),
    ]
    in_time = sorted(told, key=lambda each: each[0])
    return [text for _, text in in_time], any(fate == "pending" for _, fate in every)


def _again_s(preview: Preview | None, *, is_waiting: bool) -> int | None:
    """After so many seconds the page is asked for again, for something is about to come of it; None: not at all."""
    if preview is not None:
        return WAITING_AGAIN_S if preview.state in SHOWN_PREVIEWS else PREVIEW_AGAIN_S
    return WAITING_AGAIN_S if is_waiting else None


def _whole_report(path: Path) -> Response:
    """The page of a report as it is: its own policy names the style and the script that are inside."""
    content = path.read_bytes()
    found = _OWN_POLICY.search(content[:_HEAD_BYTES])
    policy = found[1].decode() if found else "default-src 'none'"
    headers = {"content-security-policy": f"{policy}; frame-ancestors 'none'"}
    return Response(content, media_type="text/html; charset=utf-8", headers=headers)
