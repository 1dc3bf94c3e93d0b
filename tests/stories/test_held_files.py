"""A file that nobody has looked at yet is held: checked, reported, not sent, until a person releases or refuses it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.sandbox.faults import NoFaults, Scripted, Window, callback
from pipeline.sandbox.serve import SandboxApi
from tests.stories.files import TODAY, TOMORROW, balances, bills
from tests.stories.merchant import Merchant, Said
from tests.stories.test_openssh import by_key

FIRST = bills("C-1,A-1,B-1,10.00", "C-1,A-1,B-2,20.00", "C-2,A-2,B-3,90.50")
SECOND = bills("C-3,A-3,B-4,15.00")


@pytest.fixture
def gated(merchant: Merchant) -> Merchant:
    """A merchant whose bills wait for a person until a file of them was loaded."""
    merchant.settings["feeds"][0]["release"] = "first"
    return merchant


def codes(said: Said) -> list[str]:
    return [hold["code"] for hold in said.file["holds"]]


def test_the_first_file_of_a_feed_waits_at_its_source_until_it_is_released(gated: Merchant) -> None:
    gated.write("za_bills_2030-01-01.csv", FIRST, gated.drop)
    for held in (gated.run(), gated.run()):
        assert (held.exit_status, held.state, held.requests.total()) == (1, "held", 0)
        assert codes(held) == ["file.first_of_feed"]
        assert held.outcomes() == {"not_attempted": 3}
        assert held.file["held_amounts"] == {
            "ZAR": {
                "records": 3,
                "total_minor": 12_050,
                "smallest_minor": 1_000,
                "median_minor": 2_000,
                "largest_minor": 9_050,
            }
        }
        assert (
            "3 records, ZAR 120.50 (smallest ZAR 10.00, median ZAR 20.00, largest ZAR 90.50)" in held.stderr
        )
        assert gated.names_in("drop") == ["za_bills_2030-01-01.csv"]

    released = gated.release("za_bills_2030-01-01.csv")
    assert (released.exit_status, released.requests.total()) == (0, 0)
    loaded = gated.run()
    assert (loaded.exit_status, loaded.state, loaded.outcomes()) == (0, "loaded", {"created": 3})
    assert gated.names_in("drop") == []

    gated.write("za_bills_2030-01-02.csv", SECOND, gated.drop)
    assert gated.run().state == "loaded"


def test_tomorrows_file_is_held_too_while_the_first_one_waits(gated: Merchant) -> None:
    gated.write("za_bills_2030-01-01.csv", FIRST, gated.drop)
    gated.run()
    gated.write("za_bills_2030-01-02.csv", SECOND, gated.drop)
    waiting = gated.run()
    assert [file["state"] for file in waiting.files] == ["held", "held"]
    assert waiting.requests.total() == 0
    gated.release("za_bills_2030-01-01.csv")
    assert [file["state"] for file in gated.run().files] == ["loaded", "loaded"]


def test_a_refused_file_goes_to_the_quarantine_and_stays_refused(gated: Merchant) -> None:
    gated.write("za_bills_2030-01-01.csv", FIRST, gated.drop)
    gated.run()
    refused = gated.refuse("za_bills_2030-01-01.csv", "--why", "amounts of the wrong month")
    assert (refused.exit_status, refused.state, refused.requests.total()) == (0, "refused", 0)
    assert refused.file["refusal"]["code"] == "file.refused_by_person"
    assert "amounts of the wrong month" in refused.file["refusal"]["message"]
    assert gated.names_in("drop") == []
    assert len(gated.names_in("quarantine")) == 1
    gated.write("again_bills_2030-01-03.csv", FIRST, gated.drop)
    again = gated.run()
    assert (again.state, again.requests.total()) == ("refused", 0)
    assert gated.release("za_bills_2030-01-01.csv").exit_status == 2


def test_a_refused_file_that_was_named_stays_where_it_is(gated: Merchant) -> None:
    path = gated.write("za_bills_2030-01-01.csv", FIRST)
    assert gated.load(path).state == "held"
    assert gated.refuse(path.name, "--why", "not ours").state == "refused"
    assert path.read_text() == FIRST
    assert gated.names_in("quarantine") == []


def test_a_feed_may_say_that_each_file_waits(merchant: Merchant) -> None:
    merchant.settings["feeds"][0]["release"] = "always"
    for day in (1, 2):
        path = merchant.write(f"za_bills_2030-01-0{day}.csv", bills(f"C-1,A-1,B-{day},10.00"))
        said = merchant.load(path)
        assert (said.state, codes(said)) == ("held", ["file.release_always"])
        noted = merchant.validate(path)
        assert (noted.exit_status, noted.state) == (0, "validated")
        assert "feed.release is always: a run holds this file until it is released" in noted.file["notes"]
        assert merchant.release(path.name, "--now").state == "loaded"


# -- what a decision covers ----------------------------------------------------------------------------------


@pytest.fixture
def held(gated: Merchant) -> Merchant:
    """The first file is held in the drop folder."""
    gated.write("za_bills_2030-01-01.csv", FIRST, gated.drop)
    assert gated.run().state == "held"
    return gated


def test_a_release_is_void_when_the_feed_changes_after_it(held: Merchant) -> None:
    held.release("za_bills_2030-01-01.csv")
    held.settings["feeds"][0]["phone_region"] = "KE"
    said = held.run()
    assert (said.state, said.requests.total()) == ("held", 0)
    assert "void, because" in said.stderr
    assert held.run().requests.total() == 0, "and stays void when the feed is put back"
    held.settings["feeds"][0]["phone_region"] = "ZA"
    assert (held.run().state, held.release("za_bills_2030-01-01.csv", "--now").state) == ("held", "loaded")


def test_a_file_is_not_released_under_a_feed_that_nobody_has_seen_it_under(held: Merchant) -> None:
    held.settings["feeds"][0]["amount"] = {"unit": "minor"}
    said = held.release("za_bills_2030-01-01.csv")
    assert (said.exit_status, said.requests.total()) == (2, 0)
    assert "has changed since it was held" in said.stderr


def test_force_and_dry_runs_release_nothing(held: Merchant) -> None:
    path = held.drop / "za_bills_2030-01-01.csv"
    for words in ([], ["--force"], ["--limit", "1"]):
        said = held.load(path, *words)
        assert (said.exit_status, said.state, said.requests.total()) == (1, "held", 0)
    dry = held.load(path, "--dry-run")
    assert (dry.exit_status, dry.state, codes(dry)) == (1, "validated", ["file.first_of_feed"])
    assert "would be held: file.first_of_feed" in dry.stderr


def test_the_last_word_before_the_next_run_counts(held: Merchant) -> None:
    held.release("za_bills_2030-01-01.csv")
    held.refuse("za_bills_2030-01-01.csv", "--why", "on second thoughts")
    assert held.run().requests.total() == 0
    assert held.held("bills") == {}
    assert held.release("za_bills_2030-01-01.csv").exit_status == 2


def test_what_was_sent_before_a_refusal_stays_told(held: Merchant) -> None:
    held.release("za_bills_2030-01-01.csv", "--limit", "1", "--now")
    refused = held.refuse("za_bills_2030-01-01.csv", "--why", "wrong month")
    assert refused.state == "refused"
    assert refused.outcomes() == {"created": 1, "not_attempted": 2}
    page = (held.report(refused.file) / "report.html").read_text()
    assert "1 record is sent; nothing more of it will be." in page


def test_reports_written_again_tell_the_same(held: Merchant) -> None:
    before = held.run().file
    assert held.rewrite("za_bills_2030-01-01.csv").state == "held"
    held.refuse("za_bills_2030-01-01.csv", "--why", "wrong month")
    again = held.rewrite("za_bills_2030-01-01.csv")
    assert (again.state, again.file["refusal"]["code"]) == ("refused", "file.refused_by_person")
    assert again.file["records"] == before["records"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_between_release_and_load_changes_nothing(held: Merchant, number: signal.Signals) -> None:
    """The run that takes the release up is ended at its first request, before anything arrives."""
    held.release("za_bills_2030-01-01.csv", "--limit", "2")
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", "--config", str(held.folder / "config.yaml")],
        stderr=subprocess.DEVNULL,
    ) as run:
        held.api.faults = Scripted({1: callback(lambda _: run.send_signal(number), Window.BEFORE_RECEIPT)})
        run.wait(60)
    held.api.faults = NoFaults()
    after = held.run()
    assert (after.state, after.outcomes()) == ("held", {"created": 2, "not_attempted": 1})
    assert held.run().requests.total() == 0
    assert len(held.held("bills")) == 2


def test_two_who_decide_at_once_come_to_one_outcome(held: Merchant) -> None:
    words = [["release", "--now"], ["refuse", "--why", "no"], ["release", "--now", "--limit", "1"]]
    config = ["--config", str(held.folder / "config.yaml"), "--wait", "30"]
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "pipeline", command, "za_bills_2030-01-01.csv", *rest, *config],
            stderr=subprocess.PIPE,
        )
        for command, *rest in words
    ]
    said = [run.communicate(timeout=60)[1].decode() for run in runs]
    states = [file["state"] for file in held.status()["files"]]
    assert len(states) == 1
    possible = {
        "loaded": {3},
        "refused": {0, 1},
        "held": {1},
    }  # held: the one with the limit had the last word
    assert len(held.held("bills")) in possible[states[0]]
    assert not any("Traceback" in text for text in said)


# -- how it is seen ------------------------------------------------------------------------------------------


def test_status_and_metrics_tell_who_waits_and_what_was_decided(held: Merchant) -> None:
    held.settings["metrics_file"] = "billferry.prom"
    held.run()
    document = held.status()
    assert document["held"] == ["za_bills_2030-01-01.csv"]
    assert document["unfinished"] == []
    assert document["states"] == {"held": 1}
    assert [hold["code"] for hold in document["files"][0]["holds"]] == ["file.first_of_feed"]
    metrics = (held.folder / "billferry.prom").read_text()
    assert re.search(r"^billferry_files_held\{.*\} 1(\.0)?$", metrics, re.MULTILINE)
    assert re.search(r'^billferry_files\{.*state="held".*\} 1(\.0)?$', metrics, re.MULTILINE)
    held.release("za_bills_2030-01-01.csv")
    assert held.status()["files"][0]["decision"].startswith("released on ")
    held.run()
    assert re.search(
        r"^billferry_files_held\{.*\} 0(\.0)?$", (held.folder / "billferry.prom").read_text(), re.MULTILINE
    )


# -- live ----------------------------------------------------------------------------------------------------


def test_in_live_the_first_file_waits_and_in_test_it_does_not(tmp_path: Path) -> None:
    with SandboxApi(keys=("sk_live_x",)) as api:
        live = Merchant(tmp_path, api)
        live.settings["environment"] = "live"
        (tmp_path / "api.key").write_text("sk_live_x")
        path = live.write("za_bills_2030-01-01.csv", FIRST)
        assert codes(live.load(path)) == ["file.first_of_feed"]
        live.settings["feeds"][0]["release"] = "never"
        assert live.load(path).state == "loaded", "a feed may say that it needs nobody"


def test_cents_under_major_units_in_a_first_file_wait_with_the_figures_that_give_them_away(
    gated: Merchant,
) -> None:
    """240.50, 99.95 and 310.00 rand, written in cents by an export that nobody has looked at yet."""
    cents = bills("C-1,A-1,B-1,24050", "C-2,A-2,B-2,9995", "C-3,A-3,B-3,31000")
    said = gated.load(gated.write("za_bills_2030-01-01.csv", cents))
    assert (said.exit_status, said.state, said.requests.total()) == (1, "held", 0)
    assert "ZAR 65 045.00 (smallest ZAR 9 995.00, median ZAR 24 050.00, largest ZAR 31 000.00)" in said.stderr


def test_a_file_of_rejects_alone_does_not_open_the_gate(gated: Merchant) -> None:
    nothing = gated.load(gated.write("za_bills_2030-01-01.csv", bills("C-1,A-1,B-1,ten")))
    assert nothing.state == "loaded_with_rejects"
    assert gated.load(gated.write("za_bills_2030-01-02.csv", SECOND)).state == "held"


def test_a_released_balance_is_checked_against_newer_ones(merchant: Merchant) -> None:
    merchant.settings["feeds"][2] |= {"release": "always", "unusual": "load"}
    first = merchant.write(f"za_balances_{TODAY}.csv", balances("C-1,ZAR,100.00", "C-2,ZAR,50.00"))
    assert merchant.load(first).state == "held"
    merchant.settings["feeds"][2]["release"] = "never"
    newer = merchant.write(f"za_balances_{TOMORROW}.csv", balances("C-1,ZAR,80.00"))
    assert merchant.load(newer).state == "loaded"
    merchant.settings["feeds"][2]["release"] = "always"
    assert merchant.release(first.name, "--now").outcomes() == {"created": 1, "conflict": 1}
    assert merchant.held("customers")["C-1"]["balance"] == 8_000


# -- from cron, over SFTP ------------------------------------------------------------------------------------


def test_held_at_six_released_at_seven_loaded_by_the_next_run_over_openssh(gated: Merchant) -> None:
    """Reports are on the server at each step, the file in its archive at the end."""
    with by_key(gated):
        gated.write("za_bills_2030-01-01.csv", FIRST, gated.incoming)
        six = gated.run()
        assert (six.exit_status, six.state, six.requests.total()) == (1, "held", 0)
        (uploaded,) = (gated.folder / "sftp" / "reports").iterdir()
        assert json.loads((uploaded / "summary.json").read_text())["state"] == "held"
        assert gated.names_in("sftp/incoming") == ["za_bills_2030-01-01.csv"]
        assert gated.run().state == "held"

        assert gated.release("za_bills_2030-01-01.csv").exit_status == 0
        assert gated.names_in("sftp/incoming") == ["za_bills_2030-01-01.csv"]
        seven = gated.run()
        assert (seven.exit_status, seven.state, seven.outcomes()) == (0, "loaded", {"created": 3})
        assert json.loads((uploaded / "summary.json").read_text())["state"] == "loaded"
        assert gated.names_in("sftp/incoming") == []
        assert len(gated.names_in("sftp/archive")) == 1
        assert gated.status()["owed_moves"] == 0


def test_a_file_refused_over_sftp_is_moved_at_once(gated: Merchant) -> None:
    with by_key(gated):
        gated.write("za_bills_2030-01-01.csv", FIRST, gated.incoming)
        gated.run()
        assert gated.refuse("za_bills_2030-01-01.csv", "--why", "wrong month").exit_status == 0
        assert gated.names_in("sftp/incoming") == []
        assert len(gated.names_in("sftp/quarantine")) == 1
        (uploaded,) = (gated.folder / "sftp" / "reports").iterdir()
        assert json.loads((uploaded / "summary.json").read_text())["state"] == "refused"
        assert gated.run().files == []
