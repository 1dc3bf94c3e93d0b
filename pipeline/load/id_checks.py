"""Ids are looked up before they are used for the first time in a file: all of them, some, or none.

An id comes from an answer. An API, or something before it, that mixes two answers up gives one customer the id of
another, and nothing in a bill's own answer shows it: whoever sends by that id puts bills on a stranger. Looking each id
up costs a request for each customer, so by default a bounded sample is: enough to notice that it happens often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Literal

from pipeline.core.api.intents import Intent
from pipeline.core.api.ledger_changes import Change, DistrustEntities, ForgetEntity
from pipeline.core.api.requests import PATH_OF, Json, Kind
from pipeline.core.api.responses import Expected, Meaning
from pipeline.errors import IdsMixedUp
from pipeline.load.entity_cache import EntityCache
from pipeline.load.retrying_client import Halted, RetryingClient, Uncertain

ONE_IN = 100
"""Of the ids that a file uses for the first time, so many are looked up when it is a sample …"""
AT_MOST = 20
"""… and not more."""

OwnerId = tuple[Kind, str, str]
"""Kind, reference and id of an owner that a request names."""


class IdChecks:
    """The look-ups of ids of one load."""

    def __init__(
        self,
        client: RetryingClient,
        cache: EntityCache,
        which: Literal["all", "sampled", "none"],
        base_url: str,
    ) -> None:
        """`which` as in config `api.check_ids`; `base_url` is named in the error."""
        self._client, self._cache, self._which, self._base_url = client, cache, which, base_url
        self._uses = self._looks = 0
        self._mixed_up: list[ForgetEntity] = []
        self._under_way: dict[tuple[Kind, str], asyncio.Task[None]] = {}

    async def before_use(self, intent: Intent) -> None:
        """Raises Halted, after it has stopped the load, when an id is another's. Siblings wait for the same look."""
        if self._which == "none":
            return
        for owner in _owners_by_id(intent):
            kind, reference, _ = owner
            if self._cache.is_first_use(kind, reference) and self._is_due():
                self._under_way[kind, reference] = asyncio.create_task(self._look(owner, intent))
            look = self._under_way.get((kind, reference))
            if look is not None:
                try:
                    await look
                finally:
                    self._under_way.pop((kind, reference), None)

    def distrusted(self, file_id: int) -> list[Change]:
        """What the ledger must forget at the end of a load: nothing, unless ids turned out to be mixed up."""
        return [DistrustEntities(file_id), *self._mixed_up] if self._mixed_up else []

    def _is_due(self) -> bool:
        self._uses += 1
        due = self._which == "all" or (self._uses % ONE_IN == 0 and self._looks < AT_MOST)
        self._looks += due
        return due

    async def _look(self, owner: OwnerId, intent: Intent) -> None:
        """Missing proves nothing: it may not be seen yet. Nor does an id that is gone: the answer will show it."""
        kind, reference, id_ = owner
        try:
            found = await self._client.look_up(kind, reference)
            if found is None or (found["id"] == id_ and self._has_its_customer(kind, intent, found)):
                return
            if found["id"] != id_ and not await self._is_anothers(kind, reference, id_):
                return
        except Uncertain:
            return
        self._mixed_up.append(ForgetEntity(kind, reference))
        self._client.halt(IdsMixedUp(base_url=self._base_url, kind=kind, record=intent.record))
        raise Halted

    def _has_its_customer(self, kind: Kind, intent: Intent, found: Json) -> bool:
        customer = self._cache.get("customer", intent.customer_reference) if kind == "account" else None
        return customer is None or found.get("customer_id") in {None, customer.id}

    async def _is_anothers(self, kind: Kind, reference: str, id_: str) -> bool:
        """Whether the API shows another reference under an id: then it is not only old, it is somebody else's."""
        expected = Expected({"id": id_}, statuses=(200,))
        path = f"{PATH_OF[kind]}/{id_}"
        reading = await self._client.persist(lambda: self._client.ask("GET", path, expected))
        shown = (reading.entity or {}).get("external_reference")
        return reading.meaning is Meaning.DONE and shown is not None and shown != reference


def _owners_by_id(intent: Intent) -> Iterator[OwnerId]:
    """Owners that a request names by their ids, itself or within an account that it nests."""
    stated: object = intent.stated
    while isinstance(stated, dict):
        account, customer = stated.get("account"), stated.get("customer")
        if isinstance(account, str) and intent.account_reference is not None:
            yield "account", intent.account_reference, account
        if isinstance(customer, str):
            yield "customer", intent.customer_reference, customer
        stated = account
