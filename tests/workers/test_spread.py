"""Parts that a file is made into: those at its end are smaller, and none parts a customer."""

from __future__ import annotations

import polars as pl
import pytest

from pipeline.workers.spread import PART_RECORDS, in_pieces

LEAST = PART_RECORDS[0]


def frame(customers: int, each: int) -> pl.DataFrame:
    """Records of customers who come in another order than their names."""
    names = [f"C{(n * 7919) % customers}" for n in range(customers) for _ in range(each)]
    return pl.DataFrame({"customer_reference": names}).with_row_index("record", 1)


@pytest.mark.parametrize(("customers", "each"), [(LEAST * 3, 1), (97, 31), (2, LEAST * 2)])
def test_pieces_are_the_whole_and_part_no_customer(customers: int, each: int) -> None:
    whole = frame(customers, each)
    pieces = in_pieces(whole, 3)
    assert pl.concat(pieces).equals(whole)
    assert len(pieces) == min(3, customers)
    owners = [set(piece["customer_reference"]) for piece in pieces]
    assert sum(map(len, owners)) == customers
    if customers > 2:
        assert max(piece.height for piece in pieces) - min(piece.height for piece in pieces) <= 2 * each


def test_pieces_that_would_be_too_small_are_fewer_and_none_is_empty() -> None:
    assert [piece.height for piece in in_pieces(frame(LEAST, 1), 4)] == [LEAST]
    assert [piece.height for piece in in_pieces(frame(LEAST * 2, 1), 4)] == [LEAST, LEAST]
    assert [piece.height for piece in in_pieces(frame(1, LEAST * 8), 4)] == [LEAST * 8]
    assert in_pieces(frame(0, 0), 4) == []
