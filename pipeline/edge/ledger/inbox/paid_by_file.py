"""What is paid, less refunds, of the bills of each file, as the inbox keeps it added up."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import NamedTuple

from pipeline.edge.ledger.door import Ledger


class PaidSum(NamedTuple):
    """Bills of one file and currency of which something is paid; minor units."""

    bills: int
    paid_minor: int
    overpaid_minor: int
    """Of it what is beyond what was due, where that is known."""


PaidByFile = Mapping[int, Mapping[str, PaidSum]]
"""Id of a file in the ledger → currency → what is paid of its bills."""


def paid_by_file(inbox: Ledger) -> PaidByFile:
    """What is paid, as far as known, of the bills that each file created."""
    rows = inbox.execute(
        "SELECT file_id, currency, bills, paid_minor, overpaid_minor FROM paid_sums WHERE bills > 0"
    )
    found: dict[int, dict[str, PaidSum]] = {}
    for file_id, currency, bills, paid_minor, overpaid_minor in rows:
        found.setdefault(file_id, {})[currency] = PaidSum(bills, paid_minor, overpaid_minor)
    return found


def paid_of_bills(inbox: Ledger, bill_ids: Collection[str]) -> dict[str, tuple[int, int | None]]:
    """Bill id → what is paid and, where known, what was due, in minor units; of bills that are known here."""
    rows = inbox.execute(
        "SELECT bill_id, paid_minor, due_minor FROM paid_bills WHERE bill_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(bill_ids)),),
    )
    return {bill_id: (paid_minor, due_minor) for bill_id, paid_minor, due_minor in rows}
