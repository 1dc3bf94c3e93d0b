"""report.html: what became of one file, for people. One page that needs neither a network nor JavaScript.

Names, e-mail addresses and phone numbers never get here; references do, because without them nobody could act, but
those that look like a number of a person are masked: results.csv beside the page has them whole.

This module turns facts into plain rows and texts; `templates/report.html` says where they go. For whom it is read out
(WCAG 2.2): rows and columns of tables have headers, charts a text, and no state is shown by colour alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from markupsafe import Markup

from pipeline.core.outcomes import REJECTS, FileState, Outcome
from pipeline.core.rules.catalogue import RULES
from pipeline.core.totals import UNREADABLE_CURRENCY
from pipeline.core.values.amount_text import format_amount, grouped
from pipeline.report.html.charts import Caption, Series, columns
from pipeline.report.html.page_facts import EARLIER, LATER, UNREADABLE, Group, PageFacts, Reason, Sum
from pipeline.report.html.render import rendered
from pipeline.report.html.top import top_context
from pipeline.report.html.wording import CHECKED_ONLY, REFUSED_WITH_FILE, count, named
from pipeline.report.results import Tally
from schemas.results import ControlTotals, Summary

SHOWN_CURRENCIES = 6
"""Of those with due dates, by records. The control totals have all of them."""
FEWEST_COLUMNS = 2
"""Fewer make no chart."""
SHOWN_NOTES = 50
"""summary.json has all of them."""
_NO_CODE = "no code"
_GROUPS: tuple[tuple[Group, str], ...] = (
    ("loaded", "Loaded"),
    ("duplicate", "Duplicates"),
    ("skipped", "Left out"),
    ("open", "Still to load"),
    ("rejects", "Not loaded"),
)


@dataclass(frozen=True, slots=True)
class ControlLine:
    """One row of control totals. `money` is empty where a sum over currencies would mean nothing."""

    name: str
    css: str
    records: int
    money: str


@dataclass(frozen=True, slots=True)
class ControlTable:
    """The control totals of one currency, or of all records.

    `parts` are the outcomes that occur, `outcomes` their sum, `counted` what was counted as input, independently of
    them; `balances` says whether the two agree. `declared` is what the file's trailer or control file states, None
    where it states nothing, and `declared_agrees` compares it with `counted`.
    """

    title: str
    parts: list[ControlLine]
    outcomes: ControlLine
    counted: ControlLine
    balances: bool
    declared: ControlLine | None = None
    declared_agrees: bool = True


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule, the records that broke it, and the way out.

    `meaning` and `remedy` are empty for codes that come from the API: the catalogue does not know them.
    """

    outcome: str
    code: str
    meaning: str
    remedy: str
    records: int
    lines: str
    messages: list[str]
    expected: str = ""
    """An example of what is expected, where the rule has one."""


@dataclass(frozen=True, slots=True)
class DueDates:
    """One currency by due date: a chart of what is or will be loaded, and a table of everything.

    `groups` are titles of the table's money columns; each of `rows` has a period, its records, its money by group and
    in all; `total` the same without a period. `chart` is None where it would show fewer than `FEWEST_COLUMNS`
    columns.
    """

    currency: str
    groups: list[str]
    rows: list[tuple[str, int, list[str], str]]
    total: tuple[int, list[str], str]
    chart: Markup | None
    legend: list[tuple[str, str]]
    """CSS class and name of the chart's colours."""


def write_page(
    summary: Summary,
    tally: Tally,
    facts: PageFacts,
    file: IO[bytes],
    *,
    timezone: str,
    own_notes: int = 0,
) -> None:
    """Write the page of one file, in UTF-8.

    Args:
        summary: what the page says in figures; `facts` and `tally` have what summary.json leaves out.
        facts: after it has read all windows of the report.
        timezone: an IANA name; times on the page are written in it.
        own_notes: so many of the last notes are words of the run, which name files, and not what is in this one.
    """
    reasons = list(_broken(facts))
    notes, of_check = summary.notes[:SHOWN_NOTES], len(summary.notes) - own_notes
    context = {
        **top_context(summary),
        "amount_text": amount_text,
        "notes": notes[:of_check],
        "own_notes": notes[of_check:],
        "controls": list(_controls(summary, tally)),
        "broken": [one for one in reasons if one.outcome in {Outcome.REJECTED, Outcome.CONFLICT}],
        "refused": [one for one in reasons if one.outcome == Outcome.REFUSED],
        "in_doubt": [one for one in reasons if one.outcome == Outcome.IN_DOUBT],
        "codes_left_out": facts.codes_left_out,
        "due": list(_due_dates(facts, state=summary.state)),
        "currencies_left_out": max(0, len(_with_due_dates(facts)) - SHOWN_CURRENCIES),
        "unit": facts.unit,
        "records": sorted(facts.records, key=lambda record: record.line),
        "kinds": [(name, named(name)) for name in dict.fromkeys(one.outcome for one in facts.records)],
        "codes": [(code, code) for code in sorted({one.code for one in reasons} - {_NO_CODE})],
        "needing": count(summary.records, *REJECTS, Outcome.IN_DOUBT),
    }
    file.writelines(rendered("report.html", context, timezone=timezone))


def amount_text(currency: str, amount_minor: int) -> str:
    """Money; a number alone where nobody knows of which currency."""
    return grouped(amount_minor) if currency == UNREADABLE_CURRENCY else format_amount(currency, amount_minor)


# -- control totals --


def _controls(summary: Summary, tally: Tally) -> Iterator[ControlTable]:
    currencies = sorted(tally.totals.records, key=lambda name: (name == UNREADABLE_CURRENCY, name))
    if len(currencies) != 1:
        yield _all_records(summary, tally)
    for currency in currencies:
        yield _of_currency(currency, summary, tally, alone=len(currencies) == 1)


def _all_records(summary: Summary, tally: Tally) -> ControlTable:
    """Control totals over all currencies: records alone, for money of different currencies does not add up."""
    parts = {Outcome(name): number for name, number in summary.records.parts().items()}
    counted = sum(number for number, _ in tally.counted.values())
    stated = _stated(summary)
    declared = stated.records if stated else None
    return ControlTable(
        title="All records",
        parts=[
            ControlLine(named(name, summary.state), f"o-{name}", number, "")
            for name, number in parts.items()
            if number
        ],
        outcomes=ControlLine("Sum of outcomes", "", sum(parts.values()), ""),
        counted=ControlLine("In the file", "", counted, ""),
        balances=sum(parts.values()) == counted,
        declared=ControlLine("Declared by the file", "", declared, "") if declared is not None else None,
        declared_agrees=declared in {None, counted},
    )


def _of_currency(currency: str, summary: Summary, tally: Tally, *, alone: bool) -> ControlTable:
    """Control totals of one currency. A declared number of records is compared here only if `alone`: it counts all
    currencies."""
    by_outcome, amounts = tally.totals.records[currency], tally.totals.amounts_minor[currency]
    parts = [
        ControlLine(
            named(outcome, summary.state),
            f"o-{outcome}",
            by_outcome[outcome],
            amount_text(currency, amounts.get(outcome, 0)),
        )
        for outcome in Outcome
        if by_outcome.get(outcome)
    ]
    total, amount = sum(by_outcome.values()), sum(amounts.values())
    counted, counted_amount = tally.counted[currency]
    stated = _stated(summary)
    declared = stated.amounts_minor.get(currency) if stated else None
    declared_records = stated.records if stated and alone else None
    return ControlTable(
        title="Currency not readable" if currency == UNREADABLE_CURRENCY else currency,
        parts=parts,
        outcomes=ControlLine("Sum of outcomes", "", total, amount_text(currency, amount)),
        counted=ControlLine("In the file", "", counted, amount_text(currency, counted_amount)),
        balances=(total, amount) == (counted, counted_amount),
        declared=_declared(currency, declared_records, declared),
        declared_agrees=declared in {None, counted_amount} and declared_records in {None, counted},
    )


def _stated(summary: Summary) -> ControlTotals | None:
    """What the file declares about itself."""
    return summary.control.declared if summary.control else None


def _declared(currency: str, number: int | None, amount: int | None) -> ControlLine | None:
    """The line of what the file declares. -1 records, where it declares an amount alone: the template shows a dash."""
    if number is None and amount is None:
        return None
    return ControlLine(
        "Declared by the file",
        "",
        -1 if number is None else number,
        "" if amount is None else amount_text(currency, amount),
    )


# -- rules, and what the API refused --


def _broken(facts: PageFacts) -> Iterator[Broken]:
    """What concerns most records first."""
    order = sorted(facts.reasons.items(), key=lambda item: (-item[1].records, item[0]))
    for (outcome, code), reason in order:
        rule = RULES.get(code)
        yield Broken(
            outcome=outcome,
            code=code or _NO_CODE,
            meaning=rule.meaning if rule else "",
            remedy=rule.remedy if rule else "",
            records=reason.records,
            lines=_lines(reason),
            messages=reason.messages,
            expected=_expected(rule.meaning, reason.messages) if rule else "",
        )


def _expected(meaning: str, messages: Iterable[str]) -> str:
    """What the messages of records say beside the meaning of a rule; the same in all of a file."""
    pattern = re.compile(rf"{re.escape(meaning)} \(expected: ([^()]+)\)")
    return next((found[1] for each in messages if (found := pattern.search(each))), "")


def _lines(reason: Reason) -> str:
    """`line 2`, `lines 2, 5 and 7`, `lines 2, 3, 4, 5, 6 and 12 more`."""
    shown = [str(line) for line in reason.lines]
    more = reason.records - len(shown)
    if more > 0:
        shown.append(f"{grouped(more)} more")
    word = "line" if len(shown) == 1 else "lines"
    return f"{word} {shown[0]}" if len(shown) == 1 else f"{word} {', '.join(shown[:-1])} and {shown[-1]}"


# -- due dates --


def _due_dates(facts: PageFacts, *, state: str) -> Iterator[DueDates]:
    """Of the currencies with most records. Amounts of no known currency are not added up.

    What is open in a refused file was refused with it, and is not charted.
    """
    refused = FileState(state) is FileState.REFUSED
    open_title = REFUSED_WITH_FILE if refused else named(Outcome.NOT_ATTEMPTED, state)
    titles = {"open": open_title} if refused or state in CHECKED_ONLY else {}
    titled_groups = [(name, titles.get(name, title)) for name, title in _GROUPS]
    for currency in _with_due_dates(facts)[:SHOWN_CURRENCIES]:
        dated = dict(sorted(facts.due[currency].items(), key=lambda item: _in_time(item[0])))
        groups = [group for group in titled_groups if any(group[0] in found for found in dated.values())]
        everything: dict[Group, Sum] = {}
        for found in dated.values():
            for name, one in found.items():
                everything.setdefault(name, Sum()).add(one.records, one.amount_minor)
        charted = [group for group in groups if group[0] in ({"loaded"} if refused else {"loaded", "open"})]
        chart = _due_chart(currency, dated, charted)
        yield DueDates(
            currency=currency,
            groups=[title for _, title in groups],
            rows=[(_period_text(period), *_row(currency, found, groups)) for period, found in dated.items()],
            total=_row(currency, everything, groups),
            chart=chart,
            legend=[(f"g-{name}", title) for name, title in charted],
        )


def _with_due_dates(facts: PageFacts) -> list[str]:
    """Currencies that can be shown, most records first, then by code so that two runs write the same page."""
    sizes = {
        currency: sum(one.records for groups in periods.values() for one in groups.values())
        for currency, periods in facts.due.items()
        if currency != UNREADABLE_CURRENCY
    }
    return sorted(sizes, key=lambda currency: (-sizes[currency], currency))


def _row(
    currency: str, found: Mapping[Group, Sum], groups: list[tuple[Group, str]]
) -> tuple[int, list[str], str]:
    """Records, money by group, money in all."""
    sums = [found.get(name, Sum()) for name, _ in groups]
    cells = [format_amount(currency, one.amount_minor) if one.records else "–" for one in sums]
    return (
        sum(one.records for one in sums),
        cells,
        format_amount(currency, sum(one.amount_minor for one in sums)),
    )


def _due_chart(
    currency: str, dated: Mapping[str | None, Mapping[Group, Sum]], charted: list[tuple[Group, str]]
) -> Markup | None:
    """What is or may yet be loaded; an amount that was rejected for its size would dwarf all others."""
    periods = [
        period
        for period, found in dated.items()
        if period is not None
        and period != UNREADABLE
        and any(found.get(name, Sum()).amount_minor for name, _ in charted)
    ]
    if len(periods) < FEWEST_COLUMNS:
        return None
    series = []
    for name, title in charted:
        values = [dated[period].get(name, Sum()).amount_minor for period in periods]
        labels = [
            f"{_period_text(period)}, {title.lower()}: {format_amount(currency, value)}"
            for period, value in zip(periods, values, strict=True)
        ]
        series.append(Series(f"g-{name}", values, labels))
    return columns(
        series,
        [_period_text(period) for period in periods],
        lambda value: format_amount(currency, value),
        Caption(
            f"due-{currency}",
            f"{currency} by due date",
            f"What is loaded or open, from {_period_text(periods[0])} to {_period_text(periods[-1])}."
            " The table below has the same figures.",
        ),
    )


def _in_time(period: str | None) -> tuple[int, str]:
    """Sort key of a period: earlier years, then dates as text, then later years, then records without a date."""
    rank = {EARLIER: 0, LATER: 2, UNREADABLE: 3, None: 4}.get(period, 1)
    return rank, period or ""


def _period_text(period: str | None) -> str:
    return {None: "no due date", UNREADABLE: "cannot be read"}.get(period, period or "")
