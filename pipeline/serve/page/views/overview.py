"""What is open, and every file: the same page that runs write, as things stand now."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from pipeline.core.how_many import how_many
from pipeline.edge.clock import utc_now
from pipeline.edge.ledger.file_list import FileList
from pipeline.report.folders import month_pages
from pipeline.report.html.index_page import OverviewFacts, overview_context
from pipeline.run.work_dir import overview_facts
from pipeline.serve.page.site import Site, file_address, number_asked, visitor_of
from pipeline.serve.page.views.uploads import asked_of

FILES_ON_OVERVIEW = 60
"""All that need somebody come first; the whole list is a page of its own."""
FILES_ON_PAGE = 50


def overview(site: Site, request: Request) -> Response:
    """`/`: what needs a person, figures, and the newest files."""
    dropping = {
        "asked": asked_of(site, visitor_of(request)),
        "all_feeds": [feed.name for feed in site.settings.feeds],
        "under_way": [each for each in site.under_way().values() if each.total is not None],
    }
    return site.show(request, "index.html", {**_overview(site, FILES_ON_OVERVIEW), **dropping})


def all_files(site: Site, request: Request) -> Response:
    """`/files/?before=N&search=TEXT`: every file, newest first, so many on a page."""
    search = request.query_params.get("search", "").strip()
    below = number_asked(request, "before")
    with site.ledger() as ledger:
        files = FileList(ledger) if ledger is not None else None
        rows = files.page(search, below=below, most=FILES_ON_PAGE + 1) if files else ()
        found = files.count(search) if files else 0
        sums = site.sums.overview(ledger) if ledger else None
    shown, has_more = rows[:FILES_ON_PAGE], len(rows) > FILES_ON_PAGE
    facts = OverviewFacts(
        shown,
        found,
        site.settings.merchant,
        site.settings.environment,
        site.settings.timezone,
        utc_now(),
        to_correct=sums.to_correct if sums else {},
    )
    context = overview_context(facts, [], file_address, is_on_page=True)
    context["rows"] = sorted(context["rows"], key=lambda row: row.at, reverse=True)
    context |= {
        "search": search,
        "found": how_many(found, "file"),
        "older": f"?before={shown[-1].id}&search={quote(search)}" if has_more else None,
        "is_first": below is None,
        "newest": f"?search={quote(search)}",
    }
    return site.show(request, "files.html", context)


def _overview(site: Site, most: int) -> dict[str, object]:
    settings = site.settings
    months = [
        (f"/months/{first:%Y-%m}/", f"{first:%B %Y}")
        for first, _ in month_pages(settings.work_dir / "reports")
    ]
    with site.ledger() as ledger:
        if ledger is None:
            facts = OverviewFacts(
                (), 0, settings.merchant, settings.environment, settings.timezone, utc_now()
            )
        else:
            facts = overview_facts(settings, ledger, site.sums.overview(ledger), utc_now(), most=most)
    return overview_context(facts, months, file_address, is_on_page=True)
