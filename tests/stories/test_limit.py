"""`load --limit N`: a live canary."""

from __future__ import annotations

import pytest

from tests.stories.files import MODELS, Sample, held_by, said_by
from tests.stories.merchant import Merchant

every_model = pytest.mark.parametrize("sample", MODELS.values(), ids=MODELS)


@every_model
def test_only_so_many_records_are_sent_and_the_next_load_finishes(merchant: Merchant, sample: Sample) -> None:
    path = merchant.write(sample.name, sample.text)
    count = len(sample.rows())
    canary = merchant.load(path, "--limit", "1")
    assert canary.exit_status == 3
    assert canary.state == "unfinished"
    assert canary.outcomes() == {"created": 1, "not_attempted": count - 1}
    assert merchant.results(canary)[0]["outcome"] == "created"
    assert canary.requests.total() == 1

    more = merchant.load(path, "--limit", "1")
    assert more.outcomes() == {"created": 2, "not_attempted": count - 2} or count == 2

    rest = merchant.load(path)
    assert rest.exit_status == 0
    assert rest.outcomes() == {"created": count}
    assert held_by(merchant.api.snapshot()) == said_by(sample)


def test_a_run_goes_on_with_what_a_canary_left(merchant: Merchant) -> None:
    sample = MODELS["bill"]
    merchant.load(merchant.write(sample.name, sample.text), "--limit", "2")
    said = merchant.run()
    assert said.exit_status == 0
    assert said.outcomes() == {"created": len(sample.rows())}
