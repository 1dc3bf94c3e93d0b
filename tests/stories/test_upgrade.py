"""What a live merchant had under the version before is taken over: config, ledger, landed files, reports, open work."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.edge.ledger.migrations import MIGRATIONS
from pipeline.sandbox.serve import SandboxApi
from tests.stories.version_before import LIVE_KEY, VERSION, ask_again, asked_before, put_up
from tests.world import World, rows_of

REJECTED, LOADED = "za_bills_2026-11-26.csv", "za_balances_2026-11-26.csv"
HELD, UNFINISHED = "za_accounts_2026-11-27.csv", "za_bills_2026-11-27.csv"


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    put_up(tmp_path)
    with SandboxApi(keys=(LIVE_KEY,)) as api:
        ask_again(api)
        monkeypatch.setenv("BILLFERRY_API__BASE_URL", api.url)
        yield World(tmp_path, api)


def corrected(rejects: Path) -> str:
    """The rejects file with the day mended that no calendar has."""
    rows = list(csv.reader(io.StringIO(rejects.read_text(encoding="utf-8-sig")), delimiter=";"))
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerows(
        [["15/12/2026" if cell == "31/02/2026" else cell for cell in row] for row in rows]
    )
    return out.getvalue()


def test_the_fixture_is_of_the_version_before(live: World) -> None:
    assert live.ledger("PRAGMA user_version") == [(VERSION,)]
    assert len(MIGRATIONS) >= VERSION
    assert set(live.held("bills")) == {"INV-1001", "INV-1002", "INV-2001", "INV-2002"}


def test_its_config_is_read_without_a_word(live: World) -> None:
    said = live.command("validate", live.folder / "archive" / f"{REJECTED}.88f87ebb", "--feed", "bills")
    assert said.exit_status == 1, said.stderr
    assert "records: 3 = 1 rejected + 2 ready to load" in said.stderr
    assert "config.yaml" not in said.stderr


def test_the_first_run_takes_the_ledger_over_behind_a_copy_and_ends_what_was_open(live: World) -> None:
    keys = {json.loads(asked["body"])["external_reference"]: asked["key"] for asked in asked_before()}
    said = live.json_command("run")
    assert said.named(UNFINISHED)["state"] == "loaded"
    assert said.outcomes(UNFINISHED) == {"created": 3}
    assert said.named(HELD)["state"] == "held"
    bills = live.held("bills")
    assert {name: bill["amount_due"] for name, bill in bills.items() if name > "INV-2"} == {
        "INV-2001": 9900,
        "INV-2002": 45000,
        "INV-2003": 7890,
    }
    sent = [each for each in live.api.snapshot()["requests"] if each["idempotency_key"] == keys["INV-2003"]]
    assert sent, "what was in doubt goes on under the key of before"
    assert live.ledger("PRAGMA user_version") == [(len(MIGRATIONS),)]
    if len(MIGRATIONS) > VERSION:
        assert (live.work_dir / f"ledger.sqlite.before-v{len(MIGRATIONS)}").exists()
    assert "copy" not in said.stderr, "a ledger that is taken over is not a restored one"


def test_nothing_of_it_is_sent_twice(live: World) -> None:
    live.command("run")
    asked = live.asked()
    again = live.json_command(
        "load",
        live.folder / "archive" / f"{REJECTED}.88f87ebb",
        live.folder / "archive" / f"{LOADED}.669aa252",
        "--feed",
        "bills",
    )
    assert [file["state"] for file in again.files] == ["already_loaded", "already_loaded"]
    assert live.asked() == asked


def test_its_held_file_is_released(live: World) -> None:
    said = live.json_command("release", HELD, "--now")
    assert said.exit_status == 0, said.stderr
    assert said.outcomes(HELD) == {"created": 1}
    assert live.held("accounts")["ACC-9"]["balance"] == 12050


def test_its_rejects_are_corrected_for_their_original(live: World) -> None:
    (rejects,) = (live.work_dir / "reports").glob(f"{REJECTED}.*/rejects.csv")
    path = live.folder / "za_bills_2026-11-28.csv"
    path.write_text(corrected(rejects))
    said = live.json_command("load", path)
    assert said.exit_status == 0, said.stderr
    assert said.outcomes() == {"created": 1}
    assert live.ledger("SELECT rejects_of FROM files WHERE name = 'za_bills_2026-11-28.csv'") == [
        (f"{REJECTED}.88f87ebb",)
    ]
    assert live.held("bills")["INV-1003"]["amount_due"] == 1234


def test_its_reports_are_written_again_from_its_copy(live: World) -> None:
    (report,) = (live.work_dir / "reports").glob(f"{REJECTED}.*")
    before = rows_of(report / "results.csv")
    (report / "results.csv").unlink()
    said = live.command("report", REJECTED)
    assert said.exit_status == 0, said.stderr
    assert rows_of(report / "results.csv") == before


def test_the_balances_of_the_next_day_go_over_its_balances(live: World) -> None:
    path = live.folder / f"za_balances_{datetime.now(UTC):%Y-%m-%d}.csv"
    path.write_text("customer_reference,currency,balance\nCP-7,ZAR,650.00\nCP-8,ZAR,80.10\n")
    said = live.json_command("load", path)
    assert said.exit_status == 0, said.stderr
    assert said.outcomes() == {"updated": 1, "unchanged": 1}
    assert live.held("customers")["CP-7"]["balance"] == 65000


def test_how_things_stand_is_told_as_before(live: World) -> None:
    live.command("run")
    status = live.command("status", "--json").document
    names = {file["name"]: file["state"] for file in status["files"]}
    assert names[REJECTED] == "loaded_with_rejects"
    assert names[LOADED] == names[UNFINISHED] == "loaded"
