"""Hashes of feeds, to notice that a file was read with another version of its feed."""

from __future__ import annotations

import hashlib

from schemas.feed import Feed

_NOT_OF_READING: dict[str, bool | set[str]] = {"expect_by": True, "expect_on": True, "pgp": True}
"""Keys that only say when a file is expected, or with which keys it is decrypted; a change of them needs no second
reading.
"""
_LATER_KEYS: dict[str, bool | set[str]] = {
    "date_language": True,
    "line_items": True,
    "release": True,
    "unusual": True,
    "may_be_empty": True,
    "header": True,
    "names": True,
    "header_record": True,
    "footer": True,
    "blank_records": True,
    "where": True,
    "where_not": True,
    "nothing_due": True,
    "bad_details": True,
    "header_match": True,
    "currency_map": True,
    "fixed": True,
    "short_lines": True,
    "items": True,
    "net_payments": True,
    "kind": True,
    "amount": {"extra_zeros", "float_noise", "implied_decimals"},
}
"""Keys that feeds did not have when every key was hashed, whether it was set or not. Such prints stand in ledgers for
good, so a new key belongs here as well.
"""


def feed_print(feed: Feed) -> str:
    """SHA-256 (hex) of the keys of a feed that decide how a file is read.

    Keys left at their defaults are not hashed, so that a new key with a default changes no stored print.
    """
    return _hashed(feed.model_dump_json(exclude=_NOT_OF_READING, exclude_defaults=True))


def same_feed(stored: str, feed: Feed) -> bool:
    """Whether `stored`, a print from the ledger, is of this feed, be it that of an earlier version over all
    keys it had.
    """
    if stored == feed_print(feed):
        return True
    earlier = _NOT_OF_READING | _LATER_KEYS
    if feed_print(feed) != _hashed(feed.model_dump_json(exclude=earlier, exclude_defaults=True)):
        return False  # it uses a key that no earlier version had
    return stored == _hashed(feed.model_dump_json(exclude=earlier))


def _hashed(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()
