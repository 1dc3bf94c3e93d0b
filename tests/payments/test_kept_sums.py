"""The inbox keeps sums of payments: right from the first day on, and read without a look at the payments."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pipeline.edge.ledger.database import open_database
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.paid_by_file import paid_by_file
from pipeline.edge.ledger.inbox.payments import PaymentBook
from pipeline.edge.ledger.inbox.schema import INBOX_MIGRATIONS, open_inbox
from tests.payments.kept_sums import assert_kept_sums_are_right
from tests.payments.merchant import BOUND

FEW, MANY = 20, 2_000


def fill(inbox: Ledger, payments: int) -> None:
    """Payments of all kinds, also of an unknown currency, received twice, dismissed, beyond what was due."""
    for seq in range(1, payments + 1):
        inbox.execute(
            "INSERT INTO deliveries (seq, webhook_id, digest, received_at, signed_at, source, copies)"
            " VALUES (?1, ?1, x'00', '2026-11-20T06:00:00Z', 0, 'webhook', ?1 % 3)",
            (seq,),
        )
        inbox.execute(
            "INSERT INTO payments (seq, outcome, currency, amount_minor, matched_at, dismissed)"
            " VALUES (?1, iif(?1 % 4, 'applied', 'unmatched'), iif(?1 % 5, 'ZAR', NULL), iif(?1 % 5, ?1, NULL),"
            " '', ?1 % 8 = 0)",
            (seq,),
        )
        inbox.execute(
            "INSERT INTO paid_bills (bill_id, bill_reference, currency, due_minor, file_id, record, events_minor)"
            " VALUES ('bill_' || ?1, 'B', 'ZAR', iif(?1 % 3, 5, NULL), iif(?1 % 7, ?1 % 2, NULL), ?1, ?1 % 11)",
            (seq,),
        )


def test_what_an_earlier_version_received_is_added_up(tmp_path: Path) -> None:
    path = tmp_path / "inbox.sqlite"
    with closing(open_database(path, **BOUND, migrations=INBOX_MIGRATIONS[:-1])) as before:  # type: ignore[arg-type]
        fill(before, FEW)
    with closing(open_inbox(path, **BOUND)) as inbox:  # type: ignore[arg-type]
        assert_kept_sums_are_right(inbox)
        assert PaymentBook(inbox).kept_tally().received["ZAR"][0] > FEW / 2
        assert paid_by_file(inbox).keys() == {0, 1}


def test_whatever_becomes_of_a_payment_or_a_bill_the_sums_follow(tmp_path: Path) -> None:
    with closing(open_inbox(tmp_path / "inbox.sqlite", **BOUND)) as inbox:  # type: ignore[arg-type]
        fill(inbox, FEW)
        for change in (
            "UPDATE deliveries SET copies = copies + 2 WHERE seq IN (4, 5)",
            "UPDATE payments SET dismissed = 1 - dismissed WHERE seq IN (4, 8)",
            "UPDATE payments SET outcome = 'applied', currency = 'USD', amount_minor = 70 WHERE seq IN (5, 12)",
            "UPDATE paid_bills SET due_minor = 3, currency = 'USD' WHERE record = 9",
            "UPDATE paid_bills SET refunded_minor = 20 WHERE record = 10",
            "UPDATE paid_bills SET differences_minor = 1 WHERE record = 11",
            "UPDATE paid_bills SET file_id = NULL WHERE record = 12",
            "UPDATE paid_bills SET file_id = 3 WHERE record = 14",
            "DELETE FROM paid_bills WHERE record IN (9, 13)",
        ):
            inbox.execute(change)
            assert_kept_sums_are_right(inbox)


def steps(tmp_path: Path, payments: int) -> int:
    """What SQLite does for both sums."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1

    with closing(open_inbox(tmp_path / f"{payments}.sqlite", **BOUND)) as inbox:  # type: ignore[arg-type]
        fill(inbox, payments)
        inbox.set_progress_handler(step, 1)
        PaymentBook(inbox).kept_tally()
        paid_by_file(inbox)
    return done


def test_the_sums_are_read_without_a_look_at_each_payment(tmp_path: Path) -> None:
    assert 0 < steps(tmp_path, MANY) < steps(tmp_path, FEW) * 1.2
