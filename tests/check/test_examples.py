"""The catalogue is true: every example is a file that gets its code, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.core.rules.catalogue import RULES
from pipeline.core.rules.examples import EXAMPLES, Example
from pipeline.core.rules.stories import Story
from pipeline.run.ui import Ui
from pipeline.run.validate import check_files
from schemas.feed import Feed
from schemas.results import Summary
from schemas.settings import Limits
from tests.check.silence import Silence

ROOT = Path(__file__).resolve().parents[2]
RUN = {code: each for code, each in EXAMPLES.items() if isinstance(each, Example)}
TOLD = {code: each for code, each in EXAMPLES.items() if isinstance(each, Story)}


def feed(facts: dict[str, Any], number: int, match: str) -> Feed:
    base = {"name": f"feed-{number}", "match": match, "model": "bill", "amount": {"unit": "major"}}
    return Feed.model_validate({**base, **facts})


def validated(example: Example, folder: Path) -> Summary:
    """What `billferry validate` says of an example."""
    path = folder / example.name
    path.write_bytes(example.content)
    if example.sidecar is not None:
        (folder / f"{example.name}.ctl").write_bytes(example.sidecar)
    feeds = [feed(dict(example.feed), n, match) for n, match in enumerate(example.matches or ("*",))]
    ui: Ui = Silence()
    result = check_files(
        [path],
        ui,
        feeds=feeds,
        feed=None if example.matches else feeds[0],
        limits=Limits.model_validate({"max_reject_ratio": 1.0, **example.limits}),
    )
    return result.files[0]


def test_every_code_has_an_example_in_the_order_of_nothing_left_out() -> None:
    assert EXAMPLES.keys() == RULES.keys()


@pytest.mark.parametrize("code", RUN)
def test_an_example_gets_its_code_and_no_other(code: str, tmp_path: Path) -> None:
    example = RUN[code]
    said = validated(example, tmp_path)
    if code.startswith("file."):
        assert said.refusal is not None
        assert said.refusal.code == code
        assert said.codes.keys() == set(example.also)
    else:
        assert said.refusal is None
        assert said.codes.keys() == {code, *example.also}
    assert example.shows


@pytest.mark.parametrize("code", TOLD)
def test_a_code_that_no_file_alone_can_get_is_shown_by_a_story(code: str) -> None:
    assert f'"{code}"' in (ROOT / TOLD[code].test).read_text(encoding="utf-8")


def test_no_example_is_good_without_what_it_shows(tmp_path: Path) -> None:
    good = validated(Example("nothing", RUN["file.too_many_columns"].content), tmp_path)
    assert (good.state, good.codes, good.refusal) == ("validated", {}, None)
