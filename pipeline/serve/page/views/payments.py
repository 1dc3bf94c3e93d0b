"""Payments: what was received, what became of it, and the comparisons with the vendor's reports."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline.core.payments.comparison_words import comparison_lines
from pipeline.core.payments.status_words import PAYMENT_HEADINGS, payment_cells, status_in_words
from pipeline.core.plain_text import without_commands
from pipeline.edge.clock import utc_now
from pipeline.edge.ledger.file_list import FileList
from pipeline.edge.ledger.inbox.schema import inbox_path
from pipeline.run.payments_view import newest_payments, payments_status
from pipeline.serve.page.site import Site, number_asked
from schemas.results import ComparisonFacts

PAYMENTS_ON_PAGE = 50
REPORTS_SHOWN = 10


def payments_page(site: Site, request: Request) -> Response:
    """`/payments/?show=open&before=N`: as `billferry payments status` and `payments list` tell it, the newest first."""
    settings = site.settings
    if settings.payments is None:
        raise HTTPException(404, "payments are not configured")
    only_open = request.query_params.get("show") == "open"
    below = number_asked(request, "before")
    lines, found = ["No payments have been received yet."], []
    if inbox_path(settings.work_dir).exists():
        status = payments_status(settings, utc_now(), as_kept=True)
        lines = [
            without_commands(line)
            for line in status_in_words(status, settings.zone, settings.payments.export)
        ]
        found = newest_payments(settings, PAYMENTS_ON_PAGE + 1, below=below, only_to_settle=only_open)
    shown = found[:PAYMENTS_ON_PAGE]
    context = {
        "lines": lines,
        "only_open": only_open,
        "headings": PAYMENT_HEADINGS,
        "payments": [payment_cells(each, settings.zone) for each in shown],
        "is_first": below is None,
        "show": "open" if only_open else "all",
        "older": shown[-1].seq if len(found) > PAYMENTS_ON_PAGE else None,
        "reports": _reports(site),
    }
    return site.show(request, "payments.html", context)


def _reports(site: Site) -> list[tuple[str, str, list[str]]]:
    """SHA-256, name and findings of the newest reports that were compared."""
    with site.ledger() as ledger:
        rows = FileList(ledger).compared(REPORTS_SHOWN) if ledger is not None else []
    return [
        (
            row.sha256,
            row.name,
            comparison_lines(ComparisonFacts.model_validate(row.summary["comparison"], strict=False)),
        )
        for row in rows
        if row.summary is not None and row.summary.get("comparison")
    ]
