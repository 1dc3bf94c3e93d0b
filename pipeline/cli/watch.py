"""`watch`: runs again and again, until it is stopped or the program that started it is gone."""

from __future__ import annotations

import os
import signal
from typing import Annotated

import typer

from pipeline.cli.options import DEFAULT_CONFIG, ConfigPath, Verbose, config_at, start
from pipeline.signals import when_parent_ends

WithParent = Annotated[
    bool,
    typer.Option(
        "--with-parent", help="Stop, too, when standard input ends: the program that started it is gone."
    ),
]


def watch(
    config: ConfigPath = DEFAULT_CONFIG, verbose: Verbose = False, with_parent: WithParent = False
) -> None:
    """Run continuously until stopped. Dropped files are taken within seconds, the SFTP server is polled."""
    start(verbose=verbose, stamped=True)
    from pipeline.cli.terminal_ui import TerminalUi
    from pipeline.run.watch import watch_sources

    if with_parent:
        when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
    raise typer.Exit(watch_sources(config_at(config), TerminalUi()))
