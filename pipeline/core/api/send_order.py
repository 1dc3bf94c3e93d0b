"""The order of sending within one file: parents before children, siblings in parallel, customers in turn.

Pure bookkeeping; the loader does the sending and the waiting. The first record of a new customer (or account)
carries it nested and *opens* it; the others wait for the id and hold no slot meanwhile. A refused opener is
followed by the next record, which nests the parent again; an opener in doubt leaves the rest not attempted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.core.api.requests import BillRequest, Kind


@dataclass(slots=True)
class AccountGroup:
    """The records of one account of a customer, or those directly on the customer (`account` None)."""

    account: str | None
    rows: Sequence[int]
    """Row numbers, in the order of sending; what they mean is up to `CustomerQueue.row`."""
    account_id: str | None = None
    """As soon as it is known."""
    latest: BillRequest | None = field(default=None, init=False)
    """The request taken last."""
    _taken: int = field(default=0, init=False)

    @property
    def left(self) -> int:
        """Rows not taken yet."""
        return len(self.rows) - self._taken

    def take(self, row: Callable[[int], BillRequest]) -> BillRequest:
        """The next request, made by `row`. Call only while some are left."""
        self.latest = request = row(self.rows[self._taken])
        self._taken += 1
        return request

    def learn_id(self, account_id: str | None) -> None:
        """Keep the account's id, unless one is known already."""
        self.account_id = self.account_id or account_id


class ScheduledRequest(NamedTuple):
    """A request to send now: what its record states, and what its parents' ids are at this moment.

    No part of `BillRequest`, which says the same whenever it is sent.
    """

    request: BillRequest
    group: AccountGroup
    customer_id: str | None
    account_id: str | None
    opens_customer: bool
    """It nests the customer, and siblings wait until its id is known."""
    opens_account: bool


@dataclass(slots=True)
class CustomerQueue:
    """All records of one customer in a file. `row` makes the request of a row number, so that few exist at once."""

    customer: str
    """Its reference."""
    kind: Kind
    """Of the records: bills, or balances of accounts or customers."""
    groups: Sequence[AccountGroup]
    row: Callable[[int], BillRequest]
    customer_id: str | None = None
    """As soon as it is known."""
    running: int = field(default=0, init=False)
    """Requests taken and not done yet."""
    abandoned: int = field(default=0, init=False)
    """Records left not attempted because their opener is in doubt."""
    _ready: deque[AccountGroup] = field(default_factory=deque, init=False)
    _waiting: list[AccountGroup] = field(default_factory=list, init=False)
    """Groups whose next record needs the id of the customer, which another one opens just now."""
    _opening: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._ready.extend(group for group in self.groups if group.left)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to take and nothing taken is left to end."""
        return not self.running and not self._ready and not self._waiting

    def take(self) -> ScheduledRequest | None:
        """The next record that can be sent now, or None while all wait for a parent."""
        while self._ready:
            group = self._ready.popleft()
            opens_customer = self._needs_customer(group) and self.customer_id is None
            if opens_customer and self._opening:
                self._waiting.append(group)
                continue
            self._opening = self._opening or opens_customer
            opens_account = self.kind == "bill" and group.account is not None and group.account_id is None
            request = group.take(self.row)
            if group.left and not opens_account:
                # Direct bills behind an opener come round again and then wait.
                self._ready.append(group)
            self.running += 1
            return ScheduledRequest(
                request, group, self.customer_id, group.account_id, opens_customer, opens_account
            )
        return None

    def done(
        self,
        scheduled: ScheduledRequest,
        *,
        customer_id: str | None,
        account_id: str | None,
        in_doubt: bool = False,
    ) -> None:
        """A request ended. Ids that came to light serve the rest; `in_doubt`: its parents may or may not exist."""
        self.running -= 1
        self.customer_id = self.customer_id or customer_id
        group = scheduled.group
        if self.kind == "bill" and group.account is not None:
            group.learn_id(account_id)
        if scheduled.opens_account and group.left:
            if in_doubt and group.account_id is None:
                self.abandoned += group.left
            else:
                self._ready.append(group)
        if scheduled.opens_customer:
            self._opening = False
            waiting, self._waiting = self._waiting, []
            if in_doubt and self.customer_id is None:
                self._abandon(waiting)
            else:
                self._ready.extend(waiting)

    def _abandon(self, waiting: Sequence[AccountGroup]) -> None:
        """Give up what needs the customer: nested once more, it might be there twice."""
        kept = [group for group in self._ready if not self._needs_customer(group)]
        dropped = [group for group in self._ready if self._needs_customer(group)]
        self.abandoned += sum(group.left for group in (*waiting, *dropped))
        self._ready = deque(kept)

    def _needs_customer(self, group: AccountGroup) -> bool:
        """Whether the next request of a group names the customer, by id or nested."""
        if self.kind == "customer":
            return False
        return self.kind == "account" or group.account is None or group.account_id is None


class FairQueue:
    """Customers in turn: each gets one request started before the first gets its second."""

    def __init__(self) -> None:
        self._turn: deque[CustomerQueue] = deque()
        self._parked: set[int] = set()
        """`id()` of customers out of turn because all of their records wait for a parent."""
        self.active = 0
        """Customers added and not finished."""

    def add(self, queue: CustomerQueue) -> None:
        """Put a customer at the end of the turn."""
        self.active += 1
        self._turn.append(queue)

    def take(self) -> tuple[CustomerQueue, ScheduledRequest] | None:
        """The next request in turn, or None while every customer waits."""
        while self._turn:
            queue = self._turn.popleft()
            scheduled = queue.take()
            if scheduled is None:
                if not queue.finished:
                    self._parked.add(id(queue))
                continue
            self._turn.append(queue)
            return queue, scheduled
        return None

    def done(self, queue: CustomerQueue) -> bool:
        """Call after `queue.done`: puts a waiting customer back in turn; True when the customer is finished."""
        if queue.finished:
            self._parked.discard(id(queue))
            self.active -= 1
            return True
        if id(queue) in self._parked:
            self._parked.discard(id(queue))
            self._turn.append(queue)
        return False
