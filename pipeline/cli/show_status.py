"""The command `status`. Its docstring is its help text."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, Verbose, config_at, start
from pipeline.cli.printing import print_json
from pipeline.errors import EX_OK, EX_RECORDS


def status(
    config: ConfigPath = DEFAULT_CONFIG,
    open_only: Annotated[
        bool, typer.Option("--open", help="Only what is open; exits with 1 if anything is.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="Only files that arrived on that day (YYYY-MM-DD) or later."),
    ] = None,
    feed: Annotated[str | None, typer.Option(metavar="FEED", help="Only files of this feed.")] = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only files in this state, such as held or refused.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="List all files, not only the newest of those that are closed.")
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Show what is open first: late, held, unfinished, not corrected. Then the newest other files. Exits with 0."""
    start(verbose=verbose)
    from pipeline.cli.status import print_status, status_document
    from pipeline.cli.status_filters import StatusFilter

    chosen = StatusFilter(open_only, since, feed, state, everything)
    document = status_document(config_at(config), chosen)
    if as_json:
        print_json(document)
    else:
        print_status(document, chosen)
    is_open = document["open"]["files"] or document["late"]
    raise typer.Exit(EX_RECORDS if open_only and is_open else EX_OK)
