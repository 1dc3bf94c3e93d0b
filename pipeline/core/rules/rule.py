"""One entry of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One code of the catalogue. `core/examples.py` shows each of them broken."""

    code: str
    meaning: str
    remedy: str
