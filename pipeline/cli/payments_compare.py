"""The commands `payments …` that find out what the receiver missed. Their docstrings are their help texts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import DEFAULT_CONFIG, MOST, AsJson, ConfigPath, Verbose, Wait, config_at, start
from pipeline.cli.printing import say

if TYPE_CHECKING:
    from datetime import timedelta

    from schemas.payments import PaymentsSweep

_DURATION = re.compile(r"([0-9]{1,5})([smhd])", re.ASCII)
MOST_LINES = 20
"""Of one kind that are shown on a terminal; `--json` has more."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def add_comparisons(payments: typer.Typer) -> None:
    """Add these commands to those of `payments`."""
    payments.command(name="sweep")(sweep_open_bills)
    payments.command(name="replay")(replay_stored)
    payments.command(name="match")(match_with_report)


def sweep_open_bills(
    config: ConfigPath = DEFAULT_CONFIG,
    older_than: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Only bills that were loaded, and last asked about, longer ago: 12h, 1d.",
            show_default=True,
        ),
    ] = "1d",
    limit: Annotated[
        int | None, typer.Option(min=1, max=MOST, metavar="N", help="Ask about at most N bills.")
    ] = None,
    wait: Wait = 0.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Ask the API about open bills, the oldest first, and find payments that no event told of."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.run.context import Options
    from pipeline.run.payments_compare import sweep_payments

    age = _duration(older_than)
    result = sweep_payments(
        config_at(config), TerminalUi(), Options(wait_s=wait), older_than=age, limit=limit
    )
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        for line in _sweep_lines(result):
            say(line)
    raise typer.Exit(result.exit_status)


def replay_stored(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Stored deliveries: one JSON object on each line.")
    ],
    config: ConfigPath = DEFAULT_CONFIG,
    trusted: Annotated[
        bool, typer.Option("--trusted", help="Do not check signatures: you know where the file comes from.")
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Take stored deliveries into the inbox again. Their signatures are checked, whatever their age."""
    start(verbose=verbose)
    from pipeline.core.how_many import how_many
    from pipeline.edge.clock import utc_now
    from pipeline.run.payments_replay import replay_deliveries

    result = replay_deliveries(config_at(config).settings, file, utc_now(), trusted=trusted)
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        for each in result.problems[:MOST_LINES]:
            say(f"line {each.line}: {each.problem}")
        if result.bad > MOST_LINES:
            say(f"and {result.bad - MOST_LINES} more")
        say(
            f"{result.stored} stored, {how_many(result.duplicates, 'duplicate')},"
            f" {how_many(result.bad, 'line')} not stored; the next billferry run matches what is stored"
        )
    raise typer.Exit(result.exit_status)


def match_with_report(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The vendor's reconciliation or settlement report (CSV).")
    ],
    config: ConfigPath = DEFAULT_CONFIG,
    wait: Wait = 0.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Compare the vendor's report with the payments that are known here, and take in its refunds."""
    start(verbose=verbose)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.core.payments.comparison_words import comparison_lines
    from pipeline.run.context import Options
    from pipeline.run.payments_compare import match_report

    result = match_report(config_at(config), TerminalUi(), Options(wait_s=wait), file)
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        for line in (*comparison_lines(result), f"Each payment: {result.results}", f"Page: {result.page}"):
            say(line)
    raise typer.Exit(result.exit_status)


def _duration(text: str) -> timedelta:
    """A length of time such as 1d, 12h, 30m or 0s. Raises UsageError."""
    from datetime import timedelta

    from pipeline.errors import UsageError

    if (parts := _DURATION.fullmatch(text)) is None:
        raise UsageError(problem="--older-than is not a length of time", remedy="write it as 1d, 12h or 30m")
    return timedelta(**{_UNITS[parts[2]]: int(parts[1])})


def _sweep_lines(shown: PaymentsSweep) -> list[str]:
    from pipeline.core.how_many import how_many
    from pipeline.core.values.amount_text import format_amount

    lines = [f"{how_many(shown.asked, 'bill')} asked about"]
    for each in shown.found:
        amount = (
            format_amount(each.currency, each.amount_minor) if each.currency != "?" else "currency unknown"
        )
        lines.append(f"payments that no event told of: {amount} on {how_many(each.bills, 'bill')}")
    if shown.asked and not shown.found:
        lines.append("no payment was missed")
    for count, what in (
        (shown.voided, "voided"),
        (shown.shows_less, "of which the API shows less than events told: compare the vendor's report"),
        (shown.unclear, "whose difference may be an unmatched payment of their owner"),
        (shown.unanswered, "without a usable answer: the next sweep asks again"),
        *((count, _TROUBLES[trouble]) for trouble, count in shown.troubles.items()),
    ):
        if count:
            lines.append(f"{how_many(count, 'bill')} {what}")
    lines += [f"{each.bill_reference}: {_TROUBLES[each.trouble]}" for each in shown.troubled[:MOST_LINES]]
    if shown.left:
        lines.append(f"{how_many(shown.left, 'loaded bill')} left: the next sweep goes on there")
    return lines


_TROUBLES = {
    "missing": "not known to the API",
    "another_bill": "whose reference is another bill at the API",
    "other_currency": "in another currency at the API",
    "unreadable": "of which the API shows no paid amount",
}
