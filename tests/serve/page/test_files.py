"""What the page shows of files: the list, a file with its report, downloads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.serve.page.browsing import showing
from tests.stories.files import bills
from tests.stories.merchant import Merchant

GOOD = bills("C-1,A-1,B-1,10.00", "C-1,A-1,B-2,20.00")
MIXED = bills("C-1,A-1,B-3,30.00", "C-1,A-1,B-4,ten")


@pytest.fixture
def loaded(merchant: Merchant) -> Merchant:
    """A file that was loaded, and one with a reject."""
    merchant.write("za_bills_2026-11-01.csv", GOOD, merchant.drop)
    merchant.write("za_bills_2026-11-02.csv", MIXED, merchant.drop)
    assert merchant.run().exit_status == 1
    return merchant


def address_of(text: str, name: str) -> str:
    found = re.search(rf'<a href="(/files/[0-9a-f]{{64}}/)">{re.escape(name)}</a>', text)
    assert found is not None
    return found[1]


def test_before_the_first_run_there_is_a_page_already(merchant: Merchant) -> None:
    with showing(merchant) as page:
        assert "No file has been loaded yet." in page.visitor().get("/").said
        assert "No file has been loaded yet." in page.visitor().get("/files/").said


def test_the_overview_names_what_needs_somebody_first(loaded: Merchant) -> None:
    with showing(loaded) as page:
        said = page.visitor().get("/").said
    assert "Correct 1 record of 1 file, listed first below." in said
    assert said.index("za_bills_2026-11-02.csv") < said.index("za_bills_2026-11-01.csv")


def test_a_file_is_shown_with_its_report_and_its_downloads(loaded: Merchant) -> None:
    with showing(loaded) as page:
        me = page.visitor()
        address = address_of(me.get("/").text, "za_bills_2026-11-02.csv")
        shown = me.get(address)
        assert "1 of 2 records is loaded, 1 is not loaded." in shown.said
        assert "amount.invalid" in shown.text or "amount" in shown.said
        rejects = me.get(f"{address}rejects.csv")
        assert rejects.status == 200
        assert b"B-4" in rejects.body
        assert rejects.headers["content-disposition"].startswith("attachment")
        report = me.get(f"{address}report.html")
        assert report.status == 200
        assert "sha256-" in report.headers["content-security-policy"]
        assert "unsafe" not in report.headers["content-security-policy"]


def test_links_of_reports_lead_to_the_same_file(loaded: Merchant) -> None:
    with showing(loaded) as page:
        me = page.visitor()
        address = address_of(me.get("/").text, "za_bills_2026-11-01.csv")
        digits = address.split("/")[2][:8]
        led = me.get(f"/files/za_bills_2026-11-01.csv.{digits}/report.html")
        assert (led.status, led.headers["location"]) == (307, f"{address}report.html")
        led = me.get(f"/files/za_bills_2026-11-01.csv.{digits}/")
        assert (led.status, led.headers["location"]) == (307, address)


@pytest.mark.parametrize(
    "path",
    [
        "/files/..%2f..%2fconfig.yaml/report.html",
        "/files/{sha}/..%2f..%2f..%2fledger.sqlite",
        "/files/{sha}/%2e%2e/%2e%2e/ledger.sqlite",
        "/files/{sha}/ledger.sqlite",
        "/files/{sha}/report.html%00",
        "/static/..%2fapp.py",
        "/static/%2e%2e%2fapp.py",
        "/static//etc/passwd",
    ],
)
def test_no_address_leads_out_of_what_is_shown(loaded: Merchant, path: str) -> None:
    with showing(loaded) as page:
        me = page.visitor()
        sha = address_of(me.get("/").text, "za_bills_2026-11-01.csv").split("/")[2]
        assert me.get(path.format(sha=sha)).status == 404


def test_the_list_is_searched_by_name_and_digits_and_leafed_through(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.serve.page.views.overview.FILES_ON_PAGE", 2)
    for day in range(1, 6):
        merchant.write(f"za_bills_2026-11-0{day}.csv", bills(f"C-1,A-1,B-{day},10.00"), merchant.drop)
    assert merchant.run().exit_status == 0
    with showing(merchant) as page:
        me = page.visitor()
        first = me.get("/files/")
        assert "5 files" in first.said
        assert "11-05.csv" in first.said
        assert "11-03.csv" not in first.said
        older = re.search(r'<a href="(\?before=\d+&amp;search=)" rel="next">', first.text)
        assert older is not None
        second = me.get("/files/" + older[1].replace("&amp;", "&"))
        assert "11-03.csv" in second.said
        assert "11-05.csv" not in second.said
        assert "1 file for" in me.get("/files/?search=11-04").said
        digits = address_of(first.text, "za_bills_2026-11-05.csv").split("/")[2][:10]
        assert "11-05.csv" in me.get(f"/files/?search={digits.upper()}").said
        assert "No file fits." in me.get("/files/?search=%25").said
        assert me.get("/files/?before=x&search=%00").status == 200


def test_what_came_with_a_name_cannot_become_markup(merchant: Merchant) -> None:
    name = "<img src=x onerror=alert(1)>_bills_2026-11-01.csv"
    merchant.write(name, GOOD, merchant.drop)
    assert merchant.run().exit_status == 0
    with showing(merchant) as page:
        me = page.visitor()
        for path in ("/", "/files/", "/files/?search=<img src=x onerror=alert(1)>".replace(" ", "%20")):
            assert "<img" not in me.get(path).text
        found = re.search(r'"(/files/[0-9a-f]{64}/)"', me.get("/files/").text)
        assert found is not None
        shown = me.get(found[1])
        assert "<img" not in shown.text
        assert name in shown.said or "onerror" in shown.said


def test_a_report_that_is_gone_is_said_to_be(loaded: Merchant) -> None:
    for folder in (loaded.work_dir / "reports").glob("za_bills_2026-11-01*"):
        for path in Path(folder).iterdir():
            path.unlink()
        folder.rmdir()
    with showing(loaded) as page:
        me = page.visitor()
        address = address_of(me.get("/").text, "za_bills_2026-11-01.csv")
        assert "The report of this file is not kept any more." in me.get(address).said
        assert me.get(f"{address}report.html").status == 404
