"""Every field's rule, on every kind of body that has it. What is refused here is refused with 400."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import iso4217
import pytest

from pipeline.sandbox.currencies import CURRENCIES
from pipeline.sandbox.serve import SandboxApi
from tests.sandbox.caller import Caller, Json, account, bill, customer

BODIES = {"customers": customer(), "accounts": account(), "bills": bill()}

REFERENCES_GOOD = ["a", "A-Z_09", "_", "-", "x" * 255, "bill_001"]
REFERENCES_BAD = ["", "x" * 256, "a b", "a.b", "a/b", "ä", "a\n", "１", None, 7, True, ["a"]]
NAMES_GOOD = ["", "Müller & Söhne", "n" * 255, "ü" * 255]
NAMES_BAD: list[object] = ["n" * 256, None, 7, False, {}]
CURRENCIES_GOOD = ["ZAR", "JPY", "KWD", "CLF"]
CURRENCIES_BAD = ["zar", "ZA", "ZARR", "ABC", "XAU", "XXX", "", None, 710, "ZAR "]
DATES_GOOD = ["2026-11-20", "2024-02-29"]
DATES_BAD = ["2026-02-29", "2026-13-01", "2026-00-10", "20261120", "2026-11-20T00:00:00", "2026-1-1"]
DATES_BAD += ["20/11/2026", "２０２６-11-20", "2026-11-20\n", "2026-W47-5", "", "0000-01-01"]
METADATA_GOOD: list[Json] = [{}, {"k" * 40: "v" * 500}, {str(n): "" for n in range(10)}]
METADATA_BAD: list[object] = [{str(n): "" for n in range(11)}, {"k" * 41: ""}, {"k": "v" * 501}]
METADATA_BAD += [{"k": 1}, {"k": None}, {"k": True}, {"k": {}}, [], "k", None]
EMAILS_GOOD = ["a@b.co", "o'hara+x@mail.example.co.za", "a@" + ".".join(["b" * 62] * 4) + ".c"]
EMAILS_BAD: list[object] = [
    "a",
    "a@",
    "@b.co",
    "a b@c.de",
    "a@b@c.de",
    "a@b..co",
    "a@-b.co",
    "a@b.co\n",
    "",
    None,
    7,
]
EMAILS_BAD += ["a" * 250 + "@b.com"]
PHONES_GOOD = ["+27821234567", "+12", "+" + "9" * 15]
PHONES_BAD: list[object] = [
    "0821234567",
    "+0821234567",
    "+",
    "+1",
    "+" + "9" * 16,
    "+27 82 123",
    "27821234567",
    "+123\n",
]
PHONES_BAD += ["+1２３", "", None, 27821234567]
WHOLE_BAD: list[object] = [1.0, 0.5, "100", True, None, [], 1e3]

RULES: list[tuple[str, str, Sequence[object], Sequence[object]]] = [
    *((kind, "external_reference", REFERENCES_GOOD, REFERENCES_BAD) for kind in BODIES),
    *((kind, "metadata", METADATA_GOOD, METADATA_BAD) for kind in BODIES),
    *((kind, "currency", CURRENCIES_GOOD, CURRENCIES_BAD) for kind in BODIES),
    *((kind, "name", NAMES_GOOD, NAMES_BAD) for kind in ("customers", "accounts")),
    *((kind, "balance", [0, 1, -1, 10**12, -(10**12)], WHOLE_BAD) for kind in ("customers", "accounts")),
    ("customers", "email", EMAILS_GOOD, EMAILS_BAD),
    ("customers", "phone", PHONES_GOOD, PHONES_BAD),
    ("bills", "amount_due", [1, 100, 99_999_999], [0, -1, 100_000_000, *WHOLE_BAD]),
    ("bills", "bill_date", DATES_GOOD, [*DATES_BAD, None, 20261120]),
    ("bills", "due_date", DATES_GOOD, [*DATES_BAD, None, 20261120]),
]


def with_field(kind: str, field: str, value: object) -> Json:
    companion = {"currency": "ZAR"} if field == "balance" else {}
    return {**BODIES[kind], **companion, field: value}


GOOD = [(kind, field, value) for kind, field, good, _ in RULES for value in good]
BAD = [(kind, field, value) for kind, field, _, bad in RULES for value in bad]


@pytest.fixture(scope="module")
def shared() -> Iterator[Caller]:
    with SandboxApi() as api:
        caller = Caller(api)
        yield caller
        caller.close()


@pytest.mark.parametrize(("kind", "field", "value"), GOOD)
def test_a_value_within_the_rule_is_taken_and_shown_as_it_came(
    caller: Caller, kind: str, field: str, value: object
) -> None:
    made = caller.made(kind, with_field(kind, field, value))
    assert made[field] == value
    assert caller.get(f"/billing/{kind}/{made['id']}").json == made


@pytest.mark.parametrize(("kind", "field", "value"), BAD)
def test_a_value_outside_the_rule_is_refused_with_400_that_names_the_field(
    shared: Caller, kind: str, field: str, value: object
) -> None:
    answer = shared.post(f"/billing/{kind}", with_field(kind, field, value))
    assert (answer.status, answer.kind) == (400, "invalid_field")
    assert field in answer.json["detail"]


@pytest.mark.parametrize(
    ("kind", "field"),
    [("customers", "external_reference"), ("accounts", "external_reference"), ("accounts", "customer")]
    + [("bills", field) for field in ("external_reference", "currency", "amount_due")],
)
def test_a_required_field_that_is_missing_is_refused_by_name(shared: Caller, kind: str, field: str) -> None:
    body = {name: value for name, value in BODIES[kind].items() if name != field}
    answer = shared.post(f"/billing/{kind}", body)
    assert (answer.status, answer.kind) == (400, "missing_field")
    assert field in answer.json["detail"]


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, field) for kind in BODIES for field in ("id", "colour", "status", "amount_paid")]
    + [("accounts", "email"), ("accounts", "phone"), ("bills", "name"), ("bills", "balance")],
)
def test_a_field_the_kind_does_not_have_is_refused(shared: Caller, kind: str, field: str) -> None:
    answer = shared.post(f"/billing/{kind}", {**BODIES[kind], field: 1})
    assert (answer.status, answer.kind) == (400, "unknown_field")


@pytest.mark.parametrize("kind", ["customers", "accounts"])
def test_a_balance_without_currency_is_refused(shared: Caller, kind: str) -> None:
    answer = shared.post(f"/billing/{kind}", {**BODIES[kind], "balance": 5})
    assert (answer.status, answer.kind) == (400, "missing_field")


@pytest.mark.parametrize("kind", ["customers", "accounts"])
def test_an_absent_balance_stays_absent_and_is_not_shown_as_zero(caller: Caller, kind: str) -> None:
    assert "balance" not in caller.made(kind, BODIES[kind])


def test_a_bill_needs_exactly_one_owner(shared: Caller) -> None:
    ownerless = {"external_reference": "b", "currency": "ZAR", "amount_due": 1}
    both = {**ownerless, "account": account(), "customer": customer()}
    assert [shared.post("/billing/bills", body).kind for body in (ownerless, both)] == ["one_owner"] * 2


@pytest.mark.parametrize("owner", [None, 7, [], "", "a b", "x" * 256])
def test_an_owner_is_a_name_or_an_object_and_nothing_else(shared: Caller, owner: object) -> None:
    for body, kind in ((bill(account=owner), "bills"), (bill(customer=owner), "bills")):
        assert shared.post(f"/billing/{kind}", body).status == 400
    assert shared.post("/billing/accounts", {"external_reference": "a", "customer": owner}).status == 400


def test_a_fault_deep_inside_is_named_by_its_path_and_nothing_is_created(
    api: SandboxApi, caller: Caller
) -> None:
    answer = caller.post("/billing/bills", bill(account=account(customer=customer(phone="nonsense"))))
    assert answer.status == 400
    assert answer.json["detail"].startswith("account.customer.phone ")
    assert "nonsense" not in answer.json["detail"]
    state = api.snapshot()
    assert [state[kind] for kind in BODIES] == [[], [], []]


def test_a_bill_without_date_is_of_the_current_day(api: SandboxApi, caller: Caller) -> None:
    api.clock.advance(3 * 24 * 3600)
    before = datetime.now(UTC) + timedelta(days=3)
    shown = caller.made("bills", bill())["bill_date"]
    assert shown in {before.date().isoformat(), (before + timedelta(seconds=30)).date().isoformat()}


@pytest.mark.parametrize(
    "raw", [b"{", b"[]", b'"x"', b"null", b"\xff", b'{"external_reference": NaN}', b"[" * 100_000]
)
def test_a_body_that_is_no_json_object_is_refused(shared: Caller, raw: bytes) -> None:
    answer = shared.post("/billing/customers", raw)
    assert (answer.status, answer.kind) == (400, "invalid_json")


def test_an_empty_body_lacks_its_required_fields(shared: Caller) -> None:
    assert shared.post("/billing/customers").kind == "missing_field"


def test_a_content_type_other_than_json_is_refused(shared: Caller) -> None:
    headers = {"Content-Type": "text/plain", "Idempotency-Key": "as-text"}
    answer = shared.call("POST", "/billing/customers", json.dumps(customer()).encode(), headers)
    assert (answer.status, answer.kind) == (400, "content_type")


def test_a_body_beyond_a_megabyte_is_refused(shared: Caller) -> None:
    answer = shared.post("/billing/customers", b" " * (1 << 20) + b"{}")
    assert (answer.status, answer.kind) == (413, "too_large")


def test_the_currencies_are_those_of_iso_4217_that_have_a_minor_unit() -> None:
    assert {entry.code for entry in iso4217.Currency if entry.exponent is not None} == CURRENCIES
