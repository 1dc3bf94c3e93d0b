"""After `forget` nothing doubles, and reports, retries and corrections of the others work."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time

import pytest

from pipeline.sandbox.faults import NoFaults, Scripted, Window, answer
from pipeline.sandbox.replies import Reply
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


@pytest.fixture
def merchant(merchant: Merchant) -> Merchant:
    return keeping_archive_below_work_dir(merchant)


def test_the_same_file_again_doubles_nothing_and_leaves_no_copy_in_landing(merchant: Merchant) -> None:
    dropped(merchant)
    merchant.run()
    bills = merchant.held("bills")
    forget(merchant)
    dropped(merchant)
    again = merchant.run()
    assert again.state == "already_loaded"
    assert again.requests == {}
    assert merchant.held("bills") == bills
    assert not any("landing" in place for place in found_below(merchant.work_dir))
    forget(merchant)
    assert found_below(merchant.work_dir) == [], "and what came again is forgotten again"


def test_hashes_ids_amounts_and_every_other_record_stay(merchant: Merchant) -> None:
    dropped(merchant)
    run = merchant.run()
    results, rejects = merchant.results(run), merchant.rejects(run)
    known = merchant.ledger("SELECT kind, reference, id, owner FROM entities ORDER BY kind, reference")
    forget(merchant)
    assert (
        merchant.ledger("SELECT kind, reference, id, owner FROM entities ORDER BY kind, reference") == known
    )
    assert merchant.ledger("SELECT sha256, state FROM files") == [
        (run.file["file"]["sha256"], "loaded_with_rejects")
    ]
    assert merchant.results(run) == results
    assert merchant.rejects(run) == [row for row in rejects if row["customer_reference"] != "C-17"]
    (others,) = {row[0] for row in merchant.ledger("SELECT details FROM entities WHERE reference = 'C-1'")}
    assert "Ben 1" in others
    summary = json.loads((merchant.report(run.file) / "summary.json").read_text())
    assert any("billferry forget removed" in note for note in summary["notes"])
    assert {key: summary[key] for key in ("records", "amounts_minor", "state")} == {
        key: run.file[key] for key in ("records", "amounts_minor", "state")
    }


def test_report_works_from_what_is_kept_and_says_what_was_removed(merchant: Merchant) -> None:
    dropped(merchant)
    run = merchant.run()
    forget(merchant)
    folder = merchant.report(run.file)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    said = merchant.rewrite("june_bills_2026-06-01.csv")
    assert said.exit_status == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sum("billferry forget removed" in note for note in said.file["notes"]) == 1
    assert found_below(merchant.work_dir) == []


def test_retry_sends_what_was_refused_from_what_is_kept(merchant: Merchant) -> None:
    dropped(merchant)
    detail = {"type": "about:blank", "title": "No", "detail": f"{NAME} is not wanted", "status": 400}
    no = Reply(400, json.dumps(detail).encode(), "application/problem+json")
    merchant.api.faults = Scripted({(lambda _: True): answer(no, Window.BEFORE_RECEIPT)})
    run = merchant.run()
    assert run.outcomes()["refused"] >= 1
    merchant.api.faults = NoFaults()
    forget(merchant)
    assert found_below(merchant.work_dir) == []
    said = merchant.json_command("retry", "all")
    assert said.outcomes() == {"created": 3, "rejected": 2}
    assert len(merchant.held("bills")) == 3
    assert any("billferry forget removed" in note for note in said.file["notes"])
    assert found_below(merchant.work_dir) == []
    assert merchant.held("customers")["C-1"]["name"] == "Ben 1", "details of others are sent"


def test_a_damaged_row_that_names_the_customer_is_not_kept_for_reports(merchant: Merchant) -> None:
    dropped(merchant, content=JUNE + ours("INV-19", currency_note=",one,field,too many"))
    run = merchant.run()
    assert run.outcomes()["rejected"] == 3
    forget(merchant)
    assert found_below(merchant.work_dir) == []
    assert [row["bill_reference"] for row in merchant.rejects(run)] == ["INV-2"]


def test_a_file_that_is_forced_after_that_is_read_afresh_and_doubles_nothing(merchant: Merchant) -> None:
    dropped(merchant)
    merchant.run()
    bills = merchant.held("bills")
    forget(merchant)
    path = merchant.write("june_bills_2026-06-01.csv", JUNE)
    said = merchant.load(path, "--force")
    assert said.outcomes() == {"unchanged": 2, "updated": 1, "rejected": 2}, "details are sent again"
    assert merchant.held("bills") == bills
    assert not any("billferry forget" in note for note in said.file["notes"]), (
        "it is a new load, with its details"
    )
    forget(merchant)
    assert not any("landing" in place or "reports" in place for place in found_below(merchant.work_dir))


def test_retention_removes_what_was_kept(merchant: Merchant) -> None:
    dropped(merchant)
    merchant.run()
    forget(merchant)
    (kept,) = (merchant.work_dir / "landing").glob("*/kept.1")
    old = time.time() - 40 * 86_400
    os.utime(kept, (old, old))
    merchant.change_ledger("UPDATE files SET finished_at = '2026-01-01T00:00:00Z'")
    merchant.run()
    assert list((merchant.work_dir / "landing").iterdir()) == []


def test_retry_under_a_changed_feed_needs_the_feed_of_then(merchant: Merchant) -> None:
    no = Reply(400, b'{"title": "No", "status": 400}', "application/problem+json")
    merchant.api.faults = Scripted({(lambda _: True): answer(no, Window.BEFORE_RECEIPT)})
    dropped(merchant)
    merchant.run()
    merchant.api.faults = NoFaults()
    forget(merchant)
    merchant.settings["feeds"][0]["phone_region"] = "DE"
    said = merchant.command("retry", "all")
    assert said.exit_status == 1
    assert "restore the feed" in said.stderr
    del merchant.settings["feeds"][0]["phone_region"]
    merchant.settings["feeds"][0]["phone_region"] = "ZA"
    assert merchant.json_command("retry", "all").outcomes()["created"] == 3


def test_a_second_customer_is_forgotten_after_the_first(merchant: Merchant) -> None:
    dropped(merchant)
    run = merchant.run()
    forget(merchant)
    assert merchant.command("forget", "C-2").exit_status == 0
    assert b"Ben 2" not in b"".join(
        content for path in merchant.work_dir.rglob("*") if path.is_file() for content in decoded(path)
    )
    assert not (merchant.report(run.file) / "rejects.csv").exists()
    assert len(list((merchant.work_dir / "landing").glob("*/kept.*"))) == 1
    notes = json.loads((merchant.report(run.file) / "summary.json").read_text())["notes"]
    assert sum("billferry forget removed" in note for note in notes) == 2
    assert merchant.rewrite("june_bills_2026-06-01.csv").exit_status == 0


KILLED_AT = {
    "before anything": "import pipeline.run.forget as place; name = 'keep_records'",
    "the records are kept, the copy is there": "import pipeline.run.forget as place; name = 'remove_landed_copy'",
    "the copy is gone, the report is old": "import pipeline.run.forget as place; name = 'read_kept'",
    "reports are written again": "import pipeline.run.forget as place; name = 'copies_below'",
    "copies are gone": "from pipeline.edge.ledger.personal_data import PersonalData as place; name = 'remove'",
    "the ledger is redacted, and not written anew": (
        "from pipeline.edge.ledger.personal_data import PersonalData as place; name = 'overwrite'"
    ),
    "at the very end": "import pipeline.run.forget as place; name = 'places_elsewhere'",
}
KILL = """
import os, signal
setattr(place, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", KILLED_AT)
def test_a_kill_in_the_middle_is_finished_by_the_same_command_again(merchant: Merchant, moment: str) -> None:
    dropped(merchant)
    run = merchant.run()
    bills = merchant.held("bills")
    assert (
        merchant.spawn("forget", "C-17", late=f"{KILLED_AT[moment]}\n{KILL}").exit_status == -signal.SIGKILL
    )
    forget(merchant)
    assert found_below(merchant.work_dir) == []
    assert merchant.rewrite("june_bills_2026-06-01.csv").exit_status == 0
    assert [row["customer_reference"] for row in merchant.rejects(run)] == ["C-2"]
    dropped(merchant)
    assert merchant.run().state == "already_loaded"
    assert merchant.held("bills") == bills
    events = [
        each["event"]
        for each in merchant.json_command("audit").document["entries"]
        if each["command"] == "forget"
    ]
    assert events[0] == "begun"
    assert events[-1] == "ended"
    assert merchant.command("audit", "--verify").exit_status == 0


def test_reasons_that_people_typed_lose_the_name_as_well(merchant: Merchant) -> None:
    dropped(merchant)
    run = merchant.run()
    merchant.command("write-off", "june_bills_2026-06-01.csv", "--records", "4", "--why", f"{NAME} has moved")
    merchant.settings["feeds"][0]["release"] = "always"
    dropped(merchant, "july_bills_2026-07-01.csv", HEADER + other(7))
    merchant.run()
    merchant.refuse("july_bills_2026-07-01.csv", "--why", f"wait for {NAME}")
    assert any(NAME in page.read_text() for page in (merchant.work_dir / "reports").glob("*/report.html"))
    forget(merchant)
    assert found_below(merchant.work_dir) == []
    chain = json.loads((merchant.report(run.file) / "summary.json").read_text())["chain"]
    assert chain["write_offs"][0]["why"] == "[removed] has moved"


def test_a_customer_whose_name_is_a_word_of_reports_damages_none(merchant: Merchant) -> None:
    words = "C-17,records,loaded@x.org,,created,A-17,rejected,INV-17,1.00,message\n"
    dropped(merchant, content=HEADER + words + other(1) + other(2, "five"))
    run = merchant.run()
    before = {path: path.read_bytes() for path in merchant.report(run.file).iterdir()}
    forget(merchant)
    assert merchant.rejects(run)[0]["customer_reference"] == "C-2"
    after = {path: path.read_bytes() for path in merchant.report(run.file).iterdir()}
    assert before.keys() == after.keys()
    assert merchant.rewrite("june_bills_2026-06-01.csv").exit_status == 0
    assert merchant.status()["states"] == {"loaded_with_rejects": 1}


def test_what_a_family_shares_stays_with_the_others(merchant: Merchant) -> None:
    shared = "C-18,Thabo Dlamini,family@example.org,082 555 0199,,A-18,,INV-{},{},\n"
    mine = "C-17,Zanele Dlamini,family@example.org,082 555 0199,,A-17,,INV-{},{},\n"
    rows = (
        mine.format(1, "1.00") + shared.format(2, "2.00") + shared.format(3, "three") + mine.format(4, "four")
    )
    dropped(merchant, content=HEADER + rows)
    run = merchant.run()
    assert forget(merchant)["left"] == []
    assert [row["bill_reference"] for row in merchant.rejects(run)] == ["INV-3"]
    assert (
        "family@example.org" in merchant.ledger("SELECT details FROM entities WHERE reference = 'C-18'")[0][0]
    )
    assert b"Zanele" not in b"".join(
        content for path in merchant.work_dir.rglob("*") if path.is_file() for content in decoded(path)
    )
