"""Balances: set while they are current, or not at all (design, law 10).

PATCH replaces a balance, and carries no idempotency key. So before an unaccounted one is sent again, the API is
asked what it holds: the target (it worked), what we last knew (it did not), or something else (a payment came
in between, and sending again would erase it).
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.core.answers import Expected, Meaning, Reading
from pipeline.core.compare import changed_details
from pipeline.core.intents import Entity, Intent
from pipeline.core.outcomes import Outcome
from pipeline.core.remembered import Close, Forget, Know, Open, Renew
from pipeline.core.wanted import PATH_OF, Json, encode
from pipeline.load.parents import entity_from
from pipeline.load.scope import Scope, Settlement
from pipeline.load.settle import CreateSettler
from pipeline.load.wire import Doubt, Uncertain


class BalanceSettler(CreateSettler):
    """Settles POST and PATCH intents of accounts and customers that carry a balance."""

    def __init__(self, scope: Scope, *, update_details: bool, past_dated: bool) -> None:
        """`past_dated`: the file's date is over and nobody said --force, so unknown balances stay untouched."""
        super().__init__(scope)
        self._update_details = update_details
        self._past_dated = past_dated

    async def settle(self, intent: Intent, doubt: Doubt) -> Settlement:
        if intent.method == "POST":
            return await super().settle(intent, doubt)
        try:
            return await self._patch(intent, doubt)
        except Uncertain:
            return self._in_doubt(doubt, "api.uncertain", "the look-up was not answered")

    async def settle_found(self, intent: Intent, found: Json, doubt: Doubt) -> Settlement:
        """An entity that was to be created exists: set its balance, unless that could undo something newer."""
        body = intent.stated
        entity = entity_from(intent.kind, found, owner=self._owner(intent))
        if intent.kind == "account":
            await self._parents.require_owner(intent, found)
        if doubt.doubtful:
            if found.get("balance") == body["balance"]:
                return self._settled(doubt, entity._replace(watermark=intent.watermark), Outcome.CREATED)
            return self._moved(doubt, entity)
        return await self.apply(intent, entity, doubt, known_to_ledger=False)

    async def apply(
        self, intent: Intent, entity: Entity, doubt: Doubt, *, known_to_ledger: bool
    ) -> Settlement:
        """Set the balance of an existing entity to what the intent states."""
        body = intent.stated
        refusal = self._must_not(intent, entity, doubt, body, known_to_ledger=known_to_ledger)
        if refusal is not None:
            return refusal
        details = changed_details(body, entity.details) if self._update_details else {}
        if entity.balance == body["balance"] and not details:
            if not known_to_ledger:
                return self._settled(doubt, entity._replace(watermark=intent.watermark), Outcome.UNCHANGED)
            found = await self._wire.look_up(intent.kind, intent.reference)
            if found is not None and found.get("balance") == body["balance"]:
                entity = entity._replace(id=found["id"], watermark=intent.watermark)
                return self._settled(doubt, entity, Outcome.UNCHANGED)
            if found is not None:
                entity = entity._replace(id=found["id"], balance=found.get("balance"))
        patch = {"balance": body["balance"], "currency": body["currency"], **details}
        renewed = replace(
            intent,
            method="PATCH",
            path=f"{PATH_OF[intent.kind]}/{entity.id}",
            body=encode(patch),
            key=None,
            balance_before=entity.balance,
        )
        await self._scope.commits.durable(Close(renewed), Open(renewed), Know(entity))
        self._scope.known.add(entity)
        doubt.doubtful = False  # what was sent before is settled by the look that found the entity
        return await self._patch(renewed, doubt)

    def _must_not(
        self, intent: Intent, entity: Entity, doubt: Doubt, body: Json, *, known_to_ledger: bool
    ) -> Settlement | None:
        if entity.currency not in {None, body["currency"]}:
            return self._conflict(
                doubt,
                entity,
                f"{intent.kind}_reference.currency_differs",
                "the API holds a balance in another currency; a currency cannot be changed by a bill file",
            )
        if (
            entity.watermark is not None
            and intent.watermark is not None
            and intent.watermark < entity.watermark
        ):
            return self._conflict(
                doubt, entity, "balance.superseded", "a newer file has set this balance already"
            )
        if not known_to_ledger and self._past_dated and entity.balance != body["balance"]:
            return self._conflict(
                doubt,
                entity,
                "balance.superseded",
                "the file's date is over and the ledger does not know this balance; use --force if it is current",
            )
        return None

    async def _patch(self, intent: Intent, doubt: Doubt) -> Settlement:
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

    async def _look_before_resending(self, intent: Intent, body: Json, doubt: Doubt) -> Settlement | None:
        """None when the balance is still the old one, so that sending again is safe."""
        found = await self._wire.look_up(intent.kind, intent.reference)
        if found is None:
            return None  # the PATCH itself will say 404
        if found.get("balance") == body["balance"]:
            return self._applied(intent, found, doubt)
        if found.get("balance") == intent.balance_before:
            return None
        entity = entity_from(intent.kind, found, owner=self._owner(intent))
        return self._moved(doubt, entity)

    async def _stale(self, intent: Intent, reading: Reading, doubt: Doubt) -> Settlement:
        """404 on a remembered id: the reference may have a new one; if not, the entity is gone and is made again."""
        found = await self._wire.look_up(intent.kind, intent.reference)
        if found is not None and not intent.path.endswith(f"/{found['id']}"):
            entity = entity_from(intent.kind, found, owner=self._owner(intent))
            return await self.apply(intent, entity, doubt, known_to_ledger=False)
        if found is not None:
            return self._refused(doubt, reading)
        self._scope.known.drop(intent.kind, intent.reference)
        await self._scope.commits.soon(Forget(intent.kind, intent.reference))
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
        )
        await self._scope.commits.durable(Renew(renewed))
        doubt.doubtful = False  # the PATCH changed nothing: there is nothing that it could have changed
        return await super().settle(renewed, doubt)

    def _applied(self, intent: Intent, shown: Json, doubt: Doubt) -> Settlement:
        known = self._scope.known.get(intent.kind, intent.reference)
        sent = {name: value for name, value in intent.stated.items() if name not in {"balance", "currency"}}
        last_sent = known.details if known else {}
        entity = entity_from(intent.kind, shown, owner=self._owner(intent))._replace(
            balance=intent.stated["balance"],
            details={**last_sent, **sent},
            watermark=intent.watermark,
        )
        return self._settled(doubt, entity, Outcome.UPDATED)

    def _settled(self, doubt: Doubt, entity: Entity, outcome: Outcome) -> Settlement:
        customer = self._scope.known.get("customer", entity.owner) if entity.owner else None
        return Settlement(
            outcome,
            customer_id=entity.id if entity.kind == "customer" else (customer.id if customer else None),
            account_id=entity.id if entity.kind == "account" else None,
            leaf_id=entity.id,
            attempts=doubt.sends,
            entities=(entity,),
        )

    def _moved(self, doubt: Doubt, entity: Entity) -> Settlement:
        return self._conflict(
            doubt,
            entity,
            "balance.moved",
            "the balance moved after an unaccounted request (a payment, perhaps); it is left as it is",
        )

    def _conflict(self, doubt: Doubt, entity: Entity, code: str, message: str) -> Settlement:
        return self._settled(doubt, entity, Outcome.CONFLICT)._replace(codes=(code,), message=message)

    def _owner(self, intent: Intent) -> str | None:
        return None if intent.kind == "customer" else intent.customer_reference
