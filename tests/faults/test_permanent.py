"""What is refused for good, or cannot be reached, can never read as success: not in exit status, report or ledger."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from pipeline.sandbox import faults
from pipeline.sandbox.faults import Fault, Received, Scripted, Window
from pipeline.sandbox.replies import Reply
from pipeline.sandbox.serve import TEST_KEY
from tests.faults.conftest import Open
from tests.faults.files import rows
from tests.faults.rig import Rig
from tests.seeds import each_once

pytestmark = pytest.mark.usefixtures("impatient")


def row(number: int) -> str:
    return f"C{number},Name,A{number},B{number},ZAR,{number + 1}.00,2030-01-01,"


def of_b3(request: Received) -> bool:
    return request.method == "POST" and b'"B3"' in request.body


@pytest.mark.parametrize("code", [400, 402, 404, 422])
@pytest.mark.parametrize("stored", [False, True])
def test_a_bill_refused_for_good_shows_in_exit_status_report_and_ledger(
    open_rig: Open, code: int, stored: bool
) -> None:
    rig = open_rig(faults=Scripted({of_b3: faults.status(code, stored=stored)}))
    file = rig.drop_rows("bill", [row(number) for number in range(6)])
    ran = rig.run()
    assert ran.exit_status == 1
    assert ran.outcomes() == {"created": 5, "refused": 1}
    assert rig.results(file)[3]["codes"].startswith(f"api.{code}")
    assert rig.ledger("SELECT record FROM outcomes WHERE outcome = 'refused'") == [(4,)]
    assert rig.ledger("SELECT state FROM files") == [("loaded_with_rejects",)]
    assert rig.audit(may_end_in={"refused"}) == []


def nobody_listens(rig: Rig) -> str:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


UNREACHABLE: dict[str, tuple[Callable[[Rig], str], str]] = {
    "connection refused": (nobody_listens, "the Billing API does not answer"),
    "no such name": (lambda _: "https://billing.invalid", "the Billing API does not answer"),
    "TLS that is none": (
        lambda rig: rig.api.url.replace("http:", "https:"),
        "could not be verified as the Billing API",
    ),
}
"""Trouble → the address that has it, and what the run's one line says."""


@pytest.mark.parametrize("trouble", UNREACHABLE)
def test_an_api_that_cannot_be_reached_leaves_every_record_not_attempted(
    open_rig: Open, trouble: str
) -> None:
    rig = open_rig(max_attempts=2, timeout_s=2)
    file = rig.drop_rows("bill", [row(number) for number in range(6)])
    address, said = UNREACHABLE[trouble]
    rig.configure_api(base_url=address(rig))
    ran = rig.run()
    assert ran.exit_status == 3
    assert ran.outcomes() == {"not_attempted": 6}
    assert rig.outcomes(file) == ["not_attempted"] * 6
    assert rig.ledger("SELECT state FROM files") == [("unfinished",)]
    assert ran.stderr.count(said) == 1
    rig.configure_api(base_url=rig.api.url)
    rig.run_until_done(rounds=1)
    assert rig.audit() == []


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_is_no_success(open_rig: Open, code: int) -> None:
    rig = open_rig(max_attempts=2)
    elsewhere = Reply(code, b"", headers={"Location": f"{rig.api.url}/billing/bills"})
    rig.api.faults = Scripted({lambda _: True: faults.answer(elsewhere, Window.BEFORE_RECEIPT)})
    rig.drop_rows("bill", [row(number) for number in range(6)])
    ran = rig.run()
    assert ran.exit_status == 3
    assert not {"created", "unchanged", "updated"} & ran.outcomes().keys()
    assert rig.api.snapshot()["bills"] == []
    rig.calm()
    rig.run_until_done(rounds=1)
    assert rig.audit() == []


@pytest.mark.parametrize(
    ("refusal", "begin"),
    each_once([faults.status(401, stored=False), faults.status(403, stored=False), None], [100, 1]),
)
def test_a_refused_api_key_stops_the_run_with_one_line(
    open_rig: Open, begin: int, refusal: Fault | None
) -> None:
    """`None`: the key really expires. At most `max_in_flight` requests follow the first refusal."""
    rig = open_rig(max_in_flight=8)
    rig.drop_rows("bill", rows("bill", 200, 1))
    expires = faults.callback(lambda _: rig.api.expire_key(TEST_KEY), Window.BEFORE_RECEIPT)
    rig.api.faults = Scripted({lambda request: request.number >= begin: refusal or expires})
    ran = rig.run()
    assert ran.exit_status == 3
    assert ran.stderr.count("the API key was refused with 40") == 1
    statuses = [request["status"] for request in rig.api.snapshot()["requests"]]
    refused = next(number for number, status in enumerate(statuses) if status in {401, 403})
    assert len(statuses) - refused - 1 <= 8
    counts = ran.outcomes()
    assert counts.keys() <= {"created", "not_attempted"}
    assert counts["not_attempted"] >= 200 - begin
    rig.calm()
    rig.api.renew_key(TEST_KEY)
    rig.run_until_done(rounds=1)
    assert rig.audit() == []


ASKS_FOR_PATIENCE = {
    "429 in seconds": faults.status(429, stored=False, retry_after="1"),
    "429 without a word": faults.status(429, stored=False),
    "429 by a past date": faults.status(429, stored=False, retry_after="Sun, 06 Nov 1994 08:49:37 GMT"),
    "429 nonsense": faults.status(429, stored=False, retry_after="soon"),
    "503 in seconds": faults.status(503, stored=False, retry_after="1"),
    "503 absurd": faults.status(503, stored=False, retry_after="99999999"),
}


@pytest.mark.parametrize("words", ASKS_FOR_PATIENCE)
def test_asked_for_patience_the_run_has_some_and_loses_nothing(open_rig: Open, words: str) -> None:
    rig = open_rig(faults=Scripted(dict.fromkeys((5, 6), ASKS_FOR_PATIENCE[words])))
    rig.drop_rows("bill", rows("bill", 20, 1))
    rig.run_until_done(rounds=1)
    assert rig.audit() == []


def test_asked_for_absurd_patience_the_run_ends_and_the_next_goes_on(open_rig: Open) -> None:
    rig = open_rig(faults=Scripted({5: faults.status(429, stored=False, retry_after="99999999")}))
    rig.drop_rows("bill", rows("bill", 20, 1))
    assert rig.run().exit_status == 3
    rig.run_until_done(rounds=1)
    assert rig.audit() == []
