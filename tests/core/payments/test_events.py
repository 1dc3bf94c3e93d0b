"""What a body says; whatever it is, reading it raises nothing and guesses nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.payments.events import EventKind, read_event

DATA = {
    "id": "ob_1",
    "amount": 2000,
    "currency": "ZAR",
    "payment_id": "pay_1",
    "bill_id": "bill_1",
    "metadata": {"till": "7"},
    "created_at": "2026-11-29T08:00:00+02:00",
    "updated_at": "2026-11-29T08:00:00+02:00",
}


def body(*, event_type: str = "obligation.amount_applied", **changes: Any) -> bytes:
    data = {key: value for key, value in {**DATA, **changes}.items() if value is not ...}
    return json.dumps({"id": "evt_1", "type": event_type, "data": data, "livemode": False}).encode()


def test_a_payment_is_read_with_its_ids_and_its_time_in_utc() -> None:
    event = read_event(body())
    assert event.kind is EventKind.PAYMENT
    assert (event.event_id, event.payment_id, event.obligation_id) == ("evt_1", "pay_1", "ob_1")
    assert (event.currency, event.amount_minor) == ("ZAR", 2000)
    assert (event.bill_id, event.account_id, event.customer_id) == ("bill_1", None, None)
    assert event.paid_at == "2026-11-29T06:00:00+00:00"


def test_any_owner_will_do() -> None:
    event = read_event(body(bill_id=..., account_id="bacc_1", customer_id=None))
    assert (event.kind, event.account_id) == (EventKind.PAYMENT, "bacc_1")


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 20.0},
        {"amount": "2000"},
        {"amount": True},
        {"amount": 0},
        {"amount": -1},
        {"amount": 10**12 + 1},
        {"amount": 10**30},
        {"amount": ...},
        {"currency": "zar"},
        {"currency": "XXX"},
        {"currency": None},
        {"payment_id": ...},
        {"payment_id": ""},
        {"payment_id": "pay 1"},
        {"payment_id": "p" * 256},
        {"id": 7},
        {"bill_id": ...},
        {"bill_id": ["bill_1"]},
        {"account_id": "\u202ebacc"},
    ],
)
def test_a_payment_of_another_shape_is_unreadable(changes: dict[str, Any]) -> None:
    event = read_event(body(**changes))
    assert event.kind is EventKind.UNREADABLE
    assert event.problem
    assert event.event_id == "evt_1"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff", b'{"type": 7}', b'{"type": ""}', b"NaN"])
def test_a_body_that_is_no_event_is_unreadable(raw: bytes) -> None:
    assert read_event(raw).kind is EventKind.UNREADABLE


def test_an_event_of_another_type_is_not_a_payment() -> None:
    event = read_event(body(event_type="obligation.refunded"))
    assert (event.kind, event.event_type, event.amount_minor) == (
        EventKind.OTHER,
        "obligation.refunded",
        None,
    )


@pytest.mark.parametrize("time", ["yesterday", "2026-11-29T08:00:00", 1_780_000_000, None, "9" * 300])
def test_a_time_that_cannot_be_read_is_left_out(time: object) -> None:
    event = read_event(body(created_at=time))
    assert (event.kind, event.paid_at) == (EventKind.PAYMENT, None)


words = st.text(max_size=8)
plain = st.sampled_from([None, True, False]) | st.integers() | st.floats() | words
json_values = plain | st.lists(plain, max_size=3) | st.dictionaries(words, plain, max_size=2)


@given(st.dictionaries(st.sampled_from(sorted(DATA)), json_values, max_size=4))
def test_whatever_a_payment_holds_it_is_one_kind_of_event(changes: dict[str, Any]) -> None:
    event = read_event(body(**changes))
    assert event.kind in EventKind
    assert (event.kind is EventKind.UNREADABLE) == bool(event.problem)


@given(st.binary(max_size=64))
def test_whatever_bytes_come_they_are_one_kind_of_event(raw: bytes) -> None:
    assert read_event(raw).kind in EventKind
