"""Numbers of things in words."""

from __future__ import annotations

from pipeline.core.values.amount_text import grouped

_KILO = 1000


def how_many(count: int, noun: str) -> str:
    """`1 record`, `1 234 records`: for nouns whose plural takes an s."""
    return f"{grouped(count)} {noun}" if count == 1 else f"{grouped(count)} {noun}s"


def size_text(size_bytes: int) -> str:
    """`1 byte`, `823 bytes`, `1.4 MB`: a size for people, in units of 1000."""
    size, units = float(size_bytes), iter(("kB", "MB", "GB", "TB"))
    if size_bytes < _KILO:
        return how_many(size_bytes, "byte")
    unit = ""
    while round(size, 1) >= _KILO and (larger := next(units, None)) is not None:
        size, unit = size / _KILO, larger
    return f"{size:.1f} {unit}"
