"""Which ids the ledger may know, in a few bits each: most ids of a load are new, and need no look into the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pipeline.core.api.requests import Kind

BITS_PER_ID = 16
"""With two bits set for each id, one in seventy of the new ids seems to be known at most."""
MAX_BITS = 2**29
"""64 MiB. With more ids more of the new ones seem to be known; never the other way round."""
_MIN_BITS = 2**10
_SECOND = 32
"""Where in the 64 bits of a hash the second bit's place begins."""


class KnownIds:
    """A Bloom filter of (kind, id): what is not in it was never added; what is in it may have been.

    Not for several threads at once.
    """

    def __init__(self, capacity: int) -> None:
        """`capacity`: how many ids are expected. More of them cost precision, not memory."""
        bits = min(max(capacity * BITS_PER_ID, _MIN_BITS), MAX_BITS)
        self._mask = (1 << (bits - 1).bit_length()) - 1
        self._bits = bytearray((self._mask + 1) // 8)

    @classmethod
    def of(cls, ids: Iterable[tuple[Kind, str]], capacity: int) -> Self:
        """A filter with these ids in it."""
        known = cls(capacity)
        for kind, id_ in ids:
            known.add(kind, id_)
        return known

    def add(self, kind: Kind, id_: str) -> None:
        """From now on the id may be known."""
        places, mask, bits = hash((kind, id_)), self._mask, self._bits
        first, second = places & mask, places >> _SECOND & mask
        bits[first >> 3] |= 1 << (first & 7)
        bits[second >> 3] |= 1 << (second & 7)

    def __contains__(self, kind_and_id: tuple[Kind, str]) -> bool:
        places, mask, bits = hash(kind_and_id), self._mask, self._bits
        first = places & mask
        if not bits[first >> 3] >> (first & 7) & 1:
            return False
        second = places >> _SECOND & mask
        return bool(bits[second >> 3] >> (second & 7) & 1)
