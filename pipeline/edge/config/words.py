"""What a misspelled key was perhaps meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST = 60
"""Nobody means a key of ours by a longer one, and comparing takes its length squared."""


def nearest_word(word: str, known: Iterable[str]) -> str:
    """The known word that was perhaps meant, or an empty text. Similarity as `difflib` measures it, at least a half."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5) if len(word) <= LONGEST else []
    return close[0] if close else ""


def did_you_mean(word: str) -> str:
    """A remedy for a message; empty for an empty word."""
    return f"did you mean {word}?" if word else ""
