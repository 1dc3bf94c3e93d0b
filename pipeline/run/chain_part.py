"""A part of a chain as JSON has it."""

from __future__ import annotations

from pipeline.edge.ledger.counted import Counted
from schemas.results import ChainPart


def chain_part(counted: Counted) -> ChainPart:
    """As JSON has it."""
    return ChainPart(
        records=counted.records,
        amounts_minor=dict(counted.amounts_minor),
        amount_unreadable=counted.unreadable,
    )
