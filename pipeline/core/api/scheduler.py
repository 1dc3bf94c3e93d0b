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
    account_id: str | None = None
    cursor: int = 0
    latest: BillRequest | None = None
    """The record sent last."""

    @property
    def left(self) -> int:
        return len(self.rows) - self.cursor


class ScheduledRequest(NamedTuple):
    """One record to send now, with the parent ids known now."""

    wanted: BillRequest
    group: AccountGroup
    customer_id: str | None
    account_id: str | None
    opens_customer: bool
    opens_account: bool


@dataclass(slots=True)
class CustomerQueue:
    """All records of one customer in a file. `row` makes the wish of a row number, so that few exist at once."""

    customer: str
    kind: Kind
    groups: Sequence[AccountGroup]
    row: Callable[[int], BillRequest]
    customer_id: str | None = None
    running: int = 0
    abandoned: int = 0
    """Records left not attempted because their opener is in doubt."""
    _ready: deque[AccountGroup] = field(default_factory=deque)
    _waiting: list[AccountGroup] = field(default_factory=list)
    _opening: bool = False

    def __post_init__(self) -> None:
        self._ready.extend(group for group in self.groups if group.left)

    @property
    def finished(self) -> bool:
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
            wanted = group.latest = self.row(group.rows[group.cursor])
            group.cursor += 1
            if group.left and not opens_account:
                # Direct bills behind an opener come round again and then wait.
                self._ready.append(group)
            self.running += 1
            return ScheduledRequest(
                wanted, group, self.customer_id, group.account_id, opens_customer, opens_account
            )
        return None

    def done(
        self,
        task: ScheduledRequest,
        *,
        customer_id: str | None,
        account_id: str | None,
        in_doubt: bool = False,
    ) -> None:
        """A task ended. Ids that came to light serve the rest."""
        self.running -= 1
        self.customer_id = self.customer_id or customer_id
        group = task.group
        if self.kind == "bill" and group.account is not None:
            group.account_id = group.account_id or account_id
        if task.opens_account and group.left:
            if in_doubt and group.account_id is None:
                self.abandoned += group.left
            else:
                self._ready.append(group)
        if task.opens_customer:
            self._opening = False
            waiting, self._waiting = self._waiting, []
            if in_doubt and self.customer_id is None:
                self._abandon(waiting)
            else:
                self._ready.extend(waiting)

    def _abandon(self, waiting: Sequence[AccountGroup]) -> None:
        kept = [group for group in self._ready if not self._needs_customer(group)]
        dropped = [group for group in self._ready if self._needs_customer(group)]
        self.abandoned += sum(group.left for group in (*waiting, *dropped))
        self._ready = deque(kept)

    def _needs_customer(self, group: AccountGroup) -> bool:
        if self.kind == "customer":
            return False
        return self.kind == "account" or group.account is None or group.account_id is None


class FairQueue:
    """Customers in turn: each gets one request started before the first gets its second."""

    def __init__(self) -> None:
        self._turn: deque[CustomerQueue] = deque()
        self._parked: set[int] = set()
        self.active = 0

    def add(self, part: CustomerQueue) -> None:
        self.active += 1
        self._turn.append(part)

    def take(self) -> tuple[CustomerQueue, ScheduledRequest] | None:
        """The next task in turn, or None while every customer waits."""
        while self._turn:
            part = self._turn.popleft()
            task = part.take()
            if task is None:
                if not part.finished:
                    self._parked.add(id(part))
                continue
            self._turn.append(part)
            return part, task
        return None

    def done(self, part: CustomerQueue) -> bool:
        """Call after `part.done`: puts a waiting customer back in turn; True when the customer is finished."""
        if part.finished:
            self._parked.discard(id(part))
            self.active -= 1
            return True
        if id(part) in self._parked:
            self._parked.discard(id(part))
            self._turn.append(part)
        return False
