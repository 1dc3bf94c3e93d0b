"""Hashes of feeds, to notice that a file was read with another version of its feed."""

from __future__ import annotations

import hashlib

from schemas.feed import Feed

_NOT_OF_READING: dict[str, bool | set[str]] = {"expect_by": True, "expect_on": True}
_LATER_KEYS: dict[str, bool | set[str]] = {
    "date_language": True,
    "line_items": True,
    "release": True,
    "unusual": True,
    "may_be_empty": True,
    "amount": {"extra_zeros"},
}
"""Keys that feeds did not have when every key was hashed, whether it was set or not. Such prints stand in ledgers for
good, so a new key belongs here as well.
"""


def feed_print(feed: Feed) -> str:
    """A hash of what a feed says of reading. Keys left at their defaults say nothing, so new keys change no print."""
    return _hashed(feed.model_dump_json(exclude=_NOT_OF_READING, exclude_defaults=True))


def same_feed(stored: str, feed: Feed) -> bool:
    """Whether a print in the ledger is of this feed, be it that of an earlier version, over all the keys it had."""
    if stored == feed_print(feed):
        return True
    earlier = _NOT_OF_READING | _LATER_KEYS
    if feed_print(feed) != _hashed(feed.model_dump_json(exclude=earlier, exclude_defaults=True)):
        return False  # it says what no earlier feed could
    return stored == _hashed(feed.model_dump_json(exclude=earlier))


def _hashed(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()
