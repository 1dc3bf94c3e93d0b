"""`worker`: works on parts of files that another host leads, until it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field

from pipeline.edge.billing.api import BillingApi
from pipeline.edge.clock import utc_now
from pipeline.edge.config import api_key
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.place import ledger_place, open_merchants_ledger
from pipeline.edge.ledger.postgres.parts import Lease, LoadParts, PartDone, process_name
from pipeline.edge.log import get_logger
from pipeline.errors import BillferryError, ConfigError, LeaseLost, LedgerBusy, LedgerUnreachable, Stopped
from pipeline.load.job import LoadResult
from pipeline.signals import stoppable
from pipeline.workers.lease_keeper import lease_s
from pipeline.workers.part_load import PartFacts, PartLoader
from schemas.results import RequestCounts
from schemas.settings import Settings

log = get_logger()

IDLE_S = 0.2
"""Between two looks for a part."""
SEEN_S = 1.0
"""Between two signs of life of a worker that has nothing to do."""
AWAY_S = 2.0
"""Until a ledger that was away is asked again, and until a part is taken again after an API that was."""


def work_on_parts(settings: Settings, say: Callable[[str], None]) -> int:
    """Work until a signal comes; its exit status.

    Args:
        say: is told in one line of what an operator should know.

    Raises:
        ConfigError: the ledger is not one that hosts share, or a part is of a file for another API.
        LedgerDamaged, LedgerOfAnother, …: as `open_ledger`, for what waiting does not mend.
    """
    if settings.ledger == "sqlite":
        raise ConfigError(
            where="ledger",
            problem="a worker needs a ledger that hosts share",
            remedy="set ledger: postgresql://…, and move the ledger there with billferry ledger move",
        )
    try:
        with stoppable() as check_stop:
            Worker(settings, api_key(settings), say, check_stop).until_it_ends()
    except Stopped as stopped:
        say(f"stopped by {stopped.facts['signal_name']}")
        return stopped.exit_status
    raise AssertionError("a worker ends by a signal alone")


@dataclass(slots=True)
class Worker:
    """Works on one part after another. Where the ledger is away it waits for it."""

    settings: Settings
    key: str
    say: Callable[[str], None]
    check_stop: Callable[[], None]
    """Raises Stopped once a signal came."""
    name: str = field(default_factory=process_name)
    _loader: PartLoader = field(init=False)
    _is_away: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._loader = PartLoader(
            self.name,
            self.settings,
            self._connect,
            str(ledger_place(self.settings)),
            lambda: BillingApi(self.settings.api, self.key),
            utc_now,
        )

    def until_it_ends(self) -> None:
        """Raises Stopped, and as `work_on_parts`."""
        self.say(f"{self.name}: waiting for parts of files; stop with Ctrl-C")
        while True:
            self.check_stop()
            try:
                with self._connect() as ledger:
                    self._over(ledger)
            except (LedgerUnreachable, LedgerBusy) as error:
                if not self._is_away:
                    self.say(f"{error.message}; trying again until it is there")
                self._is_away = True
                self._wait(AWAY_S)

    def _connect(self) -> AbstractContextManager[Ledger]:
        return closing(open_merchants_ledger(self.settings))

    def _over(self, ledger: Ledger) -> None:
        """Work over one connection, for as long as it lasts."""
        parts, seen_at = LoadParts(ledger), float("-inf")
        if self._is_away:
            self._is_away = False
            self.say("the ledger is there again")
        try:
            while True:
                self.check_stop()
                if time.monotonic() >= seen_at + SEEN_S:
                    seen_at = time.monotonic()
                    parts.seen(self.name, None, self._loader.records)
                leased_at = time.monotonic()
                lease = parts.lease(self.name, lease_s(self.settings.api.timeout_s))
                if lease is None:
                    self._wait(IDLE_S)
                    continue
                self._work(ledger, lease, leased_at)
        finally:
            with suppress(BillferryError):
                parts.gone(self.name)

    def _work(self, ledger: Ledger, lease: Lease, leased_at: float) -> None:
        if (base_url := PartFacts.of(lease.facts).base_url) != self.settings.api.base_url:
            nothing = {"requests": RequestCounts().model_dump(), "notes": []}
            LoadParts(ledger).end(lease, PartDone(), nothing, is_done=False)
            raise ConfigError(
                where="api",
                problem=f"the host that leads loads into {base_url}, and this one into {self.settings.api.base_url}",
                remedy="give all hosts the same config",
            )
        log.info("part.begun", part=lease.part, epoch=lease.epoch)
        try:
            result = self._loader.load(lease, ledger, leased_at=leased_at)
        except LeaseLost as lost:
            log.info("part.lost", part=lost.facts["part"])
            return
        log.info("part.ended", part=lease.part, **result.requests.model_dump())
        self._after(result)

    def _after(self, result: LoadResult) -> None:
        """Raises Stopped where that ended the part."""
        if isinstance(result.stopped, Stopped):
            raise result.stopped
        if result.stopped is not None and not isinstance(result.stopped, LeaseLost):
            self.say(str(result.stopped))
            self._wait(AWAY_S)

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)
        self.check_stop()
