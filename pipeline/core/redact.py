"""Masks what must not stand in logs or messages: keys, e-mails, phone and identity numbers.

The first defence is to log no values at all; this is the second.
"""

from __future__ import annotations

import re

_SECRETS = re.compile(
    r"(?P<key>\b[sp]k_(?:test_)?[A-Za-z0-9_-]{4,})"
    r"|(?P<bearer>(?i:\bbearer)\s+[^\s\"']+)"
    r"|(?P<email>[^\s@<>\"',;:=]+@[^\s<>\"',;:]+)"
    r"|(?P<number>\+?[0-9](?:[ ().-]{0,2}[0-9]){7,})"
)
_MASKS = {"key": "[key]", "bearer": "Bearer [key]", "email": "[e-mail]", "number": "[number]"}


def redact(text: str) -> str:
    """The text with keys, e-mails and numbers of eight digits or more masked."""
    return _SECRETS.sub(lambda match: _MASKS[match.lastgroup or "number"], text)
