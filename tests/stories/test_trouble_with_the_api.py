"""The API being down, unwilling or unclear never fails a file: it stays, and the next run goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.sandbox.faults import (
    Fault,
    NoFaults,
    Received,
    Scripted,
    Window,
    answer,
    drop_after,
    slow,
    status,
)
from pipeline.sandbox.replies import json_reply
from pipeline.sandbox.serve import TEST_KEY
from tests.stories.files import MODELS, Sample, bills, held_by, said_by
from tests.stories.merchant import Merchant, Said

every_model = pytest.mark.parametrize("sample", MODELS.values(), ids=MODELS)


def always(method: str | None, fault: Fault, *, path: str = "") -> Scripted:
    """The fault on every request of a method, to a path with this text; None: of any method."""

    def fits(request: Received) -> bool:
        return method in {None, request.method} and path in request.path

    return Scripted({fits: fault})


@every_model
def test_while_the_api_is_down_a_file_waits_and_the_next_run_finishes_it(
    merchant: Merchant, sample: Sample
) -> None:
    merchant.write(sample.name, sample.text, merchant.drop)
    merchant.api.stop()
    down = merchant.run()
    assert down.exit_status == 3
    assert down.state == "unfinished"
    assert down.outcomes() == {"not_attempted": len(sample.rows())}
    assert merchant.names_in("drop") == [sample.name]
    assert "does not answer" in down.stderr
    assert {row["codes"] for row in merchant.results(down)} <= {"", "api.never_connected"}

    merchant.api.start()
    up = merchant.run()
    assert up.exit_status == 0
    assert up.outcomes() == {"created": len(sample.rows())}
    assert held_by(merchant.api.snapshot()) == said_by(sample)
    assert merchant.names_in("drop") == []


def test_an_unfinished_file_stays_on_the_server_and_is_not_fetched_again(sftp_merchant: Merchant) -> None:
    sample = MODELS["bill"]
    sftp_merchant.write(sample.name, sample.text, sftp_merchant.incoming)
    sftp_merchant.api.stop()
    assert sftp_merchant.run().exit_status == 3
    assert sftp_merchant.names_in("sftp/incoming") == [sample.name]
    sftp_merchant.api.start()
    said = sftp_merchant.run()
    assert said.outcomes() == {"created": len(sample.rows())}
    assert sftp_merchant.names_in("sftp/incoming") == []
    assert len(sftp_merchant.names_in("sftp/reports")) == 1


@pytest.mark.parametrize("refusal", [401, 403])
def test_a_refused_api_key_stops_the_run_at_once(merchant: Merchant, refusal: int) -> None:
    if refusal == 403:
        merchant.api.expire_key(TEST_KEY)
    else:
        (merchant.folder / "api.key").write_text("sk_test_of_somebody_else")
    merchant.settings["api"]["max_in_flight"] = 2
    rows = [f"C-{n},A-{n},B-{n},1.00" for n in range(30)]
    merchant.write("x_bills_2030-01-01.csv", bills(*rows), merchant.drop)
    merchant.write("y_bills_2030-01-02.csv", bills("C-99,A-99,B-99,1.00"), merchant.drop)
    said = merchant.run()
    assert said.exit_status == 3
    assert said.outcomes("x_bills_2030-01-01.csv") == {"not_attempted": 30}
    assert said.outcomes("y_bills_2030-01-02.csv") == {"not_attempted": 1}
    assert said.requests.total() <= 2
    told = [line for line in said.stderr.splitlines() if "API key" in line]
    assert len(told) == 1
    assert str(refusal) in told[0]
    assert len(merchant.names_in("drop")) == 2


def refused_for(reference: str) -> Callable[[Received], bool]:
    return lambda request: reference.encode() in request.body


def test_a_record_that_the_api_refuses_is_told_with_its_reasons_and_the_others_load(
    merchant: Merchant,
) -> None:
    merchant.api.faults = Scripted({refused_for('"B-2"'): status(400)})
    said = merchant.load(
        merchant.write("x_bills_2030-01-01.csv", bills("C-1,A-1,B-1,1.00", "C-2,A-2,B-2,2.00"))
    )
    assert said.exit_status == 1
    assert said.outcomes() == {"created": 1, "refused": 1}
    assert merchant.results(said)[1]["codes"] == "api.400.injected"
    assert [row["bill_reference"] for row in merchant.rejects(said)] == ["B-2"]


ANOTHER_AMOUNT = answer(
    json_reply(
        201,
        {
            "id": "bill_x",
            "external_reference": "B-1",
            "currency": "ZAR",
            "amount_due": 10_000,
            "customer_id": "bcus_x",
        },
    ),
    Window.AFTER_RECEIPT,
)
UNANSWERED = {
    "no reply ever comes": (drop_after(), "api.cut"),
    "replies come too late": (slow(1.5, Window.BEFORE_REPLY), "api.timed_out"),
    "503 after the work": (status(503, after_work=True, stored=False), "api.503.injected"),
}
unanswered = pytest.mark.parametrize(("fault", "code"), UNANSWERED.values(), ids=UNANSWERED)


def load_unanswered(merchant: Merchant, fault: Fault) -> Said:
    merchant.settings["api"] |= {"timeout_s": 0.3, "max_attempts": 2}
    # A look-up would settle what was only badly answered, so that goes unanswered too.
    merchant.api.faults = always("POST" if fault is ANOTHER_AMOUNT else None, fault)
    merchant.write("x_bills_2030-01-01.csv", bills("C-1,A-1,B-1,1.00"), merchant.drop)
    return merchant.run()


def test_what_only_the_look_up_can_tell_is_told_in_the_same_run(merchant: Merchant) -> None:
    merchant.settings["api"] |= {"max_attempts": 2}
    merchant.api.faults = always("POST", drop_after())
    merchant.write("x_bills_2030-01-01.csv", bills("C-1,A-1,B-1,1.00"), merchant.drop)
    said = merchant.run()
    assert said.exit_status == 0
    assert said.outcomes() == {"created": 1}
    assert len(merchant.held("bills")) == 1


@unanswered
def test_what_was_sent_and_not_answered_is_in_doubt_and_settled_by_the_next_run(
    merchant: Merchant, fault: Fault, code: str
) -> None:
    said = load_unanswered(merchant, fault)
    assert said.exit_status == 3
    assert said.outcomes() == {"in_doubt": 1}
    assert len(merchant.names_in("drop")) == 1

    merchant.api.faults = NoFaults()
    again = merchant.run()
    assert again.exit_status == 0
    assert again.outcomes() == {"created": 1}
    assert len(merchant.held("bills")) == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [*UNANSWERED.values(), (ANOTHER_AMOUNT, "api.echo_differs")],
    ids=[*UNANSWERED, "another amount in the answer"],
)
def test_a_record_in_doubt_says_why(merchant: Merchant, fault: Fault, code: str) -> None:
    said = load_unanswered(merchant, fault)
    assert merchant.results(said)[0]["codes"] == code


def test_when_the_first_records_are_all_refused_alike_the_run_stops(merchant: Merchant) -> None:
    merchant.api.faults = always("POST", status(402))
    rows = [f"C-{n},A-{n},B-{n},1.00" for n in range(200)]
    merchant.settings["api"]["max_in_flight"] = 4
    said = merchant.load(merchant.write("x_bills_2030-01-01.csv", bills(*rows)))
    assert said.exit_status == 3
    assert said.outcomes()["refused"] <= 20 + 4
    assert said.outcomes()["not_attempted"] >= 200 - 24
    assert "refused alike" in said.stderr


def test_an_answer_with_another_amount_is_never_taken_for_ours(merchant: Merchant) -> None:
    merchant.api.faults = always("POST", ANOTHER_AMOUNT)
    said = merchant.load(merchant.write("x_bills_2030-01-01.csv", bills("C-1,,B-1,1.00")))
    assert said.exit_status == 3
    assert said.outcomes() == {"in_doubt": 1}


@pytest.mark.parametrize("all_of_them", [True, False], ids=["no look-up answered", "this one alone not"])
def test_a_look_up_that_is_not_answered_leaves_the_record_open(merchant: Merchant, all_of_them: bool) -> None:
    """Where no question at all is answered the load stops, and the bill, answered with 409, was not made by it."""
    account = {"external_reference": "A-1", "customer": {"external_reference": "C-1"}}
    merchant.post(
        "bills", {"external_reference": "B-1", "currency": "ZAR", "amount_due": 100, "account": account}
    )
    merchant.settings["api"]["max_attempts"] = 2
    merchant.api.faults = always("GET", status(503), path="" if all_of_them else "B-1")
    path = merchant.write("x_bills_2030-01-01.csv", bills("C-1,A-1,B-1,1.00"))
    said = merchant.load(path)
    assert said.exit_status == 3
    assert said.outcomes() == ({"not_attempted": 1} if all_of_them else {"in_doubt": 1})
    assert merchant.results(said)[0]["codes"] == ("" if all_of_them else "api.uncertain")
    merchant.api.faults = NoFaults()
    again = merchant.load(path)
    assert again.exit_status == 0
    assert len(merchant.held("bills")) == 1


@pytest.mark.parametrize("retry_after", ["none", "seconds", "date"])
def test_too_many_requests_only_cost_time(merchant: Merchant, retry_after: str) -> None:
    merchant.switch(requests_per_second=20, retry_after=retry_after)
    rows = [f"C-{n},A-{n},B-{n},1.00" for n in range(30)]
    said = merchant.load(merchant.write("x_bills_2030-01-01.csv", bills(*rows)))
    assert said.exit_status == 0
    assert said.outcomes() == {"created": 30}
    assert said.file["requests"]["rate_limited"] > 0
    assert {row["attempts"] for row in merchant.results(said)} <= {"1", "2", "3", "4", "5", "6"}
