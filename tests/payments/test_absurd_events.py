"""Events that are signed and absurd, or contradict what was loaded: no run fails, and nothing is posted twice."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from pipeline.core.payments.events import MAX_AMOUNT_MINOR
from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.inbox.deliveries import WebhookDelivery, store_deliveries
from pipeline.edge.ledger.inbox.exports import Exports
from pipeline.edge.ledger.inbox.payments import PaymentBook
from pipeline.edge.ledger.inbox.questions import Questions
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.edge.ledger.inbox.views import InboxViews
from tests.payments.merchant import BOUND, Merchant
from tests.payments.test_sweep import sweep, told_minor
from tests.seeds import cases
from tests.serve.running import payment_body


def test_sums_of_the_largest_amounts_stay_within_64_bits(merchant: Merchant) -> None:
    """Many events for one bill; what a step costs grows with their number, not with its square."""
    merchant.load()
    bill, count = merchant.ids()["B1"], cases(10_000, soak=100_000)
    with closing(open_inbox(inbox_path(merchant.work_dir), **BOUND)) as inbox:  # type: ignore[arg-type]
        store_deliveries(
            inbox,
            [
                WebhookDelivery(f"msg_{number}", 1, "webhook", _paid(number, bill, MAX_AMOUNT_MINOR))
                for number in range(count)
            ],
            datetime.now(UTC),
        )
    began = os.times().user
    said = merchant.command("payments", "export")
    assert said.exit_status == 0, said.stderr
    assert os.times().user - began < count / 2500  # 70 µs each
    (told,) = {row["bill_paid_total_minor"] for row in merchant.told()}
    assert int(told) == count * MAX_AMOUNT_MINOR
    (zar,) = merchant.status()["currencies"]
    assert zar["received"] == zar["by_outcome"]["applied"] == count


def test_what_contradicts_its_bill_is_posted_once_when_a_sweep_finds_it(merchant: Merchant) -> None:
    """The event names another account than the bill has; the API shows the payment."""
    merchant.load()
    _pay_with_another_owner(merchant)
    assert told_minor(merchant) == 0
    assert [(row["kind"], row["outcome"]) for row in merchant.told()] == [("conflict", "conflict")]
    sweep(merchant)
    assert told_minor(merchant) == 300
    assert merchant.told()[-1]["bill_status"] == "part_paid"


def test_what_was_posted_before_it_contradicted_its_bill_is_not_posted_again(merchant: Merchant) -> None:
    """It was told while its bill was not known yet."""
    merchant.load(name="x_bills.csv")
    _pay_with_another_owner(merchant, lose=True)
    assert told_minor(merchant) == 300
    merchant.load(name="x_bills.csv")
    merchant.command("run")
    assert [(row["kind"], row["outcome"]) for row in merchant.told()] == [
        ("payment", "waiting"),
        ("late_match", "conflict"),
    ]
    sweep(merchant)
    assert told_minor(merchant) == 300


def _pay_with_another_owner(merchant: Merchant, *, lose: bool = False) -> None:
    bill, account = merchant.ids()["B1"], merchant.ids("accounts")["A2"]
    if lose:
        merchant.lose_ledger()
    merchant.api.pay("B1", 300, told=False)
    merchant.receive(1, bill_id=bill, account_id=account, amount=300)


def _paid(number: int, bill: str, amount: int) -> bytes:
    return payment_body(number, bill_id=bill, amount=amount)


def test_an_idle_run_does_not_read_what_was_paid_long_ago(tmp_path: Path) -> None:
    """Payments that are settled and told cost a pass of `watch` nothing, however many there are."""
    count = 20_000
    with closing(open_inbox(tmp_path / "inbox.sqlite", **BOUND)) as inbox:  # type: ignore[arg-type]
        with transaction(inbox):
            inbox.execute("INSERT INTO exports VALUES (1, 'n', '2026-11-29', 1, '{}', 's', '2026-11-29')")
            inbox.executemany(
                "INSERT INTO deliveries VALUES (?, ?, x'', '2026-11-29', 1, 'webhook', x'', 0)",
                ((seq, f"msg_{seq}") for seq in range(count)),
            )
            inbox.execute(
                "INSERT INTO payments (seq, outcome, currency, amount_minor, account_id, matched_at, exported_in,"
                " told_as) SELECT seq, 'applied', 'ZAR', 1, 'bacc_1', '2026-11-29', 1, 'applied' FROM deliveries"
            )
        steps = 0

        def step() -> int:
            nonlocal steps
            steps += 1
            return 0

        inbox.set_progress_handler(step, 1000)
        book, now = PaymentBook(inbox), datetime.now(UTC)
        assert not book.has_new()
        assert book.open_payments(0, 500) == []
        assert Questions(inbox).due_owners("", now, "", 100) == []
        assert Exports(inbox).pending_rows() == []
        assert Exports(inbox).pending() == []
        InboxViews(inbox).to_check()
        InboxViews(inbox).facts()
    assert steps < count / 1000, "thousands of SQLite's instructions: less than one for each payment"
