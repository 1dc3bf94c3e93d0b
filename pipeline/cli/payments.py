"""The commands `payments …`. Their docstrings are their help texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, Verbose, Wait, config_at, finish, start
from pipeline.cli.plain_help import PlainGroup
from pipeline.cli.printing import say

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

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
    from pipeline.core.payments.status_words import status_in_words
    from pipeline.edge.clock import utc_now
    from pipeline.run.payments_view import payments_status
    from schemas.settings import Payments

    settings = config_at(config).settings
    shown = payments_status(settings, utc_now())
    if as_json:
        typer.echo(shown.model_dump_json(indent=2))
        return
    for line in status_in_words(shown, settings.zone, (settings.payments or Payments()).export):
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
    from pipeline.cli.payments_words import list_in_words
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
    for line in list_in_words(shown, settings.zone):
        say(line)


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
