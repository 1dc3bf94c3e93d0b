"""What `doctor` looks at where the page in the browser is served. Looks only."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from pipeline.core.payments.listen_address import listen_address
from pipeline.diagnostics.payments_check import needs_packages
from pipeline.edge.config import page_secret
from pipeline.edge.local.listening import Listening, what_listens_at
from pipeline.errors import ConfigError
from schemas.settings import Settings

SERVED_BY = ("starlette", "uvicorn", "python_multipart")
"""Packages of the extra `serve`."""
MAX_SOCKET_PATH = 107
"""Bytes of a unix socket's path. Source: unix(7)."""
_LISTEN = "page.listen"


def page_checks(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    """Checks by name: each returns good news, or raises ConfigError."""
    page = settings.page
    if page is None or page.listen is None:
        return
    yield _LISTEN, partial(_listen, page.listen)
    if page.identity != "local" and page.identity.secret_file is not None:
        yield "page.identity.secret_file", partial(_secret, settings)
    yield "page.serve", partial(needs_packages, SERVED_BY, _LISTEN)


def is_page_exposed(settings: Settings) -> bool:
    """Whether other machines reach the page without a proxy of this one, and so without encryption."""
    page = settings.page
    return page is not None and page.listen is not None and not listen_address(page.listen).is_local


def _listen(listen: str) -> str:
    address = listen_address(listen)
    if address.path is not None:
        _require_socket_place(Path(address.path))
    match what_listens_at(address):
        case Listening.NOTHING:
            return f"{listen} is free; billferry serve listens there"
        case Listening.OUR_PAGE:
            return f"{listen}: the page is served there"
        case Listening.NOT_HERE:
            raise ConfigError(
                where=_LISTEN,
                problem=f"{listen} is not an address of this machine",
                remedy="listen on one of this machine, such as 127.0.0.1",
            )
        case Listening.ANOTHER:
            raise ConfigError(
                where=_LISTEN,
                problem=f"another program listens on {listen}",
                remedy="stop it, or choose another address",
            )


def _require_socket_place(path: Path) -> None:
    """Raises ConfigError: `serve` cannot make its socket there."""
    problem = remedy = None
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        problem, remedy = (
            f"the path is longer than the {MAX_SOCKET_PATH} bytes of a socket",
            "choose a shorter one",
        )
    elif not path.parent.is_dir():
        problem, remedy = f"{path.parent} does not exist", "create it, as RuntimeDirectory= of the unit does"
    elif not os.access(path.parent, os.W_OK | os.X_OK):
        problem, remedy = f"{path.parent} cannot be written", "correct its owner"
    elif path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        problem, remedy = f"{path} is there, and is not a socket", "move it away, or choose another path"
    if problem is not None and remedy is not None:
        raise ConfigError(where=_LISTEN, problem=problem, remedy=remedy)


def _secret(settings: Settings) -> str:
    page_secret(settings)
    return "the secret that the proxy sends is read, and nobody else can read it"
