"""What people find in work_dir/reports after a run: a page per file, and one over all of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.stories.merchant import Merchant

GOOD = "customer_reference,bill_reference,amount_due,due_date\nC-1,B-1,10.00,2029-12-05\n"
MIXED = "customer_reference,bill_reference,amount_due,due_date\nC-2,B-2,20.00,2029-12-05\nC-3,B-3,1O.00,2029-12-05\n"


def overview(merchant: Merchant) -> Path:
    return merchant.folder / "var" / "reports" / "index.html"


def test_each_run_brings_the_overview_up_to_date(merchant: Merchant) -> None:
    merchant.settings["timezone"] = "Asia/Tokyo"
    merchant.write("za_bills_2029-12-01.csv", GOOD, merchant.drop)
    first = merchant.run()
    page = merchant.report(first.file) / "report.html"
    assert first.file["reports"] == ["summary.json", "results.csv", "report.html"]
    assert "The one record is loaded." in page.read_text()
    assert "Asia/Tokyo" in page.read_text()
    assert f'href="./{page.parent.name}/report.html"' in overview(merchant).read_text()
    merchant.write("za_bills_2029-12-02.csv", MIXED, merchant.drop)
    second = merchant.run()
    assert (
        "1 of 2 records is loaded, 1 is not loaded."
        in (merchant.report(second.file) / "report.html").read_text()
    )
    text = overview(merchant).read_text()
    assert text.index("za_bills_2029-12-02.csv") < text.index("za_bills_2029-12-01.csv")
    assert "Loaded with rejects" in text


def test_an_unfinished_file_is_told_and_then_told_otherwise(merchant: Merchant) -> None:
    path = merchant.write("za_bills_2029-12-02.csv", MIXED.replace("1O", "10"))
    api = dict(merchant.settings["api"])
    merchant.settings["api"] |= {"base_url": "http://127.0.0.1:9", "max_attempts": 1}
    left = merchant.load(path)
    assert left.state == "unfinished"
    assert (
        "The file is unfinished: 2 of 2 records are open."
        in (merchant.report(left.file) / "report.html").read_text()
    )
    assert ">Unfinished</span>" in overview(merchant).read_text()
    merchant.settings["api"] = api
    done = merchant.load(path)
    assert "All 2 records are loaded." in (merchant.report(done.file) / "report.html").read_text()
    assert ">Unfinished</span>" not in overview(merchant).read_text()


def test_a_held_file_is_told_with_what_to_judge_it_by_and_then_told_otherwise(merchant: Merchant) -> None:
    path = merchant.write("za_bills_2029-12-02.csv", MIXED.replace("1O", "10"))
    held = merchant.load(path, "--limit", "1")
    page = (merchant.report(held.file) / "report.html").read_text()
    assert "The file is held: 1 of 2 records is not sent until a person decides." in page
    assert "To send: 1 record, ZAR" in page
    assert "(smallest ZAR" not in page, "one amount has no smallest"
    assert ">Held</span>" in overview(merchant).read_text()
    done = merchant.release(path.name, "--now")
    assert "All 2 records are loaded." in (merchant.report(done.file) / "report.html").read_text()
    assert ">Held</span>" not in overview(merchant).read_text()


def test_a_run_without_work_and_a_dry_run_leave_the_overview_alone(merchant: Merchant) -> None:
    merchant.run()
    assert not overview(merchant).exists()
    merchant.load(merchant.write("za_bills_2029-12-01.csv", GOOD))
    before = overview(merchant).stat().st_mtime_ns
    path = merchant.write("za_bills_2029-12-02.csv", MIXED)
    dry = merchant.load(path, "--dry-run")
    assert "This was a dry run" in (merchant.report(dry.file) / "report.html").read_text()
    merchant.run()
    assert overview(merchant).stat().st_mtime_ns == before


def timeless(page: Path) -> bytes:
    """The overview without the time that it tells of."""
    text, count = re.subn(rb"As of <time.*?</time>", b"", page.read_bytes())
    assert count == 1
    return text


def test_an_overview_that_a_killed_run_did_not_get_to_is_made_up_for(merchant: Merchant) -> None:
    merchant.load(merchant.write("za_bills_2029-12-01.csv", GOOD))
    page = overview(merchant)
    whole = timeless(page)
    for old in (None, b"of yesterday"):
        page.unlink()
        if old is not None:
            page.write_bytes(old)
            os.utime(page, (1_000_000_000, 1_000_000_000))
        (page.parent / ".index.html.writing").write_bytes(whole[:100])
        merchant.run()
        assert timeless(page) == whole
        assert not (page.parent / ".index.html.writing").exists()


def test_the_page_goes_back_to_the_server_where_that_is_asked_for(sftp_merchant: Merchant) -> None:
    sftp_merchant.settings["sftp"]["upload"] = ["summary", "page"]
    sftp_merchant.write("za_bills_2029-12-02.csv", MIXED, sftp_merchant.incoming)
    said = sftp_merchant.run()
    report = sftp_merchant.report(said.file)
    uploaded = sftp_merchant.folder / "sftp" / "reports" / report.name
    assert sorted(path.name for path in uploaded.iterdir()) == ["report.html", "summary.json"]
    assert (uploaded / "report.html").read_bytes() == (report / "report.html").read_bytes()
