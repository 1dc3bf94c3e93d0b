"""`totals`: records and money of a month or any days, by outcome, for people, spreadsheets and programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, Verbose, config_at, start
from pipeline.cli.printing import say, width_of
from pipeline.errors import EX_OK, UsageError

if TYPE_CHECKING:  # `--help` needs none of them
    from pipeline.monitoring.period_totals import Selection
    from schemas.totals import CurrencyTotals, Part, TotalsResult

ANY_WIDTH = 1_000_000
"""Where it is no terminal, lines stay whole."""


class GroupedBy(StrEnum):
    """What `--by` takes."""

    DAY = "day"
    FEED = "feed"
    MODEL = "model"
    CURRENCY = "currency"
    FILE = "file"


class CountedBy(StrEnum):
    """What `--date` takes."""

    LANDED = "landed"
    FILE = "file"
    LOADED = "loaded"


FromDay = Annotated[
    str | None, typer.Option("--from", metavar="DAY", help="From this day on (YYYY-MM-DD), it included.")
]
ToDay = Annotated[
    str | None, typer.Option("--to", metavar="DAY", help="Until this day (YYYY-MM-DD), it included.")
]
Feeds = Annotated[
    list[str] | None,
    typer.Option("--feed", metavar="FEED", help="Only files of this feed. Can be given several times."),
]
DateKind = Annotated[
    CountedBy,
    typer.Option(
        "--date",
        metavar="KIND",
        help="The day of a file: landed, file (the date in its name), or loaded.",
    ),
]


def totals(
    config: ConfigPath = DEFAULT_CONFIG,
    month: Annotated[
        str | None,
        typer.Option(
            "--month",
            metavar="MONTH",
            help="A month (YYYY-MM); its page is written, too. Default: this month.",
        ),
    ] = None,
    first: FromDay = None,
    last: ToDay = None,
    feed: Feeds = None,
    by: Annotated[
        GroupedBy | None,
        typer.Option(
            "--by", metavar="GROUP", help="Also by day, feed, model (bills or balances), currency or file."
        ),
    ] = None,
    counted: DateKind = CountedBy.LANDED,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print them as CSV on stdout.")] = False,
    as_xlsx: Annotated[
        bool, typer.Option("--xlsx", help="Write them as an XLSX workbook to stdout: --xlsx > FILE.")
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Add up records and money by outcome: of a month, or of any days. A file and its corrections count once."""
    start(verbose=verbose)
    if as_csv + as_xlsx + as_json > 1:
        raise UsageError(problem="--csv, --xlsx and --json exclude each other", remedy="choose one")
    if month and (first or last):
        raise UsageError(problem="--month excludes --from and --to", remedy="choose one")
    if as_xlsx:
        _require_workbook()
    from pipeline.edge.clock import utc_now
    from pipeline.run.month_pages import totals_and_page

    settings = config_at(config).settings
    now = utc_now()
    which = selection(month, first, last, feed, counted, today=now.astimezone(settings.zone).date())
    document = totals_and_page(settings, which, by.value if by else None, as_of=now, with_page=bool(month))
    if as_json:
        sys.stdout.write(document.model_dump_json(indent=2) + "\n")
    elif as_csv:
        from pipeline.report.totals_table import write_totals_csv

        write_totals_csv(document, sys.stdout)
    elif as_xlsx:
        from pipeline.report.totals_workbook import write_totals_workbook

        write_totals_workbook(document, sys.stdout.buffer)
    else:
        for line in totals_in_words(document):
            say(line)
    raise typer.Exit(EX_OK)


def selection(
    month: str | None,
    first: str | None,
    last: str | None,
    feeds: list[str] | None,
    counted: CountedBy,
    *,
    today: date,
) -> Selection:
    """What the options ask for; this month where they name no days. Raises UsageError."""
    from pipeline.core.days import Days, month_named, month_of
    from pipeline.monitoring.period_totals import Selection

    if month:
        days = month_named(month)
        if days is None:
            raise UsageError(
                problem=f"--month {month} is not a valid month", remedy="write it as YYYY-MM, such as 2026-11"
            )
    elif first or last:
        days = Days(_day("--from", first), _day("--to", last))
        if days.first and days.last and days.last < days.first:
            raise UsageError(problem="--to is before --from", remedy="give the earlier day to --from")
    else:
        days = month_of(today)
    return Selection(days, counted.value, frozenset(feeds or ()))


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise UsageError(
            problem=f"{option} {text} is not a valid date", remedy="write it as YYYY-MM-DD"
        ) from None


def _require_workbook() -> None:
    """Raises UsageError for a terminal, which shows no workbooks, and ExtraMissing."""
    from pipeline.report.totals_workbook import require_workbooks

    require_workbooks()
    if sys.stdout.isatty():
        raise UsageError(problem="--xlsx writes a workbook to stdout", remedy="add > totals.xlsx")


def totals_in_words(document: TotalsResult) -> Iterator[str]:
    """Lines for people: a head, a table for each currency, then one row for each group and currency."""
    from pipeline.cli.text_layout import aligned
    from pipeline.core.days import Days
    from pipeline.report.totals_text import basis_in_words, files_in_words, period_in_words

    period = period_in_words(Days(document.first_day, document.last_day))
    feeds = f", feed {', '.join(document.feeds)}" if document.feeds else ""
    yield f"{document.merchant} ({document.environment}): {period}{feeds}, {basis_in_words(document)}"
    yield files_in_words(document)
    if document.unread:
        yield f"not in the sums, no run has finished reading them: {', '.join(document.unread)}"
    width = width_of(sys.stdout) or ANY_WIDTH
    for each in document.currencies:
        yield from aligned(list(_rows(each)), width)
    if document.groups and document.by != "currency":
        yield from aligned(list(_group_rows(document)), width)
    if document.page:
        yield f"page: {document.page}"


def _rows(each: CurrencyTotals) -> Iterator[tuple[str, ...]]:
    """The table of one currency: what, records, money."""
    from pipeline.report.totals_text import currency_named, payments_of

    yield currency_named(each.currency), "records", "amount"
    for outcome, part in each.outcomes.items():
        yield outcome.replace("_", " "), *_figures(each.currency, part)
    yield "total", *_figures(each.currency, each.total)
    for title, part in (
        ("of these refused with their file", each.refused_with_file),
        ("of these still to correct", each.open),
        ("of these written off", each.written_off),
    ):
        if part.records:
            yield title, *_figures(each.currency, part)
    for name, money in payments_of(each):
        yield f"{name.lower()}, as far as known", "", money


def _group_rows(document: TotalsResult) -> Iterator[tuple[str, ...]]:
    """One row for each group and currency: what came, what was loaded of it, what is still to correct."""
    from pipeline.report.totals_text import GROUPS, combined, currency_named, payments_of

    (_, _, loaded), *_ = GROUPS
    heads = ("currency", "records", "amount", "loaded", "amount", "still to correct", "amount")
    known = any(each.payments for each in document.currencies)
    yield str(document.by), *heads, *(("billed", "paid", "not paid") if known else ())
    for group in document.groups:
        for each in group.currencies:
            yield (
                group.name,
                currency_named(each.currency),
                *_figures(each.currency, each.total),
                *_figures(each.currency, combined(each, loaded)),
                *_figures(each.currency, each.open),
                *(([money for _, money in payments_of(each)] or ["–"] * 3) if known else ()),
            )


def _figures(currency: str | None, part: Part) -> tuple[str, str]:
    from pipeline.core.values.amount_text import grouped
    from pipeline.report.totals_text import money_in_words

    return grouped(part.records), money_in_words(currency, part)
