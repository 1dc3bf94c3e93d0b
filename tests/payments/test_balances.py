"""A balance file never makes a customer owe again what was paid (law 10), under both answers to open question 9."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.payments.match_events import EventMatcher
from pipeline.sandbox.faults import Scripted, Window, callback, drop
from pipeline.sandbox.serve import SandboxApi
from tests.payments.merchant import BOUND, Merchant, opened_ledger
from tests.seeds import cases, each_once

HEADER = "customer_reference,customer_name,account_reference,balance,payments_included_until\n"


@pytest.fixture(params=[True, False], ids=["balance falls", "balance stays"])
def falls(request: pytest.FixtureRequest, merchant: Merchant) -> bool:
    """The answers to open question 9."""
    merchant.api.switches = replace(merchant.api.switches, balance_falls=request.param)
    return bool(request.param)


def file(merchant: Merchant, day: int, balance: str, included: str = "") -> dict[str, str]:
    """Load the balance file of a day; the only row of its results."""
    name = f"x_balances_{day}.csv"
    path = merchant.folder / name
    path.write_text(f"{HEADER}C9,Day {day},A9,{balance},{included}\n")
    merchant.command("load", path)
    (row,) = merchant.reported(name)
    return row


def held(merchant: Merchant) -> int:
    """The balance at the API, in minor units."""
    balance: int = merchant.held("accounts")["A9"]["balance"]
    return balance


def pay(merchant: Merchant, number: int, amount: int, *, told: bool = True) -> None:
    """A customer pays now, and the event comes, or not yet."""
    payment = merchant.api.pay("A9", amount, told=False)
    if told:
        merchant.receive(
            number,
            bill_id=None,
            account_id=merchant.ids("accounts")["A9"],
            amount=amount,
            created_at=payment.at.isoformat(),
        )


def report(merchant: Merchant, *, later: bool = False) -> None:
    """The vendor's reports of all payments and refunds so far come, and are taken in.

    Their times are whole seconds, which may seem to be before what came first; `later`: the second's end.
    """
    for day in {each.at.date() for each in merchant.api.payments} | {datetime.now(UTC).date()}:
        path = merchant.folder / f"recon_{day}.csv"
        text = merchant.api.reconciliation_report(day).text
        path.write_text(text.replace("Z,", ".999Z,") if later else text)
        merchant.command("payments", "match", path)


def test_a_file_exported_before_a_payment_does_not_undo_it(merchant: Merchant, falls: bool) -> None:
    """Exported at 06:00, paid at 06:30, loaded at 07:00."""
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000)
    before = held(merchant)
    assert before == (7000 if falls else 10000)
    row = file(merchant, 2, "120.00")
    assert (row["outcome"], row["codes"]) == ("conflict", "balance.paid_since")
    assert "ZAR 120.00" in row["message"]
    assert "payments of ZAR 30.00 are not in the file's balance" in row["message"]
    assert held(merchant) == before


def test_payments_are_subtracted_where_the_feed_says_so(merchant: Merchant, falls: bool) -> None:
    merchant.settings["feeds"][1]["net_payments"] = True
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000)
    row = file(merchant, 2, "120.00")
    assert row["outcome"] == "updated"
    assert row["message"] == "ZAR 90.00 was set: payments of ZAR 30.00 are subtracted"
    assert held(merchant) == 9000
    pay(merchant, 2, 1000)
    file(merchant, 3, "120.00")
    assert held(merchant) == 8000


@pytest.mark.parametrize(
    ("included", "outcome"),
    [
        ("1", "updated"),
        ("0", "conflict"),
        ("", "conflict"),
        ("{now:%Y-%m-%d %H:%M:%S}Z", "updated"),
        ("{now:%Y-%m-%dT%H:%M:%S}+00:00", "updated"),
        ("2026-01-01 18:00", "conflict"),
    ],
)
def test_what_counts_is_what_was_posted_and_not_when_it_was_paid(
    merchant: Merchant, included: str, outcome: str
) -> None:
    """Paid at 20:00 the day before, handed over at 18:00 of the next day."""
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000)
    merchant.command("payments", "export")
    assert file(merchant, 2, "70.00", included.format(now=datetime.now(UTC)))["outcome"] == outcome
    assert held(merchant) == 7000


@pytest.mark.parametrize(
    ("included", "net"),
    each_once(["2", "999999", "2099-01-01 18:00", "2099-01-01T18:00:00+02:00"], [True, False]),
)
def test_a_file_cannot_include_what_has_not_come_yet(
    merchant: Merchant, falls: bool, included: str, net: bool
) -> None:
    """One payments file was written; a wrong statement raises no balance."""
    merchant.settings["feeds"][1]["net_payments"] = net
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000)
    merchant.command("payments", "export")
    before = held(merchant)
    row = file(merchant, 2, "120.00", included)
    assert (row["outcome"], row["codes"]) == ("conflict", "balance.paid_since")
    assert "payments_included_until names a payments file or a time that has not come yet" in row["message"]
    assert held(merchant) == before


def test_a_payment_that_was_received_before_explains_no_later_fall(merchant: Merchant) -> None:
    """The API's clock is ahead, so the first payment seems to be made after the balance was set."""
    file(merchant, 1, "100.00")
    ahead = merchant.api.pay("A9", 3000, told=False).at + timedelta(minutes=5)
    account = merchant.ids("accounts")["A9"]
    merchant.receive(1, bill_id=None, account_id=account, amount=3000, created_at=ahead.isoformat())
    merchant.command("payments", "export")
    assert file(merchant, 2, "70.00", "1")["outcome"] == "updated"
    pay(merchant, 2, 3000, told=False)
    assert file(merchant, 3, "90.00", "1")["codes"] == "balance.paid_since"
    assert held(merchant) == 4000


def test_a_payment_that_came_before_its_account_was_known_counts_for_the_next_file(
    merchant: Merchant, falls: bool
) -> None:
    """Of two files of one run: while the first makes the account, its payment is read, and waits."""
    merchant.settings["feeds"][1]["net_payments"] = True

    def paid(_: object) -> None:
        pay(merchant, 1, 3000)
        with (
            closing(open_inbox(inbox_path(merchant.work_dir), **BOUND)) as inbox,  # type: ignore[arg-type]
            opened_ledger(merchant.work_dir) as ledger,
        ):  # as a look for another record of that load does it
            EventMatcher(inbox, ledger).settle_new(datetime.now(UTC))

    made = Window.BEFORE_REPLY
    merchant.api.faults = Scripted({1: callback(paid, made)})
    for day, balance in ((1, "100.00"), (2, "120.00")):
        (merchant.folder / "drop" / f"x_balances_{day}.csv").write_text(
            f"{HEADER}C9,Day {day},A9,{balance},\n"
        )
    assert merchant.command("run").exit_status == 0
    (row,) = merchant.reported("x_balances_2.csv")
    assert row["message"] == "ZAR 90.00 was set: payments of ZAR 30.00 are subtracted"
    assert held(merchant) == 9000


def test_a_payment_that_is_in_no_file_yet_is_never_included(merchant: Merchant, falls: bool) -> None:
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000)
    before = held(merchant)
    assert file(merchant, 2, "120.00", "999999")["outcome"] == "conflict"
    assert held(merchant) == before


def test_a_fall_that_no_payment_explains_is_not_undone(merchant: Merchant) -> None:
    """Its event has not come yet; subtracting payments cannot help."""
    merchant.settings["feeds"][1]["net_payments"] = True
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000, told=False)
    row = file(merchant, 2, "120.00")
    assert (row["outcome"], row["codes"]) == ("conflict", "balance.paid_since")
    assert "ZAR 30.00 less is owed there without a payment that is known" in row["message"]
    assert held(merchant) == 7000


def test_the_control_file_may_say_what_is_included(merchant: Merchant) -> None:
    merchant.settings["feeds"][1]["control"] = {"kind": "sidecar", "required": False}
    file(merchant, 1, "100.00")
    pay(merchant, 1, 3000)
    merchant.command("payments", "export")
    control = merchant.folder / "x_balances_2.csv.ctl"
    control.write_text('{"records": 1, "amounts": {"ZAR": "70.00"}, "payments_included_until": 1}')
    assert file(merchant, 2, "70.00")["outcome"] in {"updated", "unchanged"}
    assert held(merchant) == 7000


def test_a_wrong_number_of_a_file_rejects_the_record(merchant: Merchant) -> None:
    assert file(merchant, 1, "100.00", "last week")["codes"] == "payments_included_until.format"


@pytest.mark.parametrize(("amount", "outcome"), [(1500, "updated"), (2000, "conflict")])
def test_a_lost_answer_beside_a_payment_is_settled_by_the_payment(
    merchant: Merchant, amount: int, outcome: str
) -> None:
    """The PATCH worked and its answer was lost; then a customer paid, and the event came: nobody needs to look.

    Where exactly the rise was paid, the old balance is there again: as if the PATCH had not worked.
    """
    file(merchant, 1, "100.00")

    def paid(_: object) -> None:
        pay(merchant, 1, amount)

    number = len(merchant.api.snapshot()["requests"])
    merchant.api.faults = Scripted(
        {number + 2: drop(Window.BEFORE_REPLY), number + 3: callback(paid, Window.BEFORE_RECEIPT)}
    )
    row = file(merchant, 2, "120.00")
    assert row["outcome"] == outcome
    assert held(merchant) == 12000 - amount


@dataclass(frozen=True)
class Day:
    """What happens on one day: a charge, payments, a refund of the oldest, whether they are told and handed over, and
    what the merchant has posted when its file is exported.
    """

    charge: int
    paid: tuple[int, ...]
    refunded: bool
    reported: bool
    """Whether the vendor's report, with all refunds until then, comes before the file."""
    handed_over: bool
    posted: bool


days = st.lists(
    st.builds(
        Day,
        charge=st.sampled_from((0, 1000, 2500)),
        paid=st.lists(st.sampled_from((100, 700)), max_size=2).map(tuple),
        refunded=st.booleans(),
        reported=st.booleans(),
        handed_over=st.booleans(),
        posted=st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=cases(5, soak=150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(
    days=[
        Day(0, (700,), True, True, handed_over=True, posted=True),
        Day(1000, (), False, False, False, False),
    ],
    net=True,
    falls=True,
    undone=True,
)
@given(days=days, net=st.booleans(), falls=st.booleans(), undone=st.booleans())
def test_no_load_makes_anybody_owe_again_what_was_paid(
    tmp_path_factory: pytest.TempPathFactory, days: list[Day], net: bool, falls: bool, undone: bool
) -> None:
    """Under either answer to open question 9, and whether or not the API's balance rises again by a refund."""
    with SandboxApi() as api:
        api.switches = replace(api.switches, balance_falls=falls, refunds_undo=undone)
        merchant = Merchant(tmp_path_factory.mktemp("law"), api)
        merchant.settings["feeds"][1]["net_payments"] = net
        charged, paid, told_until, posted_until = 10000, 0, 0, 0
        posted = {0: 0}
        """Number of a payments file → what was paid in all when it was made, less refunds that were known."""
        number, refunds, given_back, reported = 0, 0, 0, 0
        file(merchant, 1, "100.00")
        for day, happens in enumerate(days, start=2):
            charged += happens.charge
            exported = charged - posted[posted_until]
            included = str(posted_until) if posted_until else ""
            for amount in happens.paid:
                number += 1
                pay(merchant, number, amount)
                paid += amount
            if happens.refunded and refunds < number:
                given_back += api.refund(api.payments[refunds].id)[0].payment.amount_minor
                refunds += 1
            if happens.reported and number:
                report(merchant)
                paid, reported = paid + reported - given_back, given_back
            before = held(merchant)
            row = file(merchant, day, f"{exported / 100:.2f}", included)
            if row["outcome"] in {"updated", "unchanged"}:
                assert held(merchant) == charged - paid
            else:
                assert held(merchant) == before
                assert not net
            if happens.handed_over:
                merchant.command("payments", "export")
                files = len(merchant.payments_files())
                if files > told_until:
                    told_until = files
                    posted[files] = paid
            if happens.posted:
                posted_until = told_until
