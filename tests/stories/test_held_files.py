"""A file that nobody has looked at yet is held: checked, reported, not sent, until a person releases or refuses it."""

from __future__ import annotations

import pytest

from tests.stories.files import bills
from tests.stories.merchant import Merchant, Said

FIRST = bills("C-1,A-1,B-1,10.00", "C-1,A-1,B-2,20.00", "C-2,A-2,B-3,90.50")
SECOND = bills("C-3,A-3,B-4,15.00")


@pytest.fixture
def gated(merchant: Merchant) -> Merchant:
    """A merchant whose bills wait for a person until a file of them was loaded."""
    merchant.settings["feeds"][0]["release"] = "first"
    return merchant


def codes(said: Said) -> list[str]:
    return [hold["code"] for hold in said.file["holds"]]


def test_the_first_file_of_a_feed_waits_at_its_source_until_it_is_released(gated: Merchant) -> None:
    gated.write("za_bills_2030-01-01.csv", FIRST, gated.drop)
    for held in (gated.run(), gated.run()):
        assert (held.exit_status, held.state, held.requests.total()) == (1, "held", 0)
        assert codes(held) == ["file.first_of_feed"]
        assert held.outcomes() == {"not_attempted": 3}
        assert held.file["held_amounts"] == {
            "ZAR": {
                "records": 3,
                "total_minor": 12_050,
                "smallest_minor": 1_000,
                "median_minor": 2_000,
                "largest_minor": 9_050,
            }
        }
        assert (
            "3 records, ZAR 120.50 (smallest ZAR 10.00, median ZAR 20.00, largest ZAR 90.50)" in held.stderr
        )
        assert gated.names_in("drop") == ["za_bills_2030-01-01.csv"]

    released = gated.release("za_bills_2030-01-01.csv")
    assert (released.exit_status, released.requests.total()) == (0, 0)
    loaded = gated.run()
    assert (loaded.exit_status, loaded.state, loaded.outcomes()) == (0, "loaded", {"created": 3})
    assert gated.names_in("drop") == []

    gated.write("za_bills_2030-01-02.csv", SECOND, gated.drop)
    assert gated.run().state == "loaded"


def test_tomorrows_file_is_held_too_while_the_first_one_waits(gated: Merchant) -> None:
    gated.write("za_bills_2030-01-01.csv", FIRST, gated.drop)
    gated.run()
    gated.write("za_bills_2030-01-02.csv", SECOND, gated.drop)
    waiting = gated.run()
    assert [file["state"] for file in waiting.files] == ["held", "held"]
    assert waiting.requests.total() == 0
    gated.release("za_bills_2030-01-01.csv")
    assert [file["state"] for file in gated.run().files] == ["loaded", "loaded"]


def test_a_refused_file_goes_to_the_quarantine_and_stays_refused(gated: Merchant) -> None:
    gated.write("za_bills_2030-01-01.csv", FIRST, gated.drop)
    gated.run()
    refused = gated.refuse("za_bills_2030-01-01.csv", "--why", "amounts of the wrong month")
    assert (refused.exit_status, refused.state, refused.requests.total()) == (0, "refused", 0)
    assert refused.file["refusal"]["code"] == "file.refused_by_person"
    assert "amounts of the wrong month" in refused.file["refusal"]["message"]
    assert gated.names_in("drop") == []
    assert len(gated.names_in("quarantine")) == 1
    gated.write("again_bills_2030-01-03.csv", FIRST, gated.drop)
    again = gated.run()
    assert (again.state, again.requests.total()) == ("refused", 0)
    assert gated.release("za_bills_2030-01-01.csv").exit_status == 2


def test_a_refused_file_that_was_named_stays_where_it_is(gated: Merchant) -> None:
    path = gated.write("za_bills_2030-01-01.csv", FIRST)
    assert gated.load(path).state == "held"
    assert gated.refuse(path.name, "--why", "not ours").state == "refused"
    assert path.read_text() == FIRST
    assert gated.names_in("quarantine") == []


def test_a_feed_may_say_that_each_file_waits(merchant: Merchant) -> None:
    merchant.settings["feeds"][0]["release"] = "always"
    for day in (1, 2):
        path = merchant.write(f"za_bills_2030-01-0{day}.csv", bills(f"C-1,A-1,B-{day},10.00"))
        said = merchant.load(path)
        assert (said.state, codes(said)) == ("held", ["file.release_always"])
        assert merchant.release(path.name, "--now").state == "loaded"
