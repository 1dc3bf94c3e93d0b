"""The top of a file's page: the verdict, what became of its rejects since, and the figures. From its summary alone.

It is the part that a later correction or write-off changes, so that a page can be brought up to date when the records
that it was made from are gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from pipeline.core.outcomes import OPEN, REJECTS, Outcome, still_open
from pipeline.core.plain_text import without_commands
from pipeline.core.totals import UNREADABLE_CURRENCY
from pipeline.core.values.amount_text import format_amount, grouped
from pipeline.report.folders import REPORT_NAMES, folder_name
from pipeline.report.html.charts import Caption, Series, stacked_bar
from pipeline.report.html.render import rendered
from pipeline.report.html.wording import (
    CHECKED_ONLY,
    LOADED,
    REFUSED_WITH_FILE,
    count,
    meanings,
    named,
    names_in,
    records,
    verdict,
)
from pipeline.report.summary_text import amounts_unknown, money_of
from schemas.results import ChainFacts, ChainPart, Summary

_OTHER_FILES = re.compile(r"<div><dt>(?:Other files of this report|Each payment)</dt>.*?</div>\n?")
_BEGIN, _END = b"<!--top-->\n", b"<!--/top-->\n"
_RECORDS, _FILE_AND_RUN = (
    b'<section aria-labelledby="records-heading">',
    b'<section aria-labelledby="run-heading">',
)


@dataclass(frozen=True, slots=True)
class Closing:
    """Some records of a chain: what closed them (or that nothing has), how many, their money by currency."""

    name: str
    link: str | None
    meaning: str
    records: int
    amounts: list[str]


def with_top_of(summary: Summary, page: bytes, *, timezone: str) -> bytes | None:
    """A page with its top made again from `summary`; None where the page has no part that can be replaced.

    `timezone`: an IANA name.
    """
    return _with_top(page, rendered("report_top.html", top_context(summary), timezone=timezone))


def main_of(page: bytes, *, most: int, top: Iterable[bytes] | None = None) -> str | None:
    """The sections of a report's page, for a page in the browser around them: without what is for people with a shell,
    and without the links to its other files, which that page has itself. None where it has none.

    Args:
        most: of more bytes, the table of single records is left out.
        top: what takes the place of its top, where that can be replaced; None: as it is.
    """
    if top is not None:
        page = _with_top(page, top) or page
    _, begin, rest = page.partition(b"<main>\n")
    sections, end, _ = rest.rpartition(b"</main>")
    if not begin or not end:
        return None
    before, records, after = sections.partition(_RECORDS)
    if records and len(sections) > most:
        _, file_and_run, rest = after.partition(_FILE_AND_RUN)
        sections = before + file_and_run + rest
    return without_commands(_OTHER_FILES.sub("", sections.decode()))


def _with_top(page: bytes, top: Iterable[bytes]) -> bytes | None:
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    return b"".join([before, begin, *top, end, after]) if begin and end else None


def top_on_page(
    summary: Summary, dropped: Mapping[str, str], *, may_have_rejects: bool, beside: str
) -> dict[str, Any]:
    """What the same template needs on the page in the browser.

    Args:
        dropped: SHA-256 of corrections that came by the page → when, and by whom.
        may_have_rejects: whether the person may read the file of rejects.
        beside: the way to the other files of the report.
    """
    return {
        **top_context(summary, dropped),
        "verdict": verdict(summary, is_on_page=True),
        "may_have_rejects": may_have_rejects,
        "beside": beside,
    }


def top_context(summary: Summary, dropped: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the template of the top needs. `dropped`: as of `top_on_page`."""
    return {
        "summary": summary,
        "names": names_in(summary),
        "verdict": verdict(summary),
        "may_have_rejects": True,
        "beside": "",
        "chain": _chain(summary.chain, dropped or {}) if summary.chain else None,
        "outcomes": [(Outcome(name), number) for name, number in summary.records.parts().items() if number],
        "meanings": meanings(summary.state),
        "bar": _outcome_bar(summary),
        "facts": list(_facts(summary)),
    }


def _chain(chain: ChainFacts, dropped: Mapping[str, str]) -> dict[str, Any] | None:
    """The section on corrections and write-offs, or the other file that this one belongs to; None without any."""
    for title, lead, other in (
        ("Correction", "This file corrects records of", chain.original),
        ("Sent again", "A later file of the same name was loaded:", chain.superseded_by),
    ):
        if other is not None:
            name, _, digits = other.rpartition(".")
            link = _link(folder_name(name, digits, len(digits)))
            return {"title": title, "lead": lead, "other": name, "link": link}
    if not (chain.corrections or chain.write_offs):
        return None
    rows = [
        Closing(
            each.name,
            _link(each.report) if each.report else None,
            f"correction {number}, {named(each.state).lower()}"
            + (f"; dropped {dropped[each.sha256]}" if each.sha256 in dropped else ""),
            each.closed.records,
            money_of(each.closed),
        )
        for number, each in enumerate(chain.corrections, start=1)
    ]
    if chain.write_offs:
        rows.append(_written_off(chain))
    if chain.open.records:
        rows.append(_left(chain.open))
    return {"title": "Corrections and write-offs", "other": None, "lead": _lead(chain), "rows": rows}


def _written_off(chain: ChainFacts) -> Closing:
    """What is written off now; some of what people wrote off may have been loaded since."""
    part = chain.written_off
    said = [
        f"{records(off.records)} on {off.at:%Y-%m-%d} by {' on '.join(off.by.rsplit('@', 1))}: {off.why}"
        for off in chain.write_offs
    ]
    if (reopened := sum(off.records for off in chain.write_offs) - part.records) > 0:
        said.append(f"{grouped(reopened)} of these {'was' if reopened == 1 else 'were'} taken up again since")
    return Closing("Written off", None, "; ".join(said), part.records, money_of(part))


def _left(part: ChainPart) -> Closing:
    return Closing("Still to correct", None, "nothing has closed these yet", part.records, money_of(part))


def _lead(chain: ChainFacts) -> str:
    """One sentence that adds up."""
    whole = chain.open.records + chain.corrected.records + chain.written_off.records
    parts = (
        (chain.corrected.records, "corrected"),
        (chain.written_off.records, "written off"),
        (chain.open.records, "still to correct"),
    )
    if not whole:
        return "No record of this file could be read."
    told = ", ".join(f"{grouped(number)} {what}" for number, what in parts if number)
    return f"Of {records(whole)} that this file did not load: {told}."


def _link(folder: str) -> str:
    """The way to another file's page from within this one's folder; both are there for as long as reports are kept."""
    (page,) = REPORT_NAMES["page"]
    return f"../{quote(folder)}/{page}"


def _outcome_bar(summary: Summary) -> Markup | None:
    """Records by outcome as one bar; None for a file without records."""
    found, total = summary.records.parts(), summary.records.total
    parts = {name: number for name, number in found.items() if number}
    if not parts:
        return None
    labels = {name: f"{named(name, summary.state)}: {records(number)}" for name, number in parts.items()}
    series = [Series(f"o-{name}", [number], [labels[name]]) for name, number in parts.items()]
    description = f"{records(total)}. " + ". ".join(labels.values()) + "."
    return stacked_bar(series, Caption("outcome-bar", "Records by outcome", description))


def _facts(summary: Summary) -> Iterator[tuple[str, str, list[str], str]]:
    """The figures on top: CSS class, what, its money, and how many."""
    found, chain = summary.records, summary.chain
    groups: tuple[tuple[str, str, tuple[Outcome, ...]], ...] = (
        ("total", "In the file", tuple(Outcome)),
        ("loaded", "Loaded", LOADED),
        ("duplicate", "Duplicate", (Outcome.DUPLICATE,)),
        ("skipped", "Left out", (Outcome.SKIPPED,)),
        ("rejects", "Not loaded", tuple(REJECTS)),
        ("rejects", REFUSED_WITH_FILE, tuple(OPEN - still_open(summary.state))),
        (
            "open",
            "Ready to load" if summary.state in CHECKED_ONLY else "Still to load",
            tuple(still_open(summary.state)),
        ),
    )
    for css, title, outcomes in groups:
        number = count(found, *outcomes)
        if number or not (css in {"duplicate", "skipped"} or title == REFUSED_WITH_FILE):
            unknown = min(number, summary.amount_unreadable) if title in {"In the file", "Not loaded"} else 0
            amounts = _amounts(summary, outcomes, unknown) if number else []
            yield css if number else "none", title, amounts, grouped(number)
    if chain is not None and (chain.corrections or chain.write_offs):
        for css, title, part in (
            ("loaded", "Corrected since", chain.corrected),
            ("skipped", "Written off", chain.written_off),
            ("rejects", "Still to correct", chain.open),
        ):
            yield css if part.records else "none", title, money_of(part), grouped(part.records)


def _amounts(summary: Summary, outcomes: Iterable[Outcome], unknown: int) -> list[str]:
    """Money by currency, as far as it is known: `0.00` only where that is what the records add up to."""
    sums = {
        currency: count(amount, *outcomes)
        for currency, amount in summary.amounts_minor.items()
        if currency != UNREADABLE_CURRENCY and any(amount.parts().values())
    }
    known = {currency: amount for currency, amount in sums.items() if amount}
    if not known and not unknown:
        known = sums
    return [
        *(format_amount(currency, amount) for currency, amount in known.items()),
        *amounts_unknown(unknown),
    ]
