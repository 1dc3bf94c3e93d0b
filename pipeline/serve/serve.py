"""`serve`: what the config has to be served, each on a listener of its own, until a stop signal comes."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing

import uvloop

from pipeline.core.payments.listen_address import listen_address
from pipeline.core.payments.signatures import signing_keys
from pipeline.edge.config import Config, page_secret, webhook_secrets
from pipeline.edge.disk import private_folder
from pipeline.edge.ledger.inbox.deliveries import DeliveryWriter
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.edge.local.operator import invoking_user
from pipeline.errors import UsageError
from pipeline.serve.listener import Listener, Served, Stopping, bound_socket, serve_apps
from pipeline.serve.page.app import page_app
from pipeline.serve.page.people import People
from pipeline.serve.page.site import Site
from pipeline.serve.receiver import Receiver, receiver_app
from pipeline.signals import on_stop
from schemas.settings import Page, Payments, Settings

TOKEN_BYTES = 32


def serve_configured(config: Config, say: Callable[[str], None]) -> Exception | None:
    """Receive webhooks and serve the page, as far as the config says where, until stopped; returns what stopped it.

    What was acknowledged is in the inbox, whatever ends this process.

    Raises:
        UsageError: the config names nothing to serve, or an address cannot be listened on.
        ConfigError: a secret cannot be read.
        LedgerOfAnother, LedgerDamaged, DiskFull: of the inbox.
    """
    settings = config.settings
    payments, page = settings.payments, settings.page
    lines: list[str] = []
    with ExitStack() as sockets:
        receives = shows = None
        if payments is not None and payments.listen is not None:
            receives = payments, sockets.enter_context(bound_socket(payments.listen, "payments.listen"))
            lines.append(f"Webhooks are received at {_shown(payments.listen)}{payments.path}.")
        if page is not None and page.listen is not None:
            shows = page, sockets.enter_context(bound_socket(page.listen, "page.listen"))
            lines.append(f"The page is at {_shown(page.listen)}/.")
        if receives is None and shows is None:
            raise UsageError(
                problem="neither payments.listen nor page.listen is set, so there is nothing to serve",
                remedy="set page.listen, or payments.listen and payments.secret_files",
            )

        async def serve() -> Exception | None:
            async with AsyncExitStack() as stack:
                apps = []
                if receives is not None:
                    apps.append(await stack.enter_async_context(_receiving(settings, *receives)))
                if shows is not None:
                    apps.append(_showing(config, *shows))
                for line in [*lines, "Press Ctrl-C to stop."]:
                    say(line)
                return await serve_apps(apps, on_stop)

        return uvloop.run(serve())


def receive_on(
    settings: Settings, payments: Payments, listener: Listener, stopping: Stopping
) -> Exception | None:
    """Receive webhooks on a socket that is bound, until stopped; returns what stopped it.

    Args:
        stopping: within its block, a call of what it is given stops; from any thread.

    Raises:
        ConfigError, LedgerOfAnother, LedgerDamaged, DiskFull: as `serve_configured`.
    """

    async def receive() -> Exception | None:
        async with _receiving(settings, payments, listener) as served:
            return await serve_apps([served], stopping)

    return uvloop.run(receive())


def show_on(config: Config, page: Page, listener: Listener, stopping: Stopping) -> Exception | None:
    """Serve the page on a socket that is bound, until stopped; returns what stopped it.

    Args:
        stopping: as of `receive_on`.

    Raises:
        ConfigError: the proxy's secret cannot be read.
    """
    return uvloop.run(serve_apps([_showing(config, page, listener)], stopping))


@asynccontextmanager
async def _receiving(settings: Settings, payments: Payments, listener: Listener) -> AsyncIterator[Served]:
    """The webhook receiver, with its inbox open. Raises as `receive_on`."""
    keys = signing_keys(webhook_secrets(settings))
    private_folder(settings.work_dir, close=True)
    path = inbox_path(settings.work_dir)
    inbox = open_inbox(path, merchant=settings.merchant, environment=settings.environment)
    with closing(inbox):
        async with DeliveryWriter(inbox, where=str(path), max_bytes=payments.max_inbox_bytes) as writer:
            receiver = Receiver(
                writer, keys, tolerance_s=payments.tolerance_s, max_body_bytes=payments.max_body_bytes
            )
            yield Served(receiver_app(receiver, payments.path), listener)


def _showing(config: Config, page: Page, listener: Listener) -> Served:
    """The page. Raises ConfigError: the proxy's secret cannot be read."""
    people = People(page, page_secret(config.settings), invoking_user().user_name)
    site = Site(config, page, people, secrets.token_bytes(TOKEN_BYTES))
    return Served(page_app(site, is_local=page.identity == "local"), listener)


def _shown(listen: str) -> str:
    """An address as a person uses it."""
    return listen if listen_address(listen).path is not None else f"http://{listen}"
