"""What an answer of the Billing API means: the table of the design, row by row, and every open question."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.api.responses import (
    MAX_RETRY_AFTER_S,
    Answer,
    Expected,
    Failure,
    Meaning,
    Reading,
    names_key_reuse,
    pause_s,
    read,
)

BILL = {
    "id": "bill_1",
    "external_reference": "B1",
    "currency": "ZAR",
    "amount_due": 24000,
    "customer_id": "bcus_1",
    "account_id": "bacc_1",
    "status": "unpaid",
}
EXPECTED = Expected(
    {"external_reference": "B1", "currency": "ZAR", "amount_due": 24000}, {"account_id": "bacc_1"}
)
LOOK_UP = Expected({"external_reference": "B1"}, statuses=(200,))
NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
HTML = b"<html><body>Bad gateway</body></html>"


def bill(**changes: Any) -> bytes:
    return json.dumps(BILL | changes).encode()


def without(*names: str) -> bytes:
    return json.dumps({name: value for name, value in BILL.items() if name not in names}).encode()


def answer(status: int, body: bytes = b"", *, replayed: bool = False, kind: str | None = None) -> Answer:
    """`kind` makes it a problem document."""
    headers = {"content-type": "application/json"}
    if kind is not None:
        headers["content-type"] = "application/problem+json"
        document = {"type": f"https://api.example/problems#{kind}", "title": "No", "detail": "because"}
        body = json.dumps(document | {"status": status}).encode()
    if replayed:
        headers["idempotent-replayed"] = "true"
    return Answer(status, headers, body)


# -- the table of design §5 ----------------------------------------------------------------------------------

TABLE: dict[str, tuple[Answer | Failure, Meaning, str]] = {
    "201 that echoes what was sent": (answer(201, bill()), Meaning.DONE, ""),
    "201 without the owner's id": (answer(201, without("account_id")), Meaning.DONE, ""),
    "201 replayed": (answer(201, bill(), replayed=True), Meaning.DONE, ""),
    "400 replayed": (answer(400, kind="bad", replayed=True), Meaning.SPENT, "api.400.bad"),
    "401 replayed": (answer(401, kind="auth", replayed=True), Meaning.SPENT, "api.401.auth"),
    "403 replayed": (answer(403, kind="auth", replayed=True), Meaning.SPENT, "api.403.auth"),
    "404 replayed": (answer(404, kind="none", replayed=True), Meaning.SPENT, "api.404.none"),
    "409 replayed": (answer(409, kind="dup", replayed=True), Meaning.SPENT, "api.409.dup"),
    "422 replayed": (answer(422, kind="dup", replayed=True), Meaning.SPENT, "api.422.dup"),
    "429 replayed": (answer(429, kind="rate", replayed=True), Meaning.SPENT, "api.429.rate"),
    "500 replayed": (answer(500, replayed=True), Meaning.SPENT, "api.500"),
    "503 replayed": (answer(503, HTML, replayed=True), Meaning.SPENT, "api.503"),
    "401 fresh": (answer(401, kind="auth"), Meaning.UNAUTHORISED, "api.401.auth"),
    "403 fresh": (answer(403, kind="expired"), Meaning.UNAUTHORISED, "api.403.expired"),
    "429 fresh": (answer(429, kind="rate"), Meaning.SLOW_DOWN, "api.429.rate"),
    "429 without a problem document": (answer(429, HTML), Meaning.SLOW_DOWN, "api.429"),
    "409 fresh": (answer(409, kind="duplicate"), Meaning.CLASH, "api.409.duplicate"),
    "422 fresh": (answer(422, kind="duplicate"), Meaning.UNPROCESSABLE, "api.422.duplicate"),
    "404 as a problem document": (answer(404, kind="not_found"), Meaning.UNKNOWN, "api.404.not_found"),
    "404 of a gateway": (answer(404, HTML), Meaning.DOUBT, "api.404"),
    "404 with an empty body": (answer(404), Meaning.DOUBT, "api.404"),
    "400 fresh": (answer(400, kind="missing"), Meaning.REFUSED, "api.400.missing"),
    "402 fresh": (answer(402, kind="failed"), Meaning.REFUSED, "api.402.failed"),
    "500": (answer(500, kind="oops"), Meaning.DOUBT, "api.500.oops"),
    "502 with HTML": (answer(502, HTML), Meaning.DOUBT, "api.502"),
    "503": (answer(503), Meaning.DOUBT, "api.503"),
    "504": (answer(504), Meaning.DOUBT, "api.504"),
    "200 where 201 is due": (answer(200, bill()), Meaning.DOUBT, "api.200"),
    "202": (answer(202, bill()), Meaning.DOUBT, "api.202"),
    "204": (answer(204), Meaning.DOUBT, "api.204"),
    "a redirect": (answer(302), Meaning.DOUBT, "api.302"),
    "405": (answer(405, kind="method"), Meaning.DOUBT, "api.405.method"),
    "408": (answer(408), Meaning.DOUBT, "api.408"),
    "413": (answer(413), Meaning.DOUBT, "api.413"),
    "a status nobody knows": (answer(799), Meaning.DOUBT, "api.799"),
    "201 cut off": (answer(201, bill()[:-9]), Meaning.DOUBT, "api.201.unreadable"),
    "201 empty": (answer(201), Meaning.DOUBT, "api.201.unreadable"),
    "201 with HTML": (answer(201, HTML), Meaning.DOUBT, "api.201.unreadable"),
    "201 with a list": (answer(201, b"[" + bill() + b"]"), Meaning.DOUBT, "api.201.unreadable"),
    "201 without an id": (answer(201, without("id")), Meaning.DOUBT, "api.201.unreadable"),
    "201 with a number for an id": (answer(201, bill(id=7)), Meaning.DOUBT, "api.201.unreadable"),
    "201 with a number for an owner": (answer(201, bill(customer_id=7)), Meaning.DOUBT, "api.201.unreadable"),
    "201 with half a surrogate pair": (
        answer(201, bill(name="x").replace(b'"x"', b'"\\ud800"')),
        Meaning.DOUBT,
        "api.201.unreadable",
    ),
    "201 that is nested too deep to be stored": (
        answer(201, bill(metadata=json.loads('{"a":' * 300 + "1" + "}" * 300))),
        Meaning.DOUBT,
        "api.201.unreadable",
    ),
    "201 with half a surrogate pair in raw bytes": (
        answer(201, bill(name="x").replace(b'"x"', b'"\xed\xa0\x80"')),
        Meaning.DOUBT,
        "api.201.unreadable",
    ),
    "201 with a byte order mark": (answer(201, b"\xef\xbb\xbf" + bill()), Meaning.DONE, ""),
    "201 with a balance beyond 64 bits": (
        answer(201, bill(balance=2**63)),
        Meaning.DOUBT,
        "api.201.unreadable",
    ),
    "201 with a text for a balance": (answer(201, bill(balance="1")), Meaning.DOUBT, "api.201.unreadable"),
    "201 with a list as metadata": (answer(201, bill(metadata=[1])), Meaning.DOUBT, "api.201.unreadable"),
    "201 with another amount": (answer(201, bill(amount_due=24001)), Meaning.DOUBT, "api.echo_differs"),
    "201 with no amount": (answer(201, without("amount_due")), Meaning.DOUBT, "api.echo_differs"),
    "201 with the amount as text": (answer(201, bill(amount_due="24000")), Meaning.DOUBT, "api.echo_differs"),
    "201 with another currency": (answer(201, bill(currency="USD")), Meaning.DOUBT, "api.echo_differs"),
    "201 with another reference": (
        answer(201, bill(external_reference="B2")),
        Meaning.DOUBT,
        "api.echo_differs",
    ),
    "201 with another owner": (answer(201, bill(account_id="bacc_2")), Meaning.DOUBT, "api.echo_differs"),
    "201 replayed with another amount": (
        answer(201, bill(amount_due=1), replayed=True),
        Meaning.SPENT,
        "api.echo_differs",
    ),
    "never connected": (Failure.NEVER_CONNECTED, Meaning.NOT_SENT, "api.never_connected"),
    "connection cut": (Failure.CUT, Meaning.DOUBT, "api.cut"),
    "timed out": (Failure.TIMED_OUT, Meaning.DOUBT, "api.timed_out"),
    "open question 1: a duplicate is a 409": (
        answer(409, kind="duplicate"),
        Meaning.CLASH,
        "api.409.duplicate",
    ),
    "open question 1: a duplicate is a 422": (
        answer(422, kind="duplicate"),
        Meaning.UNPROCESSABLE,
        "api.422.duplicate",
    ),
    "open question 2: attached silently": (answer(201, bill(customer_id="bcus_9")), Meaning.DONE, ""),
    "open question 4: a stored 429": (answer(429, replayed=True), Meaning.SPENT, "api.429"),
    "open question 4: a 503 that is not stored": (answer(503), Meaning.DOUBT, "api.503"),
}


@pytest.mark.parametrize("case", TABLE)
def test_every_answer_has_the_meaning_of_the_table(case: str) -> None:
    got, meaning, code = TABLE[case]
    reading = read(got, EXPECTED)
    assert (reading.meaning, reading.code) == (meaning, code)
    assert reading.status == (None if isinstance(got, Failure) else got.status)
    if meaning is not Meaning.DONE:
        assert reading.message


@pytest.mark.parametrize("header", ["TRUE", "True", "true"])
def test_the_replay_header_counts_in_any_case(header: str) -> None:
    got = Answer(500, {"idempotent-replayed": header}, b"")
    assert read(got, EXPECTED).meaning is Meaning.SPENT
    assert read(got, EXPECTED).replayed


@pytest.mark.parametrize("header", ["false", "", "0"])
def test_a_replay_header_that_says_no_means_no(header: str) -> None:
    assert read(Answer(500, {"idempotent-replayed": header}, b""), EXPECTED).meaning is Meaning.DOUBT


@pytest.mark.parametrize(
    "content_type",
    ["application/problem+json", "Application/Problem+JSON; charset=utf-8", " application/problem+json ;x=y"],
)
def test_a_problem_document_is_known_whatever_its_parameters(content_type: str) -> None:
    got = Answer(404, {"content-type": content_type}, b"{}")
    assert read(got, LOOK_UP).meaning is Meaning.UNKNOWN


@pytest.mark.parametrize(("sent", "shown"), [(1, True), (0, False), (True, 1)])
def test_a_boolean_is_no_amount(sent: object, shown: object) -> None:
    got = answer(201, bill(amount_due=shown))
    assert read(got, Expected({"amount_due": sent})).meaning is Meaning.DOUBT


def test_a_boolean_is_no_balance() -> None:
    assert read(answer(201, bill(balance=True)), EXPECTED).code == "api.201.unreadable"


def test_a_balance_of_nothing_tracked_is_fine() -> None:
    assert read(answer(200, bill(balance=None)), LOOK_UP).meaning is Meaning.DONE


def test_an_id_that_looks_like_our_reference_is_told_from_it() -> None:
    reading = read(answer(200, bill(id="B1", external_reference="other")), LOOK_UP)
    assert (reading.meaning, reading.code) == (Meaning.DOUBT, "api.echo_differs")
    assert reading.entity is not None


def test_a_refusal_names_kind_title_and_detail() -> None:
    reading = read(answer(402, kind="card-declined"), EXPECTED)
    assert (reading.code, reading.message) == ("api.402.card_declined", "No: because")


@pytest.mark.parametrize(
    ("document", "code", "message"),
    [
        ({}, "api.400", "HTTP 400"),
        ({"type": "about:blank", "title": "Bad"}, "api.400", "Bad"),
        ({"type": "x#"}, "api.400", "HTTP 400"),
        ({"type": 7, "title": 8, "detail": ["x"]}, "api.400", "HTTP 400"),
        ({"type": "x#A B/c", "detail": "d"}, "api.400.a_b_c", "d"),
        ({"type": "x#" + "k" * 900}, "api.400." + "k" * 64, "HTTP 400"),
        ({"title": "t" * 900}, "api.400", "t" * 500),
        ({"title": "a\x1b[2Jb\nc\u202ed"}, "api.400", "a [2Jb c d"),
    ],
)
def test_a_message_is_short_printable_and_never_missing(
    document: dict[str, Any], code: str, message: str
) -> None:
    reading = read(Answer(400, {}, json.dumps(document).encode()), EXPECTED)
    assert (reading.code, reading.message) == (code, message)


@pytest.mark.parametrize(
    ("status", "kind", "reused"),
    [
        (422, "idempotency-key-reused", True),
        (422, "idempotency_key_in_use", True),
        (422, "duplicate", False),
        (409, "idempotency-key-in-flight", False),
    ],
)
def test_a_used_key_is_told_from_a_refused_record(status: int, kind: str, reused: bool) -> None:
    assert names_key_reuse(read(answer(status, kind=kind), EXPECTED)) is reused


# -- Retry-After (RFC 9110 §10.2.3) --------------------------------------------------------------------------


def limited(retry_after: str | None) -> Reading:
    return Reading(Meaning.SLOW_DOWN, retry_after=retry_after)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("299", 299.0),
        ("301", MAX_RETRY_AFTER_S),
        ("99999999999999999999", MAX_RETRY_AFTER_S),
        ("9" * 5000, MAX_RETRY_AFTER_S),
        ("Fri, 20 Nov 2026 06:00:42 GMT", 42.0),
        ("Friday, 20-Nov-26 06:00:42 GMT", 42.0),
        ("Fri Nov 20 06:00:42 2026", 42.0),
        ("Fri, 20 Nov 2026 08:00:42 +0200", 42.0),
        ("Fri, 20 Nov 2026 05:59:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_S),
        ("Fri, 31 Dec 9999 23:59:59 -0100", None),
        (None, None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("soon", None),
        ("٧", None),
        ("Fri, 99 Nov 2026 06:00:42 GMT", None),
        ("Fri, 20 Nov 99999 06:00:42 GMT", None),
    ],
)
def test_retry_after_is_obeyed_up_to_a_cap(header: str | None, seconds: float | None) -> None:
    assert pause_s(limited(header), now=NOW) == seconds


@pytest.mark.parametrize("wrong", [timedelta(minutes=10), timedelta(minutes=-10), timedelta(days=9000)])
def test_a_date_is_taken_from_that_of_the_answer_whatever_our_clock_says(wrong: timedelta) -> None:
    until, date = (f"Fri, 20 Nov 2026 06:00:{second} GMT" for second in (42, 40))
    assert pause_s(Reading(Meaning.SLOW_DOWN, retry_after=until, date=date), now=NOW + wrong) == 2.0


@given(st.text(max_size=60))
def test_no_retry_after_makes_us_wait_for_ever(header: str) -> None:
    for date in (None, header):
        pause = pause_s(Reading(Meaning.SLOW_DOWN, retry_after=header, date=date), now=NOW)
        assert 0 <= (pause or 0.0) <= MAX_RETRY_AFTER_S


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_date_is_a_pause(at: datetime) -> None:
    header = at.strftime("%a, %d %b ") + f"{at.year:04d}" + at.strftime(" %H:%M:%S GMT")
    pause = pause_s(limited(header), now=NOW + timedelta(microseconds=1))
    assert pause is not None
    assert 0 <= pause <= MAX_RETRY_AFTER_S


def test_the_header_reaches_the_reading() -> None:
    got = Answer(429, {"retry-after": "3"}, b"")
    assert read(got, EXPECTED).retry_after == "3"


# -- whatever comes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"id":' + b"9" * 100_000 + b"}",
        b'{"id":"' + b"x" * 1_000_000 + b'"}',
        b'{"id":NaN,"amount_due":Infinity}',
        b"\xff\xfe\x00",
        b"\x00" * 1000,
        b'{"title":"\\ud800"}',
        b'{"title":"\\ud83d\\ude00"}',
    ],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize("status", [200, 201, 400, 404, 409, 422, 500])
def test_a_hostile_body_is_read_without_a_crash(status: int, body: bytes) -> None:
    reading = read(Answer(status, {"content-type": "application/problem+json"}, body), EXPECTED)
    assert reading.meaning is not Meaning.DONE
    assert reading.message.encode()


def json_values() -> st.SearchStrategy[Any]:
    leaves = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.sampled_from([*BILL.values()])
    )
    names = st.sampled_from([*BILL, "type", "title", "detail", "metadata", "balance"]) | st.text(max_size=5)
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner), max_leaves=12
    )


@given(
    status=st.integers(100, 999) | st.sampled_from([200, 201, 401, 404, 409, 422, 429]),
    headers=st.dictionaries(
        st.sampled_from(["content-type", "idempotent-replayed", "retry-after", "x"]), st.text(max_size=30)
    ),
    body=st.binary(max_size=200) | json_values().map(lambda value: json.dumps(value).encode()),
)
def test_reading_never_raises_and_only_a_true_echo_is_done(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    reading = read(Answer(status, headers, body), EXPECTED)
    assert reading.status == status
    if reading.meaning is Meaning.DONE:
        shown = json.loads(body)
        assert status == 201
        assert all(shown[name] == value for name, value in EXPECTED.fields.items())
    else:
        assert reading.code.startswith("api.")
        assert reading.message.encode()
