"""Balances: set while they are current, or not at all (design, law 10).

PATCH replaces a balance, and carries no idempotency key. A balance of today's file is set without a look. Where the
ledger may not know what was set last (it was restored or lost, it never set this balance, the file is late or comes
back), the API is asked first, and what is neither what was last set nor what the file says stays as it is.

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
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.core.values.amount_text import exponents, format_amount
from pipeline.load.context import LoadContext
from pipeline.load.create import CreateSettler
from pipeline.load.paid_since import BalanceVerdict, PaymentGuard
from pipeline.load.parents import entity_from
from pipeline.load.retrying_client import Uncertain

RESEND_WITHIN_S = 10.0
"""So long after a send the old balance shows that it did not work: time for some quick repetitions, and none for a
customer to be informed of the new balance and to pay just that. After a time-out (30 s) the API may even still be at
work.
"""


class BalanceSettler(CreateSettler):
    """Settles a POST or PATCH intent of an account or a customer that carries a balance (in minor units)."""

    def __init__(
        self,
        context: LoadContext,
        *,
        update_details: bool,
        recency: Recency,
        may_have_worked: bool,
        included: str | None = None,
    ) -> None:
        """`update_details`: changed names, e-mails, phones and metadata go with the balance; `recency` of the file.

        `included`: what the file says of the payments that its balance includes.
        """
        super().__init__(context, may_have_worked=may_have_worked)
        self._update_details = update_details
        self._recency = recency
        self._included = included

    async def settle(self, intent: Intent) -> RecordOutcome:
        """As `CreateSettler.settle`; a PATCH is sent again only after a look."""
        if intent.method == "POST":
            return await super().settle(intent)
        try:
            return await self._patch(intent)
        except Uncertain:
            return self._look_up_failed(intent)

    async def settle_found(self, intent: Intent, found: Json) -> RecordOutcome:
        """An entity that was to be created exists: set its balance, unless that could undo something newer.

        Raises OtherCustomer, Uncertain and Halted.
        """
        body = intent.stated
        entity = entity_from(intent.kind, found, owner=self._owner(intent))
        if intent.kind == "account":
            await self._parents.require_owner(intent, found)
        if self._delivery.may_have_worked:
            # Whether this request made it, or somebody before, cannot be seen.
            entity = entity._replace(
                watermark=intent.watermark,
                sure=intent.sure and self._recency.fresh,
                set_at=intent.first_sent_at,
            )
            if entity.balance == body["balance"]:
                return self._settled(intent, entity, Outcome.CREATED)
            return self._moved(intent, entity)
        return await self.apply(intent, known=None, shown=entity)

    async def apply(self, intent: Intent, *, known: Entity | None, shown: Entity | None) -> RecordOutcome:
        """Set the balance of an existing entity to what the intent states.

        At least one of `known` (to the ledger) and `shown` (by the API just now) is given. Raises Uncertain and Halted.
        """
        body = intent.stated
        entity = shown or known
        if entity is None:
            raise ValueError("an entity that nobody knows")
        refusal = self._must_not(intent, entity, body)
        if refusal is not None:
            return refusal
        details = changed_details(body, entity.details) if self._update_details else {}
        trusted = known is not None and known.is_trusted
        look_first = (
            not trusted or self._recency.doubtful or self._recency.repeated or self._overrides(entity)
        )
        guard = None if self._recency.forced else self._context.payments
        same = entity.balance == body["balance"] and not details
        if shown is None and (look_first or same or guard is not None):
            shown = await self._as_shown(intent, entity)
        verdict = None
        if guard is not None and shown is not None:
            verdict = guard.judge(known=known, shown=shown, target_minor=body["balance"], said=self._included)
            if verdict.is_conflict:
                return self._paid_since(intent, known or shown, shown.balance, verdict)
            intent = verdict.netted(intent)
            body = intent.stated
        sure = trusted or self._recency.fresh or (shown is not None and shown.balance is None)
        if shown is not None:
            old = look_first and not self._recency.fresh and known is not None and known.watermark is not None
            if shown.balance == body["balance"] and (old or not details):
                # What an old file says is there by chance, perhaps after a payment: it is not what was last set.
                confirmed = known._replace(id=shown.id) if old and known else shown._replace(sure=sure)
                confirmed = confirmed._replace(watermark=intent.watermark, set_at=intent.first_sent_at)
                return self._settled(
                    intent,
                    confirmed,
                    Outcome.UNCHANGED,
                    message=verdict.as_netted(body) if verdict is not None else None,
                )
            if look_first and not self._may_replace(shown.balance, known, body["balance"], guard):
                return self._not_ours(intent, known or shown, shown.balance, body)
        renewed = self._renewed(intent, shown or entity, body, details, sure=sure)
        # What is killed while it waits has not sent this PATCH, and nobody need wonder whether it did.
        await self._delivery.wait_for_turn()
        self._context.cache.add(shown or entity)  # before the ledger: see `EntityCache.add`
        await self._context.ledger.durable(
            CloseIntent(renewed), OpenIntent(renewed), UpsertEntity(shown or entity)
        )
        self._delivery.account_for_sends()  # the look that found the entity shows what became of them
        settled = await self._patch(renewed)
        if settled.outcome is not Outcome.UPDATED or shown is None:
            return settled
        replaced = self._what_was_replaced(shown.balance, body) if look_first else None
        netted = verdict.as_netted(body) if verdict is not None else None
        return settled._replace(message=replaced or netted or settled.message)

    async def _as_shown(self, intent: Intent, entity: Entity) -> Entity | None:
        """The entity with the balance that the API shows now; None when it is gone (the PATCH will show it)."""
        found = await self._client.look_up(intent.kind, intent.reference)
        if found is None:
            return None
        now = self._context.clock().isoformat(timespec="milliseconds")
        return entity._replace(id=found["id"], balance=found.get("balance"), set_at=now)

    def _renewed(self, intent: Intent, entity: Entity, body: Json, details: Json, *, sure: bool) -> Intent:
        """The intent as a PATCH of an existing entity; `details` go with the balance, `sure` as in `Entity.sure`."""
        return replace(
            intent,
            method="PATCH",
            path=f"{PATH_OF[intent.kind]}/{entity.id}",
            body=encode({"balance": body["balance"], "currency": body["currency"], **details}),
            key=None,
            balance_before=entity.balance,
            sure=sure,
        )

    def _must_not(self, intent: Intent, entity: Entity, body: Json) -> RecordOutcome | None:
        """The conflict that needs no look at the balance; None when there is none."""
        if entity.currency not in {None, body["currency"]}:
            return self._conflict(
                intent,
                entity,
                f"{entity.kind}_reference.currency_differs",
                f"the API holds a balance in {_known(entity.currency)}, and the file has {body['currency']};"
                " a currency cannot be changed by a bill file",
            )
        if self._overrides(entity) and not self._recency.forced:
            day = day_of(entity.watermark or "")
            message = f"a newer file, of {day}, has set this balance already{_both(entity, body)}"
            return self._conflict(intent, entity, "balance.superseded", message)
        return None

    def _overrides(self, entity: Entity) -> bool:
        """Whether a newer file has set the balance."""
        return entity.watermark is not None and self._recency.watermark < entity.watermark

    def _may_replace(
        self, shown: int | None, known: Entity | None, target: int, guard: PaymentGuard | None
    ) -> bool:
        """Whether what the API shows may be replaced where the ledger may not know what was set last.

        What it last set is proof enough in a ledger that misses nothing, or for a file that nobody can have loaded
        before. Otherwise it may have been replaced and paid since: 0, then 200, and 0 again.
        """
        if self._recency.forced or shown in {None, target}:
            return True
        if self._recency.repeated:
            return False
        last_set = known.balance if known is not None and known.watermark is not None else None
        if known is None or shown is None or last_set is None:
            return False
        falls = guard.falls_since(known, known.set_at) if guard is not None else {0}
        return last_set - shown in falls and (bool(known.sure) or self._recency.fresh)

    def _not_ours(self, intent: Intent, entity: Entity, shown: int | None, body: Json) -> RecordOutcome:
        """The conflict that names both amounts: a person must say which one is current."""
        there = format_amount(body["currency"], shown or 0)
        target = format_amount(body["currency"], body["balance"])
        return self._conflict(
            intent,
            entity,
            "balance.not_ours",
            f"the API holds {there} and the file says {target}; the API's may be newer, so it stays unchanged."
            " If the file is current, have it loaded all the same (billferry load --force)",
        )

    def _what_was_replaced(self, shown: int | None, body: Json) -> str | None:
        """The message where --force replaced a balance that was not known to be ours."""
        if not self._recency.forced or shown in {None, body["balance"]}:
            return None
        return f"{format_amount(body['currency'], shown or 0)} was replaced, as somebody wanted (--force)"

    async def _patch(self, intent: Intent) -> RecordOutcome:
        """Send a PATCH until settled, looking first each time that an earlier one may have worked.

        Raises Uncertain and Halted.
        """
        body = intent.stated
        expected = Expected(
            {
                "external_reference": intent.reference,
                "balance": body["balance"],
                "currency": body["currency"],
            },
            statuses=(200,),
        )
        found_out: RecordOutcome | None = None

        async def once() -> Reading:
            nonlocal found_out
            if self._delivery.may_have_worked:
                found_out = await self._look_before_resending(intent, body)
                if found_out is not None:
                    return Reading(Meaning.DONE)
            return await self._delivery.ask(intent.method, intent.path, expected, body=intent.body)

        reading = await self._client.persist(once)
        if found_out is not None:
            return found_out
        match reading.meaning:
            case Meaning.DONE:
                return self._applied(intent, reading.entity or {})
            case Meaning.NOT_SENT:
                self._client.check_halt()
                return self._not_sent(intent, reading)
            case Meaning.DOUBT:
                return self._in_doubt(intent, reading.code, reading.message)
            case Meaning.UNKNOWN:
                return await self._stale(intent, reading)
            case _:
                return self._refused(intent, reading)

    async def _look_before_resending(self, intent: Intent, body: Json) -> RecordOutcome | None:
        """None when the balance is still the old one, so that sending again is safe."""
        found = await self._client.look_up(intent.kind, intent.reference)
        if found is None:
            return None  # the PATCH itself will be answered with 404
        if found.get("balance") == body["balance"]:
            return self._applied(intent, found)
        entity = entity_from(intent.kind, found, owner=self._owner(intent))
        guard, there = self._context.payments, found.get("balance")
        falls = guard.falls_since(entity, intent.first_sent_at) if guard is not None else frozenset[int]()
        worked_and_paid = there is not None and body["balance"] - there in falls - {0}
        did_not_work = self._did_not_work(intent, there)
        if did_not_work and not worked_and_paid:
            return None
        if worked_and_paid and not did_not_work:
            return self._applied(intent, found)
        return self._moved(intent, entity._replace(watermark=intent.watermark, sure=intent.sure))

    def _did_not_work(self, intent: Intent, shown: int | None) -> bool:
        """Whether the old balance is proof: where there was none, which no payment brings back; or within seconds.

        Whoever forces the file vouches for that, of a request of an earlier run.
        """
        if self._delivery.sends == 0 and self._recency.forced:
            return True
        recent = self._client.now - self._delivery.last_sent_at <= RESEND_WITHIN_S
        return shown == intent.balance_before and (shown is None or recent)

    async def _stale(self, intent: Intent, reading: Reading) -> RecordOutcome:
        """404 on a remembered id: the reference may have a new one; if not, the entity is gone and is made again."""
        found = await self._client.look_up(intent.kind, intent.reference)
        if found is not None and not intent.path.endswith(f"/{found['id']}"):
            entity = entity_from(intent.kind, found, owner=self._owner(intent))
            return await self.apply(intent, known=None, shown=entity)
        if found is not None:
            return self._refused(intent, reading)
        self._context.cache.drop(intent.kind, intent.reference)
        await self._context.ledger.soon(ForgetEntity(intent.kind, intent.reference))
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
            key=self._context.key(intent.kind, intent.reference, intent.content, generation),
            balance_before=None,
            sure=True,
        )
        await self._context.ledger.durable(RenewIntent(renewed))
        self._delivery.account_for_sends()  # the PATCH changed nothing: there is nothing that it could have changed
        return await super().settle(renewed)

    def _applied(self, intent: Intent, shown: Json) -> RecordOutcome:
        """The PATCH worked: `shown` is the entity as the API has it now."""
        known = self._context.cache.get(intent.kind, intent.reference)
        sent = {name: value for name, value in intent.stated.items() if name not in {"balance", "currency"}}
        last_sent = known.details if known else {}
        entity = entity_from(intent.kind, shown, owner=self._owner(intent))._replace(
            balance=intent.stated["balance"],
            details={**last_sent, **sent},
            watermark=intent.watermark,
            sure=intent.sure,
            set_at=intent.first_sent_at,
        )
        return self._settled(intent, entity, Outcome.UPDATED)

    def _settled(
        self, intent: Intent, entity: Entity, outcome: Outcome, code: str = "", message: str | None = None
    ) -> RecordOutcome:
        customer = self._context.cache.get("customer", entity.owner) if entity.owner else None
        return self._outcome(
            intent,
            outcome,
            code,
            message,
            customer_id=entity.id if entity.kind == "customer" else (customer.id if customer else None),
            account_id=entity.id if entity.kind == "account" else None,
            learned=(entity,),
        )

    def _moved(self, intent: Intent, entity: Entity) -> RecordOutcome:
        """The conflict where the balance is neither the old one nor the target: somebody else has changed it since."""
        return self._conflict(
            intent,
            entity,
            "balance.moved",
            "an earlier request was not answered, and a payment may have come since; the balance stays unchanged"
            f"{_both(entity, intent.stated)}. The next file sets it, or a load of this one by force (billferry"
            " load --force)",
        )

    def _paid_since(
        self, intent: Intent, entity: Entity, shown: int | None, verdict: BalanceVerdict
    ) -> RecordOutcome:
        """The conflict with both amounts: payments have come that the file does not include."""
        message = verdict.as_conflict(intent.stated, shown)
        return self._conflict(intent, entity, "balance.paid_since", message)

    def _conflict(self, intent: Intent, entity: Entity, code: str, message: str) -> RecordOutcome:
        """The balance stays as it is; what was seen of the entity is remembered all the same."""
        return self._settled(intent, entity, Outcome.CONFLICT, code, message)

    def _owner(self, intent: Intent) -> str | None:
        """The reference of the entity's customer."""
        return None if intent.kind == "customer" else intent.customer_reference


def _known(currency: str | None) -> str:
    """A currency of the API's, for people; nothing else that it may say there."""
    return currency if currency in exponents() else "another currency"


def _both(entity: Entity, stated: Json) -> str:
    """` (ZAR 20.00 in the file, ZAR 25.00 at the API)`, as far as it is known what the API holds."""
    if entity.balance is None:
        return ""
    here = format_amount(stated["currency"], stated["balance"])
    there = format_amount(_known(entity.currency or stated["currency"]), entity.balance)
    return f" ({here} in the file, {there} at the API)"
