"""Codes that no file alone brings about: what happens, and the test that shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Story:
    """What happens, and the test that shows it."""

    shows: str
    test: str


_EXISTS = "tests/stories/test_what_exists_already.py"
_DAYS = "tests/stories/test_balances_over_days.py"
_CURRENT = "tests/stories/test_current_balances.py"
_TROUBLE = "tests/stories/test_trouble_with_the_api.py"

STORIES: dict[str, Story] = {
    "bill_reference.differs": Story("INV-1 over 10.00 here, over 20.00 there", _EXISTS),
    "bill_reference.voided": Story("INV-1 was voided there", _EXISTS),
    "account_reference.other_customer": Story("A-1 of C-1 here, of C-2 there", _EXISTS),
    "account_reference.currency_differs": Story("ZAR here, USD there", _DAYS),
    "customer_reference.currency_differs": Story("ZAR here, USD there", _DAYS),
    "balance.superseded": Story("yesterday's file after today's", _DAYS),
    "balance.not_ours": Story("a payment after the copy that was restored", _CURRENT),
    "file.dated_ahead": Story("balances_2062-11-28.csv", "tests/stories/test_dates_of_balances.py"),
    "file.not_a_report": Story("a bill file among the reports", "tests/payments/test_collected_reports.py"),
    "balance.paid_since": Story(
        "a payment after the balance was exported", "tests/payments/test_balances.py"
    ),
    "balance.moved": Story("a payment came in between", _DAYS),
    "api.never_connected": Story("the API is down for maintenance", "tests/core/api/test_responses.py"),
    "api.timed_out": Story("no answer for 30 s", _TROUBLE),
    "api.cut": Story("a restart there", _TROUBLE),
    "api.uncertain": Story("no answer to the look-up either", _TROUBLE),
    "api.echo_differs": Story("another amount in the answer", _TROUBLE),
}
"""Code → its story, in the order of the documentation."""
