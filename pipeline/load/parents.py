"""The customers and accounts that a request names: their ids, and whether they belong together.

An id is used only when it is known, from the ledger or from a look-up, to be that of the reference in the file;
an account only when it belongs to the customer in the file.
"""

from __future__ import annotations

from pipeline.core.api.compare import DETAIL_FIELDS
from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.ledger_changes import ForgetEntity, UpsertEntity
from pipeline.core.api.requests import Json, Kind, nested_parents, with_parent_ids
from pipeline.load.entity_cache import EntityCache
from pipeline.load.ledger_access import LedgerWriter
from pipeline.load.retrying_client import RetryingClient


class OtherCustomer(Exception):
    """The API holds the account under another customer than the file says."""


class Parents:
    """Finds parents by reference, and remembers what it found, in the cache and in the ledger; one for a load.

    Every method that is awaited may raise Uncertain and Halted.
    """

    def __init__(self, client: RetryingClient, ledger: LedgerWriter, cache: EntityCache) -> None:
        self._client = client
        self._ledger = ledger
        self._cache = cache
        self._found_unknown = False

    @property
    def exist_unknown(self) -> bool:
        """Whether the last look for nested parents found some that the ledger did not know, as after it was lost.

        Then it pays to look before nesting: a refusal for each would cost more requests.
        """
        return self._found_unknown

    async def customer(self, reference: str, *, afresh: bool = False) -> str | None:
        """The id of a customer; `afresh` asks the API whatever is known. None, and forgotten, when there is none."""
        known = None if afresh else self._cache.get("customer", reference)
        if known is not None:
            return known.id
        found = await self._look_up("customer", reference)
        if found is None:
            return None
        await self._remember(entity_from("customer", found, owner=None))
        return str(found["id"])

    async def account(self, intent: Intent, *, afresh: bool = False) -> str | None:
        """The id of the intent's account, as `customer` gives it. Raises OtherCustomer when it is another's."""
        reference = intent.account_reference
        if reference is None:
            return None
        known = None if afresh else self._cache.get("account", reference)
        if known is not None:
            if known.owner not in {None, intent.customer_reference}:
                raise OtherCustomer
            return known.id
        found = await self._look_up("account", reference)
        if found is None:
            return None
        await self.require_owner(intent, found, afresh=afresh)
        await self._remember(entity_from("account", found, owner=intent.customer_reference))
        return str(found["id"])

    async def require_owner(self, intent: Intent, account: Json, *, afresh: bool = False) -> None:
        """Raises OtherCustomer unless an account, as the API shows it, belongs to the intent's customer."""
        owner_id = account.get("customer_id")
        if owner_id is not None and owner_id != await self.customer(intent.customer_reference, afresh=afresh):
            raise OtherCustomer

    async def named_by_id(self, intent: Intent) -> Json:
        """The intent's body with those nested parents that exist already named by id. Raises OtherCustomer."""
        body = intent.stated
        nested = nested_parents(body)
        customer_id = None
        account_id = await self.account(intent) if "account" in nested else None
        if "customer" in nested and account_id is None:
            customer_id = await self.customer(intent.customer_reference)
        if nested:
            self._found_unknown = bool(account_id or customer_id)
        return with_parent_ids(body, customer_id=customer_id, account_id=account_id)

    async def renewed(self, intent: Intent, body: Json) -> Json:
        """After a 404: parents named by an id that is gone are named by what their reference now has, or nested."""
        if intent.account_reference is None or intent.kind != "bill":
            return await self.with_current_customer(intent, body)
        account_id = await self.account(intent, afresh=True)
        if account_id is not None:
            return body | {"account": account_id}
        account = body["account"] if isinstance(body["account"], dict) else {}
        account = account | {"external_reference": intent.account_reference}
        return body | {"account": await self.with_current_customer(intent, account)}

    async def with_current_customer(self, intent: Intent, owned: Json) -> Json:
        """An object with its customer as the API now has it: by id, or whole."""
        customer_id = await self.customer(intent.customer_reference, afresh=True)
        nested = owned.get("customer")
        whole = nested if isinstance(nested, dict) else {"external_reference": intent.customer_reference}
        return owned | {"customer": customer_id or whole}

    async def _remember(self, entity: Entity) -> None:
        self._cache.add(entity)
        await self._ledger.soon(UpsertEntity(entity))

    async def _look_up(self, kind: Kind, reference: str) -> Json | None:
        found = await self._client.look_up(kind, reference)
        if found is None:
            self._cache.drop(kind, reference)
            await self._ledger.soon(ForgetEntity(kind, reference))
        return found


def entity_from(kind: Kind, found: Json, *, owner: str | None) -> Entity:
    """An entity as the API shows it; `owner` is the reference of its customer. Balances are in minor units."""
    return Entity(
        kind=kind,
        reference=found["external_reference"],
        id=found["id"],
        owner=owner,
        currency=found.get("currency"),
        balance=found.get("balance") if kind != "bill" else None,
        details=details_of(found) if kind != "bill" else {},
    )


def details_of(shown: Json) -> Json:
    """Names, e-mails, phones and metadata of an object, as far as they are filled."""
    return {name: shown[name] for name in (*DETAIL_FIELDS, "metadata") if shown.get(name)}
