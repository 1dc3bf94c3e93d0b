"""Loads one checked file: unsettled intents first, then customers in turn, each record to one outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from pipeline.core.api.intents import Intent
from pipeline.core.api.send_order import CustomerQueue, FairQueue, ScheduledRequest
from pipeline.core.outcomes import OPEN
from pipeline.load.context import LoadContext
from pipeline.load.entity_cache import EntityCache
from pipeline.load.id_checks import IdChecks
from pipeline.load.interpreter_tuning import tuned_interpreter
from pipeline.load.job import LoadJob, LoadResult
from pipeline.load.ledger_access import LedgerWriter
from pipeline.load.parents import Parents
from pipeline.load.planner import Bucket, BucketPrefetcher
from pipeline.load.records import RecordSender
from pipeline.load.retrying_client import BESIDE, RetryingClient
from pipeline.load.update_details import update_details
from pipeline.signals import on_stop

STOP_GRACE_S = 5.0
"""How long requests under way may take to end after a stop."""
LOOK_EVERY_S = 1.0
"""How often it is noted how far a load is, and looked whether a person has stopped it."""
CUSTOMERS_PER_REQUEST = 4
"""Customers at work per request in flight."""


def load_file(job: LoadJob) -> LoadResult:
    """Send what is to be sent; outcomes are in the ledger on return.

    Raises DiskFull, LedgerDamaged or LedgerBusy when the ledger cannot be written; other stops are in the result.
    """
    import uvloop  # noqa: PLC0415 (only where a file is loaded)

    with tuned_interpreter():
        return uvloop.run(_load(job))


async def _load(job: LoadJob) -> LoadResult:
    async with job.sender() as sender, job.commits() as commits:
        wake = asyncio.Event()
        client = RetryingClient(
            sender, job.settings.api, job.pace, when_aside=wake.set, may_send=job.may_send
        )
        loading = _Loading(job, _context(job, client, commits), wake)
        # Not by the loop's own handlers: they lose a signal between its last look and their removal.
        with on_stop(client.halt):
            async with _looking_beside(job, client, commits):
                await loading.run()
        return LoadResult(client.counts, client.halt_reason, tuple(loading.notes))


@asynccontextmanager
async def _looking_beside(job: LoadJob, client: RetryingClient, ledger: LedgerWriter) -> AsyncIterator[None]:
    """While the block lasts: note how far the load is, and stop it once a person asks for that."""

    async def look() -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if (reason := job.beside.stop()) is not None:
                client.halt(reason)
            await ledger.soon(*job.beside.note(client.retried))

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


def _context(job: LoadJob, client: RetryingClient, ledger: LedgerWriter) -> LoadContext:
    cache, api = EntityCache(job.reader, ledger), job.settings.api
    return LoadContext(
        merchant=job.settings.merchant,
        environment=job.settings.environment,
        client=client,
        ledger=ledger,
        cache=cache,
        parents=Parents(client, ledger, cache),
        id_checks=IdChecks(client, cache, api.check_ids, api.base_url),
        max_retry_s=api.max_retry_s,
        # An hour of margin for requests under way, and for clocks that differ. Source: docs/when-the-api-is-down.md.
        key_life_s=(api.key_retention_h - 1) * 3600,
        clock=job.clock,
        payments=job.payments,
    )


class _Loading:
    """Keeps as many records at work as may be, until none is left or the load stops.

    A worker is a task that sends record after record. The main task only sees to it that there is work and that there
    are workers; `wake` rouses it.
    """

    def __init__(self, job: LoadJob, context: LoadContext, wake: asyncio.Event) -> None:
        self._job = job
        self._context = context
        self._client = context.client
        self._records = RecordSender(job, context)
        self._queue = FairQueue()
        self._running: set[asyncio.Task[None]] = set()
        self._wake = wake
        self._failure: BaseException | None = None
        self.notes: list[str] = []

    @property
    def _max_running(self) -> int:
        """Records at work at once: a rate-limited request leaves its place to another one."""
        return self._job.settings.api.max_in_flight + self._client.beside

    @property
    def _max_customers(self) -> int:
        """Customers at work at once."""
        return CUSTOMERS_PER_REQUEST * self._job.settings.api.max_in_flight + self._client.beside

    async def run(self) -> None:
        """Load the file to its end, or until the load stops (see `RetryingClient.halt_reason`).

        Raises what a task raised: a bug, or a ledger that cannot be written.
        """
        await self._settle_open_intents()
        await asyncio.to_thread(self._job.beside.begin)
        prefetcher = BucketPrefetcher(self._job.plan())
        try:
            while self._client.halt_reason is None and self._failure is None:
                await self._refill(prefetcher)
                self._start_workers()
                if not self._running:
                    break
                self._wake.clear()
                await self._wake.wait()
        finally:
            await self._wind_down()
            await prefetcher.close()
        if self._failure is not None:
            raise self._failure
        noted = self._job.beside.note(self._client.retried)  # its report may take a while
        await self._context.ledger.durable(*self._context.id_checks.distrusted(self._job.file_id), *noted)

    async def _settle_open_intents(self) -> None:
        """What earlier runs left in doubt, of any file, before anything new is sent."""
        slots = asyncio.Semaphore((1 + BESIDE) * self._job.settings.api.max_in_flight)

        async def settle(intent: Intent) -> None:
            async with slots:
                await self._records.settle_open(intent)

        await asyncio.gather(*[settle(intent) for intent in self._job.reader.open_intents()])
        await self._context.ledger.durable()  # the plan is made from what the ledger holds then

    async def _refill(self, prefetcher: BucketPrefetcher) -> None:
        """Have so many customers at work that every worker finds a record although most of them wait for a parent."""
        while self._queue.active < self._max_customers:
            customer = await prefetcher.next_customer(self._take_up)
            if customer is None:
                return
            self._queue.add(customer)

    def _take_up(self, bucket: Bucket) -> None:
        self._records.add_generations(bucket.generations)
        self._context.cache.add_bucket(bucket.entities, bucket.known_ids)

    def _start_workers(self) -> None:
        while len(self._running) < self._max_running:
            turn = self._queue.take()
            if turn is None:
                return
            task = asyncio.create_task(self._work(*turn))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Note why a worker failed, for `run` to raise: nobody awaits its task."""
        self._running.discard(task)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            self._failure = self._failure or task.exception()

    async def _wind_down(self) -> None:
        """Let requests under way end, but not for long; what is cut off then stays in doubt."""
        if self._running:
            _, late = await asyncio.wait(set(self._running), timeout=STOP_GRACE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _work(self, queue: CustomerQueue, scheduled: ScheduledRequest) -> None:
        """Record after record, until none can be taken now."""
        turn: tuple[CustomerQueue, ScheduledRequest] | None = (queue, scheduled)
        while turn is not None:
            await self._send(*turn)
            if self._client.halt_reason is not None or self._failure is not None:
                return
            # The main task starts more workers, and brings customers before half of them are done.
            if len(self._running) < self._max_running or self._queue.active < self._max_customers // 2:
                self._wake.set()
            if len(self._running) > self._max_running:  # those that had left their place are back
                return
            turn = self._queue.take()

    async def _send(self, queue: CustomerQueue, scheduled: ScheduledRequest) -> None:
        """Send one record, and let the others of its customer go on with the ids that came to light."""
        settled = await self._records.send(scheduled)
        # By reference, not from the outcome: a bill in conflict shows the ids of somebody else.
        customer = self._context.cache.get("customer", queue.customer)
        account = self._context.cache.get("account", scheduled.group.account)
        queue.done(
            scheduled,
            customer_id=customer.id if customer else None,
            account_id=account.id if account else None,
            in_doubt=settled.outcome in OPEN,
        )
        self._job.progress(1, self._client.retried)
        if settled.outcome not in OPEN:
            self._job.beside.settled(scheduled.request)
        if self._queue.done(queue):
            await self._finish(queue)

    async def _finish(self, queue: CustomerQueue) -> None:
        """The customer's records are done: bring its details up to date, then forget what is known of it."""
        if self._job.settings.api.update_details and self._client.halt_reason is None:
            self.notes.extend(await update_details(self._context, queue, self._job.file_id))
        self._context.cache.drop("customer", queue.customer)
        for group in queue.groups:
            if group.account is not None:
                self._context.cache.drop("account", group.account)
