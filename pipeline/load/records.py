"""One record to its outcome: its intent durable before the first byte, its outcome and what it taught in one commit."""

from __future__ import annotations

import asyncio
from dataclasses import replace

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
from pipeline.core.api.requests import PATH_OF, create_body, encode
from pipeline.core.api.send_order import ScheduledRequest
from pipeline.core.api.watermarks import Recency
from pipeline.core.outcomes import OPEN, Outcome, RecordOutcome
from pipeline.load.balance import BalanceSettler
from pipeline.load.context import LoadContext
from pipeline.load.create import LAG_PAUSES_S, CreateSettler
from pipeline.load.job import LoadJob
from pipeline.load.parents import OtherCustomer
from pipeline.load.repeated_refusals import RepeatedRefusals
from pipeline.load.retrying_client import Halted, Uncertain
from pipeline.load.settler import of_another_customer


class RecordSender:
    """Sends the records of one file, and settles what earlier runs left in doubt."""

    def __init__(self, job: LoadJob, context: LoadContext) -> None:
        self._job = job
        self._context = context
        self._in_doubt: set[tuple[str, str]] = set()
        """Business keys whose intent is still open: nothing else is sent for them."""
        self._parents_in_doubt: set[tuple[str, str]] = set()
        """Customers and accounts that such an intent nests: nested once more, they might be there twice."""
        self._generations: dict[tuple[str, str], int] = {}
        """(reference, content) → the generation to begin with, where keys are spent."""
        self._refusals = RepeatedRefusals()

    def add_generations(self, generations: dict[tuple[str, str], int]) -> None:
        """Take the spent keys that the ledger knows of the next bucket's records."""
        self._generations.update(generations)

    async def settle_open(self, intent: Intent) -> None:
        """Settle an intent that an earlier run left in doubt, of any file; it stays in doubt where that fails."""
        settler = self._settler(intent, may_have_worked=True)
        try:
            settled = await settler.settle(intent)
        except Halted:
            settled = settler.broken_off(intent)
        if settled.outcome in OPEN:
            settled = settled._replace(outcome=Outcome.IN_DOUBT)
        await self._conclude(intent, settled)

    async def send(self, scheduled: ScheduledRequest) -> RecordOutcome:
        """Send one record. Its outcome is on disk before the next intent of the same task is.

        Raises CancelledError when a stop of the load has no more patience; the outcome is stored then, too.
        """
        request = scheduled.request
        if (request.kind, request.reference) in self._in_doubt:
            return RecordOutcome(request.record, Outcome.NOT_ATTEMPTED)
        intent = self._intent(scheduled)
        settler = self._settler(intent, included=request.payments_included_until)
        try:
            settled = self._owner_conflict(intent) or await self._settle_new(intent, settler)
        except OtherCustomer:
            settled = of_another_customer(intent)
        except (Halted, Uncertain):
            settled = settler.broken_off(intent)
        except asyncio.CancelledError:
            await self._conclude(intent, settler.broken_off(intent))
            raise
        await self._conclude(intent, settled)
        if self._refusals.are_too_many(settled):
            self._context.client.halt(self._refusals.reason(self._job.settings.api.base_url))
        return settled

    async def _settle_new(self, intent: Intent, settler: CreateSettler) -> RecordOutcome:
        """Settle an intent of this file that was never sent before, by what the ledger knows of its entity.

        Raises OtherCustomer, Halted and Uncertain.
        """
        known = self._context.cache.get(intent.kind, intent.reference)
        if known is not None and isinstance(settler, BalanceSettler):
            return await settler.apply(intent, known=known, shown=None)
        if known is not None:
            found = await settler.look_up_patiently(intent, LAG_PAUSES_S)
            if found is not None:
                return await settler.settle_found(intent, found)
            # Lost by the API, or only not seen yet: the old key tells, for its stored answer is still there.
            self._context.cache.drop(intent.kind, intent.reference)
        usable = await self._with_settled_parents(intent)
        if usable is None:
            return RecordOutcome(intent.record, Outcome.NOT_ATTEMPTED)
        await self._context.ledger.durable(OpenIntent(usable))
        return await settler.settle(usable)

    async def _with_settled_parents(self, intent: Intent) -> Intent | None:
        """The intent without nesting what an open intent of an earlier file nests too; None: that must settle first.

        Nor does it nest what is likely to exist, where that turns out to be so.
        """
        parents = self._context.parents
        if not self._nests_parent_in_doubt(intent) and not parents.exist_unknown:
            return intent
        intent = replace(intent, body=encode(await parents.named_by_id(intent)))
        return None if self._nests_parent_in_doubt(intent) else intent

    def _nests_parent_in_doubt(self, intent: Intent) -> bool:
        return bool(self._parents_in_doubt) and not self._parents_in_doubt.isdisjoint(intent.nested_keys)

    def _owner_conflict(self, intent: Intent) -> RecordOutcome | None:
        """An account that is known to belong to another customer: nothing is sent."""
        known = self._context.cache.get("account", intent.account_reference)
        if known is None or known.owner in {None, intent.customer_reference}:
            return None
        return of_another_customer(intent, account_id=known.id)

    async def _conclude(self, intent: Intent, settled: RecordOutcome) -> None:
        """Outcome, ids and the intent's end in one commit. An intent in doubt stays open.

        Not waited for: whatever is opened next comes into the ledger after it, or with it. So there are never more
        intents open than requests may be in flight, and wait after a 429.
        """
        changes: list[Change] = [UpsertEntity(entity) for entity in settled.learned]
        if settled.outcome is not Outcome.NOT_ATTEMPTED:
            changes.append(StoreOutcome(intent.file_id, intent.reference, settled))
        if settled.outcome is Outcome.REFUSED:
            changes.append(SpendKey(intent))
        if settled.outcome is Outcome.IN_DOUBT:
            self._in_doubt.add(intent.business_key)
            self._parents_in_doubt.update(intent.nested_keys)
        else:
            changes.append(CloseIntent(intent))
        # Bills are never parents: kept, a million of them would be most of the memory.
        self._context.cache.add(*[entity for entity in settled.learned if entity.kind != "bill"])
        await self._context.ledger.soon(*changes)

    def _settler(
        self, intent: Intent, *, may_have_worked: bool = False, included: str | None = None
    ) -> CreateSettler:
        if intent.kind == "bill":
            return CreateSettler(self._context, may_have_worked=may_have_worked)
        # What another file left in doubt is not forced with this one.
        of_this_file = intent.file_id == self._job.file_id
        if of_this_file:
            included = included or self._job.payments_included_until
        return BalanceSettler(
            self._context,
            update_details=self._job.settings.api.update_details,
            recency=self._job.recency if of_this_file else Recency(intent.watermark or ""),
            may_have_worked=may_have_worked,
            included=included,
        )

    def _intent(self, scheduled: ScheduledRequest) -> Intent:
        """The create of a record, with its parents as they are known now. Not in the ledger yet."""
        request = scheduled.request
        content = content_of(request)
        generation = self._generations.get((request.reference, content), 0)
        body = create_body(request, customer_id=scheduled.customer_id, account_id=scheduled.account_id)
        return Intent(
            kind=request.kind,
            reference=request.reference,
            file_id=self._job.file_id,
            record=request.record,
            method="POST",
            path=PATH_OF[request.kind],
            body=encode(body),
            key=self._context.key(request.kind, request.reference, content, generation),
            content=content,
            generation=generation,
            customer_reference=request.customer.reference,
            account_reference=request.account.reference if request.account else None,
            balance_before=None,
            watermark=self._job.recency.watermark if request.kind != "bill" else None,
            first_sent_at=self._job.clock().isoformat(timespec="milliseconds"),
        )
