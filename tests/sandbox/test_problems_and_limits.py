"""The shape of errors, and the rate limit."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import pytest

from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.switches import Switches
from tests.sandbox.caller import Answer, Caller, customer


def provoke(caller: Caller, status: int) -> Answer:
    """Any answer of that status."""
    caller.post("/billing/customers", customer(), key="first")
    answers = {
        400: lambda: caller.post("/billing/customers", {}),
        401: lambda: caller.call("GET", "/billing/bills/b", headers={"Authorization": "x"}),
        403: lambda: caller.call("GET", "/billing/bills/b", headers={"Authorization": "Bearer pk_x"}),
        404: lambda: caller.get("/billing/bills/nobody"),
        405: lambda: caller.call("DELETE", "/billing/customers/c-1"),
        409: lambda: caller.post("/billing/customers", customer()),
        413: lambda: caller.post("/billing/customers", b" " * 2_000_000),
        422: lambda: caller.post("/billing/customers", {}, key="first"),
    }
    return answers[status]()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422])
def test_every_error_is_a_problem_document(caller: Caller, status: int) -> None:
    answer = provoke(caller, status)
    assert answer.status == status
    assert answer.headers["Content-Type"].split(";")[0] == "application/problem+json"
    assert answer.json.keys() == {"type", "title", "status", "detail", "instance"}
    assert answer.json["status"] == status
    assert answer.json["type"].startswith("https://")
    assert answer.kind.isidentifier()
    assert answer.json["title"] == http.client.responses[status]
    assert all(isinstance(answer.json[name], str) and answer.json[name] for name in ("detail", "instance"))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/billing",
        "/billing/invoices",
        "/billing/bills/b/void/x",
        "/v2/billing/bills/b",
        "/billing/bills",
    ],
)
def test_an_address_that_is_none_is_answered_with_a_problem(caller: Caller, path: str) -> None:
    answer = caller.get(path)
    assert (answer.status, answer.kind) in {(404, "not_found"), (405, "method")}


def test_there_is_no_list_and_no_bulk_endpoint(caller: Caller) -> None:
    for kind in ("customers", "accounts", "bills"):
        assert caller.get(f"/billing/{kind}").status == 405
        assert caller.post(f"/billing/{kind}", json.dumps([customer()]).encode()).status == 400


def test_without_a_limit_nobody_is_turned_away(caller: Caller) -> None:
    assert {caller.get("/billing/bills/nobody").status for _ in range(200)} == {404}


def test_a_second_beyond_the_limit_waits_for_the_next_token(api: SandboxApi, caller: Caller) -> None:
    # So slow a limit that the test itself cannot earn a token; only the moved clock can.
    api.switches = Switches(requests_per_second=0.01)
    statuses = [caller.get("/billing/bills/nobody").status for _ in range(3)]
    api.clock.advance(1000)  # ten tokens' worth, of which one fits
    statuses += [caller.get("/billing/bills/nobody").status for _ in range(2)]
    assert statuses == [404, 429, 429, 404, 429]


def test_a_second_worth_of_requests_may_come_at_once(api: SandboxApi, caller: Caller) -> None:
    caller.get("/billing/bills/nobody")
    api.switches = Switches(requests_per_second=5)
    with ThreadPoolExecutor(4) as pool:

        def burst(_: int) -> int:
            one = Caller(api)
            status = one.get("/billing/bills/nobody").status
            one.close()
            return status

        passed = list(pool.map(burst, range(40))).count(404)
    assert 5 <= passed < 20


def test_what_is_turned_away_is_not_worked_on(api: SandboxApi, caller: Caller) -> None:
    api.switches = Switches(requests_per_second=0.01)
    caller.get("/billing/bills/nobody")
    answer = caller.post("/billing/customers", customer())
    assert (answer.status, answer.kind) == (429, "rate_limited")
    assert api.snapshot()["customers"] == []


def test_the_limit_is_per_key() -> None:
    with SandboxApi(Switches(requests_per_second=0.01), keys={"sk_1", "sk_2"}) as api:
        statuses = []
        for key in ("sk_1", "sk_1", "sk_2"):
            caller = Caller(api, bearer=key)
            statuses.append(caller.get("/billing/bills/nobody").status)
            caller.close()
    assert statuses == [404, 429, 404]


@pytest.mark.parametrize("form", ["none", "seconds", "date"])
def test_retry_after_comes_as_seconds_as_a_date_or_not_at_all(
    api: SandboxApi, caller: Caller, form: Literal["none", "seconds", "date"]
) -> None:
    api.switches = Switches(requests_per_second=0.1, retry_after=form)
    caller.get("/billing/bills/nobody")
    said = caller.get("/billing/bills/nobody").headers.get("Retry-After")
    if form == "none":
        assert said is None
        return
    assert said is not None
    wait_s = (
        int(said) if form == "seconds" else (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
    )
    assert 8 <= wait_s <= 10
