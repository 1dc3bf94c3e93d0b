"""Keeps a lease while a part is loaded, knows when it may have ended, and keeps pace with the other hosts."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Self

from pipeline.core.api.requests import BillRequest
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.postgres.parts import Lease, LoadParts, PartDone
from pipeline.errors import BillferryError, LeaseLost

RENEW_S = 1.0
MARGIN_S = 10.0
"""How long the database may not answer before a lease is given up."""


def lease_s(timeout_s: float) -> float:
    """For how long a part is leased, where a request may take `timeout_s`.

    A request must begin `timeout_s` before the end of its lease: so whatever a process began has ended when another one
    takes the part up, unless the process was stopped between its look at the clock and its first byte.
    """
    return MARGIN_S + timeout_s


class LeaseKeeper:
    """Renews a lease in a thread of its own, as a context manager; counts what it tells of the part.

    The same thread keeps this host at the pace of all hosts.

    Times are by this host's monotonic clock, from before each renewal, so that no other clock matters.
    """

    def __init__(
        self,
        lease: Lease,
        *,
        leased_at: float,
        timeout_s: float,
        connect: Callable[[], AbstractContextManager[Ledger]],
        renewed: Callable[[LoadParts, int], None],
        exchange: Callable[[Ledger], float],
    ) -> None:
        """Args:
        leased_at: by the monotonic clock, before the lease was asked for.
        timeout_s: the longest that a request may take.
        connect: a connection for the thread.
        renewed: called in the thread after each renewal, with `settled_here`.
        exchange: keeps this host at the pace of all hosts; called in the thread with its connection, and again after
            the seconds that it gives.
        """
        self.lease = lease
        self.retried = 0
        self._lease_s = lease_s(timeout_s)
        self._deadline = leased_at + MARGIN_S
        self._connect = connect
        self._renewed = renewed
        self._exchange = exchange
        self.settled_here = 0
        """Records, under this lease."""
        self._before = 0
        self._settled_minor: Counter[str] = Counter()
        self._lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def done(self) -> PartDone:
        """What has come of the part by now."""
        return PartDone(self._before + self.settled_here, dict(self._settled_minor), self.retried)

    def settled_before(self, currencies_and_amounts: Iterable[tuple[str, int]]) -> None:
        """Records that earlier leases of the part have settled, in minor units."""
        for currency, amount_minor in currencies_and_amounts:
            self._before += 1
            self._settled_minor[currency] += amount_minor

    def settled(self, request: BillRequest) -> None:
        """A record has its final outcome."""
        self.settled_here += 1
        self._settled_minor[request.currency] += request.amount_minor

    def may_send(self) -> BillferryError | None:
        """Right before a request: whether the lease still lasts for as long as it may take."""
        if self._lost or time.monotonic() >= self._deadline:
            return LeaseLost(part=self.lease.part)
        return None

    def _keep(self) -> None:
        """The thread. A database that is away is asked again; the deadline tells when it was away for too long."""
        while not self._over.is_set():
            try:
                with self._connect() as ledger:
                    self._keep_over(ledger)
            except LeaseLost:
                self._lost = True
                return
            except BillferryError:
                self._over.wait(RENEW_S)

    def _keep_over(self, ledger: Ledger) -> None:
        parts, renew_at = LoadParts(ledger), time.monotonic() + RENEW_S
        while True:
            if self._over.wait(self._exchange(ledger)):
                return
            if (began := time.monotonic()) >= renew_at:
                renew_at = began + RENEW_S
                parts.renew(self.lease, self._lease_s, self.done)
                self._deadline = began + MARGIN_S
                self._renewed(parts, self.settled_here)
