"""A file whose amounts are unlike those that its feed loaded before is held: a wrong unit reads perfectly well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stories.files import bills
from tests.stories.merchant import Merchant, Said


def held_for(said: Said) -> list[str]:
    return [hold["code"] for hold in said.file["holds"]]


def rows(day: int, amounts: list[str]) -> str:
    return bills(*(f"C-{n},A-{n},B-{day}-{n},{amount}" for n, amount in enumerate(amounts)))


def names() -> Iterator[str]:
    yield from (f"za_bills_2030-01-{day:02}.csv" for day in range(1, 32))


@pytest.fixture
def loaded(merchant: Merchant) -> Merchant:
    """A merchant who has loaded one file: median 240.50, decimals in it."""
    merchant.settings["feeds"][0]["unusual"] = "hold"
    said = merchant.load(merchant.write("za_bills_2030-01-01.csv", rows(1, ["99.95", "240.50", "1310.00"])))
    assert said.state == "loaded"
    return merchant


@pytest.mark.parametrize(
    ("median", "codes"),
    [
        ("4810.00", []),
        ("4810.01", ["file.out_of_proportion"]),
        ("24050.00", ["file.out_of_proportion"]),
        ("12.03", []),
        ("12.02", ["file.out_of_proportion"]),
        ("2.40", ["file.out_of_proportion"]),
    ],
)
def test_amounts_of_quite_another_size_wait_for_a_person(
    loaded: Merchant, median: str, codes: list[str]
) -> None:
    path = loaded.write("za_bills_2030-01-02.csv", rows(2, ["0.01", median, "999999.99"]))
    said = loaded.load(path)
    assert held_for(said) == codes
    assert said.state == ("held" if codes else "loaded")
    assert bool(said.requests.total()) is not bool(codes)


def test_twenty_whole_amounts_where_amounts_had_decimals_wait_for_a_person(loaded: Merchant) -> None:
    said = loaded.load(loaded.write("za_bills_2030-01-02.csv", rows(2, ["240"] * 20)))
    assert held_for(said) == ["file.unit_suspicious"]
    few = loaded.load(loaded.write("za_bills_2030-01-03.csv", rows(3, ["240"] * 19)))
    assert few.state == "loaded"
    one = loaded.load(loaded.write("za_bills_2030-01-04.csv", rows(4, ["240"] * 20 + ["0.50"])))
    assert one.state == "loaded"


def test_a_feed_may_say_that_unusual_files_are_loaded(loaded: Merchant) -> None:
    loaded.settings["feeds"][0]["unusual"] = "load"
    assert loaded.load(loaded.write("za_bills_2030-01-02.csv", rows(2, ["24050"] * 20))).state == "loaded"
