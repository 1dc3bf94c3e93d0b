"""Masks what must not stand in logs or messages: keys, e-mails, phone and identity numbers.

The first defence is to log no values at all; this is the second. So it masks too much rather than too little: eight
digits in a row are a number of a person, also inside a word or with separators between them. Left alone are what
can be told from such: UUIDs, SHA-256, and ISO dates with their times.
"""

from __future__ import annotations

import re

_SECRETS = re.compile(
    r"(?P<kept>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b|\b[0-9a-f]{64}\b"
    r"|\b(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"
    r"(?![ ()./-]{0,3}\d)(?!\w))"
    r"|(?P<key>(?<![A-Za-z0-9])[sp]k_[A-Za-z0-9_-]{4,})"
    r"|(?P<bearer>(?i:\bbearer)\s+[^\s\"']+)"
    r"|(?P<email>[^\s@<>\"',;:=]{1,256}(?:@|%40)[^\s<>\"',;:]+)"
    r"|(?P<number>\+?\d(?:[ ()./-]{0,3}\d){7,})"
)
_MASKS = {"key": "[key]", "bearer": "Bearer [key]", "email": "[e-mail]", "number": "[number]"}


def redact(text: str) -> str:
    """The text with keys, e-mails and numbers of eight digits or more masked."""
    return _SECRETS.sub(lambda match: _MASKS.get(match.lastgroup or "", match[0]), text)
