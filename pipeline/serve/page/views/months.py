"""The totals of a month, as things stand now: the same page that runs write."""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline.core.days import month_named
from pipeline.edge.clock import utc_now
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.schema import inbox_path
from pipeline.monitoring.payments_standing import paid_as_known
from pipeline.report.html.month_page import month_context
from pipeline.run.payments_view import payments_mark
from pipeline.serve.page.site import Site, file_address
from schemas.settings import Settings

MOST_FILES = 60
"""Of the month that are listed: those that need somebody, and the first."""


def month(site: Site, request: Request) -> Response:
    """`/months/2026-11/`."""
    days = month_named(request.path_params["key"])
    with site.ledger() as ledger:
        if days is None or days.first is None or ledger is None:
            raise HTTPException(404, "there is no such month")
        first, mark = days.first, (days.first, site.sums.mark(ledger), _payments_mark(site.settings))
        context = site.month.get(mark, lambda: _context(site, ledger, first))
    document = context["document"].model_copy(update={"as_of": utc_now()})
    return site.show(request, "month.html", {**context, "document": document})


def _context(site: Site, ledger: Ledger, first: date) -> dict[str, Any]:
    """All that the page shows, as things stand."""
    paid = paid_as_known(site.settings)
    totals = site.sums.month(ledger, first, as_of=utc_now(), paid=paid, most=MOST_FILES)
    context = month_context(totals, file_address)
    return {**context, "rows": sorted(context["rows"], key=lambda row: row.tone == "good")}


def _payments_mark(settings: Settings) -> tuple[object, ...] | None:
    is_there = settings.payments is not None and inbox_path(settings.work_dir).exists()
    return payments_mark(settings) if is_there else None
