"""Files that fit no feed, two feeds, or that cannot be read: told, and never in the way of the others."""

from __future__ import annotations

import pytest

from pipeline.report.run_lines import NOTHING_WAITED
from tests.stories.files import bills
from tests.stories.merchant import Merchant

GOOD = "x_bills_2030-01-01.csv"
ROW = bills("C-1,A-1,B-1,1.00")


def test_a_file_that_fits_no_feed_is_told_and_stays(merchant: Merchant) -> None:
    merchant.write("stranger.csv", ROW, merchant.drop)
    merchant.write(GOOD, ROW, merchant.drop)
    for _ in range(2):
        said = merchant.run()
        assert said.exit_status == 1
        assert said.named("stranger.csv")["state"] == "unmatched"
        assert "stranger.csv" in said.stderr
        assert merchant.names_in("drop") == ["stranger.csv"]
    assert len(merchant.held("bills")) == 1


def test_a_named_file_that_fits_no_feed_is_told(merchant: Merchant) -> None:
    path = merchant.write("stranger.csv", ROW)
    said = merchant.load(path)
    assert (said.exit_status, said.state) == (1, "unmatched")
    assert said.file["refusal"]["code"] == "file.unmatched"
    assert merchant.load(path, "--feed", "bills").state == "loaded"


def test_ignored_and_unfinished_files_are_left_in_silence(merchant: Merchant) -> None:
    names = [".hidden.csv", "notes.md", "x_bills_2030-01-02.csv.part"]
    for name in names:
        merchant.write(name, ROW, merchant.drop)
    said = merchant.run()
    assert (said.exit_status, said.files) == (0, [])
    assert said.stderr.splitlines()[1:] == [NOTHING_WAITED]
    assert merchant.names_in("drop") == names


def test_a_refused_file_goes_into_quarantine_and_the_others_load(merchant: Merchant) -> None:
    merchant.write("w_bills_2030-01-01.csv", "customer_reference,amount_due\nC-9,1.00\n", merchant.drop)
    merchant.write(GOOD, ROW, merchant.drop)
    said = merchant.run()
    assert said.exit_status == 1
    refused = said.named("w_bills_2030-01-01.csv")
    assert refused["state"] == "refused"
    assert refused["refusal"]["code"] == "file.missing_column"
    assert "bill_reference" in refused["refusal"]["message"]
    assert said.named(GOOD)["state"] == "loaded"
    assert merchant.names_in("drop") == []
    assert len(merchant.names_in("quarantine")) == len(merchant.names_in("archive")) == 1


def test_a_refused_file_goes_into_quarantine_on_the_server_with_its_report(sftp_merchant: Merchant) -> None:
    sftp_merchant.write(GOOD, "", sftp_merchant.incoming)
    said = sftp_merchant.run()
    assert said.exit_status == 1
    assert said.file["refusal"]["code"] == "file.empty"
    assert sftp_merchant.names_in("sftp/incoming") == []
    assert len(sftp_merchant.names_in("sftp/quarantine")) == 1
    assert sftp_merchant.names_in("sftp/reports") == [sftp_merchant.report(said.file).name]


def test_a_refused_file_is_checked_afresh_once_the_feed_is_mended(merchant: Merchant) -> None:
    merchant.settings["feeds"][0]["delimiter"] = ";"
    path = merchant.write(GOOD, ROW)
    assert merchant.load(path).state == "refused"
    merchant.settings["feeds"][0]["delimiter"] = ","
    assert merchant.load(path).state == "loaded"


def test_a_name_that_fits_two_feeds_is_refused(merchant: Merchant) -> None:
    merchant.settings["feeds"].append(merchant.settings["feeds"][0] | {"name": "others", "match": "x_*.csv"})
    merchant.write(GOOD, ROW, merchant.drop)
    merchant.write("y_bills_2030-01-01.csv", ROW, merchant.drop)
    said = merchant.run()
    assert said.exit_status == 1
    assert said.named(GOOD)["state"] == "refused"
    assert said.named(GOOD)["refusal"]["code"] == "file.two_feeds"
    assert said.named("y_bills_2030-01-01.csv")["state"] == "loaded"


@pytest.mark.parametrize("folder", ["drop", "incoming"])
def test_an_empty_inbox_is_no_trouble(merchant: Merchant, folder: str) -> None:
    if folder == "incoming":
        with merchant.with_sftp():
            said = merchant.run()
    else:
        said = merchant.run()
    assert (said.exit_status, said.files) == (0, [])


def test_a_changed_feed_does_not_load_a_file_twice_and_says_so(merchant: Merchant) -> None:
    path = merchant.write(GOOD, ROW)
    merchant.load(path)
    merchant.settings["feeds"][0]["phone_region"] = "GB"
    said = merchant.load(path)
    assert said.exit_status == 0
    assert said.state == "already_loaded"
    assert any("--force" in note for note in said.file["notes"])
