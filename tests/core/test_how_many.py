"""Sizes that people can read."""

from __future__ import annotations

import pytest

from pipeline.core.how_many import size_text


@pytest.mark.parametrize(
    ("size_bytes", "told"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (2_147_483_648, "2.1 GB"),
        (10**16, "10000.0 TB"),
    ],
)
def test_a_size_has_few_digits_and_its_unit(size_bytes: int, told: str) -> None:
    assert size_text(size_bytes) == told
