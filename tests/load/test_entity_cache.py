"""What the load knows of ids, asked of the ledger for many answers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

from pipeline.core.api.requests import Kind
from pipeline.load.entity_cache import EntityCache
from pipeline.load.ledger_access import LedgerReader


class Ledger:
    """Knows the customer bcus_1 as C-1, and counts how often it is asked."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.asked = 0
        self._problem = problem

    def references(self, kind: Kind, ids: Iterable[str]) -> dict[str, str]:
        self.asked += 1
        if self._problem:
            raise self._problem
        return {id_: "C-1" for id_ in ids if (kind, id_) == ("customer", "bcus_1")}


def answers(ledger: Ledger, *questions: list[tuple[Kind, str]]) -> list[object]:
    known = EntityCache(cast("LedgerReader", ledger))

    async def main() -> list[object]:
        return list(await asyncio.gather(*map(known.references, questions), return_exceptions=True))

    return asyncio.run(main())


def test_questions_of_one_turn_are_one_look_into_the_ledger_and_each_gets_its_own_answer() -> None:
    ledger = Ledger()
    assert answers(ledger, [("customer", "bcus_1")], [("customer", "bcus_2")], [("customer", "bcus_1")]) == [
        {("customer", "bcus_1"): "C-1"},
        {},
        {("customer", "bcus_1"): "C-1"},
    ]
    assert ledger.asked == 1


def test_without_a_question_the_ledger_is_not_asked() -> None:
    ledger = Ledger()
    assert answers(ledger, []) == [{}]
    assert ledger.asked == 0


def test_a_ledger_that_cannot_be_read_is_told_to_all_who_asked() -> None:
    problem = RuntimeError("damaged")
    assert answers(Ledger(problem), [("account", "1")], [("account", "2")]) == [problem, problem]
