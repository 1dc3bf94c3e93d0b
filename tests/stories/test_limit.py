"""`--limit N`: a live canary. The rest is held until a person releases it, whatever runs in between."""

from __future__ import annotations

import pytest

from tests.stories.files import MODELS, Sample, held_by, said_by
from tests.stories.merchant import Merchant

every_model = pytest.mark.parametrize("sample", MODELS.values(), ids=MODELS)


@every_model
def test_only_so_many_records_are_sent_and_a_release_sends_the_rest(
    merchant: Merchant, sample: Sample
) -> None:
    path = merchant.write(sample.name, sample.text)
    count = len(sample.rows())
    canary = merchant.load(path, "--limit", "1")
    assert (canary.exit_status, canary.state) == (1, "held")
    assert [hold["code"] for hold in canary.file["holds"]] == ["file.limited"]
    assert canary.outcomes() == {"created": 1, "not_attempted": count - 1}
    assert merchant.results(canary)[0]["outcome"] == "created"
    assert canary.requests.total() == 1

    for said in (merchant.load(path), merchant.load(path, "--limit", "1"), merchant.load(path, "--force")):
        assert (said.exit_status, said.state, said.requests.total()) == (1, "held", 0)

    assert merchant.release(sample.name).exit_status == 0
    rest = merchant.load(path)
    assert rest.exit_status == 0
    assert rest.outcomes() == {"created": count}
    assert held_by(merchant.api.snapshot()) == said_by(sample)


def test_a_run_sends_nothing_of_what_a_canary_left(merchant: Merchant) -> None:
    sample = MODELS["bill"]
    merchant.load(merchant.write(sample.name, sample.text), "--limit", "2")
    for said in (merchant.run(), merchant.run()):
        assert (said.exit_status, said.state) == (1, "held")
        assert said.requests.total() == 0
    assert len(merchant.held("bills")) == 2

    assert merchant.release(sample.name, "--limit", "1").exit_status == 0
    assert merchant.run().outcomes() == {"created": 3, "not_attempted": len(sample.rows()) - 3}
    assert merchant.run().requests.total() == 0
    released = merchant.release(sample.name, "--now")
    assert (released.exit_status, released.outcomes()) == (0, {"created": len(sample.rows())})


def test_a_limit_that_is_not_reached_holds_nothing(merchant: Merchant) -> None:
    sample = MODELS["bill"]
    said = merchant.load(merchant.write(sample.name, sample.text), "--limit", "100")
    assert (said.exit_status, said.state) == (0, "loaded")
