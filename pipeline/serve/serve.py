"""`serve`: what the config has to be served, each on a listener of its own, until a stop signal comes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, contextmanager
from functools import partial
from threading import Thread

import uvloop

from pipeline.core.payments.listen_address import listen_address
from pipeline.core.payments.signatures import signing_keys
from pipeline.edge.config import Config, page_secret, webhook_secrets
from pipeline.edge.disk import private_folder
from pipeline.edge.ledger.inbox.deliveries import DeliveryWriter
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.edge.local.operator import invoking_user
from pipeline.errors import EX_OK, Stopped, UsageError
from pipeline.run.preview import Previews, sweep_previews
from pipeline.run.uploads import sweep_uploads
from pipeline.serve.listener import Listener, Served, Stopping, bound_socket, serve_apps
from pipeline.serve.page.app import page_app
from pipeline.serve.page.people import People
from pipeline.serve.page.site import Site
from pipeline.serve.receiver import Receiver, receiver_app
from pipeline.serve.watch_process import watch_beside
from pipeline.signals import on_stop
from schemas.settings import Page, Payments, Settings

TOKEN_BYTES = 32


class WatchEnded(Exception):
    """The watch beside the server ended by itself: what loads files is not there any more."""

    def __init__(self, exit_status: int) -> None:
        super().__init__(f"the watch ended with exit status {exit_status}")
        self.exit_status = exit_status


def serve_configured(config: Config, say: Callable[[str], None], *, with_watch: bool = False) -> int:
    """Receive webhooks and serve the page, as far as the config says where, until stopped; the exit status.

    What was acknowledged is in the inbox, whatever ends this process.

    Args:
        with_watch: a watch runs beside it, and one ends with the other.

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

        async def serve() -> int:
            async with AsyncExitStack() as stack:
                apps = []
                if receives is not None:
                    apps.append(await stack.enter_async_context(_receiving(settings, *receives)))
                if shows is not None:
                    apps.append(stack.enter_context(_showing(config, *shows)))
                ended: asyncio.Future[WatchEnded] = asyncio.get_running_loop().create_future()
                if with_watch:
                    lines.append("A watch runs beside it.")
                    await stack.enter_async_context(
                        watch_beside(config.path, lambda status: ended.set_result(WatchEnded(status)))
                    )
                for line in [*lines, "Press Ctrl-C to stop."]:
                    say(line)
                stopped = await serve_apps(apps, partial(_by_signal_or, ended))
            if stopped is not None:
                why = (
                    f"stopped by {stopped.facts['signal_name']}"
                    if isinstance(stopped, Stopped)
                    else f"{stopped}"
                )
                say(f"{why}; everything that was acknowledged or taken in is kept")
            return getattr(stopped, "exit_status", EX_OK)

        return uvloop.run(serve())


@contextmanager
def _by_signal_or(ended: asyncio.Future[WatchEnded], stop: Callable[[Exception], None]) -> Iterator[None]:
    """Stop by a signal, or once the watch has ended."""
    ended.add_done_callback(lambda future: None if future.cancelled() else stop(future.result()))
    with on_stop(stop):
        yield


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
    with _showing(config, page, listener) as served:
        return uvloop.run(serve_apps([served], stopping))


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


@contextmanager
def _showing(config: Config, page: Page, listener: Listener) -> Iterator[Served]:
    """The page. Raises ConfigError: the proxy's secret cannot be read."""
    people = People(page, page_secret(config.settings), invoking_user().user_name)
    sweep_uploads(config.settings)
    sweep_previews(config.settings)
    with closing(Previews(config)) as previews:
        site = Site(config, page, people, secrets.token_bytes(TOKEN_BYTES), previews)
        ahead = Thread(target=site.look_ahead, name="look_ahead", daemon=True)
        ahead.start()
        yield Served(page_app(site, is_local=page.identity == "local"), listener, site.progress.close)
        ahead.join()


def _shown(listen: str) -> str:
    """An address as a person uses it."""
    return listen if listen_address(listen).path is not None else f"http://{listen}"
