"""The page of a month beside `index.html`: records and money by outcome, by day with a chart, by feed and by file.

It is made of sums alone and names no customer, so it is kept when reports are removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.core.days import Days
from pipeline.core.how_many import how_many
from pipeline.core.outcomes import Outcome
from pipeline.core.totals import UNREADABLE_CURRENCY
from pipeline.core.values.amount_text import format_amount, grouped
from pipeline.edge.disk import private_folder, replaced_file
from pipeline.report.folders import month_page_name
from pipeline.report.html.charts import Caption, Series, columns
from pipeline.report.html.index_page import KnownFile, link_to
from pipeline.report.html.render import rendered
from pipeline.report.html.wording import (
    LOADED,
    MEANINGS,
    NOT_SENT_WITH_FILE,
    REFUSED_WITH_FILE,
    Tone,
    named,
    tone,
)
from pipeline.report.totals_text import (
    AS_KNOWN,
    KINDS,
    basis_in_words,
    combined,
    currency_named,
    files_in_words,
    kind_order,
    money_in_words,
    parts_by_group,
    payments_of,
    period_in_words,
    without,
)
from schemas.totals import CurrencyTotals, GroupTotals, Part, TotalsResult

_MADE_FROM = "billferry-made-from"
_HEAD_BYTES = 4096
"""The mark is before the style sheet."""
_SHORT = ("In the files", "Loaded", "Still to correct")
"""What the tables of many rows show of `_figures_of`."""
_REST = "Neither"
"""Of `_SHORT`: with it the figures of a line add up."""
FEWEST_DAYS = 2
"""One day needs no chart."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table: what it is of, and cells of records and money."""

    title: str
    cells: Sequence[tuple[str, str]]
    link: str | None = None
    state: str = ""
    """Of a file alone, as `tone`."""
    tone: Tone = "attention"
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class MonthTotals:
    """The totals of a calendar month in every way that its page shows them.

    Attributes:
        by_day: of the month, by day.
        models: the same by model.
        feeds: the same by feed.
        files: the same by file, with what the ledger knows of it.
        files_left_out: files that are in the totals, and not among these.
    """

    by_day: TotalsResult
    models: Sequence[GroupTotals]
    feeds: Sequence[GroupTotals]
    files: Sequence[tuple[KnownFile, GroupTotals]]
    files_left_out: int = 0


def write_month_page(totals: MonthTotals, reports: Path, *, made_from: str) -> Path:
    """Write the page of a month into the folder `reports`, in place of the one before; its path.

    `made_from`: what `is_made_from` is asked later.

    Raises:
        DiskFull: there is no room for the page; the one before stays.
    """
    first = totals.by_day.first_day
    if first is None:
        raise ValueError("a page is of a month")
    context = month_context(totals, lambda file: link_to(file, reports)) | {"made_from": made_from}
    path = reports / month_page_name(first)
    private_folder(reports)
    with replaced_file(path) as file:
        file.writelines(rendered("month.html", context, timezone=totals.by_day.timezone))
    return path


def month_context(totals: MonthTotals, address: Callable[[KnownFile], str | None]) -> dict[str, Any]:
    """What the template of a month's page needs. `address`: that of a file's page; None where there is none."""
    by_day = totals.by_day
    rows = [_file(known, group, address(known)) for known, group in totals.files]
    return {
        "made_from_name": _MADE_FROM,
        "made_from": "",
        "document": by_day,
        "title": period_in_words(Days(by_day.first_day, by_day.last_day)),
        "files": files_in_words(by_day),
        "left": _left(by_day, rows),
        "kinds": list(_kinds(totals.models)),
        "basis": basis_in_words(by_day),
        "currencies": [_currency(by_day, totals.feeds, each) for each in by_day.currencies],
        "rows": rows,
        "states": [(state, named(state)) for state in sorted({row.state for row in rows})],
        "figure_titles": [title for title, _, _ in _figures_of(None)],
        "short_titles": _SHORT,
        "rest_title": _REST,
        "as_known": AS_KNOWN,
        "files_left_out": totals.files_left_out,
    }


def is_made_from(page: Path, made_from: str) -> bool:
    """Whether a page is there that was written with the same `made_from`."""
    try:
        with page.open("rb") as file:
            return f'name="{_MADE_FROM}" content="{made_from}"'.encode() in file.read(_HEAD_BYTES)
    except FileNotFoundError:
        return False


def _left(document: TotalsResult, rows: Sequence[Line]) -> str:
    """What is still to do for the files of the month, in one sentence; none where records do not tell."""
    opened = sum(each.open.records for each in document.currencies)
    if opened:
        return f"{how_many(opened, 'record')} {'is' if opened == 1 else 'are'} still to correct."
    if rows and not document.unread and all(row.tone == "good" for row in rows):
        return "There is nothing to do."
    return ""


def _kinds(models: Sequence[GroupTotals]) -> Iterator[Line]:
    """Bills and balances apart, a line for each currency, with the figures of `_SHORT` and what is left of them."""
    for group in sorted(models, key=lambda group: kind_order(group.name)):
        for each in group.currencies:
            title = f"{KINDS.get(group.name, 'Records')}, {currency_named(each.currency)}"
            yield Line(title, [*_cells(each, _SHORT), _cell(each.currency, _rest(each))])


def _rest(each: CurrencyTotals) -> Part:
    """Records that are neither loaded nor still to correct."""
    return without(each.currency, each.total, combined(each, LOADED), each.open)


def _currency(by_day: TotalsResult, feeds: Sequence[GroupTotals], each: CurrencyTotals) -> dict[str, Any]:
    """The section of one currency."""
    days = _of(by_day.groups, each.currency)
    return {
        "name": currency_named(each.currency),
        "id": (each.currency or "none").replace(UNREADABLE_CURRENCY, "unknown"),
        "outcomes": list(_outcomes(each)),
        "total": _cell(each.currency, each.total),
        "payments": payments_of(each),
        "paid_days": _paid(days),
        "paid_feeds": _paid(_of(feeds, each.currency)),
        "figures": [
            (
                css if part.records else "none",
                title,
                grouped(part.records),
                money_in_words(each.currency, part),
            )
            for title, css, part in _figures_of(each)
        ],
        "days": _table(days),
        "chart": _chart(each.currency, days),
        "legend": [(css, title) for css, title, _ in _CHARTED],
        "feeds": _table(_of(feeds, each.currency)),
    }


def _of(groups: Sequence[GroupTotals], currency: str | None) -> dict[str, CurrencyTotals]:
    """Name of each group that has records of a currency → its totals of it."""
    return {group.name: one for group in groups for one in group.currencies if one.currency == currency}


def _outcomes(each: CurrencyTotals) -> Iterator[Line]:
    for outcome, part in each.outcomes.items():
        if outcome != Outcome.NOT_ATTEMPTED:
            yield Line(named(outcome), [_cell(each.currency, part)], meaning=MEANINGS[Outcome(outcome)])
            continue
        refused = each.refused_with_file
        for some, meaning in (
            (without(each.currency, part, refused), MEANINGS[Outcome(outcome)]),
            (refused, NOT_SENT_WITH_FILE),
        ):
            if some.records:
                yield Line(named(outcome), [_cell(each.currency, some)], meaning=meaning)


def _figures_of(each: CurrencyTotals | None) -> Iterator[tuple[str, str, Part]]:
    """Title, CSS class and sums of what the tables by day, feed and file show."""
    yield "In the files", "total", each.total if each else Part()
    for css, title, part in parts_by_group(each):
        yield title, css, part
    yield "Still to correct", "rejects", each.open if each else Part()


def _cells(each: CurrencyTotals, titles: Sequence[str]) -> list[tuple[str, str]]:
    """The figures with these titles."""
    return [_cell(each.currency, part) for title, _, part in _figures_of(each) if title in titles]


def _cell(currency: str | None, part: Part) -> tuple[str, str]:
    return (grouped(part.records) if part.records else "–"), money_in_words(currency, part)


def _table(groups: Mapping[str, CurrencyTotals]) -> list[Line]:
    return [
        Line(name, [_cell(each.currency, part) for _, _, part in _figures_of(each)])
        for name, each in groups.items()
    ]


def _paid(groups: Mapping[str, CurrencyTotals]) -> list[tuple[str, list[str]]]:
    """Name of a day or feed, with what is billed, paid and not paid of its bills."""
    return [
        (name, [money for _, money in payments_of(each)]) for name, each in groups.items() if each.payments
    ]


def _file(known: KnownFile, group: GroupTotals, link: str | None) -> Line:
    """A file with its money by currency, and the way to its report."""
    state = "unfinished" if known.state == "landed" else known.state
    cells = [cell for currency in group.currencies for cell in _cells(currency, _SHORT)]
    is_closed = sum(one.total.records for one in group.currencies) > 0 and not any(
        one.open.records for one in group.currencies
    )
    return Line(group.name, cells, link, state, tone=tone(state, is_closed=is_closed))


_CHARTED = (
    ("g-loaded", "Loaded", 1),
    ("o-rejected", "Not loaded", 2),
    ("g-open", "In doubt or not sent", 3),
    ("o-refused", REFUSED_WITH_FILE, 4),
)
"""CSS class, title, and place among `_figures_of`."""


def _chart(currency: str | None, days: Mapping[str, CurrencyTotals]) -> Markup | None:
    """Money by day in stacked columns; records where a day's money is unknown or, with credits, below zero."""
    if len(days) < FEWEST_DAYS:
        return None
    found = {day: [part for _, _, part in _figures_of(each)] for day, each in days.items()}
    is_money = currency not in {None, UNREADABLE_CURRENCY} and all(
        parts[place].amount_minor >= 0 for parts in found.values() for _, _, place in _CHARTED
    )

    def written(value: int) -> str:
        return format_amount(currency, value) if is_money and currency else grouped(value)

    series = []
    for css, title, place in _CHARTED:
        values = [parts[place].amount_minor if is_money else parts[place].records for parts in found.values()]
        labels = [
            f"{day}, {title.lower()}: {written(value)}" for day, value in zip(found, values, strict=True)
        ]
        series.append(Series(css, values, labels))
    name, what = currency_named(currency), "money" if is_money else "records"
    text = f"{what.capitalize()} of each day by what became of it. The table below has the same figures."
    chart_id = f"days-{(currency or 'none').replace(UNREADABLE_CURRENCY, 'unknown')}"
    return columns(series, [day[-2:] for day in found], written, Caption(chart_id, f"{name} by day", text))
