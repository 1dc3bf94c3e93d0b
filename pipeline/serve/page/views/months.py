"""The totals of a month, as things stand now: the same page that runs write."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline.core.days import month_named
from pipeline.edge.ledger.chains import Chains
from pipeline.monitoring.payments_standing import paid_as_known
from pipeline.report.html.month_page import month_context
from pipeline.run.month_pages import month_totals
from pipeline.serve.page.site import Site, file_address


def month(site: Site, request: Request) -> Response:
    """`/months/2026-11/`."""
    days = month_named(request.path_params["key"])
    with site.ledger() as ledger:
        if days is None or days.first is None or ledger is None:
            raise HTTPException(404, "there is no such month")
        totals = month_totals(
            site.settings, Chains(ledger).all(), days.first, datetime.now(UTC), paid_as_known(site.settings)
        )
    return site.show(request, "month.html", month_context(totals, file_address))
