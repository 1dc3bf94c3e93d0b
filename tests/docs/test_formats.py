"""Every shape of file that docs/formats.md shows is read as it says."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from docs.keys import key_paths
from docs.shapes import FormatShape, format_shapes, readings
from schemas.feed import Feed

ELSEWHERE = {
    "kind",
    "net_payments",
    *(
        "name",
        "match",
        "limits",
        "expect",
        "expect_by",
        "expected_codes",
        "release",
        "unusual",
        "may_be_empty",
    ),
    *("phone_region", "unmapped", "reference_replace", "format", "model", "checks", "due_before_bill_date"),
    *("expect_on", "max_reject_ratio", "max_rejects", "on_reject", "control.required", "pgp"),
}
"""Keys that say what is done with a file, not what it looks like."""


@pytest.mark.parametrize("shape", format_shapes(), ids=lambda shape: shape.slug)
def test_a_shape_is_read_as_the_catalogue_says(shape: FormatShape) -> None:
    assert readings()[shape.slug] == shape.expect


def keys_of(value: Any, prefix: str = "") -> set[str]:
    """Dotted paths of the keys that a feed sets."""
    if isinstance(value, list):
        return set[str]().union(*(keys_of(each, prefix) for each in value))
    if not isinstance(value, dict):
        return set()
    below = (keys_of(each, f"{prefix}{key}.") for key, each in value.items())
    return {f"{prefix}{key}" for key in value}.union(*below)


def test_every_key_about_the_shape_of_a_file_has_an_example() -> None:
    feeds = [Feed.model_validate(yaml.safe_load(shape.feed)[0]) for shape in format_shapes()]
    shown = set[str]().union(*(keys_of(feed.model_dump(exclude_unset=True)) for feed in feeds))
    missing = {path for path in key_paths(Feed) if not ELSEWHERE & {path, path.partition(".")[0]}}
    assert missing - shown == set()
