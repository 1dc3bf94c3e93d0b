"""`report` writes what was written before, byte for byte, or says why it cannot and changes nothing."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipeline.cli import run_command
from pipeline.sandbox.faults import Scripted, status
from tests.stories.files import bills
from tests.stories.merchant import Merchant
from tests.stories.test_corrected_rejects import written
from tests.stories.test_retention import KEEP, let_pass
from tests.world import unstamped

NAME = "x_bills_2026-01-05.csv"
CONTENT = bills("C1,A1,B1,1.00", "C1,A1,B2,1.005", "C3,A3,B3,3.00")
"""One record is rejected."""


@pytest.fixture
def loaded(merchant: Merchant) -> Path:
    """The report folder of a file that finished."""
    merchant.settings["retention"] = KEEP
    merchant.write(NAME, CONTENT, merchant.drop)
    return merchant.report(merchant.run().file)


def again(merchant: Merchant, name: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit status and words of `report`; nothing is asked of the API by it."""
    asked = merchant.asked()
    exit_status = run_command(["report", name, "--config", str(merchant.folder / "config.yaml")])
    assert merchant.asked() == asked
    return exit_status, capsys.readouterr().err


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_lost_and_spoilt_reports_come_back_byte_for_byte(
    merchant: Merchant, loaded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = held(loaded)
    (loaded / "results.csv").write_text("spoilt")
    (loaded / "summary.json").unlink()
    assert again(merchant, NAME, capsys)[0] == 0
    assert held(loaded) == before


def test_what_the_load_had_to_note_is_kept(merchant: Merchant, capsys: pytest.CaptureFixture[str]) -> None:
    head = "customer_reference,customer_name,bill_reference,amount_due\n"
    merchant.write(NAME, head + "C1,Old,B1,1.00\n", merchant.drop)
    merchant.run()
    merchant.api.faults = Scripted({lambda request: request.method == "PATCH": status(400)})
    merchant.write("y_bills_2026-01-06.csv", head + "C1,New,B2,1.00\n", merchant.drop)
    said = merchant.run()
    folder = merchant.report(said.file)
    assert any("were not updated" in note for note in said.file["notes"])
    before = held(folder)
    (folder / "summary.json").unlink()
    assert again(merchant, "y_bills_2026-01-06.csv", capsys)[0] == 0
    assert held(folder) == before


def test_without_our_copy_it_says_so_until_the_file_is_shown_again(
    merchant: Merchant, loaded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = held(loaded)
    let_pass(merchant, 31)
    merchant.run()
    ended, said = again(merchant, NAME, capsys)
    assert (ended, held(loaded)) == (1, before)
    assert unstamped(said).startswith(
        f"billferry: {NAME}: the landed copy was removed after retention.landing_days"
    )
    assert said.count("\n") == 1
    assert merchant.load(merchant.write(NAME, CONTENT)).state == "already_loaded"
    (loaded / "results.csv").unlink()
    assert again(merchant, NAME, capsys)[0] == 0
    assert held(loaded)["results.csv"] == before["results.csv"]


def test_without_its_outcomes_it_says_so_rather_than_call_records_not_attempted(
    merchant: Merchant, loaded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merchant.settings["retention"] = KEEP | {"landing_days": 400, "reports_days": 400}
    before = held(loaded)
    let_pass(merchant, 91)
    merchant.run()
    ended, said = again(merchant, NAME, capsys)
    assert (ended, held(loaded)) == (1, before)
    assert "its outcomes were removed after retention.outcomes_days; nothing was changed" in said


@pytest.mark.parametrize(
    "change",
    [{"amount": {"unit": "minor"}}, {"currency": "JPY"}, {"phone_region": "KE"}],
    ids=["unit", "currency", "region"],
)
def test_under_a_changed_feed_it_is_not_read_anew(
    merchant: Merchant, loaded: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object]
) -> None:
    before, feed = held(loaded), merchant.settings["feeds"][0]
    merchant.settings["feeds"][0] = {**feed, **change}
    merchant.run()  # writes the config
    ended, said = again(merchant, NAME, capsys)
    assert (ended, held(loaded)) == (1, before)
    assert (
        "its feed has changed since, and the file would be read differently now; restore the feed first"
        in said
    )
    merchant.settings["feeds"][0] = {**feed, "expect_by": "23:59"}
    merchant.run()
    assert again(merchant, NAME, capsys)[0] == 0, "when a file is expected does not change how it reads"
    assert held(loaded) == before


def test_reports_of_corrected_rejects_and_of_their_origin_both_come_back(
    merchant: Merchant, loaded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (loaded / "rejects.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    merchant.write("fixed.csv", written([row | {"amount_due": "1.01"}]), merchant.drop)
    fixed = merchant.run()
    assert fixed.outcomes() == {"created": 1}
    folders = [loaded, merchant.report(fixed.file)]
    before = [held(folder) for folder in folders]
    for folder in folders:
        for path in folder.iterdir():
            path.unlink()
    assert again(merchant, NAME, capsys)[0] == 0
    assert again(merchant, "fixed.csv", capsys)[0] == 0
    assert [held(folder) for folder in folders] == before


def test_a_file_that_no_run_has_seen_or_reported_on_has_none(
    merchant: Merchant, loaded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert again(merchant, "nothing.csv", capsys)[0] == 2
    merchant.change_ledger("UPDATE files SET state = 'landed', summary = NULL")  # as a killed run leaves it
    ended, said = again(merchant, NAME, capsys)
    assert ended == 1
    assert "it has no report yet; the next run continues with it" in said
