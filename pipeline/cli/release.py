"""`release` and `refuse`: what a person decides about a held file.

Both write down who decided, by the login name, also while another run is active; the next run acts on it, or this one
with `--now`. They end with 0 or with what the run came to, 2 where no held file, or more than one, fits the name, or
another person has decided, 4 where `--now` finds another run active.
Their docstrings are their help texts.
"""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    KnownFile,
    Limit,
    Verbose,
    Wait,
    config_at,
    finish,
    start,
)


def release(
    file: KnownFile,
    config: ConfigPath = DEFAULT_CONFIG,
    limit: Limit = None,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Accept that the correction changes values that were valid in the original.",
        ),
    ] = False,
    now: Annotated[bool, typer.Option("--now", help="Send it now, not with the next run.")] = False,
    wait: Wait = 0.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Release a held file. The next run sends it, unless the file, its feed or its totals change before."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.edge.local.operator import invoking_user
    from pipeline.run.context import Options
    from pipeline.run.release_or_refuse import Release, release_file

    how = Release(invoking_user(), limit=limit, accept_changes=accept_changes, now=now)
    finish(release_file(config_at(config), file, TerminalUi(), Options(wait_s=wait), how), as_json=as_json)


def refuse(
    file: KnownFile,
    why: Annotated[str, typer.Option("--why", metavar="REASON", help="The reason, for the reports.")],
    config: ConfigPath = DEFAULT_CONFIG,
    wait: Wait = 0.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Refuse a held file. Nothing more of it is sent, and it moves to its source's quarantine."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.edge.local.operator import invoking_user
    from pipeline.run.context import Options
    from pipeline.run.release_or_refuse import refuse_file

    result = refuse_file(
        config_at(config), file, TerminalUi(), Options(wait_s=wait), by=invoking_user(), why=why
    )
    finish(result, as_json=as_json)
