"""The commands `ledger …`. Their docstrings are their help texts."""

from __future__ import annotations

import typer

from pipeline.cli.options import DEFAULT_CONFIG, ConfigPath, Verbose, config_at, start
from pipeline.cli.plain_help import PlainGroup
from pipeline.cli.printing import say

ledger = typer.Typer(
    cls=PlainGroup, no_args_is_help=True, help="Where the ledger is: a file, or a database in PostgreSQL."
)


@ledger.callback()
def ledger_commands() -> None:
    """Where the ledger is: a file, or a database in PostgreSQL."""


@ledger.command(name="move")
def move(config: ConfigPath = DEFAULT_CONFIG, verbose: Verbose = False) -> None:
    """Move the ledger from its file into the PostgreSQL database that the config names, and compare the two."""
    start(verbose=verbose)
    from pipeline.run.move_ledger import move_to_database

    say(move_to_database(config_at(config)), err=True)
