"""Numbers of things in words."""

from __future__ import annotations

from pipeline.core.values.amount_text import grouped


def how_many(count: int, noun: str) -> str:
    """`1 record`, `1 234 records`: for nouns whose plural takes an s."""
    return f"{grouped(count)} {noun}" if count == 1 else f"{grouped(count)} {noun}s"
