"""`forget`: what was removed of a customer, what may still hold it elsewhere, and what is left below work_dir.

Exit status: 0, 1 where files below work_dir still mention the customer, 2 for a reference that nobody knows, 3 while a
request about the customer, or a file with records of it, is not settled; nothing is removed then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, Verbose, Wait, config_at, start
from pipeline.cli.printing import print_json, printable_lines, say

if TYPE_CHECKING:  # no circle: `--help` answers at once
    from pipeline.run.forget import ForgetResult


def forget(
    reference: Annotated[
        str,
        typer.Argument(metavar="REFERENCE", help="The customer reference, as bill files have it."),
    ],
    config: ConfigPath = DEFAULT_CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be removed, and what is elsewhere.")
    ] = False,
    wait: Wait = 0.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Remove a customer's personal data from ledger, copies and reports. Hashes, amounts and ids stay."""
    start(verbose=verbose)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.core.error_document import finding_document
    from pipeline.run.context import Options
    from pipeline.run.forget import forget_customer

    result = forget_customer(
        config_at(config), reference, TerminalUi(), Options(wait_s=wait), only_look=dry_run
    )
    if as_json:
        remedy = "remove them, or run billferry forget again once they are not in use"
        left = finding_document(
            "forget.left", f"{len(result.left)} files still mention it", remedy, result.where
        )
        errors = [left] if result.left else []
        print_json({**asdict(result), "errors": errors, "exit_status": result.exit_status})
    else:
        if result.was_only_looked_at:
            say("Nothing was removed. Without --dry-run:", err=True)
        for line in _in_words(result):
            say(printable_lines(line), err=True)
    raise typer.Exit(result.exit_status)


def _in_words(result: ForgetResult) -> Iterator[str]:
    """What was removed, then what is elsewhere, then what is left."""
    for file in result.files:
        count = file["records"]
        records = (
            f"{count} record{'' if count == 1 else 's'}" if count else "records that can no longer be counted"
        )
        yield f"{file['name']}: details removed ({records}); its landed copy was deleted"
    for copy in result.copies:
        yield f"{copy}: deleted"
    for name in result.payments_files:
        yield f"payments/{name}: references removed"
    yield "ledger: details removed, and written anew; references, ids, hashes and amounts stay"
    for place in result.elsewhere:
        yield f"not touched: {place}"
    for path in result.left:
        if path.startswith(("ledger.sqlite", "inbox.sqlite")):
            yield f"STILL THERE: {path}, in the name of a file or folder; never delete it"
            continue
        yield f"STILL THERE: {path}; remove it yourself, or run billferry forget again once it is not in use"
