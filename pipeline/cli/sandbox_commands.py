"""The command `sandbox`, and those that do something to a running one. Their docstrings are their help texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import (
    DEFAULT_CONFIG,
    ConfigPath,
    Verbose,
    config_at,
    require_sandbox,
    start,
)
from pipeline.cli.plain_help import PlainGroup
from pipeline.cli.printing import say
from pipeline.errors import EX_RECORDS, SourceError, UsageError

if TYPE_CHECKING:
    from pipeline.sandbox.control import Way
    from pipeline.sandbox.replies import Json

sandbox = typer.Typer(cls=PlainGroup, subcommand_metavar="[COMMAND]")


@sandbox.callback(invoke_without_command=True)
def run_sandbox(
    context: typer.Context, config: ConfigPath = DEFAULT_CONFIG, verbose: Verbose = False
) -> None:
    """Run the built-in test servers. A Billing API and an SFTP server, on the addresses in config.yaml."""
    if context.invoked_subcommand is not None:
        given = context.get_parameter_source("config")
        if (
            given is not None and given.name == "COMMANDLINE"
        ):  # it would be that of the servers, and have no effect
            raise UsageError(
                problem=f"--config stands before {context.invoked_subcommand}", remedy="write it at the end"
            )
        return
    start(verbose=verbose)
    require_sandbox()
    from pipeline.cli.sandbox import serve_sandbox

    raise typer.Exit(serve_sandbox(config_at(config)))


@sandbox.command(name="pay")
def pay_in_sandbox(
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="Id or reference of a bill, an account or a customer.")
    ],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="How much, like 12.50.")],
    late: Annotated[
        bool, typer.Option("--late", help="The first delivery has an old time stamp, the next a new one.")
    ] = False,
    duplicate: Annotated[
        bool,
        typer.Option("--duplicate", help="Delivered again, under the same webhook id and under another."),
    ] = False,
    out_of_order: Annotated[
        bool, typer.Option("--out-of-order", help="Paid in two parts; the second is delivered first.")
    ] = False,
    bad_signature: Annotated[
        bool, typer.Option("--bad-signature", help="Nothing is paid; the delivery is forged.")
    ] = False,
    no_bill_id: Annotated[
        bool,
        typer.Option("--no-bill-id", help="The event names the bill's account or customer, not the bill."),
    ] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    verbose: Verbose = False,
) -> None:
    """Pay a bill or into a balance of the running sandbox. Shows what the receiver of webhooks answered."""
    start(verbose=verbose)
    require_sandbox()
    ways: dict[Way, bool] = {
        "late": late,
        "duplicate": duplicate,
        "out_of_order": out_of_order,
        "bad_signature": bad_signature,
        "no_bill_id": no_bill_id,
    }
    chosen = [way for way, is_chosen in ways.items() if is_chosen]
    if len(chosen) > 1:
        raise UsageError(
            problem="a payment is told in one way at a time", remedy="choose one of these options"
        )
    way: Way = chosen[0] if chosen else "usual"
    answer = _asked(config, "/sandbox/pay", {"reference": reference, "amount": amount, "way": way})
    for line in _paid_lines(reference, answer):
        say(line)
    _require_taken(answer)


@sandbox.command(name="refund")
def refund_in_sandbox(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="REFERENCE",
            help="Id of a payment; or id or reference of what was paid: its newest payment.",
        ),
    ],
    config: ConfigPath = DEFAULT_CONFIG,
    verbose: Verbose = False,
) -> None:
    """Give a payment of the running sandbox back. Only the vendor's reports tell of it."""
    start(verbose=verbose)
    require_sandbox()
    for each in _asked(config, "/sandbox/refund", {"reference": reference})["refunds"]:
        say(f"{each['currency']} {each['amount']} of {each['reference']} refunded ({each['payment_id']})")
    say("The report of today has it: billferry sandbox report")


@sandbox.command(name="report")
def report_from_sandbox(
    day: Annotated[
        str | None,
        typer.Argument(metavar="DAY", help="The day that it is about, YYYY-MM-DD.", show_default="today"),
    ] = None,
    settlement: Annotated[
        bool, typer.Option("--settlement", help="The settlement report instead of the reconciliation report.")
    ] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    verbose: Verbose = False,
) -> None:
    """Put the vendor's report of a day's payments onto the sandbox's SFTP server, beside the bill files."""
    start(verbose=verbose)
    require_sandbox()
    from pipeline.core.how_many import how_many

    kind = "settlement" if settlement else "reconciliation"
    answer = _asked(config, "/sandbox/report", {"kind": kind, "day": day})
    say(f"{answer['path']}: {how_many(answer['rows'], 'transaction')}")


def _asked(config: Path, path: str, document: Json) -> Json:
    """The running sandbox's answer. Raises UsageError: it does not run or refuses, or the API is no sandbox."""
    from pipeline.cli.sandbox import require_this_machine
    from pipeline.sandbox.control import Refused, ask

    url = require_this_machine(config_at(config, folders_may_be_missing=True).settings)
    try:
        return ask(url, path, document)
    except ConnectionError:
        raise UsageError(
            problem=f"no sandbox runs at {url}", remedy="start billferry sandbox in another terminal"
        ) from None
    except Refused as refused:
        named = document.get("reference", document.get("day"))
        raise UsageError(problem=f"{named}: {refused}", remedy="nothing was done") from None


def _paid_lines(reference: str, answer: Json) -> list[str]:
    """What was paid, and what became of each delivery, in the order in which they were answered."""
    currency, what = answer["currency"], answer["what"]
    lines = [
        f"{currency} {payment['amount']} paid on {what} {reference} ({payment['payment_id']})"
        if answer["paid"]
        else f"nothing was paid on {what} {reference}; a delivery of {currency} {payment['amount']} was forged"
        for payment in answer["payments"]
    ]
    if answer["paid"] and answer["remaining"] is not None:
        lines.append(f"{currency} {answer['remaining']} of it remains open")
    if answer["receiver"] is None:
        lines.append("nothing was delivered: payments.listen in config.yaml says no address")
    for delivery in answer["deliveries"]:
        status = delivery["status"]
        said = delivery["error"] if status is None else f"{status} {delivery['answer']}".strip()
        lines.append(f"delivered as {delivery['webhook_id']}, attempt {delivery['number']}: {said}")
    return lines


def _require_taken(answer: Json) -> None:
    """Raises SourceError: an event was not taken up to its last delivery; `typer.Exit` 1: a forged one was taken."""
    last: dict[str, Json] = {each["webhook_id"]: each for each in answer["deliveries"]}
    for delivery in last.values():
        status, forged = delivery["status"], delivery["forged"]
        if status is None or (not forged and status >= 300):
            raise SourceError(
                source=answer["receiver"],
                problem=f"the delivery was not taken ({delivery['error'] or status})",
                remedy="start billferry serve" + ("" if forged else ": it is delivered again"),
            )
        if forged and status < 300:
            say("the receiver took what was forged: it verifies no signatures", err=True)
            raise typer.Exit(EX_RECORDS)
