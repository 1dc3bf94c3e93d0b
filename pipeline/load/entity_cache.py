"""What the ledger knows of the customers and accounts at work, in memory while they are."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

from pipeline.core.api.intents import Entity
from pipeline.core.api.requests import Kind
from pipeline.load.ledger_access import LedgerReader

_Question = tuple[tuple[tuple[Kind, str], ...], asyncio.Future[dict[tuple[Kind, str], str]]]


class EntityCache:
    """Entities by reference: those of the customers at work in memory, the others asked from the ledger.

    Each bucket brings all that the ledger knows of its customers. From the first one on nothing else is asked for,
    so an absence needs no look into the ledger.
    """

    def __init__(self, reader: LedgerReader) -> None:
        self._reader = reader
        self._entities: dict[tuple[Kind, str], Entity] = {}
        self._has_bucket = False
        self._questions: list[_Question] = []
        self._used: set[tuple[Kind, str]] = set()

    def add_bucket(self, entities: Iterable[Entity]) -> None:
        """Take what the ledger knows of the next bucket's customers."""
        self._has_bucket = True
        self.add(*entities)

    def add(self, *entities: Entity) -> None:
        """Keep entities, in place of what was known under their references."""
        for entity in entities:
            self._entities[entity.kind, entity.reference] = entity

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

        Questions that come up in the same turn of the event loop are asked of the ledger as one: a query for each of
        thousands of answers a second would hold up the loop.
        """
        question = tuple(ids)
        if not question:
            return {}
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
