"""Regions whose phone numbers can be read."""

from __future__ import annotations


def is_region(region: str) -> bool:
    """Whether the library knows phone numbers of this region."""
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - large tables

    return region in SUPPORTED_REGIONS
