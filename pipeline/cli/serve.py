"""`serve`: receives webhooks and serves the page until it is stopped."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from pipeline.cli.options import DEFAULT_CONFIG, ConfigPath, Verbose, config_at, start
from pipeline.cli.printing import say
from pipeline.errors import ExtraMissing


def serve(
    config: ConfigPath = DEFAULT_CONFIG,
    with_watch: Annotated[
        bool, typer.Option("--with-watch", help="Run a watch beside it, which loads files.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Receive payments that the API reports, and serve the page, until stopped.

    Listens where payments.listen and page.listen say.
    """
    start(verbose=verbose, stamped=True)
    configured = config_at(config)
    if any(find_spec(each) is None for each in ("uvicorn", "starlette", "python_multipart")):
        raise ExtraMissing(name="billferry serve", what="it", package="uvicorn", extra="serve")
    from pipeline.serve.serve import serve_configured

    status = serve_configured(configured, lambda line: say(line, err=True), with_watch=with_watch)
    raise typer.Exit(status)
