"""Loads one checked file: unsettled intents first, then customers in turn, each record to one outcome.

An intent is durable before its first byte is sent; its outcome, the ids it taught and its end are one commit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from pipeline.core.api.idempotency import content_of
from pipeline.core.api.intents import Intent
from pipeline.core.api.ledger_changes import (
    Change,
    CloseIntent,
    OpenIntent,
    SpendKey,
    StoreOutcome,
    UpsertEntity,
)
from pipeline.core.api.requests import PATH_OF, create_body, encode, with_parent_ids
from pipeline.core.api.scheduler import CustomerQueue, FairQueue, ScheduledRequest
from pipeline.core.api.watermarks import Recency
from pipeline.core.outcomes import OPEN, Outcome, RecordOutcome
from pipeline.errors import ApiRefusesAll
from pipeline.load.balance import BalanceSettler
from pipeline.load.context import Commits, LoadContext, Settlement
from pipeline.load.create import LAG_PAUSES_S, CreateSettler, broken_off, of_another_customer
from pipeline.load.entity_cache import EntityCache
from pipeline.load.gc_tuning import gc_threshold
from pipeline.load.id_checks import IdChecks
from pipeline.load.job import LoadJob, LoadResult
from pipeline.load.parents import OtherCustomer, Parents
from pipeline.load.planner import Bucket, BucketPrefetcher, buckets
from pipeline.load.retrying_client import BESIDE, Halted, RetryingClient, SendState, Uncertain
from pipeline.load.update_details import update_details
from pipeline.signals import on_stop

STOP_GRACE_S = 5.0
"""How long requests under way may take to end after a stop."""
ALIKE_REFUSALS = 20
"""So many first records refused alike mean that the file or the account is wrong, not the records."""
WINDOW_PARTS = 4
"""Customers at work per request in flight."""


def load_file(job: LoadJob) -> LoadResult:
    """Send what is to be sent; outcomes are in the ledger on return.

    Raises DiskFull when the ledger cannot be written; other stops are in the result.
    """
    import uvloop  # noqa: PLC0415 (only where a file is loaded)

    with gc_threshold():
        return uvloop.run(_load(job))


async def _load(job: LoadJob) -> LoadResult:
    async with job.sender as sender, job.commits as commits:
        wire = RetryingClient(sender, job.settings.api, job.pace)
        loading = _Loading(job, wire, commits)
        # Not by the loop's own handlers: they lose a signal between its last look and their removal.
        with on_stop(wire.halt):
            await loading.run()
        return LoadResult(wire.counts, wire.halt_reason, tuple(loading.notes))


@dataclass(slots=True)
class _Loading:
    job: LoadJob
    wire: RetryingClient
    commits: Commits
    notes: list[str] = field(default_factory=list)
    scope: LoadContext = field(init=False)
    turns: FairQueue = field(default_factory=FairQueue)
    unsettled: set[tuple[str, str]] = field(default_factory=set)
    """Business keys whose intent is still open: nothing else is sent for them."""
    unsettled_parents: set[tuple[str, str]] = field(default_factory=set)
    """Customers and accounts that such an intent nests: nested once more, they might be there twice."""
    generations: dict[tuple[str, str], int] = field(default_factory=dict)
    first_refusals: list[tuple[str, str | None]] | None = field(default_factory=list)
    """Codes and messages of the first records while all of them were refused; None once one was not."""
    running: set[asyncio.Task[None]] = field(default_factory=set)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    failure: BaseException | None = None

    def __post_init__(self) -> None:
        job, known = self.job, EntityCache(self.job.reader)
        self.wire.when_aside = self.wake.set
        self.scope = LoadContext(
            merchant=job.settings.merchant,
            environment=job.settings.environment,
            wire=self.wire,
            commits=self.commits,
            known=known,
            ids=IdChecks(self.wire, known, job.settings.api.check_ids, job.settings.api.base_url),
            max_retry_s=job.settings.api.max_retry_s,
            key_life_s=(job.settings.api.key_retention_h - 1) * 3600,
            clock=job.clock,
        )

    @property
    def most_running(self) -> int:
        """Records at work at once: a request that was refused for now leaves its place to another one."""
        return self.job.settings.api.max_in_flight + self.wire.beside

    @property
    def window(self) -> int:
        """Customers at work at once."""
        return WINDOW_PARTS * self.job.settings.api.max_in_flight + self.wire.beside

    async def run(self) -> None:
        """Raises what a task raised: a bug, or a ledger that cannot be written."""
        await self._settle_open_intents()
        supply = BucketPrefetcher(
            buckets(
                self.job.checked.records,
                self.job.checked.landed.feed.model,
                self.job.reader,
                self.job.file_id,
                up_to=self.job.up_to,
            )
        )
        try:
            while self.wire.halt_reason is None and self.failure is None:
                await self._refill(supply)
                self._start_turns()
                if not self.running:
                    break
                self.wake.clear()
                await self.wake.wait()
        finally:
            await self._wind_down()
            await supply.close()
        if self.failure is not None:
            raise self.failure
        await self.commits.durable(*self.scope.ids.distrusted(self.job.file_id))

    async def _refill(self, supply: BucketPrefetcher) -> None:
        while self.turns.active < self.window:
            part = await supply.next_part(self._take_up)
            if part is None:
                return
            self.turns.add(part)

    def _start_turns(self) -> None:
        while len(self.running) < self.most_running:
            turn = self.turns.take()
            if turn is None:
                return
            task = asyncio.create_task(self._work(*turn))
            self.running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        self.wake.set()
        if not task.cancelled() and task.exception() is not None:
            self.failure = self.failure or task.exception()

    async def _wind_down(self) -> None:
        """Let requests under way end, but not for long; what is cut off then stays in doubt."""
        if self.running:
            _, late = await asyncio.wait(set(self.running), timeout=STOP_GRACE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _take_up(self, bucket: Bucket) -> None:
        self.generations.update(bucket.generations)
        self.scope.known.bring(bucket.entities)

    async def _work(self, part: CustomerQueue, task: ScheduledRequest) -> None:
        """Turn after turn, until none can be taken now."""
        turn: tuple[CustomerQueue, ScheduledRequest] | None = (part, task)
        while turn is not None:
            await self._turn(*turn)
            if self.wire.halt_reason is not None or self.failure is not None:
                return
            if len(self.running) < self.most_running or self.turns.active < self.window // 2:
                self.wake.set()
            if len(self.running) > self.most_running:  # those that had left their place are back
                return
            turn = self.turns.take()

    async def _turn(self, part: CustomerQueue, task: ScheduledRequest) -> None:
        settled = await self._record(task)
        # By reference, not from the outcome: a bill in conflict shows the ids of somebody else.
        customer = self.scope.known.get("customer", part.customer)
        account = self.scope.known.get("account", task.group.account)
        part.done(
            task,
            customer_id=customer.id if customer else None,
            account_id=account.id if account else None,
            in_doubt=settled.outcome in OPEN,
        )
        self.job.progress(1, self.wire.retried)
        if self.turns.done(part):
            await self._finish(part)

    async def _record(self, task: ScheduledRequest) -> Settlement:
        """One record to its outcome, on disk before the next intent of whoever asked is."""
        wanted = task.wanted
        if (wanted.kind, wanted.reference) in self.unsettled:
            return Settlement(Outcome.NOT_ATTEMPTED)
        intent = self._intent(task)
        doubt = SendState()
        try:
            settled = self._owner_conflict(task) or await self._settle_new(intent, doubt)
        except OtherCustomer:
            settled = of_another_customer()
        except (Halted, Uncertain):
            settled = broken_off(doubt)
        except asyncio.CancelledError:
            await self._conclude(intent, broken_off(doubt))
            raise
        await self._conclude(intent, settled)
        self._watch_refusals(settled)
        return settled

    async def _settle_new(self, intent: Intent, doubt: SendState) -> Settlement:
        """Settle an intent of this file that was never sent before, by what the ledger knows of its entity.

        Raises Halted and Uncertain; `doubt` then tells whether the intent was sent.
        """
        known = self.scope.known.get(intent.kind, intent.reference)
        settler = self._settler(intent)
        if known is not None and isinstance(settler, BalanceSettler):
            return await settler.apply(intent, known, None, doubt)
        if known is not None:
            found = await settler.look_up_patiently(intent, LAG_PAUSES_S)
            if found is not None:
                return await settler.settle_found(intent, found, doubt)
            # Lost by the API, or only not seen yet: the old key tells, for its stored answer is still there.
            self.scope.known.drop(intent.kind, intent.reference)
        usable = await self._with_settled_parents(intent)
        if usable is None:
            return Settlement(Outcome.NOT_ATTEMPTED)
        await self.commits.durable(OpenIntent(usable))
        return await settler.settle(usable, doubt)

    async def _with_settled_parents(self, intent: Intent) -> Intent | None:
        """The intent without nesting what an open intent of an earlier file nests too; None: that must settle first.

        Nor does it nest what is likely to exist, where that turns out to be so.
        """
        if not self._nests_unsettled(intent) and not self.scope.known.incomplete:
            return intent
        body = intent.stated
        customer_id, account_id = await Parents(self.scope).existing(intent, body)
        body = with_parent_ids(body, customer_id=customer_id, account_id=account_id)
        intent = replace(intent, body=encode(body))
        return None if self._nests_unsettled(intent) else intent

    def _nests_unsettled(self, intent: Intent) -> bool:
        return bool(self.unsettled_parents) and not self.unsettled_parents.isdisjoint(intent.nested_keys)

    def _owner_conflict(self, task: ScheduledRequest) -> Settlement | None:
        """An account that is known to belong to another customer: nothing is sent."""
        account = task.wanted.account
        known = self.scope.known.get("account", account.reference) if account else None
        if known is None or known.owner in {None, task.wanted.customer.reference}:
            return None
        return of_another_customer()._replace(account_id=known.id)

    async def _conclude(self, intent: Intent, settled: Settlement) -> None:
        """Outcome, ids and the intent's end in one commit. An intent in doubt stays open.

        Not waited for: whatever is opened next comes into the ledger after it, or with it. So there are never more
        intents open than requests may be in flight, and wait after a 429.
        """
        open_ = settled.outcome is Outcome.IN_DOUBT
        outcome = RecordOutcome(
            record=intent.record,
            outcome=settled.outcome,
            codes=settled.codes,
            message=settled.message,
            customer_id=settled.customer_id,
            account_id=settled.account_id,
            bill_id=settled.leaf_id if intent.kind == "bill" else None,
            attempts=intent.attempts + settled.attempts,
        )
        changes: list[Change] = [UpsertEntity(entity) for entity in settled.entities]
        if settled.outcome is not Outcome.NOT_ATTEMPTED:
            changes.append(StoreOutcome(intent.file_id, intent.reference, outcome))
        if settled.outcome is Outcome.REFUSED:
            changes.append(SpendKey(intent))
        if not open_:
            changes.append(CloseIntent(intent))
        if open_:
            self.unsettled.add(intent.business_key)
            self.unsettled_parents.update(intent.nested_keys)
        parents = [entity for entity in settled.entities if entity.kind != "bill"]
        self.scope.known.add(*parents)
        await self.commits.soon(*changes)

    async def _finish(self, part: CustomerQueue) -> None:
        """The customer's records are done: bring its details up to date, then forget what is known of it."""
        if self.job.settings.api.update_details and self.wire.halt_reason is None:
            self.notes.extend(await update_details(self.scope, part, self.job.file_id))
        self.scope.known.drop("customer", part.customer)
        for group in part.groups:
            if group.account is not None:
                self.scope.known.drop("account", group.account)

    async def _settle_open_intents(self) -> None:
        """What earlier runs left in doubt, of any file, before anything new is sent."""
        slots = asyncio.Semaphore((1 + BESIDE) * self.job.settings.api.max_in_flight)

        async def settle(intent: Intent) -> None:
            doubt = SendState(doubtful=True)
            async with slots:
                try:
                    settled = await self._settler(intent).settle(intent, doubt)
                except Halted:
                    settled = Settlement(Outcome.IN_DOUBT, attempts=doubt.sends)
                if settled.outcome in OPEN:
                    settled = settled._replace(outcome=Outcome.IN_DOUBT)
                await self._conclude(intent, settled)

        await asyncio.gather(*[settle(intent) for intent in self.job.reader.open_intents()])
        await self.commits.durable()  # the plan is made by what the ledger says

    def _watch_refusals(self, settled: Settlement) -> None:
        if self.first_refusals is None:
            return
        if settled.outcome is not Outcome.REFUSED:
            self.first_refusals = None
            return
        self.first_refusals.append((";".join(settled.codes), settled.message))
        if len(set(self.first_refusals)) > 1:
            self.first_refusals = None
        elif len(self.first_refusals) >= ALIKE_REFUSALS:
            self.wire.halt(
                ApiRefusesAll(
                    base_url=self.job.settings.api.base_url,
                    count=len(self.first_refusals),
                    code=self.first_refusals[0][0],
                )
            )

    def _settler(self, intent: Intent) -> CreateSettler:
        if intent.kind == "bill":
            return CreateSettler(self.scope)
        # What another file left in doubt is not forced with this one.
        news = self.job.news if intent.file_id == self.job.file_id else Recency(intent.watermark or "")
        return BalanceSettler(self.scope, update_details=self.job.settings.api.update_details, news=news)

    def _intent(self, task: ScheduledRequest) -> Intent:
        wanted = task.wanted
        content = content_of(wanted)
        generation = self.generations.get((wanted.reference, content), 0)
        body = create_body(wanted, customer_id=task.customer_id, account_id=task.account_id)
        intent = Intent(
            kind=wanted.kind,
            reference=wanted.reference,
            file_id=self.job.file_id,
            record=wanted.record,
            method="POST",
            path=PATH_OF[wanted.kind],
            body=encode(body),
            key=self.scope.key(wanted.kind, wanted.reference, content, generation),
            content=content,
            generation=generation,
            customer_reference=wanted.customer.reference,
            account_reference=wanted.account.reference if wanted.account else None,
            balance_before=None,
            watermark=self.job.news.watermark if wanted.kind != "bill" else None,
            first_sent_at=self.job.clock().isoformat(timespec="milliseconds"),
        )
        vars(intent)["stated"] = body  # what reading its own bytes again would give
        return intent
