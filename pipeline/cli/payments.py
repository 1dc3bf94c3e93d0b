"""The commands `payments …`. Their docstrings are their help texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, Verbose, Wait, config_at, finish, start
from pipeline.cli.plain_help import PlainGroup
from pipeline.cli.printing import say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from schemas.payments import PaymentsStatus

payments = typer.Typer(
    cls=PlainGroup,
    no_args_is_help=True,
    help="What was paid: received payments, files of them for the merchant, and comparisons with the API.",
)


@payments.command(name="status")
def show_payments_status(
    config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False, verbose: Verbose = False
) -> None:
    """Show what was received, what became of it, and which payments files were written."""
    start(verbose=verbose)
    from pipeline.edge.clock import utc_now
    from pipeline.run.payments_view import payments_status

    shown = payments_status(config_at(config).settings, utc_now())
    if as_json:
        typer.echo(shown.model_dump_json(indent=2))
        return
    for line in _status_lines(shown):
        say(line)


@payments.command(name="list")
def list_payments(
    config: ConfigPath = DEFAULT_CONFIG,
    bill: Annotated[str | None, typer.Option(metavar="REF", help="Only payments of this bill.")] = None,
    open_only: Annotated[
        bool, typer.Option("--open", help="Only payments that are not applied to a bill or balance.")
    ] = False,
    unmatched: Annotated[
        bool,
        typer.Option("--unmatched", help="Only payments that could belong to several bills, or to none."),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="Only payments received on that day (YYYY-MM-DD) or later."),
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """List payments in the order in which they were received."""
    start(verbose=verbose)
    from pipeline.core.values.amount_text import format_amount
    from pipeline.edge.clock import utc_now
    from pipeline.edge.ledger.inbox.views import OPEN
    from pipeline.run.payments_view import payments_list

    settings = config_at(config).settings
    shown = payments_list(
        settings,
        utc_now(),
        outcomes=("unmatched",) if unmatched else OPEN if open_only else (),
        bill_reference=bill,
        since=None if since is None else _start_of(since, settings.zone),
    )
    if as_json:
        typer.echo(shown.model_dump_json(indent=2))
        return
    for each in shown.payments:
        amount = format_amount(each.currency, each.amount_minor or 0) if each.currency else "no amount"
        owner = each.bill_reference or each.account_reference or each.customer_reference
        what = (
            f"for {owner}" if owner else f"for {each.bill_id or each.account_id or each.customer_id or '?'}"
        )
        status = f"; bill {each.bill_status}" if each.bill_status else ""
        why = f" ({', '.join(each.codes)})" if each.codes else ""
        say(
            f"{each.seq}  {each.received_at:%Y-%m-%d %H:%M:%S}Z  {amount}  {what}: {each.outcome}{why}{status}"
        )


@payments.command(name="export")
def export_payments_file(
    config: ConfigPath = DEFAULT_CONFIG,
    wait: Wait = 0.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Write a payments file now and hand it over. Each payment is in exactly one file."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.run.context import Options
    from pipeline.run.run_pass import export_payments

    finish(export_payments(config_at(config), TerminalUi(), Options(wait_s=wait)), as_json=as_json)


def _start_of(day: str, zone: ZoneInfo) -> str:
    """The first moment of a day in the merchant's time zone, as the inbox writes times. Raises UsageError."""
    from datetime import UTC, datetime

    from pipeline.errors import UsageError

    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=zone).astimezone(UTC).isoformat()
    except ValueError:
        raise UsageError(problem="--since is not a day", remedy="write it as YYYY-MM-DD") from None


def _status_lines(shown: PaymentsStatus) -> list[str]:
    from pipeline.core.how_many import how_many
    from pipeline.core.values.amount_text import format_amount

    def money(currency: str, minor: int) -> str:
        return format_amount(currency, minor) if currency != "?" else "amount unknown"

    def outcomes(currency: str, counts: Mapping[str, int], minor: Mapping[str, int]) -> str:
        return ", ".join(f"{count} {name} ({money(currency, minor[name])})" for name, count in counts.items())

    lines = [
        f"{how_many(each.received, 'delivery') if each.received == 1 else f'{each.received} deliveries'},"
        f" {money(each.currency, each.received_minor)}: "
        + outcomes(each.currency, each.by_outcome, each.by_outcome_minor)
        for each in shown.currencies
    ]
    if not lines:
        lines = ["No payments have been read yet."]
    if shown.not_read:
        lines.append(f"{shown.not_read} received and not read yet: the next billferry run does")
    if shown.not_exported:
        lines.append(f"{shown.not_exported} in no payments file yet")
    for file in shown.files:
        handed = f"handed over {file.handed_over_at:%Y-%m-%d %H:%M}Z" if file.handed_over_at else "pending"
        amounts = ", ".join(format_amount(currency, minor) for currency, minor in file.amounts_minor.items())
        lines.append(
            f"{file.name}: {how_many(file.records, 'row')}, {amounts or 'nothing to post'}, {handed}"
        )
    return lines
