"""Sums that the inbox keeps, compared with those made afresh of all rows."""

from __future__ import annotations

from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.inbox.paid_by_file import PaidSum, paid_by_file
from pipeline.edge.ledger.inbox.payments import PaymentBook


def assert_kept_sums_are_right(inbox: Ledger) -> None:
    book = PaymentBook(inbox)
    assert book.kept_tally() == book.tally()
    rows = inbox.execute(
        "SELECT file_id, currency, count(*), sum(paid_minor),"
        " sum(max(paid_minor - coalesce(due_minor, paid_minor), 0))"
        " FROM paid_bills WHERE file_id IS NOT NULL AND paid_minor > 0 GROUP BY file_id, currency"
    )
    afresh: dict[int, dict[str, PaidSum]] = {}
    for file_id, currency, *figures in rows:
        afresh.setdefault(file_id, {})[currency] = PaidSum(*figures)
    assert paid_by_file(inbox) == afresh
