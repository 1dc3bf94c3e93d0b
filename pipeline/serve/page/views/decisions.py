"""What a person decides about a held file: it goes on, a part of it goes on, or it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pipeline.core.release_decisions import Person, is_first_person
from pipeline.core.values.amount_text import format_amount, grouped
from pipeline.edge.ledger.decisions import Decisions, LoadedAmounts
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.report.summary_text import FEW_AMOUNTS, to_send
from pipeline.run.decide import (
    HeldFileChoice,
    decide,
    needs_second_person,
    people_who_dropped,
    print_of_shown,
)
from pipeline.serve.page.people import EVERYBODY, WHERE, Visitor
from pipeline.serve.page.site import Form, Site, visitor_of
from schemas.results import AmountFacts, Summary

MAX_WHY = 500
"""Characters of the reason for a refusal."""
MAX_LIMIT = 1_000_000_000
SHOWN_LOADS = 5
"""Of earlier files of the feed, beside the amounts of this one."""


def release_shown(site: Site, request: Request, form: Form) -> Response:
    """`/files/SHA256/release`: the next pass sends the file, or `limit` records of it."""
    limit = form.get("limit", "").strip()
    if limit and not (limit.isascii() and limit.isdigit() and 0 < int(limit[:12]) <= MAX_LIMIT):
        raise HTTPException(400, "the number of records is not a whole number above 0")
    choice = HeldFileChoice(
        "release",
        visitor_of(request).person,
        shown=form.get("shown", ""),
        limit=int(limit) if limit else None,
        accept_changes=form.get("accept_changes") == "yes",
    )
    return _decided(site, request, choice)


def refuse_shown(site: Site, request: Request, form: Form) -> Response:
    """`/files/SHA256/refuse`: nothing more of the file is sent."""
    return _decided(site, request, _refusal(visitor_of(request), form))


def withdraw_own(site: Site, request: Request, form: Form) -> Response:
    """`/files/SHA256/withdraw`: the same, by whoever dropped the file."""
    visitor = visitor_of(request)
    with site.ledger() as ledger:
        row = site.file(ledger, request.path_params["key"])
        is_own = ledger is not None and is_first_person(visitor.person, people_who_dropped(ledger, row))
    if not is_own:
        raise HTTPException(403, "only who dropped a file can withdraw it")
    return _decided(site, request, _refusal(visitor, form))


def _refusal(visitor: Visitor, form: Form) -> HeldFileChoice:
    why = " ".join(form.get("why", "").split())
    if not why:
        raise HTTPException(400, "a reason is needed: it goes into the report")
    return HeldFileChoice("refuse", visitor.person, shown=form.get("shown", ""), why=why[:MAX_WHY])


def _decided(site: Site, request: Request, choice: HeldFileChoice) -> Response:
    """Raises UsageError: it did not come about, see `decide.WhyNot`."""
    key = request.path_params["key"]
    with site.ledger() as ledger:
        sha256 = site.file(ledger, key).sha256
    decide(site.config, sha256, choice)
    return RedirectResponse(f"/files/{sha256}/", 303)


def decision_context(site: Site, ledger: Ledger, row: FileRow, visitor: Visitor) -> Mapping[str, Any] | None:
    """What the forms on the page of a held file need; None where there is nothing to decide."""
    if not row.held or row.summary is None or Decisions(ledger).pending(row.sha256) is not None:
        return None
    summary = Summary.model_validate(row.summary, strict=False)
    dropped_by = people_who_dropped(ledger, row)
    is_own = is_first_person(visitor.person, dropped_by)
    return {
        "shown": print_of_shown(ledger, row),
        "money": [to_send(currency, amounts) for currency, amounts in summary.held_amounts.items()],
        "amounts": [_amounts(ledger, row, currency, each) for currency, each in summary.held_amounts.items()],
        "changes": [change for hold in summary.holds for change in hold.changes],
        "dropped_by": [str(person) for person in dropped_by],
        "may_release": visitor.may("approve")
        and not needs_second_person(site.settings, ledger, row, visitor.person),
        "may_refuse": visitor.may("approve"),
        "may_withdraw": visitor.may("upload") and not visitor.may("approve") and is_own,
        "is_own": is_own,
        "needs_other": needs_second_person(site.settings, ledger, row, visitor.person),
        "approvers": _approvers(site, dropped_by),
    }


def _approvers(site: Site, dropped_by: Sequence[Person]) -> list[str]:
    """Names of the people who may release the file; empty: everybody may, but for whoever must not."""
    page, roles = site.page, site.page.roles
    names = roles.get("approve", []) if roles else [EVERYBODY]
    if EVERYBODY in names:
        return []
    others = page.approvals == "second_person"
    return sorted(name for name in names if not (others and is_first_person(Person(name, WHERE), dropped_by)))


def _amounts(
    ledger: Ledger, row: FileRow, currency: str, this: AmountFacts
) -> tuple[str, list[tuple[str, datetime | None, str, list[str]]]]:
    """A currency, and how large its amounts are: in this file, then in the last ones of its feed that were loaded.

    Each line has a name, when it was loaded (None: this file), its records, the smallest amount, the median and
    the largest.
    """

    def sizes(of: AmountFacts | LoadedAmounts) -> list[str]:
        found = [
            format_amount(currency, minor) for minor in (of.smallest_minor, of.median_minor, of.largest_minor)
        ]
        return found if of.records >= FEW_AMOUNTS else [found[0], "–", found[2]]

    lines: list[tuple[str, datetime | None, str, list[str]]] = [
        (
            "This file",
            None,
            grouped(this.records),
            sizes(this),
        )
    ]
    for each in Decisions(ledger).loaded_amounts(row.feed, currency)[:SHOWN_LOADS]:
        lines.append((each.name, datetime.fromisoformat(each.at), grouped(each.records), sizes(each)))
    return currency, lines
