"""index.html: what needs a person, and every file that the ledger knows with the way to its report.

Files that need somebody come first, then the newest. Written again after each run that changed something. However many
files there are, the page has room for the newest ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from pipeline.core.how_many import how_many
from pipeline.core.outcomes import FileState, still_open
from pipeline.core.totals import UNREADABLE_CURRENCY
from pipeline.core.values.amount_text import format_amount, grouped
from pipeline.edge.disk import private_folder, replaced_file
from pipeline.report.folders import OVERVIEW, REPORT_NAMES, folder_name, month_pages
from pipeline.report.html.render import rendered
from pipeline.report.html.wording import Tone, named, tone
from pipeline.report.summary_text import amounts_unknown
from pipeline.report.totals_text import KINDS, kind_order

MAX_FILES_ON_PAGE = 1000
SHOWN_CURRENCIES = 3
_AT_WORK = "landed"
"""In the ledger: a file that a killed run left. People know it as unfinished."""


class KnownFile(Protocol):
    """A file as the ledger knows it."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def digits(self) -> int: ...
    @property
    def feed(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def landed_at(self) -> str: ...
    @property
    def finished_at(self) -> str | None: ...
    @property
    def summary(self) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Row:
    """One file on the overview.

    `link` is relative to the page, None where no report is left; `records` is None where none was read; `rejects` are
    still to correct, what was refused with the file included; `corrects` is the original of a correction, with digits
    of its SHA-256; `open` may yet be loaded; `amounts` are sums of currencies ready to read,
    the first `SHOWN_CURRENCIES` of the summary, and `amounts_left_out` counts the others; `unknown` tells how many
    records have no known amount.
    """

    name: str
    link: str | None
    feed: str
    state: str
    tone: Tone
    at: datetime
    records: int | None
    rejects: int
    corrects: str | None
    open: int
    amounts: Sequence[str]
    amounts_left_out: int
    unknown: Sequence[str]

    @property
    def needs_somebody(self) -> bool:
        """Whether it waits for a person, or for the next run."""
        is_refused = self.state == FileState.REFUSED and self.tone != "good"
        return self.rejects > 0 or is_refused or self.state in {FileState.HELD, FileState.UNFINISHED}


@dataclass(frozen=True, slots=True)
class OverviewFacts:
    """What an overview tells of.

    Attributes:
        files: of the ledger, so many that a page has room for them: all that need somebody, and the newest; newest
            first.
        total: how many the ledger knows; the page says how many are left out.
        timezone: an IANA name; times on the page are written in it.
        as_of: the time that the page tells of.
        late: feeds whose file should have come, in words.
        to_correct: SHA-256 of each original that is not closed → its records that nothing has closed.
        to_correct_money: what those add up to by currency.
        refused: SHA-256 of those originals that were refused.
        states: state → how many files, of all that the ledger knows.
        decided: of held files, how many a person has decided about: the next run acts on that.
        loaded: model → currency → minor units that the API holds by all files of the ledger, each record counted once.
        paid: currency, minor units that all bills here come to, and what of them is paid as far as known.
        payments_to_check: payments that are unmatched or in conflict.
    """

    files: Sequence[KnownFile]
    total: int
    merchant: str
    environment: str
    timezone: str
    as_of: datetime
    late: Sequence[str] = ()
    to_correct: Mapping[str, int] = field(default_factory=dict)
    to_correct_money: Sequence[str] = ()
    refused: Collection[str] = ()
    states: Mapping[str, int] = field(default_factory=dict)
    decided: int = 0
    loaded: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    paid: Sequence[tuple[str, int, int]] = ()
    payments_to_check: int = 0


def write_overview(facts: OverviewFacts, reports: Path) -> Path:
    """Write the overview into the folder `reports`, in place of the one before, and return its path.

    Raises:
        DiskFull: there is no room for the page; the one before stays.
    """
    months = [(f"./{name}", f"{first:%B %Y}") for first, name in month_pages(reports)]
    context = overview_context(facts, months, lambda file: link_to(file, reports))
    path = reports / OVERVIEW
    private_folder(reports)
    with replaced_file(path) as file:
        file.writelines(rendered("index.html", context, timezone=facts.timezone))
    return path


def overview_context(
    facts: OverviewFacts,
    months: Sequence[tuple[str, str]],
    address: Callable[[KnownFile], str | None],
    *,
    is_on_page: bool = False,
) -> dict[str, Any]:
    """What the template of the overview needs.

    Args:
        months: the address of each month's page, and the month in words.
        address: that of a file's page; None where there is none.
        is_on_page: it is shown on the page in the browser, to people without a shell.
    """
    rows = [_row(file, address(file), facts.to_correct) for file in facts.files]
    rows.sort(key=lambda row: not row.needs_somebody)
    return {
        "as_of": facts.as_of,
        "to_do": list(_to_do(facts, is_on_page=is_on_page)),
        "waiting": _waiting(facts),
        "payments_to_check": facts.payments_to_check,
        "paid": [
            f"{format_amount(currency, paid_minor)} of {format_amount(currency, billed_minor)}"
            for currency, billed_minor, paid_minor in facts.paid
        ],
        "to_correct_money": list(facts.to_correct_money),
        "loaded": list(_loaded(facts.loaded)),
        "merchant": facts.merchant,
        "environment": facts.environment,
        "rows": rows,
        "total": facts.total,
        "left_out": facts.total - len(rows),
        "states": [(state, named(state)) for state in sorted({row.state for row in rows})],
        "feeds": [(feed, feed) for feed in sorted({row.feed for row in rows})],
        "figures": list(_figures(facts)),
        "months": months,
    }


def _loaded(loaded: Mapping[str, Mapping[str, int]]) -> Iterable[tuple[str, list[str]]]:
    """Bills and balances apart: what they are, and their sums by currency."""
    for model, sums in sorted(loaded.items(), key=lambda each: kind_order(each[0])):
        money = [format_amount(currency, minor) for currency, minor in sorted(sums.items()) if minor]
        if money:
            yield KINDS.get(model, "Records"), money


def _to_do(facts: OverviewFacts, *, is_on_page: bool) -> Iterable[str]:
    """What a person has to do, the most urgent first; what the next run does by itself is not among it. What the
    records to correct are worth follows on the page."""
    for text in facts.late:
        yield f"Find out why a file is late: {text}."
    if held := facts.states.get(FileState.HELD, 0) - facts.decided:
        where = "select it below" if held == 1 else "select each below"
        yield f"Look at {how_many(held, 'held file')}, then release or refuse: " + (
            f"{where}." if is_on_page else "each report has the commands."
        )
    if facts.refused:
        records = sum(facts.to_correct[each] for each in facts.refused)
        which = how_many(len(facts.refused), "refused file")
        what = f"{which} ({how_many(records, 'record')})" if records else which
        yield f"Have {what} put right and sent again; each report says why."
    if others := [records for each, records in facts.to_correct.items() if each not in facts.refused]:
        where = how_many(len(others), "file")
        what = "Correct" if is_on_page else "Correct or write off"
        yield f"{what} {how_many(sum(others), 'record')} of {where}, listed first below."
    if facts.payments_to_check:
        yield f"Look at {how_many(facts.payments_to_check, 'payment')}: " + (
            "“Payments” says why." if is_on_page else "billferry payments list --open says why."
        )


def _unfinished(facts: OverviewFacts) -> int:
    return sum(facts.states.get(each, 0) for each in (_AT_WORK, FileState.UNFINISHED))


def _waiting(facts: OverviewFacts) -> tuple[str, str] | None:
    """What no person, but a run, has to do: how many files are not finished, and what becomes of them."""
    count = _unfinished(facts) + facts.decided
    if not count:
        return None
    is_one = count == 1
    told = f"The next run goes on with {'it' if is_one else 'them'}, if none does already."
    return f"{how_many(count, 'file')} {'is' if is_one else 'are'} not finished", told


def _figures(facts: OverviewFacts) -> Iterable[tuple[str, str, str]]:
    """CSS class, what, how many: of all files that the ledger knows, by their state as the table has it, and of what is
    still to correct, whichever of them the table shows.
    """
    with_records = [records for records in facts.to_correct.values() if records]
    for css, title, number in (
        ("total", "Files", facts.total),
        ("open", "Unfinished", _unfinished(facts)),
        ("open", "Held", facts.states.get(FileState.HELD, 0)),
        ("rejects", "Refused", facts.states.get(FileState.REFUSED, 0)),
        ("rejects", "Files to correct", len(with_records)),
        ("rejects", "Records still to correct", sum(with_records)),
    ):
        yield css if number else "none", title, grouped(number)


def _row(file: KnownFile, link: str | None, to_correct: Mapping[str, int]) -> Row:
    """A file as the page shows it, from the summary that the ledger keeps; a file that was killed at work has none."""
    summary = file.summary or {}
    records, totals = summary.get("records"), list(_totals(summary))
    state = "unfinished" if file.state == _AT_WORK else file.state
    pending = still_open(state)
    return Row(
        name=file.name,
        link=link,
        feed=file.feed,
        state=state,
        tone=tone(state, is_closed=file.sha256 not in to_correct),
        at=datetime.fromisoformat(file.finished_at or file.landed_at),
        records=records["total"] if records else None,
        rejects=to_correct.get(file.sha256, 0),
        corrects=(summary.get("chain") or {}).get("original"),
        open=sum(records[outcome] for outcome in pending) if records else 0,
        amounts=totals[:SHOWN_CURRENCIES],
        amounts_left_out=max(0, len(totals) - SHOWN_CURRENCIES),
        unknown=amounts_unknown(summary.get("amount_unreadable", 0)),
    )


def _totals(summary: Mapping[str, Any]) -> Iterable[str]:
    """What is in the file by currency, as far as it is known: `0.00` only where that is what the records add up to."""
    records, unknown = summary.get("records_by_currency", {}), summary.get("unreadable_by_currency", {})
    for currency, parts in summary.get("amounts_minor", {}).items():
        is_unknown = currency in unknown and unknown[currency]["total"] == records[currency]["total"]
        if currency != UNREADABLE_CURRENCY and not is_unknown:
            yield format_amount(currency, parts["total"])


def report_of(file: KnownFile, reports: Path) -> tuple[str, str] | None:
    """The folder of a file's report below `reports`, and the name of its page, or of its summary where there is no
    page; None where there is no report any more.

    The report is under the name that the file had then.
    """
    name = (file.summary or {}).get("file", {}).get("name", file.name)
    for digits in (len(file.sha256), file.digits):  # all of them after a ledger was lost, perhaps
        folder = folder_name(name, file.sha256, digits)
        for kind in ("page", "summary"):
            for called in REPORT_NAMES[kind]:
                if (reports / folder / called).exists():
                    return folder, called
    return None


def link_to(file: KnownFile, reports: Path) -> str | None:
    """The way to a file's report from a page in the folder `reports`; None where there is none.

    Folder names contain percent signs, which a link must escape (RFC 3986), and the page may be opened from a disk: the
    link is relative.
    """
    found = report_of(file, reports)
    return f"./{quote(found[0])}/{found[1]}" if found else None
