"""What one load is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pipeline.core.api.ledger_changes import NoteProgress
from pipeline.core.api.rate_limiter import Pace
from pipeline.core.api.requests import BillRequest
from pipeline.core.api.watermarks import Recency
from pipeline.core.file_stages import CheckedFile
from pipeline.errors import BillferryError
from pipeline.load.ledger_access import LedgerReader, LedgerWriter
from pipeline.load.paid_since import PaymentGuard
from pipeline.load.retrying_client import Sender
from schemas.results import RequestCounts
from schemas.settings import Settings


class Beside(Protocol):
    """What goes on beside a load: others are told how far it is, and may ask for its end."""

    def begin(self) -> None:
        """The load begins to send; what is settled already is counted. Blocks."""

    def settled(self, request: BillRequest) -> None:
        """A record has its final outcome."""

    def note(self, retried: int) -> NoteProgress:
        """How far it is; `retried`: requests so far that repeated an earlier one."""

    def stop(self) -> BillferryError | None:
        """Why the load is to stop; None: nobody wants that."""


@dataclass(frozen=True, slots=True)
class LoadJob:
    """Everything that one load needs. `commits` changes the ledger, `reader` reads it beside."""

    checked: CheckedFile
    file_id: int
    settings: Settings
    sender: AbstractAsyncContextManager[Sender]
    commits: AbstractAsyncContextManager[LedgerWriter]
    reader: LedgerReader
    pace: Pace
    """Of the whole run: what was learned of the API's limit serves the next file, too."""
    recency: Recency
    """Of the file's balances; bills do not need it."""
    clock: Callable[[], datetime]
    """In UTC."""
    beside: Beside
    payments: PaymentGuard | None = None
    """What is known of payments; None where the config has none."""
    up_to: int | None = None
    """So many records of the file may be settled in all; None: every one."""
    progress: Callable[[int, int], None] = lambda _, __: None
    """Called with how many records are done now, and the retries so far."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What was asked of the API, and why the load stopped early (None: it did not)."""

    requests: RequestCounts
    stopped: BillferryError | None
    notes: tuple[str, ...] = ()
    """What did not work and is no record's outcome: a sentence each, for the report."""
