"""Texts that are one person's wherever they stand, and how they are taken out of what others have written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

REPLACED = "[removed]"
_FREE_TEXTS = frozenset({"notes", "message", "why", "changes"})
"""Keys of a summary below which anything may have been written; all else are our own words and figures."""
_FEW_DIGITS = 7


def telling(texts: Iterable[str]) -> list[str]:
    """Those that nobody else's record has by chance: e-mails, phones, names of several words.

    A customer may be called Water, or have the metadata `residential`: that is removed where it is known to be the
    customer's, and looked for nowhere else.
    """
    return sorted({text for text in texts if _is_telling(text)})


def _is_telling(text: str) -> bool:
    digits = re.sub(r"[^0-9]", "", text)
    return "@" in text or len(digits) >= _FEW_DIGITS or (" " in text.strip() and len(text) >= _FEW_DIGITS)


def without_texts(document: Any, texts: Sequence[str], *, is_free: bool = False) -> Any:
    """A document (as JSON) with the texts taken out of its free texts."""
    if isinstance(document, dict):
        return {
            key: without_texts(value, texts, is_free=is_free or key in _FREE_TEXTS)
            for key, value in document.items()
        }
    if isinstance(document, list):
        return [without_texts(each, texts, is_free=is_free) for each in document]
    if isinstance(document, str) and is_free:
        for text in texts:
            document = document.replace(text, REPLACED)
    return document
