"""Idempotency keys: the same wish has the same key, whatever file, day, nesting or crash it comes from.

Not in a key: file, time, base URL, API key, ids, nesting (design §5). So a bill that was sent nested before a
crash and is sent by id after it carries the same key, and the API can recognise it.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from pipeline.core.wanted import Kind, Wanted, canonical_json

KEY_VERSION = "1"
MAX_GENERATIONS = 4
"""Generations tried in one run before a person must look."""


def content_of(wanted: Wanted) -> str:
    """SHA-256 (hex) of the leaf's fields as the file states them, with the references of its owners."""
    return _digest(
        {
            "leaf": wanted.leaf(),
            "customer": wanted.customer.reference,
            "account": wanted.account.reference if wanted.account else None,
        }
    )


def idempotency_key(
    *, merchant: str, environment: str, kind: Kind, reference: str, content: str, generation: int
) -> str:
    """A UUID made from what is wanted; the generation sets a new one apart from a spent one."""
    digest = _digest([KEY_VERSION, merchant, environment, kind, reference, content, generation])
    return str(uuid.UUID(bytes=bytes.fromhex(digest)[:16], version=5))


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
