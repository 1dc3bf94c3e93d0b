"""What the ledger knows of the customers and accounts at work, in memory while they are."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

from pipeline.core.api.intents import Entity
from pipeline.core.api.requests import Kind
from pipeline.load.known_ids import KnownIds
from pipeline.load.ledger_access import LedgerReader, LedgerWriter

_Question = tuple[tuple[tuple[Kind, str], ...], asyncio.Future[dict[tuple[Kind, str], str]]]


class EntityCache:
    """Entities by reference: those of the customers at work in memory, the others asked from the ledger.

    Each bucket brings all that the ledger knows of its customers. From the first one on nothing else is asked for,
    so an absence needs no look into the ledger.
    """

    def __init__(self, reader: LedgerReader, ledger: LedgerWriter) -> None:
        self._reader = reader
        self._ledger = ledger
        self._entities: dict[tuple[Kind, str], Entity] = {}
        self._has_bucket = False
        self._known_ids: KnownIds | None = None
        """Whatever the ledger knows is in it, and what this load learned; None: the ledger is asked for each id."""
        self._questions: list[_Question] = []
        self._used: set[tuple[Kind, str]] = set()

    def add_bucket(self, entities: Iterable[Entity], known_ids: KnownIds | None) -> None:
        """Take what the ledger knows of the next bucket's customers.

        `known_ids`: with the first bucket, ids of all customers and accounts that the ledger knows; or None.
        """
        self._has_bucket = True
        self._known_ids = known_ids or self._known_ids
        for entity in entities:
            self._entities[entity.kind, entity.reference] = entity

    def add(self, *entities: Entity) -> None:
        """Keep entities, in place of what was known under their references.

        Before they are written to the ledger: until then, `references` must not find that they are unknown.
        """
        for entity in entities:
            self._entities[entity.kind, entity.reference] = entity
            if self._known_ids is not None:
                self._known_ids.add(entity.kind, entity.id)

    def get(self, kind: Kind, reference: str | None) -> Entity | None:
        """The entity under a reference; None when nothing is known of it, or for no reference at all.

        Before the first bucket, while intents of earlier runs are settled, the ledger is asked: that blocks.
        """
        if reference is None:
            return None
        entity = self._entities.get((kind, reference))
        if entity is not None or self._has_bucket:
            return entity
        return self._reader.entities(kind, [reference]).get(reference)

    async def references(self, ids: Iterable[tuple[Kind, str]]) -> dict[tuple[Kind, str], str]:
        """(kind, id) → the reference it is known under, where it is; ids and references are one to one.

        Nearly all ids are new, and `KnownIds` shows that without the ledger. Other questions that come up in the same
        turn of the event loop are asked of the ledger as one: a query for each of thousands of answers a second would
        hold up the loop.
        """
        known = self._known_ids
        question = tuple(ids) if known is None else tuple(id_ for id_ in ids if id_ in known)
        if not question:
            return {}
        await self._ledger.durable()  # what was learned a moment ago may still be on its way there
        loop = asyncio.get_running_loop()
        if not self._questions:
            loop.call_soon(self._answer)
        answer: asyncio.Future[dict[tuple[Kind, str], str]] = loop.create_future()
        self._questions.append((question, answer))
        return await answer

    def _answer(self) -> None:
        questions, self._questions = self._questions, []
        ids: dict[Kind, set[str]] = defaultdict(set)
        for kind, id_ in chain.from_iterable(question for question, _ in questions):
            ids[kind].add(id_)
        try:
            known = {kind: self._reader.references(kind, some) for kind, some in ids.items()}
        except BaseException as error:  # noqa: BLE001 (handed to all who wait)
            for _, answer in questions:
                if not answer.done():
                    answer.set_exception(error)
            return
        for question, answer in questions:
            if not answer.done():
                answer.set_result(
                    {(kind, id_): known[kind][id_] for kind, id_ in question if id_ in known[kind]}
                )

    def drop(self, kind: Kind, reference: str) -> None:
        """Forget an entity that is gone, or no longer at work."""
        self._entities.pop((kind, reference), None)
        self._used.discard((kind, reference))

    def is_first_use(self, kind: Kind, reference: str) -> bool:
        """True for the first caller that asks so of an entity since it came, False for all later ones."""
        if (kind, reference) in self._used:
            return False
        self._used.add((kind, reference))
        return True
