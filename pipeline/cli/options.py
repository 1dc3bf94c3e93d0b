"""Options that several commands share, and how each command starts and ends.

An option is an `Annotated` type, so that all commands take it under the same name with the same help. Its `help` is for
users: it appears in `--help` and in docs/commands.md.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.printing import stamp_lines
from pipeline.errors import UsageError

if (
    TYPE_CHECKING
):  # no circle: `--help` and completion answer at once because no command's modules are imported yet
    from pipeline.edge.config import Config
    from schemas.results import RunResult

DEFAULT_CONFIG = Path("config.yaml")
ConfigPath = Annotated[
    Path,
    typer.Option(
        "--config", metavar="FILE", envvar="BILLFERRY_CONFIG", help="The config file.", show_default=True
    ),
]
MOST = 1_000_000_000
"""More records than any file has."""
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print the result as one JSON document on stdout; messages stay on stderr."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log every step on stderr.")]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST,
        metavar="N",
        help="Send only the first N remaining records and hold the rest.",
    ),
]
Wait = Annotated[
    float,
    typer.Option(
        "--wait",
        min=0,
        metavar="SECONDS",
        show_default="0: exit at once with 4",
        help="How long to wait for another run to end.",
    ),
]
FeedName = Annotated[
    str | None,
    typer.Option("--feed", metavar="FEED", help="Read the files as this feed, whatever their names."),
]
Files = Annotated[
    list[Path],
    typer.Argument(
        exists=True, dir_okay=False, metavar="FILE…", help="Bill files; they stay where they are."
    ),
]
KnownFile = Annotated[
    str, typer.Argument(metavar="FILE", help="A file name, or the first 8 or more digits of its SHA-256.")
]
PRIVATE = 0o077
"""The mask of every file that is made: bills are nobody else's business, whatever cron's or a login's own mask is."""


def start(*, verbose: bool, stamped: bool = False) -> None:
    """What every command does first: make files private and start the log on stderr.

    Args:
        verbose: log every step.
        stamped: its lines for people begin with the time where stderr is no terminal, for they end up in a log.
    """
    from pipeline.edge.log import start_logging

    os.umask(PRIVATE)
    start_logging(verbose=verbose)
    stamp_lines(stamped)


def require_sandbox() -> None:
    """Raises UsageError where the built-in test servers are not installed."""
    from importlib.util import find_spec

    if find_spec("asyncssh") is None:
        raise UsageError(problem="the sandbox is not installed", remedy="install billferry[sandbox]")


def config_at(path: Path, *, folders_may_be_missing: bool = False) -> Config:
    """The config at `path`, with the environment's values over it.

    Args:
        folders_may_be_missing: for commands that look at the set-up and put nothing into folders.

    Raises:
        ConfigError: it is missing, not YAML, or has wrong or unknown keys; exit status 2.
    """
    from pipeline.edge.config import load_config

    return load_config(path, folders_may_be_missing=folders_may_be_missing)


def finish(result: RunResult, *, as_json: bool) -> None:
    """End the command with the result's exit status, by raising `typer.Exit`.

    Args:
        as_json: print the result as the one document on stdout; people were shown it on stderr while the run went on.
    """
    if as_json:
        sys.stdout.write(result.model_dump_json(indent=2) + "\n")
    raise typer.Exit(result.exit_status)
