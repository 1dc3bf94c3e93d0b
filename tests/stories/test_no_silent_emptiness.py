"""A file that holds nothing, or mostly rejects, is refused: it is the export or the feed that is wrong."""

from __future__ import annotations

from pathlib import Path

from tests.stories.files import bills
from tests.stories.merchant import Merchant, copied

SAMPLES = Path(__file__).resolve().parents[2] / "sample_files"


def test_a_header_alone_is_refused_and_put_aside(merchant: Merchant) -> None:
    merchant.write("za_bills_2030-01-01.csv", bills(), merchant.drop)
    said = merchant.run()
    assert (said.exit_status, said.state) == (1, "refused")
    assert said.file["refusal"]["code"] == "file.no_records"
    assert len(merchant.names_in("quarantine")) == 1


def test_a_feed_may_say_that_its_files_may_be_empty(merchant: Merchant) -> None:
    merchant.settings["feeds"][0] |= {"may_be_empty": True, "release": "first"}
    merchant.write("za_bills_2030-01-01.csv", bills(), merchant.drop)
    said = merchant.run()
    assert (said.exit_status, said.state) == (0, "loaded")
    filled = merchant.load(merchant.write("za_bills_2030-01-02.csv", bills("C-1,A-1,B-1,10.00")))
    assert filled.state == "held", "a file of nothing is not the first of its feed"


def test_the_few_good_records_of_a_wrong_feed_are_not_loaded(merchant: Merchant) -> None:
    del merchant.settings["limits"]
    said = merchant.load(
        copied(SAMPLES / "za_citypower_mistakes_bills_2026-11-20.csv", merchant.folder / "out")
    )
    assert (said.exit_status, said.state, said.requests.total()) == (1, "refused", 0)
    assert said.file["refusal"]["code"] == "file.too_many_rejects"
    assert said.outcomes() == {"rejected": 43, "duplicate": 1, "not_attempted": 6}


def test_a_correction_is_not_refused_for_its_share_of_rejects(merchant: Merchant) -> None:
    good = [f"C-{n},A-{n},B-{n},10.00" for n in range(4)]
    bad = [f"C-{n},A-{n},B-{n},ten" for n in range(4, 8)]
    merchant.settings["limits"] = {}
    original = merchant.load(merchant.write("za_bills_2030-01-01.csv", bills(*good, *bad)))
    rejects = (merchant.report(original.file) / "rejects.csv").read_text()
    said = merchant.load(merchant.write("mended.csv", rejects.replace("B-4,ten", "B-4,11.00")))
    assert said.outcomes() == {"created": 1, "rejected": 3}
