"""doctor --probe: how the API answers the open questions of its contract. Test environment only.

Makes a customer, an account and a voided bill named `billferry-probe-…` in the merchant's test account; the client
is right under every answer, so this only tells what a load will cost.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pipeline.core.api.requests import PATH_OF, Json, Kind, encode
from pipeline.core.api.responses import Answer, Failure, unanswered
from pipeline.edge.billing.api import BillingApi
from pipeline.edge.config import Config, api_key
from pipeline.errors import ConfigError

SEEN_WITHIN_S = 5.0
"""So long a new customer is looked for; a load waits less (`load.create.LAG_PAUSES_S`)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One open question and what the API did.

    Both are for people: the answer is a status, or a few words, and no program reads them.
    """

    question: str
    answer: str


def probe(config: Config) -> list[Answered]:
    """Ask the API every open question, and tell what it did; about ten requests, sent one after another.

    Leaves a customer, two accounts at most and a voided bill in the merchant's test account.

    Raises:
        ConfigError: the environment is not `test`, or there is no key. ApiError: the API does not answer.
    """
    if config.settings.environment != "test":
        raise ConfigError(
            where="doctor --probe",
            problem="it creates customers",
            remedy="use it with environment: test only",
        )
    return asyncio.run(_all(config))


async def _all(config: Config) -> list[Answered]:
    """All questions over one connection pool."""
    async with BillingApi(config.settings.api, api_key(config.settings)) as api:
        return [answered async for answered in _Probe(api, config.settings.api.base_url).questions()]


class _Probe:
    """One probe: everything it makes is named after it, so that two probes do not meet."""

    def __init__(self, api: BillingApi, base_url: str) -> None:
        self._api = api
        self._base_url = base_url
        self._name = f"billferry-probe-{uuid.uuid4().hex[:12]}"

    async def questions(self) -> AsyncIterator[Answered]:
        """Ask one after another; numbers are those of the open questions in the API's contract."""
        customer = {"external_reference": self._name, "metadata": {"first": "1"}}
        key = str(uuid.uuid4())
        made = await self._post("customer", customer, key)
        yield Answered("a plain create", f"{made.status}")
        yield Answered("GET right after POST", await self._seen_after())
        again = await self._post("customer", customer, key)
        replayed = again.headers.get("idempotent-replayed", "no")
        yield Answered("the same key again", f"{again.status}, replayed: {replayed}")
        other = await self._post("customer", {**customer, "name": "Probe"}, key)
        yield Answered("the same key with another body", f"{other.status}")
        duplicate = await self._post("customer", customer)
        yield Answered("a reference that exists (question 1)", f"{duplicate.status}")
        nested = await self._post("account", {"external_reference": f"{self._name}-n", "customer": customer})
        yield Answered("a nested customer that exists (question 2)", _taken(nested, "attached"))
        yield Answered("a bill's owner named by reference (question 3)", await self._owner_by_reference())
        yield Answered("metadata in a PATCH (question 6)", await self._metadata())
        unknown = await self._send("GET", f"{PATH_OF['customer']}/{self._name}-unknown")
        yield Answered("an unknown reference (question 8)", f"{unknown.status}")

    async def _seen_after(self) -> str:
        """How long until a customer that was just made is found: a load waits as long before it believes a 404."""
        began = time.monotonic()
        while time.monotonic() - began < SEEN_WITHIN_S:
            found = await self._send("GET", f"{PATH_OF['customer']}/{self._name}")
            if found.status == 200:
                return f"seen after {time.monotonic() - began:.2f} s (question 7)"
            await asyncio.sleep(0.1)
        return f"not seen within {SEEN_WITHIN_S:.0f} s (question 7)"

    async def _owner_by_reference(self) -> str:
        """Whether a bill may name its customer by our reference instead of the API's id."""
        name = f"{self._name}-b"
        bill = {"external_reference": name, "currency": "ZAR", "amount_due": 1, "customer": self._name}
        made = await self._post("bill", bill)
        if made.status == 201:  # nobody should be asked to pay it
            await self._send("POST", f"{PATH_OF['bill']}/{name}/void", {}, str(uuid.uuid4()))
        return _taken(made, "taken")

    async def _metadata(self) -> str:
        """Whether a PATCH leaves the metadata that it does not name."""
        path = f"{PATH_OF['customer']}/{self._name}"
        patched = await self._send("PATCH", path, {"metadata": {"second": "2"}})
        if patched.status != 200:
            return f"refused with {patched.status}"
        found = await self._send("GET", path)
        return "merged" if b'"first"' in found.body else "replaced"

    async def _post(self, kind: Kind, body: Json, key: str | None = None) -> Answer:
        """A create under a key of its own, unless the question is about keys."""
        return await self._send("POST", PATH_OF[kind], body, key or str(uuid.uuid4()))

    async def _send(self, method: str, path: str, body: Json | None = None, key: str | None = None) -> Answer:
        """One request, sent once. Raises ApiError where no answer comes."""
        answer = await self._api.send(method, path, None if body is None else encode(body), key)
        if isinstance(answer, Failure):
            raise unanswered(self._base_url, answer)
        return answer


def _taken(answer: Answer, word: str) -> str:
    """`word` where something was created, else the status that refused it."""
    return word if answer.status == 201 else f"refused with {answer.status}"
