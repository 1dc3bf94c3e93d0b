"""Objects with a list of items: loaded, their rejects corrected and loaded once, half of a bill never."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.stories.merchant import Merchant

OBJECTS: list[dict[str, Any]] = [
    {"c": "C-1", "b": "B-1", "lines": [{"a": "1O.00", "sku": "pen"}, {"a": 5.5, "sku": "ink"}]},
    {"c": "C-2", "b": "B-2", "lines": [{"a": 20, "sku": "pen"}, {"a": 1, "sku": "ink"}]},
    {"c": "C-3", "b": "B-3", "lines": [None, {"a": 7, "sku": "ink"}]},
    {"c": "C-4", "b": "B-4", "lines": []},
]


@pytest.fixture
def shop(merchant: Merchant) -> Merchant:
    merchant.settings["feeds"][0] |= {
        "match": "*_bills_*",
        "items": "lines",
        "line_items": "sum",
        "unusual": "load",
        "max_reject_ratio": 1.0,
        "columns": {"customer_reference": "c", "bill_reference": "b", "amount_due": "lines.a"},
    }
    return merchant


def due(shop: Merchant) -> dict[str, int]:
    return {reference: bill["amount_due"] for reference, bill in shop.held("bills").items()}


@pytest.mark.parametrize("as_array", [False, True])
def test_what_was_rejected_is_loaded_once_it_is_corrected_and_nothing_twice(
    shop: Merchant, as_array: bool
) -> None:
    text = json.dumps(OBJECTS, indent=1) if as_array else "".join(json.dumps(one) + "\n" for one in OBJECTS)
    shop.write("x_bills_1.json", text, shop.drop)
    first = shop.run()
    assert first.outcomes() == {"created": 2, "rejected": 5}
    assert due(shop) == {"B-2": 2100}

    rejects = (shop.report(first.file) / "rejects.ndjson").read_text().splitlines()
    mended = "\n".join(rejects).replace('"1O.00"', "10.00").replace("[null]", '[{"a": 2, "sku": "pen"}]')
    for empty in ("[]", "[ ]"):
        mended = mended.replace(empty, '[{"a": 4}]')
    half = "\n".join(line for line in mended.splitlines() if '"ink"' not in line and "B-4" not in line)
    shop.write("half", half, shop.drop)
    told = shop.run()
    assert told.outcomes() == {"rejected": 2}
    assert told.file["codes"] == {"line_items.incomplete": 2}
    assert due(shop) == {"B-2": 2100}

    shop.write("mended", mended, shop.drop)
    second = shop.run()
    assert (second.exit_status, second.outcomes()) == (0, {"created": 5})
    assert due(shop) == {"B-1": 1550, "B-2": 2100, "B-3": 900, "B-4": 400}

    shop.write("again", mended + "\n", shop.drop)
    again = shop.run()
    assert "created" not in again.outcomes()
    assert due(shop) == {"B-1": 1550, "B-2": 2100, "B-3": 900, "B-4": 400}
