"""Balances: set while they are current, or not at all (design, law 10).

PATCH replaces a balance, and carries no idempotency key. The news of the day goes without a look. Where the ledger
may not know what was set last (it was restored or lost, it never set this balance, the file is late or comes back),
the API is asked first, and what is neither what was last set nor what is wanted stays as it is.

Before an unaccounted PATCH is sent again, the API is asked, too: the target is there (it worked), or the old balance
(it did not: but only within seconds; later a customer may have paid just that), or something else.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.core.api.compare import changed_details
from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.ledger_changes import CloseIntent, ForgetEntity, OpenIntent, RenewIntent, UpsertEntity
from pipeline.core.api.requests import PATH_OF, Json, encode
from pipeline.core.api.responses import Expected, Meaning, Reading
from pipeline.core.api.watermarks import Recency, day_of
from pipeline.core.outcomes import Outcome
from pipeline.core.values import money
from pipeline.load.context import LoadContext, Settlement
from pipeline.load.create import CreateSettler
from pipeline.load.parents import entity_from
from pipeline.load.retrying_client import SendState, Uncertain

RESEND_WITHIN_S = 10.0
"""So long after a send the old balance shows that it did not work: time for some quick repetitions, and none for a
customer to be told of the new balance and to pay just that. After a time-out (30 s) the API may even still be at work.
"""


class BalanceSettler(CreateSettler):
    """Settles POST and PATCH intents of accounts and customers that carry a balance."""

    def __init__(self, scope: LoadContext, *, update_details: bool, news: Recency) -> None:
        super().__init__(scope)
        self._update_details = update_details
        self._news = news

    async def settle(self, intent: Intent, doubt: SendState) -> Settlement:
        if intent.method == "POST":
            return await super().settle(intent, doubt)
        try:
            return await self._patch(intent, doubt)
        except Uncertain:
            return self._in_doubt(doubt, "api.uncertain", "the look-up was not answered")

    async def settle_found(self, intent: Intent, found: Json, doubt: SendState) -> Settlement:
        """An entity that was to be created exists: set its balance, unless that could undo something newer."""
        body = intent.stated
        entity = entity_from(intent.kind, found, owner=self._owner(intent))
        if intent.kind == "account":
            await self._parents.require_owner(intent, found)
        if doubt.doubtful:
            # Whether this request made it, or somebody before, cannot be seen.
            entity = entity._replace(watermark=intent.watermark, sure=intent.sure and self._news.fresh)
            if entity.balance == body["balance"]:
                return self._settled(doubt, entity, Outcome.CREATED)
            return self._moved(doubt, entity)
        return await self.apply(intent, None, entity, doubt)

    async def apply(
        self, intent: Intent, known: Entity | None, shown: Entity | None, doubt: SendState
    ) -> Settlement:
        """Set the balance of an existing entity to what the intent states.

        `known` to the ledger, or `shown` by the API just now.
        """
        body = intent.stated
        entity = shown or known
        if entity is None:
            raise ValueError("an entity that nobody knows")
        refusal = self._must_not(entity, doubt, body)
        if refusal is not None:
            return refusal
        details = changed_details(body, entity.details) if self._update_details else {}
        trusted = known is not None and known.is_trusted
        judged = not trusted or self._news.doubtful or self._news.repeated or self._overrides(entity)
        if shown is None and (judged or (entity.balance == body["balance"] and not details)):
            shown = await self._as_shown(intent, entity)
        sure = trusted or self._news.fresh or (shown is not None and shown.balance is None)
        if shown is not None:
            old = judged and not self._news.fresh and known is not None and known.watermark is not None
            if shown.balance == body["balance"] and (old or not details):
                # What an old file says is there by chance, perhaps after a payment: it is not what was last set.
                confirmed = known._replace(id=shown.id) if old and known else shown._replace(sure=sure)
                confirmed = confirmed._replace(watermark=intent.watermark)
                return self._settled(doubt, confirmed, Outcome.UNCHANGED)
            if judged and not self._may_replace(shown.balance, known, body["balance"]):
                return self._not_ours(doubt, known or shown, shown.balance, body)
        renewed = self._renewed(intent, shown or entity, body, details, sure=sure)
        await self._scope.commits.durable(
            CloseIntent(renewed), OpenIntent(renewed), UpsertEntity(shown or entity)
        )
        self._scope.known.add(shown or entity)
        doubt.doubtful = False  # what was sent before is settled by the look that found the entity
        settled = await self._patch(renewed, doubt)
        if judged and shown is not None and settled.outcome is Outcome.UPDATED:
            return settled._replace(message=self._what_was_replaced(shown.balance, body))
        return settled

    async def _as_shown(self, intent: Intent, entity: Entity) -> Entity | None:
        """The entity with the balance that the API shows now; None when it is gone, which the PATCH itself will say."""
        found = await self._wire.look_up(intent.kind, intent.reference)
        return None if found is None else entity._replace(id=found["id"], balance=found.get("balance"))

    def _renewed(self, intent: Intent, entity: Entity, body: Json, details: Json, *, sure: bool) -> Intent:
        return replace(
            intent,
            method="PATCH",
            path=f"{PATH_OF[intent.kind]}/{entity.id}",
            body=encode({"balance": body["balance"], "currency": body["currency"], **details}),
            key=None,
            balance_before=entity.balance,
            sure=sure,
        )

    def _must_not(self, entity: Entity, doubt: SendState, body: Json) -> Settlement | None:
        if entity.currency not in {None, body["currency"]}:
            return self._conflict(
                doubt,
                entity,
                f"{entity.kind}_reference.currency_differs",
                "the API holds a balance in another currency; a currency cannot be changed by a bill file",
            )
        if self._overrides(entity) and not self._news.forced:
            message = f"a newer file, of {day_of(entity.watermark or '')}, has set this balance already"
            return self._conflict(doubt, entity, "balance.superseded", message)
        return None

    def _overrides(self, entity: Entity) -> bool:
        """Whether a newer file has set the balance."""
        return entity.watermark is not None and self._news.watermark < entity.watermark

    def _may_replace(self, shown: int | None, known: Entity | None, wanted: int) -> bool:
        """Whether what the API shows may be replaced where the ledger may not know what was set last.

        What it last set is proof enough in a ledger that misses nothing, or for a file that nobody can have loaded
        before. Otherwise it may have been replaced and paid since: 0, then 200, and 0 again.
        """
        if self._news.forced or shown in {None, wanted}:
            return True
        if self._news.repeated:
            return False
        ours = known.balance if known is not None and known.watermark is not None else None
        return shown == ours and known is not None and (bool(known.sure) or self._news.fresh)

    def _not_ours(self, doubt: SendState, entity: Entity, shown: int | None, body: Json) -> Settlement:
        there = money.format_amount(body["currency"], shown or 0)
        wanted = money.format_amount(body["currency"], body["balance"])
        return self._conflict(
            doubt,
            entity,
            "balance.not_ours",
            f"the API holds {there} and the file says {wanted}; the API's may be newer, so it stays unchanged."
            " If the file is current, run billferry load --force",
        )

    def _what_was_replaced(self, shown: int | None, body: Json) -> str | None:
        """What to say where --force replaced a balance that was not known to be ours."""
        if not self._news.forced or shown in {None, body["balance"]}:
            return None
        return f"{money.format_amount(body['currency'], shown or 0)} was replaced because of --force"

    async def _patch(self, intent: Intent, doubt: SendState) -> Settlement:
        body = intent.stated
        expected = Expected(
            {
                "external_reference": intent.reference,
                "balance": body["balance"],
                "currency": body["currency"],
            },
            statuses=(200,),
        )
        verdict: Settlement | None = None

        async def once() -> Reading:
            nonlocal verdict
            if doubt.doubtful:
                verdict = await self._look_before_resending(intent, body, doubt)
                if verdict is not None:
                    return Reading(Meaning.DONE)
            return await self._wire.ask(intent.method, intent.path, expected, body=intent.body, doubt=doubt)

        reading = await self._wire.persist(once)
        if verdict is not None:
            return verdict
        match reading.meaning:
            case Meaning.DONE:
                return self._applied(intent, reading.entity or {}, doubt)
            case Meaning.NOT_SENT:
                self._wire.check_halt()
                return self._not_sent(doubt, reading)
            case Meaning.DOUBT:
                return self._in_doubt(doubt, reading.code, reading.message)
            case Meaning.UNKNOWN:
                return await self._stale(intent, reading, doubt)
            case _:
                return self._refused(doubt, reading)

    async def _look_before_resending(self, intent: Intent, body: Json, doubt: SendState) -> Settlement | None:
        """None when the balance is still the old one, so that sending again is safe."""
        found = await self._wire.look_up(intent.kind, intent.reference)
        if found is None:
            return None  # the PATCH itself will say 404
        if found.get("balance") == body["balance"]:
            return self._applied(intent, found, doubt)
        if self._did_not_work(intent, found.get("balance"), doubt):
            return None
        entity = entity_from(intent.kind, found, owner=self._owner(intent))
        return self._moved(doubt, entity._replace(watermark=intent.watermark, sure=intent.sure))

    def _did_not_work(self, intent: Intent, shown: int | None, doubt: SendState) -> bool:
        """Whether the old balance is proof: where there was none, which no payment brings back; or within seconds.

        A person who forces the file says so of a request of an earlier run.
        """
        if doubt.sends == 0 and self._news.forced:
            return True
        recent = self._wire.now - doubt.sent_at <= RESEND_WITHIN_S
        return shown == intent.balance_before and (shown is None or recent)

    async def _stale(self, intent: Intent, reading: Reading, doubt: SendState) -> Settlement:
        """404 on a remembered id: the reference may have a new one; if not, the entity is gone and is made again."""
        found = await self._wire.look_up(intent.kind, intent.reference)
        if found is not None and not intent.path.endswith(f"/{found['id']}"):
            entity = entity_from(intent.kind, found, owner=self._owner(intent))
            return await self.apply(intent, None, entity, doubt)
        if found is not None:
            return self._refused(doubt, reading)
        self._scope.known.drop(intent.kind, intent.reference)
        await self._scope.commits.soon(ForgetEntity(intent.kind, intent.reference))
        body: Json = {"external_reference": intent.reference, **intent.stated}
        if intent.kind == "account":
            body = await self._parents.with_current_customer(intent, body)
        generation = intent.generation + 1
        renewed = replace(
            intent,
            method="POST",
            path=PATH_OF[intent.kind],
            body=encode(body),
            generation=generation,
            key=self._scope.key(intent.kind, intent.reference, intent.content, generation),
            balance_before=None,
            sure=True,
        )
        await self._scope.commits.durable(RenewIntent(renewed))
        doubt.doubtful = False  # the PATCH changed nothing: there is nothing that it could have changed
        return await super().settle(renewed, doubt)

    def _applied(self, intent: Intent, shown: Json, doubt: SendState) -> Settlement:
        known = self._scope.known.get(intent.kind, intent.reference)
        sent = {name: value for name, value in intent.stated.items() if name not in {"balance", "currency"}}
        last_sent = known.details if known else {}
        entity = entity_from(intent.kind, shown, owner=self._owner(intent))._replace(
            balance=intent.stated["balance"],
            details={**last_sent, **sent},
            watermark=intent.watermark,
            sure=intent.sure,
        )
        return self._settled(doubt, entity, Outcome.UPDATED)

    def _settled(self, doubt: SendState, entity: Entity, outcome: Outcome) -> Settlement:
        customer = self._scope.known.get("customer", entity.owner) if entity.owner else None
        return Settlement(
            outcome,
            customer_id=entity.id if entity.kind == "customer" else (customer.id if customer else None),
            account_id=entity.id if entity.kind == "account" else None,
            leaf_id=entity.id,
            attempts=doubt.sends,
            entities=(entity,),
        )

    def _moved(self, doubt: SendState, entity: Entity) -> Settlement:
        return self._conflict(
            doubt,
            entity,
            "balance.moved",
            "an earlier request was not answered, and a payment may have come since; the balance stays unchanged."
            " The next file sets it, or billferry load --force",
        )

    def _conflict(self, doubt: SendState, entity: Entity, code: str, message: str) -> Settlement:
        return self._settled(doubt, entity, Outcome.CONFLICT)._replace(codes=(code,), message=message)

    def _owner(self, intent: Intent) -> str | None:
        return None if intent.kind == "customer" else intent.customer_reference
