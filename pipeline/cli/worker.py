"""`worker`: helps other hosts with the load of their files, until it is stopped."""

from __future__ import annotations

from functools import partial

import typer

from pipeline.cli.options import DEFAULT_CONFIG, ConfigPath, Verbose, config_at, start
from pipeline.cli.printing import say


def worker(config: ConfigPath = DEFAULT_CONFIG, verbose: Verbose = False) -> None:
    """Help with the files that another host loads, until stopped. Needs a ledger in PostgreSQL."""
    start(verbose=verbose, stamped=True)
    from pipeline.workers.worker import work_on_parts

    raise typer.Exit(work_on_parts(config_at(config).settings, partial(say, err=True)))
