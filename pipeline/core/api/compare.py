"""Whether what the API holds under a reference is what the file states (design §5)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.core.api.requests import Json
from pipeline.core.values.amount_text import exponents, format_amount

DETAIL_FIELDS = ("name", "email", "phone")
"""What a file may bring up to date beside metadata; accounts have only a name."""
SAME_BILL_FIELDS = ("amount_due", "currency", "bill_date", "due_date")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def bill_differences(stated: Json, found: Json) -> list[str]:
    """Names of stated fields in which the API's bill differs, in the order of `SAME_BILL_FIELDS`.

    What the file leaves out does not differ. Payments do not matter; owners are compared by id, by the caller.
    """
    return [name for name in SAME_BILL_FIELDS if name in stated and found.get(name) != stated[name]]


def told_differences(stated: Json, found: Json, names: Sequence[str]) -> str:
    """`amount_due (ZAR 20.00 in the file, ZAR 25.00 at the API), owner`: what differs, and both values of money and
    dates. Other values are not told, and nothing that the API says is repeated unless it has the form of one.
    """
    return ", ".join(
        f"{name} ({_told(name, stated)} in the file, {_told(name, found)} at the API)"
        if name in SAME_BILL_FIELDS
        else name
        for name in names
    )


def _told(name: str, content: Json) -> str:
    """A value for people; `none` where there is none, `another kind of value` where it is not what it should be."""
    value, currency = content.get(name), content.get("currency")
    if value is None:
        return "none"
    if name == "amount_due":
        known = isinstance(currency, str) and currency in exponents()
        is_amount = isinstance(value, int) and not isinstance(value, bool)
        return format_amount(str(currency), value) if known and is_amount else "an amount that cannot be read"
    fits = value in exponents() if name == "currency" else _DAY.fullmatch(str(value))
    return str(value) if fits else "another kind of value"


def missing_metadata(stated: Json, found: Json) -> Json:
    """Stated metadata that the API lacks or holds with another value."""
    held = found.get("metadata") or {}
    return {key: value for key, value in (stated.get("metadata") or {}).items() if held.get(key) != value}


def union_metadata(held: Json | None, stated: Json) -> Json:
    """What to PATCH so that it is right whether PATCH merges metadata or replaces it. `stated` wins over `held`.

    Source: billing-api.md, open question 6.
    """
    return {**(held or {}), **stated}


def changed_details(stated: Json, last_sent: Json) -> Json:
    """Details to patch: filled ones that differ from what was last sent; empty never clears.

    Compared is what was sent, not what the API shows: a correction that somebody made there is not undone.
    """
    changed = {
        name: stated[name]
        for name in DETAIL_FIELDS
        if stated.get(name) and last_sent.get(name) != stated[name]
    }
    metadata = stated.get("metadata") or {}
    held = last_sent.get("metadata") or {}
    if any(held.get(key) != value for key, value in metadata.items()):
        changed["metadata"] = union_metadata(held, metadata)
    return changed
