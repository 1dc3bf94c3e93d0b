"""`write-off`: closes rejected records that nobody will correct.

Ends with 0, or with 2 where no file, or several, fit the name or a record is not open, 4 while another run is active.
Its docstring is its help text.
"""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    KnownFile,
    Verbose,
    Wait,
    config_at,
    finish,
    start,
)


def write_off(
    file: KnownFile,
    records: Annotated[
        str,
        typer.Option(
            metavar="RECORDS",
            help="Records of the file by number (reject_record in its rejects), such as 3,7-9; or: all",
        ),
    ],
    why: Annotated[str, typer.Option("--why", metavar="REASON", help="The reason, for the reports.")],
    config: ConfigPath = DEFAULT_CONFIG,
    wait: Wait = 0.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Close rejected records that will never come. They no longer count as open; nothing is sent."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.edge.local.operator import invoking_user
    from pipeline.run.context import Options
    from pipeline.run.write_off import WriteOffOrder, write_records_off

    order = WriteOffOrder(invoking_user(), records, why)
    result = write_records_off(config_at(config), file, TerminalUi(), Options(wait_s=wait), order)
    finish(result, as_json=as_json)
