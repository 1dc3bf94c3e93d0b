"""Decisions about dropped files while a run may be at work: the first person counts, and what was shown binds."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.core.release_decisions import Person
from pipeline.edge.ledger.decisions import Decisions
from pipeline.edge.ledger.files import Files
from pipeline.edge.local.lock import only_run
from pipeline.errors import UsageError
from pipeline.run.decide import HeldFileChoice, decide, print_of_shown
from pipeline.run.uploads import Taken
from tests.cli.watcher import until
from tests.stories.files import bills
from tests.stories.merchant import Merchant
from tests.stories.test_uploads import (
    BEN,
    CARO,
    NAME,
    config_of,
    decided,
    desk,
    dropped,
    ledger_of,
    sha_of,
)

__all__ = ["desk"]


@pytest.fixture
def held(desk: Merchant) -> Merchant:
    dropped(desk)
    assert desk.run().state == "held"
    return desk


def sha_held(merchant: Merchant) -> str:
    return str(merchant.ledger("SELECT sha256 FROM files")[0][0])


def test_nothing_waits_for_a_run(held: Merchant) -> None:
    """Uploads, releases and refusals, on the page and on the command line."""
    with only_run(held.work_dir / "lock"):
        assert isinstance(dropped(held, bills("C-3,A-3,B-4,15.00"), "b_bills_2030-01-02.csv"), Taken)
        released = held.release(NAME)
        assert released.exit_status == 0
        assert "the next run sends it" in released.stderr
        refused = held.refuse(NAME, "--why", "on second thoughts")
        assert (refused.exit_status, refused.state) == (0, "held")
        assert "a run is active; the next one ends it" in refused.stderr
        assert held.release(NAME, "--now").exit_status == 4
    assert sorted(file["state"] for file in held.run().files) == ["held", "loaded"]


def test_the_first_person_counts_and_the_second_is_told_whose_it_was(held: Merchant) -> None:
    sha256 = sha_held(held)
    decided(held, sha256, "release", BEN, limit=1)
    with pytest.raises(
        UsageError, match=r"was already released on .* by Ben on the page, up to 1 record"
    ) as late:
        decided(held, sha256, "refuse", CARO, why="no")
    assert late.value.facts["why_not"] == "decided"
    decided(held, sha256, "refuse", Person("ben", "billing1"), why="on second thoughts")
    with ledger_of(held) as ledger:
        assert [fate for _, fate in Decisions(ledger).every(sha256)] == ["replaced", "pending"]
    assert (held.run().state, held.held("bills")) == ("refused", {})


def test_two_at_the_same_moment_come_to_one_outcome(held: Merchant) -> None:
    sha256, config = sha_held(held), config_of(held)
    choices = [
        HeldFileChoice("release", BEN),
        HeldFileChoice("refuse", CARO, why="no"),
        HeldFileChoice("release", Person("d", "p")),
    ]

    def one(choice: HeldFileChoice) -> bool:
        try:
            decide(config, sha256, choice)
        except UsageError as error:
            return error.facts["why_not"] != "decided"
        return True

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(one, choices)) == 1
    assert held.ledger("SELECT count(*) FROM decisions") == [(1,)]


def test_what_was_shown_binds(held: Merchant) -> None:
    """A canary went further meanwhile, or the feed has changed and the file was checked anew."""
    sha256 = sha_held(held)

    def shown() -> str:
        with ledger_of(held) as ledger:
            row = Files(ledger).by_sha256(sha256)
            assert row is not None
            return print_of_shown(ledger, row)

    first = shown()
    decided(held, sha256, "release", BEN, limit=1, shown=first)
    assert held.run().outcomes() == {"created": 1, "not_attempted": 2}
    with pytest.raises(UsageError, match="not what you were shown"):
        decided(held, sha256, "release", CARO, limit=1, shown=first)
    second = shown()
    held.settings["feeds"][0]["where"] = {"bill_reference": {"not": ["B-3"]}}
    held.settings["feeds"][0].pop("where")
    held.settings["feeds"][0]["phone_region"] = "KE"
    held.run()
    with pytest.raises(UsageError, match="not what you were shown"):
        decided(held, sha256, "release", CARO, shown=second)
    decided(held, sha256, "release", CARO, shown=shown())
    assert held.run().outcomes() == {"created": 3}


def test_a_release_that_no_run_takes_up_in_time_is_void(held: Merchant) -> None:
    sha256, long_ago = sha_held(held), datetime.now(UTC) - timedelta(days=8)
    decide(config_of(held), sha256, HeldFileChoice("release", BEN), clock=lambda: long_ago)
    said = held.run()
    assert (said.state, said.requests.total()) == ("held", 0)
    assert any("void, because no run came to it in time" in note for note in said.file["notes"])
    decide(config_of(held), sha256, HeldFileChoice("release", BEN), clock=lambda: long_ago)
    decided(held, sha256, "release", CARO)
    with ledger_of(held) as ledger:
        fates = [(each.by, fate) for each, fate in Decisions(ledger).every(sha256)]
    assert fates == [(BEN, "expired"), (BEN, "expired"), (CARO, "pending")]
    assert held.run().state == "loaded"


def test_a_watch_takes_an_upload_and_a_decision_when_they_come(desk: Merchant) -> None:
    """By itself it looks for them after an hour, and after a minute."""
    desk.run()
    words = [sys.executable, "-m", "pipeline", "watch", "--config", str(desk.folder / "config.yaml")]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as watch:
        assert watch.stderr is not None
        assert b"what is dropped" not in watch.stderr.readline(), "page.listen is not set"
        try:
            until(lambda: len(desk.ledger("SELECT 1 FROM runs WHERE finished_at IS NOT NULL")) > 1)
            sha256 = sha_of(dropped(desk))
            until(lambda: state_of_only(desk) == "held", within_s=40)
            decided(desk, sha256, "release", BEN)
            until(lambda: state_of_only(desk) == "loaded", within_s=40)
        finally:
            watch.terminate()
            watch.wait(30)


def state_of_only(merchant: Merchant) -> str:
    return str(merchant.ledger("SELECT state FROM files")[0][0])
