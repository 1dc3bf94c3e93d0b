"""Settles creates: sends each until its outcome is known, whatever crashed, timed out or was answered before.

The rules are the table of design §5. An intent is settled the same way whether it is new, was left by a killed
run, or belongs to another file: it carries everything that settling it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pipeline.core.api.compare import bill_differences, missing_metadata, told_differences, union_metadata
from pipeline.core.api.idempotency import MAX_GENERATIONS
from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.ledger_changes import RenewIntent
from pipeline.core.api.requests import NOTHING, PATH_OF, Json, Kind, encode, nested_parents
from pipeline.core.api.responses import Expected, Meaning, Reading, names_key_reuse
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.load.parents import OtherCustomer, details_of, entity_from
from pipeline.load.retrying_client import Halted, Uncertain
from pipeline.load.settler import Settler

IN_FLIGHT_PAUSES_S = (0.1, 0.3, 0.6)
"""Waits after a 409 for a key that we know of no earlier send of: another sender may be at work on it."""
MAX_IN_FLIGHT_PAUSE_S = 10.0
LAG_PAUSES_S = (0.3, 0.9)
"""Waits before "missing" is believed after an unaccounted send: its work may be done and not yet visible."""
REFUSAL_PAUSES_S = (*LAG_PAUSES_S, 2.7)
"""The same before an unaccounted bill is reported as refused, which nobody would look at again."""


class OwnerIds(NamedTuple):
    """Ids of an entity's customer and account, as an answer shows them; None where it shows none."""

    customer: str | None
    account: str | None


class CreateSettler(Settler):
    """Settles a POST intent of a bill, or of an account or a customer that does not exist yet."""

    async def settle(self, intent: Intent) -> RecordOutcome:
        """Send until settled. An outcome of IN_DOUBT leaves the intent open.

        Raises Halted; `broken_off` is the outcome then.
        """
        try:
            if self._delivery.may_have_worked and self._context.older_than_its_key(intent):
                # The API may take the key for a new one: sending again could create a second bill.
                found = await self._client.look_up(intent.kind, intent.reference)
                if found is not None:
                    return await self.settle_found(intent, found)
            if not self._delivery.may_have_worked:
                await self._context.id_checks.before_use(intent)
            return await self._send_generations(intent)
        except Uncertain:
            return self._look_up_failed(intent)
        except OtherCustomer:
            return self._of_another_customer(intent)

    async def look_up_patiently(self, intent: Intent, pauses: Sequence[float]) -> Json | None:
        """What the API holds, asked again after each pause (seconds) before "missing" is believed.

        Raises Uncertain and Halted.
        """
        found = await self._client.look_up(intent.kind, intent.reference)
        for pause in pauses:
            if found is not None:
                break
            await self._client.pause(pause)
            found = await self._client.look_up(intent.kind, intent.reference)
        return found

    async def settle_found(self, intent: Intent, found: Json) -> RecordOutcome:
        """A bill that exists already: the same, the same but for metadata, or a conflict.

        Where our own create may have made it, it counts as created. Raises Uncertain and Halted.
        """
        ids = {
            "customer_id": found.get("customer_id"),
            "account_id": found.get("account_id"),
            "bill_id": found["id"],
        }
        if found.get("status") == "voided":
            message = (
                "the bill was voided, and its reference cannot be used again: send it with a new reference"
            )
            return self._outcome(intent, Outcome.CONFLICT, "bill_reference.voided", message, **ids)
        body = intent.stated
        differences = bill_differences(body, found)
        if not await self._same_owner(intent, body, found):
            differences.append("owner")
        if differences:
            what = told_differences(body, found, differences)
            message = f"the API holds this reference with another {what}; bills cannot be changed"
            return self._outcome(intent, Outcome.CONFLICT, "bill_reference.differs", message, **ids)
        outcome = Outcome.UNCHANGED
        if missing_metadata(body, found):
            refusal = await self._patch_metadata(found, body["metadata"])
            if refusal is not None:
                return self._refused(intent, refusal)._replace(**ids)
            outcome = Outcome.UPDATED
        if self._delivery.may_have_worked:
            outcome = Outcome.CREATED
        bill = entity_from("bill", found, owner=intent.customer_reference)
        return self._outcome(intent, outcome, learned=(bill,), **ids)

    async def _send_generations(self, intent: Intent) -> RecordOutcome:
        """Send under one key after another, while the answer shows that a new key helps."""
        clashes = tried = 0
        clashing_since = self._client.now
        while True:
            reading = await self._send(intent)
            settled = await self._settled_by(intent, reading) or await self._settled_by_look(intent, reading)
            if settled is not None:
                return settled
            if reading.meaning is Meaning.CLASH:
                clashing_since = clashing_since if clashes else self._client.now
                if await self._may_be_in_flight(clashes, clashing_since):
                    clashes += 1
                    continue
            renewed = await self._next_generation(intent, reading)
            if renewed is None:
                if reading.meaning is Meaning.CLASH and self._delivery.may_have_worked:
                    return self._in_doubt(intent, reading.code, reading.message)
                return self._refused(intent, reading)
            tried += 1
            if tried >= MAX_GENERATIONS:
                return self._in_doubt(intent, reading.code, f"{reading.message} (after {tried} keys)")
            intent, clashes = renewed, 0

    async def _settled_by(self, intent: Intent, reading: Reading) -> RecordOutcome | None:
        """The outcome that the answer alone gives; None when only a look-up can show it."""
        match reading.meaning:
            case Meaning.DONE:
                return await self._done(intent, reading)
            case Meaning.REFUSED if not self._delivery.may_have_worked:
                return self._refused(intent, reading)
            case Meaning.DOUBT:
                return await self._after_patience(intent, reading)
            case Meaning.NOT_SENT:
                self._client.check_halt()
                return self._not_sent(intent, reading)
            case _:
                return None

    async def _settled_by_look(self, intent: Intent, reading: Reading) -> RecordOutcome | None:
        """The outcome that a look-up gives; None when there is nothing, and another send may help."""
        pauses = _lag_pauses(reading, may_have_worked=self._delivery.may_have_worked)
        found = await self.look_up_patiently(intent, pauses)
        if found is not None:
            return await self.settle_found(intent, found)
        if reading.meaning is Meaning.REFUSED:
            return self._refused(intent, reading)
        if reading.status == 201:  # a stored success that shows something else, of a bill that cannot be seen
            return self._in_doubt(intent, reading.code, reading.message)
        return None

    async def _send(self, intent: Intent) -> Reading:
        """Send the intent with patience. A good answer must show its amount, currency and owners. Raises Halted."""
        body = intent.stated
        fields = {"external_reference": intent.reference, "currency": body["currency"]}
        amount = "amount_due" if intent.kind == "bill" else "balance"
        owners = {
            f"{kind}_id": body[kind] for kind in ("account", "customer") if isinstance(body.get(kind), str)
        }
        references = {"customer": intent.customer_reference, "account": intent.account_reference}
        expected = Expected({**fields, amount: body[amount]}, owners, references)
        return await self._client.persist(
            lambda: self._delivery.ask(intent.method, intent.path, expected, body=intent.body, key=intent.key)
        )

    async def _after_patience(self, intent: Intent, reading: Reading) -> RecordOutcome:
        """Every answer was nonsense or none came: one last look may still settle it, an absence proves nothing."""
        in_doubt = self._in_doubt(intent, reading.code, reading.message)
        if self._client.halt_reason is not None:
            return in_doubt
        try:
            found = await self._client.look_up(intent.kind, intent.reference)
        except (Uncertain, Halted):
            return in_doubt
        return in_doubt if found is None else await self.settle_found(intent, found)

    async def _may_be_in_flight(self, clashes: int, since: float) -> bool:
        """After a 409 for something that is not there: whether the same key may still be worked on; waits first.

        `clashes`: how many 409s came before this one; `since`: when the first came, by `RetryingClient.now`.
        """
        if clashes < len(IN_FLIGHT_PAUSES_S):
            await self._client.pause(IN_FLIGHT_PAUSES_S[clashes])
            return True
        if not self._delivery.may_have_worked or self._client.now - since >= self._context.max_retry_s:
            return False
        await self._client.pause(min(IN_FLIGHT_PAUSES_S[-1] * (clashes - 1), MAX_IN_FLIGHT_PAUSE_S))
        return True

    async def _next_generation(self, intent: Intent, reading: Reading) -> Intent | None:
        """The intent under a new key, with parents by the ids they turn out to have; None when that cannot help.

        It helps where the old key is spent, or the body changes. The new intent is durable on return.
        """
        body = await self._parents.named_by_id(intent)
        if reading.meaning is Meaning.UNKNOWN:
            body = await self._parents.renewed(intent, body)
        helps = reading.meaning is Meaning.SPENT or names_key_reuse(reading) or encode(body) != intent.body
        if not helps:
            return None
        generation = intent.generation + 1
        renewed = replace(
            intent,
            body=encode(body),
            generation=generation,
            key=self._context.key(intent.kind, intent.reference, intent.content, generation),
        )
        await self._context.ledger.durable(RenewIntent(renewed))
        return renewed

    async def _done(self, intent: Intent, reading: Reading) -> RecordOutcome:
        """The create worked, now or (a replayed answer) before: then it is ours only if this intent was in doubt."""
        entity = reading.entity or {}
        ours = not reading.replayed or self._delivery.may_have_worked
        if reading.replayed and intent.kind != "bill" and not self._delivery.may_have_worked:
            # A stored answer shows the balance of long ago; what counts is the balance of now.
            found = await self._client.look_up(intent.kind, intent.reference)
            if found is not None:
                return await self.settle_found(intent, found)
        ids = OwnerIds(
            customer=entity["id"] if intent.kind == "customer" else await self._customer_of(intent, entity),
            account=entity["id"] if intent.kind == "account" else entity.get("account_id"),
        )
        found_ids: dict[str, Any] = {
            "customer_id": ids.customer,
            "account_id": ids.account,
            "bill_id": entity["id"] if intent.kind == "bill" else None,
        }
        if await self._attached_elsewhere(intent, ids):
            message = "the API attached the bill to an account of another customer; correct it there"
            code = "account_reference.other_customer"
            return self._outcome(intent, Outcome.CONFLICT, code, message, **found_ids)
        outcome = Outcome.CREATED if ours else Outcome.UNCHANGED
        return self._outcome(intent, outcome, learned=self._learned(intent, ids, entity), **found_ids)

    async def _customer_of(self, intent: Intent, created: Json) -> str | None:
        """The owner's id; asked for once where the answer leaves it out, so that siblings can name it."""
        if created.get("customer_id") is not None:
            return str(created["customer_id"])
        try:
            return await self._parents.customer(intent.customer_reference)
        except (Uncertain, Halted):
            return None  # the create itself worked, and that is what its record must say

    async def _attached_elsewhere(self, intent: Intent, ids: OwnerIds) -> bool:
        """Whether a nested parent turned out to be another one's, where the API attaches to what exists.

        That an answer shows an id under which the ledger knows another reference is the only sign of it.
        """
        if not nested_parents(intent.stated):
            return False
        parents: list[tuple[Kind, str | None, str | None]] = [
            ("account", intent.account_reference if intent.kind == "bill" else None, ids.account),
            ("customer", intent.customer_reference if intent.kind != "customer" else None, ids.customer),
        ]
        unknown: dict[tuple[Kind, str], str] = {}
        for kind, reference, id_ in parents:
            if reference is None or id_ is None:
                continue
            known = self._context.cache.get(kind, reference)
            if known is not None and known.id != id_:
                return True
            if known is None:
                unknown[kind, id_] = reference
        holders = await self._context.cache.references(unknown)
        return any(unknown[parent] != reference for parent, reference in holders.items())

    def _learned(self, intent: Intent, ids: OwnerIds, leaf: Json) -> tuple[Entity, ...]:
        """What a successful create teaches: its parents, where they were nested or unknown, and the leaf."""
        body = intent.stated
        nested = nested_parents(body)
        entities: list[Entity] = []
        if ids.customer and intent.kind != "customer":
            sent = nested.get("customer")
            if sent is not None or self._context.cache.get("customer", intent.customer_reference) is None:
                details = details_of(sent) if sent else NOTHING
                entities.append(Entity("customer", intent.customer_reference, ids.customer, details=details))
        if ids.account and intent.account_reference and intent.kind == "bill":
            sent = nested.get("account")
            if sent is not None or self._context.cache.get("account", intent.account_reference) is None:
                details = details_of(sent) if sent else NOTHING
                account = Entity(
                    "account",
                    intent.account_reference,
                    ids.account,
                    owner=intent.customer_reference,
                    details=details,
                )
                entities.append(account)
        owner = None if intent.kind == "customer" else intent.customer_reference
        leaf_entity = entity_from(intent.kind, leaf, owner=owner)
        if intent.kind != "bill":
            # What we sent, not what is shown: later files are compared with it to find what changed.
            leaf_entity = leaf_entity._replace(
                details=details_of(body),
                watermark=intent.watermark,
                sure=intent.sure,
                set_at=intent.first_sent_at,
            )
        return (*entities, leaf_entity)

    async def _patch_metadata(self, found: Json, stated: Json) -> Reading | None:
        """Bring a bill's metadata up to date; the refusal, or None when it worked. Raises Uncertain and Halted."""
        body = encode({"metadata": union_metadata(found.get("metadata"), stated)})
        expected = Expected({"id": found["id"]}, statuses=(200,))
        reading = await self._client.persist(
            lambda: self._client.ask("PATCH", f"{PATH_OF['bill']}/{found['id']}", expected, body=body)
        )
        if reading.meaning in {Meaning.DOUBT, Meaning.NOT_SENT}:
            raise Uncertain
        return None if reading.meaning is Meaning.DONE else reading

    async def _same_owner(self, intent: Intent, body: Json, found: Json) -> bool:
        """Whether a found bill belongs to the customer and account that the record names (compared by id)."""
        try:
            if intent.account_reference is None:
                owner_id = body["customer"] if isinstance(body.get("customer"), str) else None
                owner_id = owner_id or await self._parents.customer(intent.customer_reference)
                return owner_id == found.get("customer_id") and found.get("account_id") is None
            account_id = body["account"] if isinstance(body.get("account"), str) else None
            account_id = account_id or await self._parents.account(intent)
            if account_id is None or account_id != found.get("account_id"):
                return False
            await self._parents.require_owner(intent, found)
        except OtherCustomer:
            return False
        return True


def _lag_pauses(reading: Reading, *, may_have_worked: bool) -> Sequence[float]:
    """How long "missing" is not believed where an earlier send, perhaps the one of a stored answer, may have worked.

    A 409 has waits of its own. Source: billing-api.md, open question 7.
    """
    if reading.meaning in {Meaning.REFUSED, Meaning.UNPROCESSABLE} and may_have_worked:
        return REFUSAL_PAUSES_S
    replayed_doubt = reading.meaning is Meaning.SPENT and (
        reading.status == 201 or (reading.status or 0) >= 500
    )
    if replayed_doubt or (may_have_worked and reading.meaning is not Meaning.CLASH):
        return LAG_PAUSES_S
    return ()
