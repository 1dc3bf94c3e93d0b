"""Files of JSON arrays, fixed width, long delimiters and other encodings: loaded, and their rejects dropped back and
loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.stories.merchant import Merchant

ROWS: list[tuple[str, ...]] = [
    ("C-1", "B-1", "10.00", "Anél"),
    ("C-2", "B-2", "2O.00", "表示"),
    ("C-3", "B-3", "30.00", "Bo"),
]
NAMES = ("customer_reference", "bill_reference", "amount_due", "customer_name")
WRONG, RIGHT = "2O.00", "20.00"


def as_array(rows: list[tuple[str, ...]]) -> str:
    return json.dumps([dict(zip(NAMES, each, strict=True)) for each in rows], indent=2, ensure_ascii=False)


def as_fixed(rows: list[tuple[str, ...]]) -> str:
    return "".join("".join(f"{value:<8}" for value in each) + "\r\n" for each in rows)


def delimited(mark: str) -> Callable[[list[tuple[str, ...]]], str]:
    return lambda rows: "".join(mark.join(each) + "\n" for each in [NAMES, *rows])


@dataclass(frozen=True)
class Shape:
    """One way to write the bills, what its feed says, and what its rejects are called."""

    written: Callable[[list[tuple[str, ...]]], str]
    rejects: str
    encoding: str
    facts: dict[str, Any]


SHAPES = {
    "array": Shape(as_array, "rejects.ndjson", "utf-8", {"format": "json"}),
    "fixed": Shape(
        as_fixed, "rejects.txt", "utf-8", {"fixed": {name: [1 + 8 * at, 8] for at, name in enumerate(NAMES)}}
    ),
    "long delimiter": Shape(delimited("~|~"), "rejects.csv", "utf-8", {"delimiter": "~|~"}),
    "gb18030": Shape(delimited("|"), "rejects.csv", "gb18030", {"delimiter": "|"}),
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_rejected_comes_back_in_its_own_form_and_is_loaded_once(
    merchant: Merchant, name: str
) -> None:
    shape = SHAPES[name]
    feed = merchant.settings["feeds"][0]
    merchant.settings["feeds"] = [
        {key: fact for key, fact in feed.items() if key != "columns"}
        | {"match": "*_bills_*", "encoding": shape.encoding}
        | shape.facts
    ]
    merchant.write("x_bills_2030-01-01", shape.written(ROWS).encode(shape.encoding), merchant.drop)
    first = merchant.run()
    assert first.outcomes() == {"created": 2, "rejected": 1}
    rejects = (merchant.report(first.file) / shape.rejects).read_bytes().decode(shape.encoding)
    assert rejects.count(WRONG) == 1

    merchant.write("mended", rejects.replace(WRONG, RIGHT).encode(shape.encoding), merchant.drop)
    second = merchant.run()
    assert (second.exit_status, second.outcomes()) == (0, {"created": 1})
    assert sorted(merchant.held("bills")) == ["B-1", "B-2", "B-3"]
    names = {customer["name"] for customer in merchant.held("customers").values()}
    assert names == {"Anél", "表示", "Bo"}
