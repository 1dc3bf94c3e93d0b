"""Told step by step: what happens to loaders, and what must come of it here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.sandbox import faults
from pipeline.sandbox.faults import NoFaults, Received, Scripted, Window
from pipeline.sandbox.switches import Switches
from tests.faults.conftest import Open
from tests.faults.rig import KILLED, Killer, Rig
from tests.world import Which, posts

pytestmark = pytest.mark.usefixtures("impatient")

KEYS_ALONE = Switches(allow_duplicate_references=True)
REFERENCES_ALONE = Switches(ignore_idempotency_keys=True)
DAYS = [(datetime.now(UTC).date() + timedelta(days=n)).isoformat() for n in range(3)]


def bill(customer: str, account: str, reference: str, amount: str = "10.00") -> str:
    return f"{customer},Name,{account},{reference},ZAR,{amount},2030-01-01,"


def balance(customer: str, amount: str) -> str:
    return f"{customer},Name,ZAR,{amount}"


def looks(reference: str) -> Which:
    return lambda request: request.method == "GET" and request.path.endswith(f"/{reference}")


def patches(request: Received) -> bool:
    return request.method == "PATCH"


def unaccounted(reference: str) -> Scripted:
    """The work is done, but neither the replies nor any look tell so."""
    return Scripted(
        {posts(reference): faults.drop_after(), looks(reference): faults.status(503, stored=False)}
    )


def balances(rig: Rig) -> dict[str, int]:
    return {each["external_reference"]: each["balance"] for each in rig.api.snapshot()["customers"]}


def asked(rig: Rig, since: int = 0) -> list[tuple[str, str]]:
    return [(each["method"], each["path"]) for each in rig.api.snapshot()["requests"][since:]]


def test_a_nested_bill_is_sent_again_as_it_was_although_its_account_is_known_by_then(open_rig: Open) -> None:
    """Its reply is lost, a sibling learns the account's id, the run is killed; duplicates are allowed on resuming."""
    rig = open_rig(max_attempts=2)
    lost = rig.drop_rows("bill", [bill("C1", "A1", "B1")], "1")
    rig.api.faults = unaccounted("B1")
    assert rig.run().exit_status == 3

    sibling = rig.drop_rows("bill", [bill("C1", "A1", "B2", "20.00")], "2")
    account = rig.api.snapshot()["accounts"][0]["id"]
    killer = Killer()

    def by_id(request: Received) -> bool:
        return posts("B2")(request) and account.encode() in request.body

    rig.api.faults = Scripted(
        {
            posts("B1"): faults.drop_after(),
            looks("B1"): faults.status(503, stored=False),
            by_id: faults.callback(killer.kill, Window.AFTER_BILL),
        }
    )
    assert killer.run(rig) == KILLED

    rig.api.switches = KEYS_ALONE
    rig.calm()
    rig.run_until_done(rounds=1)
    assert rig.audit() == []
    assert rig.outcomes(lost) == rig.outcomes(sibling) == ["created"]


@pytest.mark.parametrize("switches", [Switches(), KEYS_ALONE, REFERENCES_ALONE])
def test_a_deleted_ledger_doubles_nothing(open_rig: Open, switches: Switches) -> None:
    rig = open_rig(switches)
    file = rig.drop_many("bill", 40, 1)
    rig.run_until_done(rounds=1)
    rig.lose_ledger()
    assert rig.load(file).outcomes() == {"unchanged": 40}
    assert rig.audit() == []


def test_a_bill_in_doubt_whose_key_has_expired_is_looked_up_before_anything_is_sent(open_rig: Open) -> None:
    rig = open_rig(KEYS_ALONE, max_attempts=2)
    file = rig.drop_rows("bill", [bill("C1", "A1", "B1"), bill("C2", "", "B2")])
    rig.api.faults = unaccounted("B1")
    assert rig.run().exit_status == 3
    rig.calm()
    rig.api.forget_idempotency_keys()
    rig.change_ledger("UPDATE intents SET first_sent_at = '2026-01-01T00:00:00.000+00:00'")
    before = rig.api.count()
    rig.run_until_done(rounds=1)
    assert asked(rig, before)[0] == ("GET", "/billing/bills/B1")
    assert rig.audit() == []
    assert rig.outcomes(file) == ["created", "created"]


def test_a_stored_402_whose_cause_is_gone_is_created_by_retry(open_rig: Open) -> None:
    rig = open_rig(faults=Scripted({1: faults.status(402, stored=True)}))
    file = rig.drop_rows("bill", [bill("C1", "A1", "B1")])
    assert rig.run().outcomes() == {"refused": 1}
    assert rig.json_command("retry", "all").exit_status == 0
    assert rig.outcomes(file) == ["created"]
    assert rig.audit() == []


def test_a_bill_made_under_its_second_key_is_unchanged_when_the_ledger_is_gone(open_rig: Open) -> None:
    rig = open_rig(faults=Scripted({1: faults.status(500, stored=True)}))
    file = rig.drop_rows("bill", [bill("C1", "A1", "B1")])
    assert rig.run().outcomes() == {"created": 1}
    rig.lose_ledger()
    assert rig.load(file).outcomes() == {"unchanged": 1}
    assert rig.audit() == []


def test_a_payment_between_a_lost_patch_and_its_resuming_survives(open_rig: Open) -> None:
    rig = open_rig()
    rig.drop_rows("customer_balance", [balance("C1", "100.00")], DAYS[0])
    rig.run_until_done(rounds=1)
    killer = Killer()
    rig.given.clear()
    file = rig.drop_rows("customer_balance", [balance("C1", "90.00")], DAYS[1])
    rig.api.faults = Scripted({patches: faults.callback(killer.kill, Window.AFTER_WORK)})
    assert killer.run(rig) == KILLED
    rig.calm()
    rig.api.pay("C1", 3000)
    rig.run_until_done(rounds=1)
    assert rig.outcomes(file) == ["conflict"]
    assert balances(rig) == {"C1": 6000}
    assert rig.audit(may_end_in={"conflict"}, paid={"C1": 3000}) == []


@pytest.mark.parametrize("looking", ["is refused", "fails"])
def test_a_payment_survives_when_the_run_stops_right_after_a_lost_patch(open_rig: Open, looking: str) -> None:
    """The look that should tell whether the balance was set does not come through; the next run takes one."""
    rig = open_rig(max_attempts=2)
    rig.drop_rows("customer_balance", [balance("C1", "100.00")], DAYS[0])
    rig.run_until_done(rounds=1)
    rig.given.clear()
    file = rig.drop_rows("customer_balance", [balance("C1", "90.00")], DAYS[1])
    rig.api.faults = Scripted(
        {
            patches: faults.drop_after(),
            looks("C1"): faults.status(403 if looking == "is refused" else 503),
        }
    )
    assert rig.run().exit_status == 3
    assert rig.outcomes(file) == ["in_doubt"]
    rig.calm()
    rig.api.pay("C1", 3000)
    rig.run_until_done(rounds=1)
    assert balances(rig) == {"C1": 6000}
    assert rig.audit(may_end_in={"conflict"}, paid={"C1": 3000}) == []


@pytest.mark.parametrize("trouble", [looks("B1"), patches])
def test_a_known_bill_that_cannot_be_looked_at_waits_for_the_next_run(open_rig: Open, trouble: Which) -> None:
    rig = open_rig(max_attempts=2)
    rig.drop_rows("bill", [bill("C1", "A1", "B1")], "1")
    rig.run_until_done(rounds=1)
    again = rig.drop_rows("bill", [bill("C1", "A1", "B1") + "E-2", bill("C1", "A1", "B2")], "2")
    rig.api.faults = Scripted({trouble: faults.status(503, stored=False)})
    assert rig.run().exit_status == 3
    assert rig.outcomes(again) == ["not_attempted", "created"]
    rig.calm()
    rig.run_until_done(rounds=1)
    assert rig.audit() == []
    assert rig.outcomes(again) == ["updated", "created"]


def test_retrying_an_older_balance_does_not_undo_a_newer_one(open_rig: Open) -> None:
    """Day 1 is refused, day 2 is loaded, then everything refused is tried again."""
    rig = open_rig()
    for day, amount in zip(DAYS, ("100.00", "90.00", "80.00"), strict=True):
        rig.api.faults = Scripted({patches: faults.status(402)}) if day == DAYS[1] else NoFaults()
        rig.drop_rows("customer_balance", [balance("C1", amount)], day)
        rig.run()
    assert balances(rig) == {"C1": 8000}
    rig.calm()
    assert rig.json_command("retry", "all").exit_status == 1
    assert balances(rig) == {"C1": 8000}
    assert rig.results(rig.given[1])[0]["codes"] == "balance.superseded"


def test_a_day_in_doubt_is_settled_before_the_next_day_is_loaded(open_rig: Open) -> None:
    rig = open_rig(max_attempts=2)
    doubt = Scripted({patches: faults.drop_after(), looks("C1"): faults.status(503)})
    for day, amount in zip(DAYS, ("100.00", "90.00", "80.00"), strict=True):
        rig.api.faults = doubt if day == DAYS[1] else NoFaults()
        rig.drop_rows("customer_balance", [balance("C1", amount)], day)
        assert rig.run().exit_status == (3 if day == DAYS[1] else 0)
    assert balances(rig) == {"C1": 8000}
    assert [rig.outcomes(file) for file in rig.given] == [["created"], ["updated"], ["updated"]]
    assert rig.json_command("retry", "all").exit_status == 0
    assert balances(rig) == {"C1": 8000}


@pytest.mark.parametrize("arrived", [True, False])
def test_a_bill_of_two_files_is_told_created_once(open_rig: Open, arrived: bool) -> None:
    """File A is in doubt, the corrected file B brings the same bill again, A resumes."""
    rig = open_rig(max_attempts=2)
    doubtful = rig.drop_rows("bill", [bill("C1", "A1", "B1"), bill("C1", "A1", "B2")], "a")
    lost = faults.drop_after() if arrived else faults.drop_before()
    rig.api.faults = Scripted({posts("B1"): lost, looks("B1"): faults.status(503)})
    assert rig.run().exit_status == 3
    corrected = rig.drop_rows(
        "bill", [bill("C1", "A1", "B1"), bill("C1", "A1", "B2"), bill("C1", "A1", "B3")], "b"
    )
    assert rig.load(corrected).exit_status == 3  # A's bill is still in doubt, so B's must wait
    rig.calm()
    rig.run_until_done(rounds=2)
    assert rig.audit() == []
    told = rig.outcomes(doubtful) + rig.outcomes(corrected)
    assert (told.count("created"), told.count("unchanged")) == (3, 2)
