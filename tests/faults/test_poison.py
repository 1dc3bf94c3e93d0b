"""One bill that the API chokes on holds up neither its file nor the next; an API that does no work is given a rest."""

from __future__ import annotations

import pytest

from pipeline.sandbox import faults
from pipeline.sandbox.faults import Received, Scripted
from tests.faults.conftest import Open

pytestmark = pytest.mark.usefixtures("impatient")


def row(number: int) -> str:
    return f"C{number},Name,A{number},B{number},ZAR,{number + 1}.00,2030-01-01,"


def posts(request: Received) -> bool:
    return request.method == "POST"


def test_a_bill_that_always_fails_does_not_hold_up_the_next_file(open_rig: Open) -> None:
    def of_b1(request: Received) -> bool:
        return posts(request) and b'"B1"' in request.body

    rig = open_rig(faults=Scripted({of_b1: faults.status(500, stored=False)}), max_attempts=3)
    choking = rig.drop_rows("bill", [row(number) for number in range(5)], "1")
    assert rig.run().exit_status == 3
    following = rig.drop_rows("bill", [row(number) for number in range(5, 9)], "2")
    ran = rig.run()
    assert ran.exit_status == 3
    assert rig.outcomes(choking).count("in_doubt") == 1
    assert rig.outcomes(following) == ["created"] * 4
    rig.calm()
    rig.run_until_done(rounds=1)
    assert rig.audit() == []


def test_an_api_that_answers_but_does_no_work_ends_the_run(open_rig: Open) -> None:
    rig = open_rig(
        faults=Scripted({posts: faults.status(500, stored=False)}), max_attempts=2, max_in_flight=8
    )
    rig.drop_rows("bill", [row(number) for number in range(200)])
    ran = rig.run()
    assert ran.exit_status == 3
    assert "does not answer" in ran.stderr
    assert ran.outcomes()["not_attempted"] >= 165
    rig.calm()
    rig.run_until_done(rounds=1)
    assert rig.audit() == []
