"""What an earlier version loaded is reported, corrected and known again under a feed that nobody touched."""

from __future__ import annotations

import csv

import pytest

from pipeline.cli import run_command
from tests.edge.config.test_feed_prints import BILLS, EARLIER
from tests.stories.merchant import Json, Merchant
from tests.stories.test_corrections_stand_for_originals import BAD_EMAIL, MENDED, NAME, corrected, original

CHANGED = "the feed has changed since then; the file can be sent under the new one (billferry load --force)"


@pytest.fixture
def loaded(merchant: Merchant) -> Json:
    """A file that finished, with what an earlier version kept of it: its print of the feed, and no rejected records."""
    merchant.settings["feeds"] = [dict(BILLS)]
    said = merchant.load(merchant.write(NAME, original(BAD_EMAIL)))
    merchant.change_ledger(f"UPDATE files SET feed_print = '{EARLIER[0][1]}'")  # noqa: S608
    merchant.change_ledger("DELETE FROM rejected")
    return said.file


def test_its_rejects_can_be_corrected(merchant: Merchant, loaded: Json) -> None:
    with (merchant.report(loaded) / "rejects.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert corrected(merchant, rows, **MENDED).outcomes() == {"created": 1}


def test_its_report_can_be_written_again(merchant: Merchant, loaded: Json) -> None:
    summary = merchant.report(loaded) / "summary.json"
    before = summary.read_bytes()
    summary.unlink()
    assert run_command(["report", NAME, "--config", str(merchant.folder / "config.yaml")]) == 0
    assert summary.read_bytes() == before


@pytest.mark.parametrize(("change", "is_told"), [({}, False), ({"currency": "KES"}, True)], ids=str)
@pytest.mark.usefixtures("loaded")
def test_that_its_feed_has_changed_is_said_only_if_it_has(
    merchant: Merchant, change: Json, is_told: bool
) -> None:
    merchant.settings["feeds"] = [BILLS | change]
    again = merchant.load(merchant.write(NAME, original(BAD_EMAIL)))
    assert again.state == "already_loaded"
    assert (CHANGED in again.file["notes"]) == is_told
