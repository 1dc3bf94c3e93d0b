"""What people read around a decision about a held file: what is left, who decided when, and what comes next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli import run_command
from tests.stories.files import bills
from tests.stories.merchant import Merchant, Said

NAME = "za_bills_2030-01-01.csv"
THREE = bills("C-1,A-1,B-1,10.00", "C-1,A-1,B-2,20.00", "C-2,A-2,B-3,90.50")
ONE_BAD = bills("C-1,A-1,B-1,10.00", "C-2,A-2,B-2,20.001")


@pytest.fixture
def gated(merchant: Merchant) -> Merchant:
    """A merchant in Johannesburg whose bills wait for a person until a file of them was loaded."""
    merchant.settings["feeds"][0]["release"] = "first"
    merchant.settings["timezone"] = "Africa/Johannesburg"
    return merchant


def lines_of_status(merchant: Merchant, capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    capsys.readouterr()
    assert run_command(["status", "--config", str(merchant.folder / "config.yaml")]) == 0
    yield from capsys.readouterr().out.splitlines()


def page_of(merchant: Merchant, said: Said) -> str:
    return (merchant.report(said.file) / "report.html").read_text()


def test_what_is_to_be_sent_after_a_canary_is_what_is_left(gated: Merchant) -> None:
    gated.load(gated.write(NAME, THREE))
    canary = gated.release(NAME, "--limit", "1", "--now")
    left = {"records": 2, "total_minor": 11_050, "smallest_minor": 2_000, "median_minor": 2_000}
    assert canary.file["held_amounts"] == {"ZAR": {**left, "largest_minor": 9_050}}
    assert "to send: 2 records, ZAR 110.50 (smallest ZAR 20.00," in canary.stderr
    assert "file.limited: only so many records were to be sent (--limit): 1 sent, 2 left" in canary.stderr
    assert "To send: 2 records, ZAR 110.50" in page_of(gated, canary)

    again = gated.rewrite(NAME)
    assert again.file["held_amounts"] == canary.file["held_amounts"], "also where reports are written again"


def test_a_release_says_what_the_next_run_sends_and_not_that_the_file_is_held(gated: Merchant) -> None:
    gated.load(gated.write(NAME, THREE))
    released = gated.release(NAME, "--limit", "2")
    first, *rest = released.stderr.splitlines()
    assert re.fullmatch(
        rf"{NAME}: released on \d{{4}}-\d\d-\d\d \d\d:\d\d SAST by \S+ on \S+, up to 2 records of it in all",
        first,
    )
    assert rest == [
        "  to send: 3 records, ZAR 120.50 (smallest ZAR 10.00, median ZAR 20.00, largest ZAR 90.50)",
        "  the next run sends 2 records of it, then holds it again",
    ]


def test_status_shows_a_released_file_as_released_by_whom_and_when(
    gated: Merchant, capsys: pytest.CaptureFixture[str]
) -> None:
    path = gated.write(NAME, THREE)
    gated.load(path)
    held = list(lines_of_status(gated, capsys))
    assert any(line.startswith(f"HELD: {NAME}") for line in held)
    gated.release(NAME)
    released = list(lines_of_status(gated, capsys))
    pattern = rf"RELEASED: {NAME} \([0-9a-f]{{8}}\), released on .* SAST by \S+ on \S+; the next run sends it"
    assert sum(bool(re.fullmatch(pattern, line)) for line in released) == 1
    assert "files: 1 released" in released
    assert released[-1].startswith(f"released             {NAME}")
    assert not any("HELD" in line for line in released)
    decided = gated.status()["files"][0]["decided"]
    assert (decided["word"], decided["at"][-1]) == ("release", "Z")


def test_a_report_keeps_every_decision_about_its_file(gated: Merchant) -> None:
    path = gated.write(NAME, THREE)
    gated.load(path)
    gated.release(NAME)
    gated.release(NAME, "--limit", "1")
    gated.load(path)
    loaded = gated.release(NAME, "--now")
    assert loaded.state == "loaded"
    told = [note for note in loaded.file["notes"] if note.startswith("released on ")]
    assert [note.endswith("; replaced by a later decision before a run came to it") for note in told] == [
        True,
        False,
        False,
    ]
    assert page_of(gated, loaded).count("<li>released on ") == 3


def test_times_in_notes_are_those_of_the_merchant_as_on_the_same_page(gated: Merchant) -> None:
    path = gated.write(NAME, THREE)
    gated.load(path)
    texts = [*gated.release(NAME, "--now").file["notes"], *gated.load(path).file["notes"]]
    assert len(texts) == 2
    for text in texts:
        assert re.search(r" on \d{4}-\d\d-\d\d \d\d:\d\d SAST ", text)
        assert not re.search(r"\dT\d\d:\d\d|Z\b", text)


def test_money_of_a_refused_file_is_shown_as_refused_and_not_as_open(gated: Merchant) -> None:
    gated.load(gated.write(NAME, THREE))
    refused = gated.refuse(NAME, "--why", "the wrong month")
    page = page_of(gated, refused)
    assert "<dt>Refused with the file</dt>" in page
    assert '<dt>Still to load</dt><dd class="large">0</dd>' in page
    assert "not sent: the file was refused" in page
    index = (gated.folder / "var" / "reports" / "index.html").read_text()
    shown = dict(re.findall(r'class="number" data-label="([^"]+)">(\d+)<', index))
    assert shown == {"Records": "3", "Still to correct": "0", "Still to load": "0"}, "a person has ended it"


def test_a_held_file_with_rejects_says_to_release_it_before_its_rejects_are_corrected(
    gated: Merchant,
) -> None:
    held = gated.load(gated.write(NAME, ONE_BAD))
    said = "elease the file and let it load before you correct its rejects: an earlier correction is refused"
    assert said in held.stderr
    assert said in page_of(gated, held)
    correction = (gated.report(held.file) / "rejects.csv").read_text().replace(",20.001,", ",20.00,")

    early = gated.load(gated.write("early.csv", correction))
    assert (early.state, early.file["refusal"]["code"]) == ("refused", "file.original_not_loaded")
    assert "release that file and let it load, then send this one again" in early.stderr
    gated.release(NAME, "--now")
    assert gated.load(gated.write("early.csv", correction)).state == "loaded"


def test_a_held_file_without_rejects_says_nothing_of_them(gated: Merchant) -> None:
    assert "rejects" not in gated.load(gated.write(NAME, THREE)).stderr


def test_the_same_bytes_under_a_new_name_are_told_by_both_names(gated: Merchant) -> None:
    gated.load(gated.write(NAME, THREE))
    new = gated.write("again_bills_2030-01-02.csv", THREE)
    both = f"{new.name} has the same bytes as {NAME}"
    assert both in gated.load(new).file["notes"], "while the file is held"
    gated.release(NAME)
    assert both in gated.load(new).file["notes"], "when it is loaded under the new name"
    third = gated.load(gated.write("third_bills_2030-01-03.csv", THREE))
    assert third.file["file"]["name"] == "third_bills_2030-01-03.csv"
    assert f"as {new.name}; nothing was sent" in third.stderr


def test_two_names_of_the_same_bytes_in_one_run_are_both_told(gated: Merchant, tmp_path: Path) -> None:
    gated.write(NAME, THREE, gated.drop)
    gated.write("other_bills_2030-01-01.csv", THREE, gated.drop)
    said = gated.run().stderr
    assert f"{NAME}: the same bytes as other_bills_2030-01-01.csv above, which is not finished" in said
