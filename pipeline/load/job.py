"""What one load is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from pipeline.core.api.rate_limiter import Pace
from pipeline.core.api.watermarks import Recency
from pipeline.core.files import CheckedFile
from pipeline.errors import BillferryError
from pipeline.load.context import Commits
from pipeline.load.entity_cache import Memory
from pipeline.load.retrying_client import Sender
from schemas.results import RequestCounts
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class LoadJob:
    """Everything that one load needs. `commits` changes the ledger, `reader` reads it beside."""

    checked: CheckedFile
    file_id: int
    settings: Settings
    sender: AbstractAsyncContextManager[Sender]
    commits: AbstractAsyncContextManager[Commits]
    reader: Memory
    pace: Pace
    news: Recency
    clock: Callable[[], datetime]
    """In UTC."""
    up_to: int | None = None
    """So many records of the file may be settled in all; None: every one."""
    progress: Callable[[int, int], None] = lambda _, __: None
    """Told how many records are done now, and the retries so far."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What was asked, and why the load stopped early (None: it did not)."""

    requests: RequestCounts
    stopped: BillferryError | None
    notes: tuple[str, ...] = ()
