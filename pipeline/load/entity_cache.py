"""What the ledger knows of the customers and accounts at work."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from typing import Protocol

import polars as pl

from pipeline.core.api.intents import Entity, Intent
from pipeline.core.api.requests import Kind


class Memory(Protocol):
    """The ledger's intents, ids and outcomes."""

    def open_intents(self) -> list[Intent]: ...
    def entities(self, kind: Kind, references: Iterable[str]) -> dict[str, Entity]: ...
    def references(self, kind: Kind, ids: Iterable[str]) -> dict[str, str]: ...
    def generations(self, kind: Kind, references: Iterable[str]) -> dict[tuple[str, str], int]: ...
    def settled_records(self, file_id: int) -> pl.Series: ...


_Question = tuple[tuple[tuple[Kind, str], ...], dict[tuple[Kind, str], str], asyncio.Future[None]]


class EntityCache:
    """Entities by reference: those of the customers at work in memory, the others asked from the ledger.

    Each bucket brings all that the ledger knows of its customers. From the first one on nothing else is asked for,
    so an absence needs no look into the ledger.
    """

    def __init__(self, reader: Memory) -> None:
        self._reader = reader
        self._entities: dict[tuple[Kind, str], Entity] = {}
        self._brought = False
        self.incomplete = False
        """Whether the last look for parents found some that were not known, as after the ledger was lost. Then they
        are asked for before they are nested: a refusal each would cost more requests.
        """
        self._asked: list[_Question] = []
        self._used: set[tuple[Kind, str]] = set()

    def bring(self, entities: Iterable[Entity]) -> None:
        """Take what the ledger knows of the next bucket."""
        self._brought = True
        self.add(*entities)

    def add(self, *entities: Entity) -> None:
        for entity in entities:
            self._entities[entity.kind, entity.reference] = entity

    def get(self, kind: Kind, reference: str | None) -> Entity | None:
        if reference is None:
            return None
        entity = self._entities.get((kind, reference))
        if entity is not None or self._brought:
            return entity
        return self._reader.entities(kind, [reference]).get(reference)

    async def references(self, ids: Iterable[tuple[Kind, str]]) -> dict[tuple[Kind, str], str]:
        """(kind, id) → the reference it is known under, where it is; ids and references are one to one.

        Questions that come up in the same turn of the event loop are asked of the ledger as one.
        """
        question = tuple(ids)
        if not question:
            return {}
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._answer)
        answer: asyncio.Future[None] = loop.create_future()
        held: dict[tuple[Kind, str], str] = {}
        self._asked.append((question, held, answer))
        await answer
        return held

    def _answer(self) -> None:
        asked, self._asked = self._asked, []
        ids: dict[Kind, set[str]] = defaultdict(set)
        for kind, id_ in chain.from_iterable(question for question, _, _ in asked):
            ids[kind].add(id_)
        try:
            known = {kind: self._reader.references(kind, some) for kind, some in ids.items()}
        except BaseException as error:  # noqa: BLE001 (handed to all who wait)
            for _, _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        for question, held, answer in asked:
            held.update({(kind, id_): known[kind][id_] for kind, id_ in question if id_ in known[kind]})
            if not answer.done():
                answer.set_result(None)

    def drop(self, kind: Kind, reference: str) -> None:
        """Forget one that is no longer at work."""
        self._entities.pop((kind, reference), None)
        self._used.discard((kind, reference))

    def is_first_use(self, kind: Kind, reference: str) -> bool:
        """Whether nobody has asked so of an entity before; asked while its customer is at work."""
        if (kind, reference) in self._used:
            return False
        self._used.add((kind, reference))
        return True
