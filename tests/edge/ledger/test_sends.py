"""Intents, ids, outcomes and generations: one to one, one at a time, and nothing forgotten."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from pipeline.core.api.intents import Entity
from pipeline.core.api.ledger_changes import (
    CloseIntent,
    ForgetEntity,
    OpenIntent,
    RenewIntent,
    SpendKey,
    StoreOutcome,
    UpgradeOutcome,
    UpsertEntity,
)
from pipeline.core.outcomes import Outcome, RecordOutcome
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.sends import OUTCOME_SCHEMA, Sends
from tests.edge.ledger.conftest import INTEGRITY, intent, land


def test_an_intent_comes_back_byte_for_byte(sends: Sends) -> None:
    sent = intent(
        body='{"name":"Ünal","n":1}'.encode(),
        account_reference="A1",
        balance_before=-(2**62),
        watermark="w",
        attempts=3,
    )
    sends.write(OpenIntent(sent))
    assert sends.open_intents() == [sent]


def test_there_is_one_unsettled_intent_per_business_key(sends: Sends) -> None:
    sends.write(OpenIntent(intent()))
    with pytest.raises(INTEGRITY):
        sends.write(OpenIntent(intent(record=2, key="other")))
    sends.write(OpenIntent(intent(kind="account")))
    assert len(sends.open_intents()) == 2


def test_an_intent_belongs_to_a_file_that_is_known(sends: Sends) -> None:
    with pytest.raises(INTEGRITY):
        sends.write(OpenIntent(intent(file_id=99)))


def test_open_intents_come_oldest_first_from_every_file(sends: Sends, files: Files) -> None:
    land(files, "b" * 64)
    sends.write(OpenIntent(intent("B3", first_sent_at="2026-11-20T06:00:03Z")))
    sends.write(OpenIntent(intent("B1", first_sent_at="2026-11-20T06:00:05Z", file_id=2)))
    sends.write(OpenIntent(intent("B2", first_sent_at="2026-11-20T06:00:01Z")))
    assert [one.reference for one in sends.open_intents()] == ["B2", "B3", "B1"]


def test_a_settled_intent_is_gone_and_its_key_free(sends: Sends) -> None:
    sends.write(OpenIntent(intent()))
    sends.write(CloseIntent(intent()))
    sends.write(CloseIntent(intent()))
    sends.write(OpenIntent(intent(record=2)))
    assert [one.record for one in sends.open_intents()] == [2]


# -- generations ---------------------------------------------------------------------------------------------


def test_the_next_generation_takes_the_place_of_a_spent_one_and_is_remembered(sends: Sends) -> None:
    sends.write(OpenIntent(intent()))
    sends.write(RenewIntent(intent(generation=1, key="k1")))
    sends.write(RenewIntent(intent(generation=2, key="k2")))
    assert [one.key for one in sends.open_intents()] == ["k2"]
    assert sends.generations("bill", ["B1", "B2"]) == {("B1", "c"): 2}


@pytest.mark.parametrize("generation", [0, 3])
def test_a_spent_key_is_never_used_again(sends: Sends, generation: int) -> None:
    if generation:
        sends.write(RenewIntent(intent(generation=generation)))
    sends.write(SpendKey(intent(generation=generation)))
    assert sends.generations("bill", ["B1"]) == {("B1", "c"): generation + 1}
    sends.write(SpendKey(intent(generation=generation)))
    assert sends.generations("bill", ["B1"])["B1", "c"] > generation + 1


def test_generations_are_those_of_one_kind_and_content(sends: Sends) -> None:
    sends.write(SpendKey(intent()))
    sends.write(SpendKey(intent(content="other", generation=4)))
    sends.write(SpendKey(intent(kind="account", generation=7)))
    assert sends.generations("bill", ["B1"]) == {("B1", "c"): 1, ("B1", "other"): 5}
    assert sends.generations("account", ["B1"]) == {("B1", "c"): 8}
    assert sends.generations("bill", []) == {}


# -- entities ------------------------------------------------------------------------------------------------


def test_an_entity_comes_back_whole(sends: Sends) -> None:
    customer = Entity("customer", "C1", "bcus_1", None, "ZAR", -(2**62), {"name": "Ann"}, "w")
    sends.write(UpsertEntity(customer))
    assert sends.entities("customer", ["C1", "C2"]) == {"C1": customer}
    assert sends.entities("account", ["C1"]) == {}
    assert sends.references("customer", ["bcus_1"]) == {"bcus_1": "C1"}
    assert sends.references("account", ["bcus_1"]) == {}


def test_ids_and_references_are_one_to_one(sends: Sends, ledger: Ledger) -> None:
    sends.write(UpsertEntity(Entity("customer", "C1", "bcus_1")))
    sends.write(UpsertEntity(Entity("customer", "C2", "bcus_2")))
    sends.write(UpsertEntity(Entity("customer", "C2", "bcus_1")))
    assert sends.entities("customer", ["C1", "C2"]) == {"C2": Entity("customer", "C2", "bcus_1")}
    assert sends.references("customer", ["bcus_2"]) == {}
    with pytest.raises(INTEGRITY):
        ledger.execute("INSERT INTO entities (kind, reference, id) VALUES ('customer', 'C9', 'bcus_1')")


def test_the_same_id_or_reference_may_be_of_another_kind(sends: Sends) -> None:
    sends.write(UpsertEntity(Entity("customer", "X", "1")))
    sends.write(UpsertEntity(Entity("account", "X", "1", owner="X")))
    assert len(sends.entities("customer", ["X"])) == len(sends.entities("account", ["X"])) == 1


def test_what_the_api_no_longer_has_is_forgotten(sends: Sends) -> None:
    sends.write(UpsertEntity(Entity("account", "A1", "bacc_1", owner="C1")))
    sends.write(ForgetEntity("account", "A1"))
    sends.write(ForgetEntity("account", "A1"))
    assert sends.entities("account", ["A1"]) == {}


def test_many_references_at_once_and_odd_ones(sends: Sends) -> None:
    odd = ["a'b", 'a"b', "a,b", "ü", "[1]", "null", ""]
    for number, reference in enumerate(odd):
        sends.write(UpsertEntity(Entity("customer", reference, f"bcus_{number}")))
    many = [f"C{number}" for number in range(100_000)]
    assert sends.entities("customer", [*many, *odd]).keys() == set(odd)


# -- outcomes ------------------------------------------------------------------------------------------------


def conclude(sends: Sends, record: int, outcome: Outcome, **facts: Any) -> None:
    sends.write(StoreOutcome(1, f"B{record}", RecordOutcome(record, outcome, **facts)))


def test_outcomes_come_sorted_in_columns_of_known_types(sends: Sends) -> None:
    conclude(
        sends, 3, Outcome.CREATED, customer_id="bcus_1", account_id="bacc_1", bill_id="bill_1", attempts=2
    )
    conclude(sends, 1, Outcome.REFUSED, codes=("api.402", "x.y"), message="no")
    conclude(sends, 9, Outcome.CREATED)
    frame = sends.outcomes(1, pl.Series([1, 2, 3]))
    assert dict(frame.schema) == OUTCOME_SCHEMA
    assert frame.rows() == [
        (1, "refused", "api.402;x.y", "no", None, None, None, 0),
        (3, "created", "", None, "bcus_1", "bacc_1", "bill_1", 2),
    ]


@pytest.mark.parametrize("records", [[], [1]])
def test_the_columns_are_the_same_when_all_is_empty(sends: Sends, records: list[int]) -> None:
    for record in records:
        conclude(sends, record, Outcome.CREATED)
    assert dict(sends.outcomes(1, pl.Series([1, 10])).schema) == OUTCOME_SCHEMA


def test_the_last_word_on_a_record_counts_and_all_attempts_are_added(sends: Sends) -> None:
    conclude(sends, 1, Outcome.IN_DOUBT, codes=("api.cut",), attempts=3)
    conclude(sends, 1, Outcome.CREATED, bill_id="bill_1", attempts=4)
    assert sends.outcomes(1, pl.Series([1])).rows() == [(1, "created", "", None, None, None, "bill_1", 7)]


def test_open_outcomes_are_not_settled(sends: Sends) -> None:
    for record, outcome in enumerate(Outcome, start=1):
        conclude(sends, record, outcome)
    open_ = {1 + list(Outcome).index(outcome) for outcome in (Outcome.IN_DOUBT, Outcome.NOT_ATTEMPTED)}
    assert set(sends.settled_records(1)) == set(range(1, len(Outcome) + 1)) - open_
    assert sends.settled_records(2).dtype == OUTCOME_SCHEMA["record"]


def test_settled_records_are_those_of_all_stretches_of_a_file(
    sends: Sends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.edge.ledger.sends.RECORDS_AT_ONCE", 3)
    records = [2, 3, 4, 5, 9, 11, 20]
    for record in records:
        sends.write(StoreOutcome(1, f"B{record}", RecordOutcome(record, Outcome.CREATED)))
    sends.write(StoreOutcome(1, "B6", RecordOutcome(6, Outcome.IN_DOUBT)))
    settled = sends.settled_records(1)
    assert settled.dtype == pl.Int64
    assert sorted(settled) == records
    assert sends.count_settled(1) == len(records)
    assert sends.settled_records(2).dtype == pl.Int64
    assert sends.settled_records(2).is_empty()
    assert sends.count_settled(2) == 0


@pytest.mark.parametrize(
    "text", ['it\'s "so"', "back\\slash", "line\nend\ttab", "Zoë \U0001f600 \u2028", "\x7f", "null"]
)
def test_a_message_comes_back_as_it_was_told(sends: Sends, text: str) -> None:
    sends.write(StoreOutcome(1, "B1", RecordOutcome(1, Outcome.REFUSED, message=text)))
    sends.write(StoreOutcome(1, "B2", RecordOutcome(2, Outcome.REFUSED, message="a\0b")))
    told = sends.outcomes(1, pl.Series([1, 2]))["message"].to_list()
    assert told in ([text, "a"], [text, "a\ufffdb"]), (
        "a NUL ends a text of JSON for SQLite; PostgreSQL knows none"
    )


def test_only_an_unchanged_record_is_upgraded(sends: Sends) -> None:
    conclude(sends, 1, Outcome.UNCHANGED)
    conclude(sends, 2, Outcome.CREATED)
    for record in (1, 2, 3):
        sends.write(UpgradeOutcome(1, record))
    assert sends.outcomes(1, pl.Series([1, 2, 3]))["outcome"].to_list() == ["updated", "created"]
