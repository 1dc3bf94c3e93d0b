"""What `doctor` looks at where payments are received or handed over. Looks only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from importlib.util import find_spec

from pipeline.core.payments.listen_address import listen_address
from pipeline.edge.config import webhook_secrets
from pipeline.edge.ledger.inbox.deliveries import size_bytes
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.errors import ConfigError, DiskFull
from schemas.settings import Payments, Settings

SERVED_BY = ("starlette", "uvicorn")
"""Packages of the extra `serve`."""


def payments_checks(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    """Checks by name: each returns good news, or raises ConfigError, DiskFull, or as `open_inbox`."""
    payments = settings.payments
    if payments is None:
        return
    if payments.listen is not None:
        yield "payments.listen", partial(_listen, payments.listen)
        yield "payments.secret_files", partial(_secrets, settings)
        yield "payments.serve", partial(needs_packages, SERVED_BY, "payments.listen")
    yield "payments.inbox", partial(_inbox, settings, payments)


def is_exposed(settings: Settings) -> bool:
    """Whether other machines reach the receiver without a proxy, and so without encryption."""
    payments = settings.payments
    try:
        return (
            payments is not None
            and payments.listen is not None
            and not listen_address(payments.listen).is_local
        )
    except ValueError:
        return False


def deliveries_in_time(settings: Settings, off_s: float) -> str | None:
    """Whether deliveries are accepted although this machine's clock is `off_s` seconds off; None: none are received.

    Raises ConfigError.
    """
    payments = settings.payments
    if payments is None or payments.listen is None:
        return None
    if off_s > payments.tolerance_s:
        raise ConfigError(
            where="payments.tolerance_s",
            problem=f"this machine's clock is {off_s:.0f} s off, so that every delivery is refused",
            remedy="set it by NTP",
        )
    return f"the clock is well within the {payments.tolerance_s:g} s that a delivery may be off"


def _listen(listen: str) -> str:
    try:
        listen_address(listen)
    except ValueError as error:
        raise ConfigError(
            where="payments.listen",
            problem=f"{listen} is not an address ({error})",
            remedy="write ADDRESS:PORT, [IPv6]:PORT or unix:/PATH",
        ) from error
    return f"{listen} is an address; billferry serve listens there"


def _secrets(settings: Settings) -> str:
    count = len(webhook_secrets(settings))
    return "1 signing secret is read" if count == 1 else f"{count} signing secrets are read, each is valid"


def needs_packages(packages: Sequence[str], where: str) -> str:
    """Whether what `serve` needs is installed; `where`: the key that asks for it. Raises ConfigError."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ConfigError(
            where=where,
            problem=f"billferry serve needs {' and '.join(missing)}",
            remedy='install "billferry[serve]"',
        )
    return "what billferry serve needs is installed"


def _inbox(settings: Settings, payments: Payments) -> str:
    path = inbox_path(settings.work_dir)
    if not path.exists():
        return "not there yet; the first run or billferry serve creates it"
    with closing(
        open_inbox(path, merchant=settings.merchant, environment=settings.environment, read_only=True)
    ) as inbox:
        problem = inbox.execute("PRAGMA quick_check").fetchone()[0]
        size_mib = size_bytes(inbox) // 2**20
    limit_mib = payments.max_inbox_bytes // 2**20
    if size_mib >= limit_mib:
        raise DiskFull(where=path, problem=f"payments.max_inbox_bytes ({limit_mib} MiB) is reached")
    return f"{path}: {problem}, {size_mib} of at most {limit_mib} MiB"
