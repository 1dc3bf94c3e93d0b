"""What each delivery comes to: one outcome, by ids alone; what is paid follows from sums, never from the order."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.deliveries import WebhookDelivery, store_deliveries
from pipeline.edge.ledger.inbox.payments import PaymentBook
from pipeline.edge.ledger.inbox.schema import open_inbox
from pipeline.payments.match_events import EventMatcher
from pipeline.sandbox.serve import SandboxApi
from tests.payments.kept_sums import assert_kept_sums_are_right
from tests.payments.merchant import BALANCES, BOUND, Merchant, opened_ledger
from tests.seeds import cases
from tests.serve.running import payment_body

NOW = datetime(2026, 11, 29, 6, tzinfo=UTC)
DUE = {"B1": 1000, "B2": 2050, "B3": 500}


def test_three_parts_out_of_order_with_a_duplicate_are_paid_once(merchant: Merchant) -> None:
    merchant.load()
    bill = merchant.ids()["B1"]
    for number, amount in ((3, 500), (1, 200), (2, 300)):
        merchant.receive(number, bill_id=bill, amount=amount)
    merchant.receive(1, bill_id=bill, amount=200, webhook_id="msg_again")
    assert merchant.command("run").exit_status == 0
    assert [each["outcome"] for each in merchant.listed()] == ["applied"] * 3 + ["duplicate"]
    assert {(each["bill_status"], each["bill_paid_minor"]) for each in merchant.listed()} == {("paid", 1000)}
    merchant.receive(4, bill_id=bill, amount=1)
    merchant.command("run")
    assert merchant.listed("--bill", "B1")[-1]["bill_status"] == "overpaid"


def test_a_payment_before_its_bill_waits_and_is_told_again_once_it_is_matched(merchant: Merchant) -> None:
    """The id is known beforehand: another sandbox of the same salt gives the same ones."""
    merchant.load(name="x_bills.csv")
    bill = merchant.ids()["B1"]
    merchant.lose_ledger()
    merchant.receive(1, bill_id=bill, amount=1000)
    merchant.command("run")
    (waiting,) = merchant.listed("--open")
    assert (waiting["outcome"], waiting["codes"]) == ("waiting", ["payment.bill_unknown"])
    merchant.load(name="x_bills.csv")
    merchant.command("run")
    (applied,) = merchant.listed()
    assert (applied["outcome"], applied["bill_reference"], applied["bill_status"]) == (
        "applied",
        "B1",
        "paid",
    )
    assert [(row["kind"], row["outcome"], row["bill_reference"]) for row in merchant.told()] == [
        ("payment", "waiting", ""),
        ("late_match", "applied", "B1"),
    ]


def test_what_contradicts_is_a_conflict_and_counts_for_no_bill(merchant: Merchant) -> None:
    merchant.load()
    ids = merchant.ids()
    merchant.receive(1, bill_id=ids["B1"], amount=100)
    merchant.receive(1, bill_id=ids["B1"], amount=101, webhook_id="msg_other_amount")
    merchant.receive(2, bill_id=ids["B1"], currency="USD")
    merchant.receive(3, bill_id=ids["B1"], account_id=merchant.ids("accounts")["A2"])
    merchant.command("run")
    listed = merchant.listed()
    assert [(each["outcome"], each["codes"]) for each in listed] == [
        ("applied", []),
        ("conflict", ["payment.amount_differs"]),
        ("conflict", ["payment.currency_differs"]),
        ("conflict", ["payment.owner_differs"]),
    ]
    assert listed[0]["bill_paid_minor"] == 100


def test_a_payment_of_an_account_with_a_balance_is_applied_to_it(merchant: Merchant) -> None:
    merchant.load(BALANCES, "may_balances.csv")
    account = merchant.ids("accounts")["A9"]
    merchant.receive(1, bill_id=None, account_id=account, amount=3000)
    merchant.command("run")
    (payment,) = merchant.listed()
    assert (payment["outcome"], payment["account_reference"]) == ("applied", "A9")
    assert (payment["customer_reference"], payment["bill_status"]) == ("C9", None)


def test_deliveries_of_other_types_and_shapes_are_kept_and_counted(merchant: Merchant) -> None:
    merchant.receive_body(b'{"id":"evt_7","type":"obligation.refunded","data":{}}', "msg_type")
    merchant.receive_body(b"\xff", "msg_shape")
    merchant.receive_body(b"\xff", "msg_shape")
    assert merchant.status()["not_read"] == 2
    merchant.command("run")
    (unknown,) = merchant.status()["currencies"]
    assert (unknown["currency"], unknown["received"]) == ("?", 3)
    assert unknown["by_outcome"] == {"ignored": 1, "unreadable": 1, "duplicate": 1}
    assert merchant.payments_files() == []


def test_retention_and_dry_runs_leave_the_inbox_alone(merchant: Merchant) -> None:
    merchant.load()
    merchant.receive(1, bill_id=merchant.ids()["B1"])
    merchant.command("run", "--dry-run")
    assert merchant.status()["not_read"] == 1


# -- sequences against an oracle --


class Sent(NamedTuple):
    """One delivery of a sequence: payment `number` of a bill, under a webhook id."""

    bill: str
    number: int
    amount: int
    webhook: int


sent = st.builds(
    Sent,
    bill=st.sampled_from(sorted(DUE)),
    number=st.integers(1, 5),
    amount=st.sampled_from((1, 200, 300, 500, 1000)),
    webhook=st.integers(1, 3),
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, dict[str, str]]]:
    """A ledger with three bills, and their ids."""
    with SandboxApi() as api:
        merchant = Merchant(tmp_path_factory.mktemp("loaded"), api)
        merchant.load()
        with opened_ledger(merchant.work_dir) as ledger:
            yield ledger, merchant.ids()


_numbers = itertools.count()


@settings(max_examples=cases(100, soak=2000), deadline=None)
@given(sequence=st.lists(sent, max_size=14), cut=st.integers(0, 14))
def test_what_is_paid_is_what_an_oracle_says(
    loaded: tuple[Ledger, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
    sequence: list[Sent],
    cut: int,
) -> None:
    """Settled in one go or in two, in any order, with repetitions: the same sums, and every delivery counted."""
    ledger, ids = loaded
    path = tmp_path_factory.getbasetemp() / f"inbox-{next(_numbers)}.sqlite"
    with closing(open_inbox(path, **BOUND)) as inbox:  # type: ignore[arg-type]
        matcher = EventMatcher(inbox, ledger)
        for part in (sequence[:cut], sequence[cut:]):
            store_deliveries(inbox, [delivery(each, ids) for each in part], NOW)
            matcher.settle_new(NOW)
        book = PaymentBook(inbox)
        tally = book.tally()
        tally.check()
        assert_kept_sums_are_right(inbox)
        paid = book.paid_of(ids.values())
    first: dict[tuple[str, int], int] = {}
    for each in sequence:
        first.setdefault((each.bill, each.number), each.amount)
    expected: dict[str, int] = defaultdict(int)
    for (bill, _), amount in first.items():
        expected[ids[bill]] += amount
    assert {bill: known.events_minor for bill, known in paid.items()} == expected
    assert sum(count for count, _ in tally.received.values()) == len(sequence)
    path.unlink()


def delivery(each: Sent, ids: dict[str, str]) -> WebhookDelivery:
    """The same payment under the same webhook id has the same body."""
    number = int(each.bill[1:]) * 10 + each.number
    body = payment_body(number, bill_id=ids[each.bill], amount=each.amount)
    return WebhookDelivery(f"msg_{number}_{each.webhook}", 1, "webhook", body)
