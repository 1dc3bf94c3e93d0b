"""`serve`: opens the inbox and listens until a stop signal comes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import uvloop

from pipeline.core.payments.listen_address import UNIX
from pipeline.core.payments.signatures import signing_keys
from pipeline.edge.config import webhook_secrets
from pipeline.edge.disk import private_folder
from pipeline.edge.ledger.inbox.deliveries import DeliveryWriter
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.edge.log import get_logger
from pipeline.errors import UsageError
from pipeline.serve.listener import Listener, Stopping, bound_socket, serve_app
from pipeline.serve.receiver import Receiver, receiver_app
from pipeline.signals import on_stop
from schemas.settings import Payments, Settings

log = get_logger()


def serve_payments(settings: Settings, say: Callable[[str], None]) -> Exception | None:
    """Receive webhooks until stopped; returns what stopped it.

    What was acknowledged is in the inbox, whatever ends this process.

    Raises:
        UsageError: the config names nothing to serve, or its address cannot be listened on.
        ConfigError: a secret cannot be read.
        LedgerOfAnother, LedgerDamaged, DiskFull: of the inbox.
    """
    payments = settings.payments
    if payments is None or payments.listen is None:
        raise UsageError(
            problem="payments.listen is not set, so there is nothing to serve",
            remedy="set payments.listen and payments.secret_files",
        )
    with bound_socket(payments.listen) as listener:
        address = payments.listen if payments.listen.startswith(UNIX) else f"http://{payments.listen}"
        return receive_on(
            settings,
            payments,
            listener,
            on_stop,
            ready=lambda: say(f"Webhooks are received at {address}{payments.path}. Press Ctrl-C to stop."),
        )


def receive_on(
    settings: Settings,
    payments: Payments,
    listener: Listener,
    stopping: Stopping,
    *,
    ready: Callable[[], None] = lambda: None,
) -> Exception | None:
    """Receive webhooks on a socket that is bound, until stopped; returns what stopped it.

    Args:
        stopping: within its block, a call of what it is given stops; from any thread.
        ready: called once nothing can fail any more.

    Raises:
        ConfigError, LedgerOfAnother, LedgerDamaged, DiskFull: as `serve_payments`.
    """
    keys = signing_keys(webhook_secrets(settings))
    private_folder(settings.work_dir, close=True)
    path = inbox_path(settings.work_dir)
    inbox = open_inbox(path, merchant=settings.merchant, environment=settings.environment)
    with closing(inbox):

        async def receive() -> Exception | None:
            async with DeliveryWriter(inbox, where=str(path), max_bytes=payments.max_inbox_bytes) as writer:
                receiver = Receiver(
                    writer, keys, tolerance_s=payments.tolerance_s, max_body_bytes=payments.max_body_bytes
                )
                return await serve_app(receiver_app(receiver, payments.path), listener, stopping)

        ready()
        return uvloop.run(receive())
