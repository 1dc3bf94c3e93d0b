"""A bill file and the control file beside it: they wait for each other, are confirmed together, and move together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import run_command
from tests.stories.merchant import Merchant, Said

HEADER = "customer_reference,account_reference,bill_reference,currency,amount_due"
NAME = "cp_bills_2026-11-20.csv"


def content(*amounts: str) -> str:
    lines = [f"C-{n},A-{n},B-{n},ZAR,{amount}" for n, amount in enumerate(amounts)]
    return "\n".join([HEADER, *lines]) + "\n"


def control(records: int, amount: str) -> str:
    return json.dumps({"records": records, "amounts": {"ZAR": amount}})


@pytest.fixture
def declared(merchant: Merchant) -> Merchant:
    """A merchant whose bill files come with control files."""
    merchant.settings["feeds"][0]["control"] = {"kind": "sidecar"}
    return merchant


def put(merchant: Merchant, sidecar: str | None, *amounts: str, name: str = NAME) -> Path:
    if sidecar is not None:
        merchant.write(f"{name}.ctl", sidecar, merchant.drop)
    return merchant.write(name, content(*amounts), merchant.drop)


def codes(said: Said) -> list[str | None]:
    return [summary["refusal"] and summary["refusal"]["code"] for summary in said.files]


def test_a_bill_file_waits_for_its_control_file_and_both_are_archived(declared: Merchant) -> None:
    put(declared, None, "1.50", "2.25")
    waited = declared.run()
    assert (waited.exit_status, waited.files, waited.requests) == (0, [], {})
    assert f"{NAME}: left for the next run (its control file is missing)" in waited.stderr
    declared.write(f"{NAME}.ctl", control(2, "3.75"), declared.drop)
    said = declared.run()
    assert said.state == "loaded"
    assert said.file["control"]["declared"] == said.file["control"]["counted"]
    assert declared.names_in("drop") == []
    digits = said.file["file"]["sha256"][:8]
    archived = declared.names_in("archive")
    assert len(archived) == 2
    assert f"{NAME}.{digits}" in archived
    assert any(name.startswith(f"{NAME}.ctl.") for name in archived)


def test_totals_that_are_wrong_quarantine_both_and_a_right_pair_is_loaded_later(declared: Merchant) -> None:
    put(declared, control(2, "3.74"), "1.50", "2.25")
    said = declared.run()
    assert (said.exit_status, codes(said), said.requests) == (1, ["file.control_mismatch"], {})
    assert len(declared.names_in("quarantine")) == 2
    assert declared.names_in("drop") == []
    put(declared, control(2, "3.75"), "1.50", "2.25")
    assert declared.run().state == "loaded"
    assert len(declared.held("bills")) == 2


def test_without_a_quarantine_a_corrected_control_file_is_enough(declared: Merchant) -> None:
    declared.settings["drop"]["quarantine"] = None
    put(declared, control(2, "3.74"), "1.50", "2.25")
    assert codes(declared.run()) == ["file.control_mismatch"]
    declared.write(f"{NAME}.ctl", control(2, "3.75"), declared.drop)
    assert declared.run().state == "loaded"


def test_a_control_file_that_is_not_required_is_still_believed(merchant: Merchant) -> None:
    merchant.settings["feeds"][0]["control"] = {"kind": "sidecar", "required": False}
    put(merchant, None, "1.50")
    said = merchant.run()
    assert said.state == "loaded"
    assert "it declares no control totals, so nothing confirms that it is complete" in said.file["notes"]
    put(merchant, control(9, "1.50"), "7.00", name="cp_bills_2026-11-21.csv")
    assert codes(merchant.run()) == ["file.control_mismatch"]


def test_named_files_are_confirmed_by_what_stands_beside_them(declared: Merchant) -> None:
    path = declared.write(NAME, content("1.50"))
    missing = declared.load(path)
    assert (missing.exit_status, codes(missing), missing.requests) == (1, ["file.control_missing"], {})
    declared.write(f"{NAME}.ctl", control(1, "1.51"))
    assert codes(declared.load(path)) == ["file.control_mismatch"]
    declared.write(f"{NAME}.ctl", control(1, "1.50"))
    assert declared.load(path, "--dry-run").state == "validated"
    assert declared.load(path).state == "loaded"


def test_validate_confirms_totals_too(declared: Merchant, capsys: pytest.CaptureFixture[str]) -> None:
    path = declared.write(NAME, content("1.50"))
    declared.write(f"{NAME}.ctl", control(2, "1.50"))
    declared.load(path)  # writes the config
    words = ["validate", str(path), "--config", str(declared.folder / "config.yaml"), "--json"]
    capsys.readouterr()
    assert run_command(words) == 1
    out, err = capsys.readouterr()
    (summary,) = json.loads(out)["files"]
    assert summary["refusal"]["code"] == "file.control_mismatch"
    assert "2 records declared, 1 found" in err


def test_a_huge_control_file_is_refused_without_being_read(declared: Merchant) -> None:
    put(declared, "[" * 5_000_000, "1.50")
    assert codes(declared.run()) == ["file.control_unreadable"]


def test_a_file_that_is_being_loaded_keeps_the_totals_it_was_confirmed_with(declared: Merchant) -> None:
    put(declared, control(2, "3.75"), "1.50", "2.25")
    begun = declared.folder / "drop" / NAME
    first = declared.load(begun, "--limit", "1")
    assert first.outcomes() == {"created": 1, "not_attempted": 1}
    declared.write(f"{NAME}.ctl", control(2, "9.99"), declared.drop)
    assert declared.release(NAME, "--now").state == "loaded"
    assert len(declared.held("bills")) == 2


def test_a_pair_that_was_interrupted_moves_together_when_it_is_finished(declared: Merchant) -> None:
    put(declared, control(2, "3.75"), "1.50", "2.25")
    good = declared.settings["api"]["base_url"]
    declared.settings["api"]["base_url"] = "http://127.0.0.1:9"
    assert declared.run().state == "unfinished"
    assert len(declared.names_in("drop")) == 2
    declared.settings["api"]["base_url"] = good
    assert declared.run().state == "loaded"
    assert declared.names_in("drop") == []
    assert len(declared.names_in("archive")) == 2


def test_a_pair_on_the_sftp_server_is_confirmed_and_moves_together(sftp_merchant: Merchant) -> None:
    sftp_merchant.settings["feeds"][0]["control"] = {"kind": "sidecar"}
    for name, amount in ((NAME, "3.75"), ("cp_bills_2026-11-21.csv", "3.70")):
        text = content("1.50", "2.25").replace("B-", f"B-{amount[-2:]}-")
        sftp_merchant.write(name, text, sftp_merchant.incoming)
        sftp_merchant.write(f"{name}.ctl", control(2, amount), sftp_merchant.incoming)
    said = sftp_merchant.run()
    assert [summary["state"] for summary in said.files] == ["loaded", "refused"]
    assert sftp_merchant.names_in("sftp/incoming") == []
    assert len(sftp_merchant.names_in("sftp/archive")) == 2
    assert len(sftp_merchant.names_in("sftp/quarantine")) == 2


def test_a_corrected_rejects_file_needs_no_control_file(declared: Merchant) -> None:
    put(declared, control(2, "3.75"), "1.50", "2.25")
    wrong = content("1.50", "2.25").replace("C-1,", "C 1,")
    declared.write(NAME, wrong, declared.drop)
    first = declared.run()
    assert first.state == "loaded_with_rejects"
    rejects = declared.report(first.file) / "rejects.csv"
    declared.write("again.csv", rejects.read_text().replace("C 1,", "C-1,"), declared.drop)
    assert declared.run().state == "loaded"
    assert len(declared.held("bills")) == 2


def test_a_file_in_the_wrong_unit_is_stopped_by_what_its_feed_expects(merchant: Merchant) -> None:
    feed: dict[str, Any] = merchant.settings["feeds"][0]
    feed["expect"] = {"records": [2, 1000], "amount_median": ["50.00", "5000.00"]}
    cents = merchant.write(NAME, content("12000", "24000", "36000"))
    said = merchant.load(cents)
    assert (said.exit_status, codes(said), said.requests) == (1, ["file.unexpected_amounts"], {})
    assert "of 3 amounts in ZAR 3 are above 5000.00" in said.file["refusal"]["message"]
    few = merchant.write("cp_bills_2026-11-21.csv", content("120.00"))
    assert codes(merchant.load(few)) == ["file.unexpected_records"]
    rand = merchant.write("cp_bills_2026-11-22.csv", content("120.00", "240.00", "0.01"))
    assert merchant.load(rand).state == "loaded"
