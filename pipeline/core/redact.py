"""Masks what must not stand in logs or messages: keys, e-mails, phone and identity numbers.

The first defence is to log no values at all; this is the second. So it masks too much rather than too little: eight
digits in a row are a number of a person, also inside a word or with separators between them. Left alone are what
can be told from such: UUIDs, SHA-256, and ISO dates with their times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

_KEY = r"(?<![A-Za-z0-9])[sp]k(?:_[A-Za-z0-9_-]{4,}|(?:test|live)[A-Za-z0-9_-]+)"
"""Also without its underscores, as whoever reads a number drops them."""
_ONLY_KEYS = re.compile(_KEY)
_SECRETS = re.compile(
    r"(?P<kept>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b|\b[0-9a-f]{64}\b"
    r"|\b(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"
    r"(?![ ()./-]{0,3}\d)(?!\w))"
    rf"|(?P<key>{_KEY})"
    r"|(?P<bearer>(?i:\bbearer)\s+[^\s\"']+)"
    r"|(?P<email>[^\s@<>\"',;:=]{1,256}(?:@|%40)[^\s<>\"',;:]+)"
    r"|(?P<number>\+?\d(?:[ ()./-]{0,3}\d){7,})"
)
_MASKS = {"key": "[key]", "bearer": "Bearer [key]", "email": "[e-mail]", "number": "[number]"}


EXAMPLE_DAY = datetime(2026, 11, 30)  # noqa: DTZ001 (a day of no place)
"""Shows in messages how a date is written; its day cannot be taken for a month."""
_EXAMPLES = frozenset(f"{EXAMPLE_DAY:{each}}" for each in ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%Y%d%m"))


def redact(text: str, names: Iterable[str] = ()) -> str:
    """The text with keys, e-mails and numbers of eight digits or more masked, but for EXAMPLE_DAY however it is
    written.

    `names`: of files; where the text names one whole, the name stays as it is.
    """
    known = sorted(filter(None, names), key=len, reverse=True)
    if not known:
        return _SECRETS.sub(_masked, text)
    whole = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, known))})(?!\w)")
    parts = whole.split(text)  # every other one is a name
    return "".join(part if at % 2 else _SECRETS.sub(_masked, part) for at, part in enumerate(parts))


def _masked(match: re.Match[str]) -> str:
    if match.lastgroup == "number" and re.sub(r"[^0-9]", "", match[0]) in _EXAMPLES:
        return match[0]
    return _MASKS.get(match.lastgroup or "", match[0])


def redact_keys(text: str) -> str:
    """The text with keys masked, for lines that name paths and dates of the operator's own."""
    return _ONLY_KEYS.sub("[key]", text)


def redact_name(name: str) -> str:
    """The name of a file with keys, e-mails and numbers masked. Days and times (2026-11-20, 202611200630) stay: there
    is one in nearly every name.
    """
    return _SECRETS.sub(
        lambda match: match[0] if _is_time(match[0]) else _MASKS.get(match.lastgroup or "", match[0]), name
    )


def _is_time(number: str) -> bool:
    return _TIME.fullmatch(re.sub(r"[^0-9]", "", number)) is not None and not number.startswith("+")


_REFERENCE = re.compile(r"[A-Za-z0-9_-]+")
_DAY = re.compile(r"20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_TIME = re.compile(rf"{_DAY.pattern}(?:[0-9]{{4}}|[0-9]{{6}})?")
"""A day, or a day with hours and minutes, maybe seconds. An identity number of 13 digits is none."""
_RUN = re.compile(r"[0-9]{8,}")
_ONLY_DIGITS = re.compile(r"[0-9](?:[_-]*[0-9]){8,}")
_TAIL = 4


def is_reference(text: str) -> bool:
    """Whether a text is within the API's alphabet of references."""
    return _REFERENCE.fullmatch(text) is not None


def masked_reference(text: str) -> str:
    """A reference for pages, which people pass on: whole, unless it looks like a number of a person.

    Identity, passport and phone numbers serve as references in this field. Of such a number the last four digits stay,
    enough to recognise a record whose line is known. Dates and short numbers within a reference are left alone: with
    `INV-2026-11-20-0007` masked, nobody could act on it. What is no reference at all is redacted like any text.
    """
    if not is_reference(text) or text.startswith(("sk_", "pk_")):
        return redact(text)
    if _ONLY_DIGITS.fullmatch(text) and not _DAY.fullmatch(text):
        return "…" + re.sub(r"[_-]", "", text)[-_TAIL:]
    return _RUN.sub(lambda run: run[0] if _DAY.fullmatch(run[0]) else "…" + run[0][-_TAIL:], text)
