"""Idempotency keys: the same request has the same key, whatever file, day, nesting or crash it comes from.

Not in a key: file, time, base URL, API key, ids, nesting (design §5). So a bill that was sent nested before a
crash and is sent by id after it carries the same key, and the API can recognise it.
"""

from __future__ import annotations

import hashlib

from pipeline.core.api.requests import BillRequest, Json, Kind, encode

KEY_VERSION = "1"
"""Part of every key, to be raised when what goes into a key changes: all keys are new to the API then."""
MAX_GENERATIONS = 4
"""Generations tried in one run before a person must look."""
VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""The digit of a UUID whose first two bits say that it is one. Source: RFC 9562, 4.1."""


def content_of(request: BillRequest) -> str:
    """SHA-256 (hex) of the leaf's fields as the file states them, with the references of its owners."""
    return _digest(
        {
            "leaf": request.leaf(),
            "customer": request.customer.reference,
            "account": request.account.reference if request.account else None,
        }
    )


def idempotency_key(
    *, merchant: str, environment: str, kind: Kind, reference: str, content: str, generation: int
) -> str:
    """A UUID (version 5 in form) made from what is asked for; the generation sets a new key apart from a spent one.

    `content` as by `content_of`. Merchant and environment are in it so that equal references of two never share a key.
    """
    digest = _digest([KEY_VERSION, merchant, environment, kind, reference, content, generation])
    variant = VARIANT[digest[16]]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def _digest(value: Json | list[str | int]) -> str:
    return hashlib.sha256(encode(value)).hexdigest()
