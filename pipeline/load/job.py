"""What one load is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pipeline.core.api.ledger_changes import Change
from pipeline.core.api.requests import BillRequest
from pipeline.core.api.watermarks import Recency
from pipeline.errors import BillferryError
from pipeline.load.ledger_access import LedgerReader, LedgerWriter
from pipeline.load.paid_since import PaymentGuard
from pipeline.load.planner import Bucket
from pipeline.load.retrying_client import Pacing, Sender
from schemas.results import RequestCounts
from schemas.settings import Settings


class Beside(Protocol):
    """What goes on beside a load: others are told how far it is, and may ask for its end."""

    def begin(self) -> None:
        """The load begins to send; what is settled already is counted. Blocks."""

    def settled(self, request: BillRequest) -> None:
        """A record has its final outcome."""

    def follow(self, settled: int, settled_minor: Mapping[str, int]) -> None:
        """So many records have their final outcome since `begin`, where others send them, and what they sum up to."""

    def note(self, retried: int) -> Sequence[Change]:
        """How far it is, for the ledger; `retried`: requests so far that repeated an earlier one."""

    def stop(self) -> BillferryError | None:
        """Why the load is to stop; None: nobody wants that."""


@dataclass(frozen=True, slots=True)
class LoadJob:
    """Everything that one load needs; it may be run again.

    `sender` and `commits` are called once for each load: `commits` changes the ledger, `reader` reads it beside.
    """

    file_id: int
    plan: Callable[[], Iterator[Bucket]]
    """What is to be sent, bucket by bucket; it is asked for once what was left in doubt is settled. Blocks."""
    settings: Settings
    sender: Callable[[], AbstractAsyncContextManager[Sender]]
    commits: Callable[[], AbstractAsyncContextManager[LedgerWriter]]
    reader: LedgerReader
    pace: Pacing
    """Of the whole run: what was learned of the API's limit serves the next file, too."""
    recency: Recency
    """Of the file's balances; bills do not need it."""
    clock: Callable[[], datetime]
    """In UTC."""
    beside: Beside
    payments: PaymentGuard | None = None
    """What is known of payments; None where the config has none."""
    payments_included_until: str | None = None
    """What the file's balances include of payments, where its control file says so and a record does not."""
    may_send: Callable[[], BillferryError | None] | None = None
    """Asked before each request: why this load has lost the right to send; None: it has not. Not given: it cannot."""
    progress: Callable[[int, int], None] = lambda _, __: None
    """Called with how many records are done now, and the retries so far."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What was asked of the API, and why the load stopped early (None: it did not)."""

    requests: RequestCounts
    stopped: BillferryError | None
    notes: tuple[str, ...] = ()
    """What did not work and is no record's outcome: a sentence each, for the report."""
