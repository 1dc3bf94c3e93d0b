"""`serve`: receives webhooks and serves the page until it is stopped."""

from __future__ import annotations

from importlib.util import find_spec

import typer

from pipeline.cli.options import DEFAULT_CONFIG, ConfigPath, Verbose, config_at, start
from pipeline.cli.printing import say
from pipeline.errors import BillferryError, ExtraMissing


def serve(config: ConfigPath = DEFAULT_CONFIG, verbose: Verbose = False) -> None:
    """Receive payments that the API reports, and serve the page, until stopped.

    Listens where payments.listen and page.listen say.
    """
    start(verbose=verbose, stamped=True)
    configured = config_at(config)
    if find_spec("uvicorn") is None or find_spec("starlette") is None:
        raise ExtraMissing(name="billferry serve", what="it", package="uvicorn", extra="serve")
    from pipeline.serve.serve import serve_configured

    stopped = serve_configured(configured, lambda line: say(line, err=True))
    if isinstance(stopped, BillferryError):
        say("stopped; everything that was acknowledged is in the inbox", err=True)
        raise typer.Exit(stopped.exit_status)
