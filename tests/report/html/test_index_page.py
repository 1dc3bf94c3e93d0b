"""index.html: every file the ledger knows, whatever it is called."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from pipeline.errors import DiskFull
from pipeline.report.folders import folder_name
from pipeline.report.html import index_page as page
from tests.pages.overview import AS_OF, ODD_NAMES, Known, known, overview
from tests.report.html.test_report_page import read, said


def links(path: Path) -> list[str]:
    return [str(attributes["href"]) for tag, attributes in read(path).tags if tag == "a"]


def test_each_file_has_its_state_records_money_and_rejects(tmp_path: Path) -> None:
    text = said(overview(tmp_path, [known("bills.csv")]))
    assert "bills.csv bills Loaded with rejects 20 Nov 2026, 08:01 5 2 0 ZAR 1 234.56" in text


def test_many_currencies_are_cut(tmp_path: Path) -> None:
    amounts = {code: {"total": 100} for code in ("EUR", "JPY", "KWD", "USD", "ZAR")}
    file = known("bills.csv")
    assert file.summary is not None
    text = said(overview(tmp_path, [known("bills.csv", summary={**file.summary, "amounts_minor": amounts})]))
    assert "EUR 1.00 JPY 100 KWD 0.100 and 2 more" in text


def test_an_amount_that_is_unknown_is_not_shown_as_nothing(tmp_path: Path) -> None:
    file = known("bills.csv")
    assert file.summary is not None
    facts = {
        "amounts_minor": {"JPY": {"total": 0}, "USD": {"total": 0}, "ZAR": {"total": 500}},
        "records_by_currency": {"JPY": {"total": 1}, "USD": {"total": 2}, "ZAR": {"total": 2}},
        "unreadable_by_currency": {"JPY": {"total": 1}, "ZAR": {"total": 1}},
        "amount_unreadable": 2,
    }
    text = said(overview(tmp_path, [known("bills.csv", summary={**file.summary, **facts})]))
    assert "5 2 0 USD 0.00 ZAR 5.00 2 amounts unknown" in text


def test_links_lead_to_the_reports_of_names_of_all_kinds(tmp_path: Path) -> None:
    files = [known(name) for name in ODD_NAMES]
    found = links(overview(tmp_path, files))
    assert len(found) == len(files)
    for link, file in zip(found, files, strict=True):
        parts = urlsplit(link)
        assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
        assert unquote(parts.path) == f"./{folder_name(file.name, file.sha256)}/report.html"
        assert (tmp_path / unquote(parts.path)).exists()


def test_a_file_without_a_report_has_no_link(tmp_path: Path) -> None:
    here, gone, old = known("here.csv"), known("gone.csv"), known("old.csv")
    overview(tmp_path, [here, old])
    old_folder = tmp_path / folder_name(old.name, old.sha256)
    (old_folder / "report.html").rename(old_folder / "summary.json")
    facts = page.OverviewFacts([here, gone, old], 3, "m", "live", "UTC", AS_OF)
    path = page.write_overview(facts, tmp_path)
    assert [unquote(link).rpartition("/")[2] for link in links(path)] == ["report.html", "summary.json"]
    assert "gone.csv" in said(path)


def test_a_file_that_a_killed_run_left_is_unfinished(tmp_path: Path) -> None:
    left = Known("killed.csv", state="landed", finished_at=None, summary=None)
    text = said(overview(tmp_path, [left]))
    assert "killed.csv bills Unfinished 20 Nov 2026, 08:00 – 0 0 –" in text


def test_a_file_that_came_again_under_another_name_leads_to_the_report_it_has(tmp_path: Path) -> None:
    first = known("first.csv")
    overview(tmp_path, [first])

    class Renamed(Known):
        sha256 = first.sha256

    again = Renamed("second.csv", summary=first.summary)
    path = page.write_overview(page.OverviewFacts([again], 1, "m", "test", "UTC", AS_OF), tmp_path)
    [link] = links(path)
    assert link.startswith("./first.csv.")


def test_older_files_are_counted_not_shown(tmp_path: Path) -> None:
    text = said(overview(tmp_path, [known("newest.csv")], total=10_000))
    assert "1 of 10 000 files: all that need somebody, and the newest." in text


def test_the_page_says_of_when_it_is_and_that_all_is_well(tmp_path: Path) -> None:
    fine = known("fine.csv", state="loaded")
    none = dict.fromkeys(fine.summary["records"], 0)  # type: ignore[index]
    fine = known("fine.csv", state="loaded", summary={"records": none | {"total": 5, "created": 5}})
    text = said(
        overview(
            tmp_path,
            [fine],
            loaded={"account_balance": {"ZAR": 900}, "bill": {"ZAR": 500, "JPY": 7}, "?": {"ZAR": 0}},
        )
    )
    assert "As of 20 Nov 2026, 08:02 Africa/Johannesburg" in text
    assert "All is well. There is nothing to do." in text
    assert "Bills loaded by all files: JPY 7, ZAR 5.00 Account balances loaded by all files: ZAR 9.00" in text


def test_what_a_person_has_to_do_is_said_first_and_its_files_are_listed_first(tmp_path: Path) -> None:
    none = dict.fromkeys(known("x").summary["records"], 0)  # type: ignore[index]
    fine = {"records": none, "amounts_minor": {}}
    files = [
        known("fine.csv", state="loaded", summary=fine),
        known("rejects.csv"),
        known("held.csv", state="held", summary=fine),
        known("again.csv", state="loaded", summary=fine),
        known("no.csv", state="refused", summary=fine),
    ]
    path = overview(tmp_path, files, late=["feed bills, due 2026-11-20 by 07:00"])
    text = said(path)
    to_do = [
        "Somebody is needed.",
        "Find out why a file is late: feed bills, due 2026-11-20 by 07:00.",
        "Look at 1 held file, then release or refuse: each report has the commands.",
        "Have 1 refused file put right and sent again; each report says why.",
        "Correct or write off 2 records of 1 file, listed first below.",
    ]
    places = [text.index(each) for each in to_do]
    assert places == sorted(places)
    names = [unquote(link).split(".csv")[0].lstrip("./") for link in links(path)]
    assert names == ["rejects", "held", "no", "fine", "again"]


def test_nothing_loaded_yet_is_no_trouble(tmp_path: Path) -> None:
    assert "No file has been loaded yet." in said(overview(tmp_path, []))


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_page_is_private_and_replaced_as_a_whole(tmp_path: Path, umask: int) -> None:
    (tmp_path / ".index.html.writing").write_text("left by a killed run")
    before = os.umask(umask)
    try:
        path = overview(tmp_path, [])
        overview(tmp_path, [known("bills.csv")])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "bills.csv" in said(path)
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_file()) == ["index.html"]


def test_the_earlier_page_stays_when_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = overview(tmp_path, [])
    whole = path.read_bytes()

    def full(*_: object, **__: object) -> list[bytes]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(page, "rendered", full)
    with pytest.raises(DiskFull):
        overview(tmp_path, [known("bills.csv")])
    assert path.read_bytes() == whole
