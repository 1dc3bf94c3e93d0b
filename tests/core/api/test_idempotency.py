"""The same wish has the same key, and every other wish another one."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.api.idempotency import content_of, idempotency_key
from pipeline.core.api.requests import BillRequest, Party, create_body

WANTED = BillRequest(
    record=1,
    kind="bill",
    customer=Party("C1", {"name": "Ann", "email": "ann@example.com", "metadata": {"zone": "1"}}),
    account=Party("A1", {"name": "Home"}),
    reference="B1",
    currency="ZAR",
    amount_minor=24000,
    bill_date="2026-11-01",
    due_date="2026-11-20",
    metadata={"meter": "E1"},
)
BALANCE = BillRequest(
    record=1,
    kind="customer",
    customer=Party("C1", {"name": "Ann"}),
    account=None,
    reference="C1",
    currency="ZAR",
    amount_minor=-5,
)

GOLDEN_CONTENT = "5cc4e5e04989206356593d57994fa4876c87dbd677b8c78598953aaffc290508"
GOLDEN_KEY = "86996b75-8e62-5902-92c8-b3aca3c76a21"
GOLDEN_NEXT = "fae217ad-e229-51ac-832e-2d876fc014ed"
GOLDEN_BALANCE = "a3d341aa-ca93-5c1b-8dc5-ef35cf5ea96c"


def key(wanted: BillRequest, **changes: Any) -> str:
    facts: dict[str, Any] = {
        "merchant": "citypower",
        "environment": "test",
        "kind": wanted.kind,
        "reference": wanted.reference,
        "content": content_of(wanted),
        "generation": 0,
    }
    return idempotency_key(**facts | changes)


def test_the_keys_of_today_are_the_keys_of_tomorrow() -> None:
    """Never change these values: after a change, a bill that was sent and not answered is sent under a new key,
    and the API makes it twice. A new format needs a new KEY_VERSION and settled intents."""
    assert content_of(WANTED) == GOLDEN_CONTENT
    assert key(WANTED) == GOLDEN_KEY
    assert key(WANTED, generation=1) == GOLDEN_NEXT
    assert key(BALANCE) == GOLDEN_BALANCE


texts = st.text(max_size=40)


@given(texts, texts, texts, texts, st.integers(0, 10**6))
def test_any_key_is_a_uuid_that_the_api_takes(a: str, b: str, c: str, d: str, generation: int) -> None:
    made = idempotency_key(
        merchant=a, environment=b, kind="bill", reference=c, content=d, generation=generation
    )
    assert re.fullmatch(r"[a-zA-Z0-9-]{1,255}", made)
    assert str(uuid.UUID(made)) == made


def test_nesting_and_ids_are_not_in_the_key() -> None:
    """A bill is sent nested before a crash and by id after it: other bodies, one wish, one key."""
    bodies = [
        create_body(WANTED, customer_id=None, account_id=None),
        create_body(WANTED, customer_id="bcus_1", account_id=None),
        create_body(WANTED, customer_id="bcus_1", account_id="bacc_1"),
    ]
    assert len({str(body) for body in bodies}) == 3
    assert len({key(WANTED) for _ in bodies}) == 1


def test_neither_the_record_number_nor_the_details_of_parents_are_in_the_key_of_a_bill() -> None:
    moved = WANTED._replace(record=99)
    renamed = WANTED._replace(customer=Party(WANTED.customer.reference, {"name": "Other"}))
    assert key(WANTED) == key(moved) == key(renamed)


def test_the_order_of_metadata_is_not_in_the_key() -> None:
    one = WANTED._replace(metadata={"a": "1", "b": "2"})
    two = WANTED._replace(metadata={"b": "2", "a": "1"})
    assert key(one) == key(two)


OTHERS = {
    "reference": WANTED._replace(reference="B2"),
    "customer": WANTED._replace(customer=Party("C2")),
    "account": WANTED._replace(account=Party("A2")),
    "no account": WANTED._replace(account=None),
    "currency": WANTED._replace(currency="USD"),
    "amount": WANTED._replace(amount_minor=24001),
    "sign": WANTED._replace(amount_minor=-24000),
    "bill date": WANTED._replace(bill_date="2026-11-02"),
    "no bill date": WANTED._replace(bill_date=None),
    "due date": WANTED._replace(due_date="2026-11-21"),
    "no due date": WANTED._replace(due_date=None),
    "dates swapped": WANTED._replace(bill_date="2026-11-20", due_date="2026-11-01"),
    "metadata value": WANTED._replace(metadata={"meter": "E2"}),
    "metadata key": WANTED._replace(metadata={"metre": "E1"}),
    "no metadata": WANTED._replace(metadata={}),
    "empty metadata value": WANTED._replace(metadata={"meter": ""}),
    "one more metadata key": WANTED._replace(metadata={"meter": "E1", "zone": ""}),
}


def test_every_field_that_a_bill_file_states_makes_another_key() -> None:
    keys = {name: key(wanted) for name, wanted in {"itself": WANTED, **OTHERS}.items()}
    assert len(set(keys.values())) == len(keys)


@pytest.mark.parametrize(
    "changes",
    [{"merchant": "cityXpower"}, {"environment": "live"}, {"kind": "account"}, {"generation": 1}],
    ids=lambda changes: next(iter(changes)),
)
def test_merchant_environment_kind_and_generation_make_another_key(changes: dict[str, Any]) -> None:
    assert key(WANTED, **changes) != key(WANTED)


@pytest.mark.parametrize(
    ("one", "two"), [(("ab", "c"), ("a", "bc")), (('a","b', "c"), ("a", 'b","c')), (("", "ab"), ("ab", ""))]
)
def test_parts_of_a_key_cannot_run_into_each_other(one: tuple[str, str], two: tuple[str, str]) -> None:
    keys = [
        idempotency_key(
            merchant=merchant, environment=environment, kind="bill", reference="B", content="", generation=0
        )
        for merchant, environment in (one, two)
    ]
    assert keys[0] != keys[1]


@given(st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62))
def test_balances_that_differ_by_a_cent_have_keys_of_their_own(one: int, two: int) -> None:
    keys = [key(BALANCE._replace(amount_minor=amount)) for amount in (one, two)]
    assert (keys[0] == keys[1]) == (one == two)


def test_details_of_the_customer_itself_are_its_content() -> None:
    renamed = BALANCE._replace(customer=Party("C1", {"name": "Anne"}))
    assert key(renamed) != key(BALANCE)
