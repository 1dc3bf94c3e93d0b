"""`forget`: afterwards nothing below work_dir knows a customer's name, e-mail or phone."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from pipeline.sandbox.faults import NoFaults, Scripted, Window, drop
from tests.check.workbooks import row, sheet, text, workbook
from tests.keyring import THEIRS, Keyring
from tests.ledger_of_world import sqlite_alone
from tests.stories.forgetting import (
    HEADER,
    JUNE,
    NAME,
    decoded,
    dropped,
    forget,
    found_below,
    keeping_archive_below_work_dir,
    other,
    ours,
)
from tests.stories.merchant import Merchant
from tests.world import feed


@pytest.fixture
def merchant(merchant: Merchant) -> Merchant:
    return keeping_archive_below_work_dir(merchant)


@sqlite_alone
def test_the_planted_data_is_everywhere_before_so_that_the_search_is_worth_something(
    merchant: Merchant,
) -> None:
    dropped(merchant)
    merchant.run()
    places = " ".join(found_below(merchant.work_dir))
    for place in ("ledger.sqlite", "content", ".parquet", "rejects.csv", "archive/"):
        assert place in places


def test_nothing_below_work_dir_knows_the_customer_afterwards(merchant: Merchant) -> None:
    dropped(merchant)
    merchant.run("--dry-run")
    before = merchant.run()
    bills = merchant.held("bills")
    said = forget(merchant)
    assert found_below(merchant.work_dir) == []
    assert said["files"] == [
        {"name": before.file["file"]["name"], "sha256": before.file["file"]["sha256"], "records": 2}
    ]
    assert [Path(copy).parent.name for copy in said["copies"]] == ["archive"]
    assert merchant.held("bills") == bills, "the API is not asked"


def test_rejects_that_were_corrected_are_forgotten_with_their_correction(merchant: Merchant) -> None:
    dropped(merchant)
    run = merchant.run()
    fixed = (merchant.report(run.file) / "rejects.csv").read_text().replace(",two,", ",200.00,")
    dropped(merchant, "fixed.csv", fixed.replace(",five,", ",5.00,"))
    assert merchant.run().outcomes() == {"created": 2}
    assert len(forget(merchant)["files"]) == 2
    assert found_below(merchant.work_dir) == []
    assert len(merchant.held("bills")) == 5


@pytest.mark.parametrize("name", ["june_bills_2026-06-01.csv.gz", "june_bills_2026-06-01.csv.zip"])
def test_packed_files_are_forgotten_as_well(merchant: Merchant, name: str) -> None:
    merchant.settings["feeds"][0]["match"] = "*_bills_{date:%Y-%m-%d}.csv*"
    if name.endswith("gz"):
        content = gzip.compress(JUNE.encode())
    else:
        path = merchant.folder / "june.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("june.csv", JUNE)
        content = path.read_bytes()
    dropped(merchant, name, content)
    merchant.run()
    forget(merchant)
    assert found_below(merchant.work_dir) == []


def test_an_archive_of_several_files_is_forgotten_as_well(merchant: Merchant) -> None:
    path = merchant.drop / "june.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("north_bills_2026-06-01.csv", JUNE)
        archive.writestr("south_bills_2026-06-01.csv", HEADER + other(9))
    merchant.run()
    assert [file["name"] for file in forget(merchant)["files"]] == ["june.zip!north_bills_2026-06-01.csv"]
    assert found_below(merchant.work_dir) == []


def test_a_refused_file_and_one_whose_feed_is_gone_are_forgotten_as_well(merchant: Merchant) -> None:
    merchant.settings["feeds"].append(
        {
            **merchant.settings["feeds"][0],
            "name": "old",
            "match": "old_{date:%Y-%m-%d}.csv",
            "on_reject": "refuse_file",
        }
    )
    dropped(merchant, "old_2026-06-01.csv")
    dropped(merchant, "july_bills_2026-07-01.csv", HEADER + ours("INV-70"))
    merchant.run()
    merchant.settings["feeds"].pop()
    forget(merchant)
    assert found_below(merchant.work_dir) == []


def test_reports_whose_copy_retention_removed_are_forgotten_as_well(merchant: Merchant) -> None:
    dropped(merchant)
    run = merchant.run()
    shutil.rmtree(merchant.work_dir / "landing")
    forget(merchant)
    assert found_below(merchant.work_dir) == []
    assert len(merchant.results(run)) == 5
    assert merchant.command("report", "june_bills_2026-06-01.csv").exit_status == 1


def test_a_customer_of_several_feeds_is_forgotten_in_all_of_them(merchant: Merchant) -> None:
    dropped(merchant)
    balances = f"customer_reference,customer_name,currency,balance\nC-17,{NAME},ZAR,5.00\n"
    dropped(merchant, "x_balances_2026-06-02.csv", balances)
    merchant.run()
    assert len(forget(merchant)["files"]) == 2
    assert found_below(merchant.work_dir) == []
    assert merchant.ledger("SELECT balance FROM entities WHERE reference = 'C-17'") == [(500,)]


@sqlite_alone
def test_a_copy_of_the_ledger_that_an_upgrade_left_goes_as_well(merchant: Merchant) -> None:
    dropped(merchant)
    merchant.run()
    copy = merchant.work_dir / "ledger.sqlite.before-v9"
    shutil.copy(merchant.work_dir / "ledger.sqlite", copy)
    forget(merchant)
    assert not copy.exists()
    assert found_below(merchant.work_dir) == []


@sqlite_alone
def test_what_is_elsewhere_is_listed_and_not_touched(merchant: Merchant) -> None:
    merchant.settings["drop"]["archive"] = "archive"
    dropped(merchant)
    merchant.run()
    backup = merchant.folder / "ledger.copy"
    merchant.command("backup", backup)
    before = (
        backup.read_bytes(),
        {path: path.read_bytes() for path in (merchant.folder / "archive").iterdir()},
    )
    said = " ".join(forget(merchant)["elsewhere"])
    assert "archive/june_bills_2026-06-01.csv." in said
    assert "ledger.copy" in said
    assert before == (
        backup.read_bytes(),
        {path: path.read_bytes() for path in (merchant.folder / "archive").iterdir()},
    )


def test_what_an_sftp_server_holds_is_listed_and_not_touched(sftp_merchant: Merchant) -> None:
    merchant = sftp_merchant
    merchant.write("june_bills_2026-06-01.csv", JUNE, merchant.incoming)
    merchant.run()
    files = {path: path.read_bytes() for path in (merchant.folder / "sftp").rglob("*") if path.is_file()}
    said = " ".join(forget(merchant)["elsewhere"])
    assert "/archive/june_bills_2026-06-01.csv." in said
    assert "/reports/june_bills_2026-06-01.csv." in said
    assert {path: path.read_bytes() for path in files} == files
    assert found_below(merchant.work_dir) == []


def test_a_file_of_somebody_elses_below_work_dir_is_told_and_left(merchant: Merchant) -> None:
    dropped(merchant)
    merchant.run()
    notes = merchant.work_dir / "notes.txt"
    notes.write_text(f"call {NAME}")
    said = merchant.json_command("forget", "C-17")
    assert (said.exit_status, said.document["left"]) == (1, ["notes.txt"])
    assert notes.exists()


def test_nothing_is_removed_while_a_request_is_unsettled(merchant: Merchant) -> None:
    dropped(merchant, content=HEADER + ours("INV-17"))
    merchant.configure_api(max_attempts=1)
    merchant.api.faults = Scripted({(lambda _: True): drop(Window.AFTER_WORK)})
    assert merchant.run().outcomes() == {"in_doubt": 1}
    merchant.api.faults = NoFaults()
    before = found_below(merchant.work_dir)
    said = merchant.command("forget", "C-17")
    assert said.exit_status == 3
    assert "no known outcome" in said.stderr
    assert NAME not in said.stderr
    assert found_below(merchant.work_dir) == before
    merchant.run()
    forget(merchant)
    assert found_below(merchant.work_dir) == []


def test_nothing_is_removed_while_a_file_with_the_customer_is_held(merchant: Merchant) -> None:
    merchant.settings["feeds"][0]["release"] = "always"
    dropped(merchant)
    assert merchant.run().state == "held"
    said = merchant.command("forget", "C-17")
    assert said.exit_status == 3
    assert "is held" in said.stderr
    assert merchant.command("forget", "C-99").exit_status == 2, "a held file of others does not matter"
    merchant.refuse("june_bills_2026-06-01.csv", "--why", "test")
    forget(merchant)
    assert found_below(merchant.work_dir) == []


def test_a_dry_run_lists_what_would_go_and_removes_nothing(merchant: Merchant) -> None:
    dropped(merchant)
    merchant.run()
    before = {
        name: digest
        for name, digest in merchant.tree().items()
        if "ledger" not in name and "/records/" not in name
    }
    entries = merchant.ledger("SELECT count(*) FROM audit")
    said = merchant.json_command("forget", "C-17", "--dry-run").document
    assert before == {
        name: digest
        for name, digest in merchant.tree().items()
        if "ledger" not in name and "/records/" not in name
    }
    assert merchant.ledger("SELECT count(*) FROM audit") == entries
    done = forget(merchant)
    assert [said[key] for key in ("files", "copies", "elsewhere")] == [
        done[key] for key in ("files", "copies", "elsewhere")
    ]


def test_an_unknown_reference_is_one_line(merchant: Merchant) -> None:
    dropped(merchant)
    merchant.run()
    said = merchant.command("forget", "C-99")
    assert said.exit_status == 2
    assert len(said.stderr.splitlines()) == 1
    assert "begun" not in json.dumps(
        [each for each in merchant.json_command("audit").document["entries"] if each["command"] == "forget"]
    )


def test_the_audit_trail_has_it_without_the_name(merchant: Merchant) -> None:
    dropped(merchant)
    merchant.run()
    forget(merchant)
    entries = [
        each for each in merchant.json_command("audit").document["entries"] if each["command"] == "forget"
    ]
    assert [each["event"] for each in entries] == ["begun", "done", "ended"]
    assert entries[1]["files"][0]["name"] == "june_bills_2026-06-01.csv"
    assert NAME not in json.dumps(entries)
    assert merchant.command("audit", "--verify").exit_status == 0


def test_ndjson_and_workbooks_are_forgotten_as_well(merchant: Merchant) -> None:
    merchant.settings["feeds"][0]["match"] = "*_bills_{date:%Y-%m-%d}.*"
    names = HEADER.strip().split(",")
    records = [dict(zip(names, line.split(","), strict=True)) for line in JUNE.splitlines()[1:]]
    dropped(merchant, "one_bills_2026-06-01.ndjson", "".join(json.dumps(each) + "\n" for each in records))
    lines = [line.split(",") for line in JUNE.replace("INV", "XL").splitlines()]
    cells = [row(*(text(value) for value in line)) for line in lines]
    dropped(merchant, "two_bills_2026-06-02.xlsx", workbook(sheet(*cells)))
    merchant.run()
    assert len(forget(merchant)["files"]) == 2
    assert found_below(merchant.work_dir) == []
    rejects = [path.read_text() for path in (merchant.work_dir / "reports").glob("*/rejects.*")]
    assert len(rejects) == 2
    assert all("C-2" in text for text in rejects), "what others have to correct is still there"
    for name in ("one_bills_2026-06-01.ndjson", "two_bills_2026-06-02.xlsx"):
        assert merchant.rewrite(name).exit_status == 0


def test_a_correction_of_somebody_elses_record_loads_after_that(merchant: Merchant) -> None:
    dropped(merchant)
    run = merchant.run()
    forget(merchant)
    fixed = (merchant.report(run.file) / "rejects.csv").read_text().replace(",five,", ",5.00,")
    dropped(merchant, "fixed.csv", fixed)
    assert merchant.run().outcomes() == {"created": 1}


def test_a_customer_with_an_odd_name_is_forgotten_in_every_notation(merchant: Merchant) -> None:
    odd = 'Zoë "O\'Neill" <& Söhne>'
    quoted = odd.replace('"', '""')
    dropped(
        merchant,
        content=f'customer_reference,customer_name,account_reference,bill_reference,amount_due\nC-17,"{quoted}",A-17,INV-1,1.00\nC-17,"{quoted}",A-17,INV-2,x\n',
    )
    merchant.run()
    forget(merchant)
    everything = b"".join(
        content for path in merchant.work_dir.rglob("*") if path.is_file() for content in decoded(path)
    )
    for part in ("Zoë", "Zo\\u00eb", "O'Neill", "Söhne", "O&#39;Neill"):
        assert part.encode() not in everything


def test_an_encrypted_file_is_forgotten_and_leaves_nothing_that_can_be_read(
    merchant: Merchant, keyring: Keyring
) -> None:
    keyring.put(merchant.folder)
    pgp = {"key_file": "ours.key", "signers_file": "signers.asc"}
    merchant.settings["feeds"].insert(
        0,
        feed(
            "secret", "bill", "*_secret_{date:%Y-%m-%d}.csv.pgp", currency="ZAR", phone_region="ZA", pgp=pgp
        ),
    )
    dropped(merchant, "x_secret_2026-06-01.csv.pgp", keyring.encrypted(JUNE.encode(), by=THEIRS))
    run = merchant.run()
    assert len(merchant.rejects(run)) == 2
    forget(merchant)
    assert found_below(merchant.work_dir) == []
    assert [row["customer_reference"] for row in merchant.rejects(run)] == ["C-2"]
    assert list((merchant.work_dir / "landing").iterdir()) == []
    assert not any(b"Ben 1" in path.read_bytes() for path in merchant.work_dir.rglob("*.parquet"))
    assert merchant.command("report", "x_secret_2026-06-01.csv.pgp").exit_status == 1
