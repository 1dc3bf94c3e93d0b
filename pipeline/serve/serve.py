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
from pipeline.serve.listener import bound_socket, serve_app
from pipeline.serve.receiver import Receiver, receiver_app
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
    keys = signing_keys(webhook_secrets(settings))
    private_folder(settings.work_dir, close=True)
    inbox = open_inbox(
        inbox_path(settings.work_dir), merchant=settings.merchant, environment=settings.environment
    )
    with closing(inbox), bound_socket(payments.listen) as listener:
        address = payments.listen if payments.listen.startswith(UNIX) else f"http://{payments.listen}"
        say(f"Webhooks are received at {address}{payments.path}. Press Ctrl-C to stop.")

        async def receive() -> Exception | None:
            where = str(inbox_path(settings.work_dir))
            async with DeliveryWriter(inbox, where=where, max_bytes=payments.max_inbox_bytes) as writer:
                return await serve_app(
                    receiver_app(_receiver(payments, writer, keys), payments.path), listener
                )

        return uvloop.run(receive())


def _receiver(payments: Payments, writer: DeliveryWriter, keys: tuple[bytes, ...]) -> Receiver:
    return Receiver(writer, keys, tolerance_s=payments.tolerance_s, max_body_bytes=payments.max_body_bytes)
