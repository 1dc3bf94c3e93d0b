"""Settles intents: sends each until its outcome is known, whatever crashed, timed out or was said before.

The rules are the table of design §5. An intent is settled the same way whether it is new, was left by a killed
run, or belongs to another file: everything it needs stands in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from pipeline.core.api.compare import bill_differences, missing_metadata, union_metadata
from pipeline.core.api.idempotency import MAX_GENERATIONS
from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.ledger_changes import RenewIntent
from pipeline.core.api.requests import PATH_OF, Json, Kind, encode, nested_parents, with_parent_ids
from pipeline.core.api.responses import Expected, Meaning, Reading, names_key_reuse
from pipeline.core.outcomes import Outcome
from pipeline.load.context import LoadContext, Settlement
from pipeline.load.parents import OtherCustomer, Parents, details_of, entity_from
from pipeline.load.retrying_client import Halted, SendState, Uncertain

IN_FLIGHT_PAUSES_S = (0.1, 0.3, 0.6)
"""Waits after a 409 for a key that we know of no earlier send of: another sender may be at work on it."""
LAG_PAUSES_S = (0.3, 0.9)
"""Waits before "missing" is believed after an unaccounted send: its work may be done and not yet visible."""
REFUSAL_PAUSES_S = (*LAG_PAUSES_S, 2.7)
"""The same before an unaccounted bill is told refused, which nobody would look at again."""


class Ids(NamedTuple):
    """Ids that an answer tells of the owners of a bill, and of the entity itself."""

    customer: str | None
    account: str | None


class CreateSettler:
    """Settles POST intents of bills, and of accounts and customers that do not exist yet."""

    def __init__(self, scope: LoadContext) -> None:
        self._scope = scope
        self._wire = scope.wire
        self._parents = Parents(scope)

    async def settle(self, intent: Intent, doubt: SendState) -> Settlement:
        """Send until settled. A Settlement of IN_DOUBT leaves the intent open.

        Raises Halted; the caller then tells by `doubt` whether the intent is in doubt or was never sent.
        """
        try:
            if doubt.doubtful and self._scope.older_than_its_key(intent):
                found = await self._wire.look_up(intent.kind, intent.reference)
                if found is not None:
                    return await self.settle_found(intent, found, doubt)
            if not doubt.doubtful:
                await self._scope.ids.before_use(intent)
            return await self._generations(intent, doubt)
        except Uncertain:
            return self._in_doubt(doubt, "api.uncertain", "the look-up was not answered")
        except OtherCustomer:
            return of_another_customer(attempts=doubt.sends)

    async def _generations(self, intent: Intent, doubt: SendState) -> Settlement:
        clashes = tried = 0
        clashing_since = self._wire.now
        while True:
            reading = await self._send(intent, doubt)
            settled = await self._said(intent, reading, doubt) or await self._looked(intent, reading, doubt)
            if settled is not None:
                return settled
            if reading.meaning is Meaning.CLASH:
                clashing_since = clashing_since if clashes else self._wire.now
                if await self._may_be_in_flight(clashes, clashing_since, doubt):
                    clashes += 1
                    continue
            renewed = await self._next_generation(intent, reading)
            if renewed is None:
                if reading.meaning is Meaning.CLASH and doubt.doubtful:
                    return self._in_doubt(doubt, reading.code, reading.message)
                return self._refused(doubt, reading)
            tried += 1
            if tried >= MAX_GENERATIONS:
                return self._in_doubt(doubt, reading.code, f"{reading.message} (after {tried} keys)")
            intent, clashes = renewed, 0

    async def _said(self, intent: Intent, reading: Reading, doubt: SendState) -> Settlement | None:
        """The settlement that the answer alone gives; None when only a look-up tells."""
        match reading.meaning:
            case Meaning.DONE:
                return await self._done(intent, reading, doubt)
            case Meaning.REFUSED if not doubt.doubtful:
                return self._refused(doubt, reading)
            case Meaning.DOUBT:
                return await self._after_patience(intent, reading, doubt)
            case Meaning.NOT_SENT:
                self._wire.check_halt()
                return self._not_sent(doubt, reading)
            case _:
                return None

    async def _looked(self, intent: Intent, reading: Reading, doubt: SendState) -> Settlement | None:
        """The settlement that a look-up gives; None when there is nothing, and another send may help."""
        found = await self.look_up_patiently(intent, _lag_pauses(reading, doubt))
        if found is not None:
            return await self.settle_found(intent, found, doubt)
        if reading.meaning is Meaning.REFUSED:
            return self._refused(doubt, reading)
        if reading.status == 201:  # a stored success that shows something else, of a bill that cannot be seen
            return self._in_doubt(doubt, reading.code, reading.message)
        return None

    async def _send(self, intent: Intent, doubt: SendState) -> Reading:
        body = intent.stated
        fields = {"external_reference": intent.reference, "currency": body["currency"]}
        amount = "amount_due" if intent.kind == "bill" else "balance"
        owners = {
            f"{kind}_id": body[kind] for kind in ("account", "customer") if isinstance(body.get(kind), str)
        }
        references = {"customer": intent.customer_reference, "account": intent.account_reference}
        expected = Expected({**fields, amount: body[amount]}, owners, references)
        return await self._wire.persist(
            lambda: self._wire.ask(
                intent.method, intent.path, expected, body=intent.body, key=intent.key, doubt=doubt
            )
        )

    async def _after_patience(self, intent: Intent, reading: Reading, doubt: SendState) -> Settlement:
        """Every answer was nonsense or none came: one last look may still settle it, an absence proves nothing."""
        in_doubt = self._in_doubt(doubt, reading.code, reading.message)
        if self._wire.halt_reason is not None:
            return in_doubt
        try:
            found = await self._wire.look_up(intent.kind, intent.reference)
        except (Uncertain, Halted):
            return in_doubt
        return in_doubt if found is None else await self.settle_found(intent, found, doubt)

    async def look_up_patiently(self, intent: Intent, pauses: Sequence[float]) -> Json | None:
        """What the API holds, asked again after each pause before "missing" is believed."""
        found = await self._wire.look_up(intent.kind, intent.reference)
        for pause in pauses:
            if found is not None:
                break
            await self._wire.pause(pause)
            found = await self._wire.look_up(intent.kind, intent.reference)
        return found

    async def _may_be_in_flight(self, clashes: int, since: float, doubt: SendState) -> bool:
        """After a 409 for something that is not there: the same key may still be worked on. Waits, then says so."""
        if clashes < len(IN_FLIGHT_PAUSES_S):
            await self._wire.pause(IN_FLIGHT_PAUSES_S[clashes])
            return True
        if not doubt.doubtful or self._wire.now - since >= self._scope.max_retry_s:
            return False
        await self._wire.pause(min(IN_FLIGHT_PAUSES_S[-1] * (clashes - 1), 10.0))
        return True

    async def _next_generation(self, intent: Intent, reading: Reading) -> Intent | None:
        """The intent under a new key, with parents by the ids they turn out to have; None when that cannot help."""
        body = intent.stated
        customer_id, account_id = await self._parents.existing(intent, body)
        renewed_body = with_parent_ids(body, customer_id=customer_id, account_id=account_id)
        if reading.meaning is Meaning.UNKNOWN:
            renewed_body = await self._parents.renewed(intent, renewed_body)
        helps = (
            reading.meaning is Meaning.SPENT
            or names_key_reuse(reading)
            or encode(renewed_body) != intent.body
        )
        if not helps:
            return None
        generation = intent.generation + 1
        renewed = replace(
            intent,
            body=encode(renewed_body),
            generation=generation,
            key=self._scope.key(intent.kind, intent.reference, intent.content, generation),
        )
        await self._scope.commits.durable(RenewIntent(renewed))
        return renewed

    async def _done(self, intent: Intent, reading: Reading, doubt: SendState) -> Settlement:
        entity = reading.entity or {}
        ours = not reading.replayed or doubt.doubtful
        if reading.replayed and intent.kind != "bill" and not doubt.doubtful:
            # A stored answer shows the balance of long ago; what counts is the balance of now.
            found = await self._wire.look_up(intent.kind, intent.reference)
            if found is not None:
                return await self.settle_found(intent, found, doubt)
        ids = Ids(
            customer=entity["id"] if intent.kind == "customer" else await self._customer_of(intent, entity),
            account=entity["id"] if intent.kind == "account" else entity.get("account_id"),
        )
        elsewhere = await self._attached_elsewhere(intent, ids)
        return Settlement(
            Outcome.CONFLICT if elsewhere else Outcome.CREATED if ours else Outcome.UNCHANGED,
            codes=("account_reference.other_customer",) if elsewhere else (),
            message="the API attached the bill to an account of another customer; correct it there"
            if elsewhere
            else None,
            customer_id=ids.customer,
            account_id=ids.account,
            leaf_id=entity["id"],
            attempts=doubt.sends,
            entities=() if elsewhere else tuple(self._entities_of(intent, ids, entity)),
        )

    async def _customer_of(self, intent: Intent, created: Json) -> str | None:
        """The owner's id; asked for once where the answer leaves it out, so that siblings can name it."""
        if created.get("customer_id") is not None:
            return str(created["customer_id"])
        try:
            return await self._parents.customer(intent.customer_reference)
        except (Uncertain, Halted):
            return None

    async def _attached_elsewhere(self, intent: Intent, ids: Ids) -> bool:
        """Whether a nested parent turned out to be another one's, where the API attaches to what exists."""
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
            known = self._scope.known.get(kind, reference)
            if known is not None and known.id != id_:
                return True
            if known is None:
                unknown[kind, id_] = reference
        holders = await self._scope.known.references(unknown)
        return any(unknown[parent] != reference for parent, reference in holders.items())

    def _entities_of(self, intent: Intent, ids: Ids, leaf: Json) -> list[Entity]:
        """What a successful create teaches: the leaf and its parents."""
        body = intent.stated
        nested = nested_parents(body)
        entities: list[Entity] = []
        if ids.customer and intent.kind != "customer":
            sent = nested.get("customer")
            if sent is not None or self._scope.known.get("customer", intent.customer_reference) is None:
                entities.append(
                    _parent("customer", intent.customer_reference, ids.customer, sent, owner=None)
                )
        if ids.account and intent.account_reference and intent.kind == "bill":
            sent = nested.get("account")
            if sent is not None or self._scope.known.get("account", intent.account_reference) is None:
                entities.append(
                    _parent(
                        "account",
                        intent.account_reference,
                        ids.account,
                        sent,
                        owner=intent.customer_reference,
                    )
                )
        owner = None if intent.kind == "customer" else intent.customer_reference
        leaf_entity = entity_from(intent.kind, leaf, owner=owner)
        if intent.kind != "bill":
            leaf_entity = leaf_entity._replace(
                details=details_of(body), watermark=intent.watermark, sure=intent.sure
            )
        return [*entities, leaf_entity]

    async def settle_found(self, intent: Intent, found: Json, doubt: SendState) -> Settlement:
        """A bill that exists already: the same, the same but for metadata, or a conflict."""
        ids = {
            "customer_id": found.get("customer_id"),
            "account_id": found.get("account_id"),
            "leaf_id": found["id"],
        }
        if found.get("status") == "voided":
            return Settlement(
                Outcome.CONFLICT,
                ("bill_reference.voided",),
                "the bill was voided, and its reference cannot be used again: send it with a new reference",
                attempts=doubt.sends,
                **ids,
            )
        body = intent.stated
        differences = bill_differences(body, found)
        if not await self._same_owner(intent, body, found):
            differences.append("owner")
        if differences:
            return Settlement(
                Outcome.CONFLICT,
                ("bill_reference.differs",),
                f"the API holds this reference with another {', '.join(differences)}; bills cannot be changed",
                attempts=doubt.sends,
                **ids,
            )
        outcome = Outcome.CREATED if doubt.doubtful else Outcome.UNCHANGED
        if missing_metadata(body, found):
            refusal = await self._patch_metadata(found, body["metadata"])
            if refusal is not None:
                return refusal._replace(attempts=doubt.sends, **ids)
            outcome = Outcome.CREATED if doubt.doubtful else Outcome.UPDATED
        bill = entity_from("bill", found, owner=intent.customer_reference)
        return Settlement(outcome, attempts=doubt.sends, entities=(bill,), **ids)

    async def _patch_metadata(self, found: Json, stated: Json) -> Settlement | None:
        body = encode({"metadata": union_metadata(found.get("metadata"), stated)})
        expected = Expected({"id": found["id"]}, statuses=(200,))
        reading = await self._wire.persist(
            lambda: self._wire.ask("PATCH", f"{PATH_OF['bill']}/{found['id']}", expected, body=body)
        )
        if reading.meaning is Meaning.DONE:
            return None
        if reading.meaning in {Meaning.DOUBT, Meaning.NOT_SENT}:
            raise Uncertain
        return Settlement(Outcome.REFUSED, (reading.code,), reading.message)

    async def _same_owner(self, intent: Intent, body: Json, found: Json) -> bool:
        """Whether a found bill hangs on the customer and account that the record names (compared by id)."""
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

    def _refused(self, doubt: SendState, reading: Reading) -> Settlement:
        return Settlement(Outcome.REFUSED, (reading.code,), reading.message, attempts=doubt.sends)

    def _in_doubt(self, doubt: SendState, code: str, message: str) -> Settlement:
        doubt.doubtful = True
        return Settlement(Outcome.IN_DOUBT, (code,), message, attempts=doubt.sends)

    def _not_sent(self, doubt: SendState, reading: Reading) -> Settlement:
        outcome = Outcome.IN_DOUBT if doubt.doubtful else Outcome.NOT_ATTEMPTED
        return Settlement(outcome, (reading.code,), reading.message, attempts=doubt.sends)


def of_another_customer(*, attempts: int = 0) -> Settlement:
    """An account that the API, or the ledger, holds under another customer than the file says."""
    return Settlement(
        Outcome.CONFLICT,
        ("account_reference.other_customer",),
        "the account belongs to another customer",
        attempts=attempts,
    )


def broken_off(doubt: SendState) -> Settlement:
    """What becomes of a record when the load stops over it."""
    outcome = Outcome.IN_DOUBT if doubt.doubtful else Outcome.NOT_ATTEMPTED
    return Settlement(outcome, attempts=doubt.sends)


def _parent(kind: Kind, reference: str, id_: str, sent: Json | None, *, owner: str | None) -> Entity:
    return Entity(kind, reference, id_, owner=owner, details=details_of(sent or {}))


def _lag_pauses(reading: Reading, doubt: SendState) -> Sequence[float]:
    """How long "missing" is not believed where an earlier send, perhaps the one of a stored answer, may have worked.

    A 409 has waits of its own. Source: billing-api.md, open question 7.
    """
    if reading.meaning in {Meaning.REFUSED, Meaning.UNPROCESSABLE} and doubt.doubtful:
        return REFUSAL_PAUSES_S
    replayed_doubt = reading.meaning is Meaning.SPENT and (
        reading.status == 201 or (reading.status or 0) >= 500
    )
    if replayed_doubt or (doubt.doubtful and reading.meaning is not Meaning.CLASH):
        return LAG_PAUSES_S
    return ()
