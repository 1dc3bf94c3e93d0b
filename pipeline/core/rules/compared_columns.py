"""The columns that a corrected record is compared by."""

from __future__ import annotations

COMPARED = (
    "customer_reference",
    "account_reference",
    "bill_reference",
    "currency",
    "amount_minor",
    "bill_date",
    "due_date",
)
"""Columns that a correction may not change without being asked."""
