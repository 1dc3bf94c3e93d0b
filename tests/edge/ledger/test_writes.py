"""Many changes as few statements: the order in which they were told still counts."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from pipeline.core.api.intents import Entity
from pipeline.core.api.ledger_changes import (
    CloseIntent,
    ForgetEntity,
    OpenIntent,
    RenewIntent,
    StoreOutcome,
    UpgradeOutcome,
    UpsertEntity,
)
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.edge.ledger.database import SqliteLedger
from pipeline.edge.ledger.sends import Sends
from pipeline.edge.ledger.writes import MAX_ROWS, write
from tests.edge.ledger.conftest import INTEGRITY, intent


def test_an_intent_that_is_opened_and_closed_in_one_group_is_gone(sends: Sends) -> None:
    sends.write(OpenIntent(intent("B1")), OpenIntent(intent("B2")), CloseIntent(intent("B1")))
    assert [one.reference for one in sends.open_intents()] == ["B2"]


def test_an_intent_that_is_closed_and_opened_in_one_group_is_the_new_one(sends: Sends) -> None:
    sends.write(OpenIntent(intent(key="old")))
    sends.write(CloseIntent(intent(key="old")), OpenIntent(intent(key="new")))
    assert [one.key for one in sends.open_intents()] == ["new"]


def test_what_was_written_already_is_not_written_again_with_the_rest_of_its_group(sends: Sends) -> None:
    between = ForgetEntity("customer", "nobody")  # has what waits written first
    sends.write(OpenIntent(intent(key="old")))
    sends.write(CloseIntent(intent(key="old")), between, OpenIntent(intent(key="new")), between, between)
    assert [one.key for one in sends.open_intents()] == ["new"]


def test_a_key_opened_twice_in_one_group_fails_all_of_it(sends: Sends) -> None:
    with pytest.raises(INTEGRITY):
        sends.write(OpenIntent(intent()), OpenIntent(intent(record=2)))
    assert sends.open_intents() == []


def test_generations_one_after_another_in_one_group_leave_the_last(sends: Sends) -> None:
    sends.write(OpenIntent(intent()), *(RenewIntent(intent(generation=n, key=f"k{n}")) for n in (1, 2, 3)))
    assert [one.key for one in sends.open_intents()] == ["k3"]
    assert sends.generations("bill", ["B1"]) == {("B1", "c"): 3}


def test_what_is_known_forgotten_and_known_again_in_one_group_is_what_was_said_last(sends: Sends) -> None:
    first, second = Entity("customer", "C1", "bcus_1"), Entity("customer", "C1", "bcus_2")
    sends.write(
        UpsertEntity(first),
        ForgetEntity("customer", "C1"),
        UpsertEntity(second),
        UpsertEntity(Entity("customer", "C2", "bcus_3")),
    )
    assert sends.entities("customer", ["C1"]) == {"C1": second}
    sends.write(UpsertEntity(first), ForgetEntity("customer", "C1"))
    assert sends.entities("customer", ["C1", "C2"]).keys() == {"C2"}


def test_ids_and_references_are_one_to_one_within_one_group(sends: Sends) -> None:
    sends.write(
        UpsertEntity(Entity("customer", "C1", "bcus_1")),
        UpsertEntity(Entity("customer", "C2", "bcus_2")),
        UpsertEntity(Entity("customer", "C2", "bcus_1")),
    )
    assert sends.entities("customer", ["C1", "C2"]) == {"C2": Entity("customer", "C2", "bcus_1")}
    assert sends.references("customer", ["bcus_1", "bcus_2"]) == {"bcus_1": "C2"}


def test_the_last_word_on_a_record_counts_within_one_group_too(sends: Sends) -> None:
    said = [RecordOutcome(1, Outcome.IN_DOUBT, attempts=3), RecordOutcome(1, Outcome.UNCHANGED, attempts=4)]
    sends.write(*(StoreOutcome(1, "B1", one) for one in said), UpgradeOutcome(1, 1))
    assert sends.outcomes(1, pl.Series([1])).select("outcome", "attempts").rows() == [("updated", 7)]


@pytest.mark.parametrize("count", [1, MAX_ROWS - 1, MAX_ROWS, MAX_ROWS + 1, 3 * MAX_ROWS])
def test_groups_of_any_size_are_written_whole(sends: Sends, count: int) -> None:
    sends.write(
        *(OpenIntent(intent(f"B{n}", record=n)) for n in range(count)),
        *(UpsertEntity(Entity("bill", f"B{n}", f"bill_{n}", details={"name": "ü"})) for n in range(count)),
        *(StoreOutcome(1, f"B{n}", RecordOutcome(n, Outcome.CREATED)) for n in range(count)),
    )
    assert {one.record for one in sends.open_intents()} == set(range(count))
    assert sends.entities("bill", [f"B{count - 1}"])[f"B{count - 1}"].details == {"name": "ü"}
    assert sends.settled_records(1).sort().to_list() == list(range(count))
    sends.write(*(CloseIntent(intent(f"B{n}")) for n in range(count)))
    assert sends.open_intents() == []


def test_what_a_load_does_with_its_records_is_one_statement(ledger: SqliteLedger, sends: Sends) -> None:
    sends.write(*(OpenIntent(intent(f"old{n}")) for n in range(64)))
    statements: list[str] = []
    ledger.set_trace_callback(statements.append)
    write(
        ledger,
        [
            *(UpsertEntity(Entity("bill", f"B{n}", f"bill_{n}")) for n in range(64)),
            *(StoreOutcome(1, f"B{n}", RecordOutcome(n, Outcome.CREATED)) for n in range(64)),
            *(CloseIntent(intent(f"old{n}")) for n in range(64)),
            *(OpenIntent(intent(f"new{n}")) for n in range(64)),
        ],
    )
    ledger.set_trace_callback(None)
    assert len(set(statements)) == 1  # told once more for each part of its trigger
    assert len(sends.open_intents()) == 64


def test_a_row_comes_back_as_it_was_written(sends: Sends) -> None:
    known = Entity(
        "account",
        "A1",
        "bacc_1",
        "C1",
        "ZAR",
        -(2**63) + 1,
        {"name": 'O\'Neil "Ü" \\ \U0001f600'},
        "w",
        False,
    )
    opened = replace(
        intent(), body='{"n":"\\u0000 \' ü"}'.encode(), balance_before=2**63 - 1, watermark="w", sure=False
    )
    told = RecordOutcome(1, Outcome.REFUSED, ("a.b", "c"), 'it\'s "so"', "bcus_1", None, None, 3)
    sends.write(UpsertEntity(known), OpenIntent(opened), StoreOutcome(1, "B1", told))
    assert sends.entities("account", ["A1"]) == {"A1": known}
    assert sends.open_intents() == [opened]
    assert sends.outcomes(1, pl.Series([1])).row(0) == (
        1,
        "refused",
        "a.b;c",
        told.message,
        "bcus_1",
        None,
        None,
        3,
    )
