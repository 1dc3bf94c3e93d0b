"""A reference across all files: which records have it, and what became of them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pipeline.core.values.amount_text import format_amount
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.record_search import FoundRecord, RecordSearch
from pipeline.serve.page.site import Site

MOST = 200
"""Records that are shown."""
LONGEST = 256
"""Characters of a reference that is looked for."""


def search_page(site: Site, request: Request) -> Response:
    """`/search/?q=REFERENCE`: every record that has it as bill, account or customer."""
    query = request.query_params.get("q", "").strip()[:LONGEST]
    found: list[FoundRecord] = []
    with site.ledger() as ledger:
        is_ready = ledger is not None and RecordSearch(ledger).is_ready()
        if ledger is not None and is_ready and query:
            found = RecordSearch(ledger).find(query, MOST + 1)
        ids = {each.file_id for each in found} | {each.by_file for each in found if each.by_file is not None}
        rows = Files(ledger).with_ids(ids) if ledger is not None and ids else []
    files = {row.id: row for row in rows}
    context = {
        "query": query,
        "is_ready": is_ready or ledger is None,
        "has_more": len(found) > MOST,
        "found": [
            (files[each.file_id], each, _money(each), files.get(each.by_file or 0)) for each in found[:MOST]
        ],
    }
    return site.show(request, "search.html", context)


def _money(found: FoundRecord) -> str:
    known = found.currency is not None and found.amount_minor is not None
    return format_amount(found.currency or "", found.amount_minor or 0) if known else ""
