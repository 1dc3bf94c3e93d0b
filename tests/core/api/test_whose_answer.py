"""What an answer says of ids, owners and problems comes from outside: it must make sense before it is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.core.api.responses import Answer, Meaning, read
from tests.core.api.test_responses import EXPECTED, LOOK_UP, answer, bill

UNFIT = {
    "escape": "bill_\x1b[2J",
    "line break": "bill_1\nbill_2",
    "NUL": "bill_\0",
    "control sequence of one character": "bill_\x9b2J",
    "right to left": "bill_\u202e1",
    "half a character": "bill_\ud800",
    "blank": "bill 1",
    "nothing": "",
    "absurdly long": "b" * 256,
}


@pytest.mark.parametrize("field", ["id", "customer_id", "account_id", "status"])
@pytest.mark.parametrize("text", UNFIT.values(), ids=UNFIT)
def test_an_id_that_nobody_could_have_given_is_a_nonsensical_answer(field: str, text: str) -> None:
    without_owner = EXPECTED._replace(owners={})
    fresh = read(answer(201, bill(**{field: text})), without_owner)
    assert fresh.meaning is Meaning.DOUBT
    assert fresh.entity is None
    assert read(answer(201, bill(**{field: text}), replayed=True), without_owner).meaning is Meaning.SPENT
    assert read(answer(200, bill(**{field: text})), LOOK_UP).meaning is Meaning.DOUBT


OWNERS = {"customer": "C1", "account": "A1"}


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        pytest.param(
            {"customer": {"external_reference": "C1", "id": "bcus_1"}}, Meaning.DONE, id="the customer"
        ),
        pytest.param({"customer": {"external_reference": "C2"}}, Meaning.DOUBT, id="another customer"),
        pytest.param({"customer": {"id": "bcus_2"}}, Meaning.DOUBT, id="another's id than the answer's own"),
        pytest.param({"account": {"external_reference": "A1"}}, Meaning.DONE, id="the account"),
        pytest.param({"account": {"external_reference": "A2"}}, Meaning.DOUBT, id="another account"),
        pytest.param(
            {"account": {"external_reference": "A1", "customer": {"external_reference": "C2"}}},
            Meaning.DOUBT,
            id="the account of another customer",
        ),
        pytest.param({"account": "bacc_1", "customer": None}, Meaning.DONE, id="ids, as they may be"),
    ],
)
def test_an_owner_that_the_answer_carries_is_that_of_the_request(
    said: dict[str, Any], meaning: Meaning
) -> None:
    expected = EXPECTED._replace(references=OWNERS)
    assert read(answer(201, bill(**said)), expected).meaning is meaning
    assert read(answer(200, bill(**said)), LOOK_UP).meaning is Meaning.DONE, "a look compares by id"


@pytest.mark.parametrize("text", ["\x1b]0;gone\x07", "\x9b31m", "a\r\nb", "\u202egnp.exe"])
def test_nothing_of_a_problem_document_can_steer_a_terminal(text: str) -> None:
    document = json.dumps({"type": f"https://x#{text}", "title": text, "detail": text}).encode()
    said = read(Answer(400, {"content-type": "application/problem+json"}, document), EXPECTED)
    assert said.message.isprintable()
    assert said.code.isprintable()
