"""Change one character of an amount in a file with declared totals, and nothing of that file is sent."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.check.check import check
from schemas.settings import Limits
from tests.check.landing import checked, land, records
from tests.seeds import SOAK, drawn
from tests.stories.edits import HEADER, SIDECAR, TRAILER, Edited, edited, every_edit, is_same
from tests.stories.merchant import Merchant

EDITS, LOADED = (1000, 1000) if SOAK else (80, 10)
CAUGHT = {"file.control_mismatch", "file.control_unconfirmed"}


@pytest.fixture(scope="module")
def edits() -> list[Edited]:
    chance = drawn()
    return [edited(chance) for _ in range(EDITS)]


def test_the_file_as_it_was_is_good(tmp_path: Path, edits: list[Edited]) -> None:
    for one in edits[:3]:
        was = Edited(
            tuple(one.was if text == one.now else text for text in one.amounts), one.sums, one.was, one.was
        )
        for trailer in (True, False):
            landed = land(
                tmp_path,
                was.content(trailer=trailer),
                control=TRAILER if trailer else SIDECAR,
                sidecar=None if trailer else was.sidecar.encode(),
            )
            assert check(landed, tmp_path / "work", limits=Limits()).refusal is None


@pytest.mark.parametrize("was", ["118468.10", "5.00", "7.07", "0.10"])
def test_what_counts_as_no_edit_is_all_that_is_read_as_the_same_amount(tmp_path: Path, was: str) -> None:
    texts = sorted(every_edit(was))
    rows = [f"C-{n},A-{n},B-{n},ZAR,{text}" for n, text in enumerate(texts)]
    minor = int(Decimal(was).scaleb(2))
    for text, record in zip(texts, records(checked(tmp_path, "\n".join([HEADER, *rows]))), strict=True):
        if record["verdict"] == "accepted":
            assert (record["amount_minor"] == minor) == is_same(text, was), text


@pytest.mark.timeout(1800)
def test_edits_of_one_character_are_all_caught(tmp_path: Path, edits: list[Edited]) -> None:
    for number, one in enumerate(edits):
        trailer = number % 2 == 0
        landed = land(
            tmp_path,
            one.content(trailer=trailer),
            control=TRAILER if trailer else SIDECAR,
            sidecar=None if trailer else one.sidecar.encode(),
        )
        refusal = check(landed, tmp_path / "work", limits=Limits()).refusal
        assert refusal is not None, (one.was, one.now)
        assert refusal.code in CAUGHT, (one.was, one.now, refusal)


@pytest.mark.timeout(1800)
def test_no_request_is_sent_for_any_of_them(merchant: Merchant, edits: list[Edited]) -> None:
    feed = merchant.settings["feeds"][0]
    merchant.settings["feeds"] = [
        feed | {"name": "trailers", "match": "*_t.csv", "control": TRAILER},
        feed | {"name": "sidecars", "match": "*_s.csv", "control": SIDECAR},
    ]
    names = []
    for number, one in enumerate(edits[:LOADED]):
        trailer = number % 2 == 0
        name = f"edit_{number}_{'t' if trailer else 's'}.csv"
        names.append(merchant.write(name, one.content(trailer=trailer)))
        if not trailer:
            merchant.write(f"{name}.ctl", one.sidecar)
    said = merchant.load(*names)
    assert said.exit_status == 1
    assert [summary["state"] for summary in said.files] == ["refused"] * LOADED
    assert {summary["refusal"]["code"] for summary in said.files} <= CAUGHT
    assert said.requests == {}
    assert merchant.held("bills") == {}
