"""The commands by which a person settles payments that could not be matched. Their docstrings are their help texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import DEFAULT_CONFIG, ConfigPath, Verbose, Wait, config_at, start
from pipeline.cli.printing import say

if TYPE_CHECKING:
    from pipeline.core.payments.matching import Target

_Payment = Annotated[
    str,
    typer.Argument(
        metavar="PAYMENT", help="Its number in payments list, or the id of the event or of the payment."
    ),
]


def add_decisions(payments: typer.Typer) -> None:
    """Add these commands to those of `payments`."""
    payments.command(name="assign")(assign)
    payments.command(name="dismiss")(dismiss)


def assign(
    payment: _Payment,
    why: Annotated[str, typer.Option("--why", metavar="REASON", help="How it is known, for the list.")],
    bill: Annotated[str | None, typer.Option("--bill", metavar="REF", help="The bill that was paid.")] = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="REF", help="The account that was paid.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="REF", help="The customer who paid.")
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    wait: Wait = 0.0,
    verbose: Verbose = False,
) -> None:
    """Say what an unmatched or waiting payment is for. The next payments file has it as a late match."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.edge.local.operator import invoking_user
    from pipeline.errors import UsageError
    from pipeline.run.context import Options
    from pipeline.run.payments_decide import DecisionOrder, assign_payment

    named: list[tuple[Target, str | None]] = [("bill", bill), ("account", account), ("customer", customer)]
    given = [(target, reference) for target, reference in named if reference]
    if len(given) != 1:
        raise UsageError(
            problem="a payment is for one bill, account or customer",
            remedy="give one of --bill, --account, --customer",
        )
    ((target, reference),) = given
    order = DecisionOrder(invoking_user(), payment, why)
    ui, options = TerminalUi(), Options(wait_s=wait)
    say(assign_payment(config_at(config), ui, options, order, target=target, reference=reference))


def dismiss(
    payment: _Payment,
    why: Annotated[str, typer.Option("--why", metavar="REASON", help="How it is settled, for the list.")],
    config: ConfigPath = DEFAULT_CONFIG,
    wait: Wait = 0.0,
    verbose: Verbose = False,
) -> None:
    """Close a payment that is unmatched, waiting, in conflict or unreadable, and that is settled elsewhere."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.edge.local.operator import invoking_user
    from pipeline.run.context import Options
    from pipeline.run.payments_decide import DecisionOrder, dismiss_payment

    order = DecisionOrder(invoking_user(), payment, why)
    say(dismiss_payment(config_at(config), TerminalUi(), Options(wait_s=wait), order))
