"""What the load knows of ids: most are known to be new without the ledger, the others are asked for together."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.core.api.intents import Entity
from pipeline.core.api.ledger_changes import Change, UpsertEntity
from pipeline.core.api.requests import Kind
from pipeline.edge.ledger.database import SqliteLedger, open_sqlite_ledger
from pipeline.edge.ledger.sends import Sends
from pipeline.load.entity_cache import EntityCache
from pipeline.load.known_ids import KnownIds

Id = tuple[Kind, str]
KINDS: tuple[Kind, ...] = ("customer", "account")


class Ledger(Sends):
    """A real one, which counts how often it is asked and may be damaged; changes wait until they must be on disk."""

    def __init__(self, connection: SqliteLedger) -> None:
        super().__init__(connection)
        self.asked = 0
        self.problem: Exception | None = None
        self._waiting: list[Change] = []

    def references(self, kind: Kind, ids: Iterable[str]) -> dict[str, str]:
        self.asked += 1
        if self.problem:
            raise self.problem
        return super().references(kind, ids)

    async def durable(self, *changes: Change) -> None:
        await self.soon(*changes)
        self.write(*self._waiting)
        self._waiting.clear()

    async def soon(self, *changes: Change) -> None:
        self._waiting.extend(changes)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(
        open_sqlite_ledger(tmp_path / "ledger.sqlite", merchant="m", environment="test")
    ) as connection:
        ledger = Ledger(connection)
        ledger.write(UpsertEntity(Entity("customer", "C-1", "bcus_1")))
        yield ledger


def answers(known: EntityCache, *questions: list[Id]) -> list[object]:
    async def main() -> list[object]:
        return list(await asyncio.gather(*map(known.references, questions), return_exceptions=True))

    return asyncio.run(main())


def with_known_ids(ledger: Ledger, capacity: int = 100) -> EntityCache:
    known = EntityCache(ledger, ledger)
    known.add_bucket([], KnownIds.of(ledger.parent_ids(), capacity))
    return known


def test_questions_of_one_turn_are_one_look_into_the_ledger_and_each_gets_its_own_answer(
    ledger: Ledger,
) -> None:
    known = EntityCache(ledger, ledger)
    assert answers(known, [("customer", "bcus_1")], [("customer", "bcus_2")], [("customer", "bcus_1")]) == [
        {("customer", "bcus_1"): "C-1"},
        {},
        {("customer", "bcus_1"): "C-1"},
    ]
    assert ledger.asked == 1


def test_without_a_question_the_ledger_is_not_asked(ledger: Ledger) -> None:
    assert answers(EntityCache(ledger, ledger), []) == [{}]
    assert ledger.asked == 0


def test_a_ledger_that_cannot_be_read_is_told_to_all_who_asked(ledger: Ledger) -> None:
    ledger.problem = RuntimeError("damaged")
    known = EntityCache(ledger, ledger)
    assert answers(known, [("account", "1")], [("account", "2")]) == [ledger.problem, ledger.problem]


def test_an_id_that_nobody_has_seen_is_new_without_a_look_into_the_ledger(ledger: Ledger) -> None:
    known = with_known_ids(ledger)
    assert answers(known, [("customer", "bcus_2"), ("account", "bcus_1")]) == [{}]
    assert ledger.asked == 0
    assert answers(known, [("customer", "bcus_1"), ("account", "bacc_1")]) == [
        {("customer", "bcus_1"): "C-1"}
    ]


@pytest.mark.parametrize(("seed", "is_read"), [(1, True), (2, True), (3, True), (4, False)])
def test_what_is_known_is_found_as_by_a_plain_look_up_however_full_the_filter_is(
    ledger: Ledger, seed: int, is_read: bool
) -> None:
    """Learned ids are asked for before they are in the ledger, and references take each other's ids."""
    chance = random.Random(seed)  # noqa: S311 (repeatable)
    plain: dict[Id, str] = {("customer", "bcus_1"): "C-1"}

    def learn() -> UpsertEntity:
        kind, reference, id_ = chance.choice(KINDS), f"R{chance.randrange(300)}", f"{chance.randrange(600)}"
        for other in [other for other, name in plain.items() if (other[0], name) == (kind, reference)]:
            del plain[other]
        plain[kind, id_] = reference
        return UpsertEntity(Entity(kind, reference, id_))

    ledger.write(*[learn() for _ in range(200)])
    # Hundreds come, so the filter is as good as full.
    known = with_known_ids(ledger, capacity=1) if is_read else EntityCache(ledger, ledger)

    async def main() -> None:
        for _ in range(600):
            if chance.random() < 0.5:
                change = learn()
                known.add(change.entity)
                await ledger.soon(change)
            ids = [(chance.choice(KINDS), f"{chance.randrange(600)}") for _ in range(2)]
            assert await known.references(ids) == {id_: plain[id_] for id_ in ids if id_ in plain}

    asyncio.run(main())
