"""Whether what the API holds under a reference is what the file states (design §5)."""

from __future__ import annotations

from pipeline.core.api.requests import Json

DETAIL_FIELDS = ("name", "email", "phone")
"""What a file may bring up to date beside metadata; accounts have only a name."""
SAME_BILL_FIELDS = ("amount_due", "currency", "bill_date", "due_date")


def bill_differences(stated: Json, found: Json) -> list[str]:
    """Names of stated fields in which the API's bill differs, in the order of `SAME_BILL_FIELDS`.

    What the file leaves out does not differ. Payments do not matter; owners are compared by id, by the caller.
    """
    return [name for name in SAME_BILL_FIELDS if name in stated and found.get(name) != stated[name]]


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
