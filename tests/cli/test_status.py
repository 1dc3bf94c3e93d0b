"""`status`: what is open first, each file in one line, and quickly, however many files there are."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import run_command
from pipeline.core.outcomes import Outcome
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.runs import Runs
from tests.cli.desk import Desk
from tests.ledger_of_world import LEDGER

FILES = 2_000
NOW = datetime.now(UTC)
LIMIT_S = 1.0


def summary(number: int, rejected: int, state: str) -> str:
    """100 records of 1.00, some of them rejected."""
    counts = dict.fromkeys(Outcome, 0)
    records = counts | {"total": 100, "created": 100 - rejected, "rejected": rejected}
    return json.dumps(
        {
            "file": {"name": f"{number}_bills.csv"},
            "state": state,
            "records": records,
            "amounts_minor": {"ZAR": {name: 100 * count for name, count in records.items()}},
            "amount_unreadable": 0,
            "notes": ["some columns are ignored"],
        }
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 2 000 files over 400 days: every tenth has 3 rejects, of which a correction loads 2."""
    path = tmp_path_factory.mktemp("made") / "ledger.sqlite"
    with closing(open_sqlite_ledger(path, merchant="citypower", environment="test")) as ledger:
        files = Files(ledger)
        with files.together():
            for number in range(FILES):
                at = (NOW - timedelta(hours=5 * (FILES - number))).isoformat()
                rejected = 3 if number % 10 == 0 else 0
                is_correction = number % 10 == 1
                row = files.land(
                    sha256=f"{number:08x}{'a' * 56}",
                    name=f"{number}_bills.csv",
                    source="drop",
                    feed="bills" if number % 2 else "accounts",
                    feed_print="p",
                    name_parts={},
                    rejects_of=f"{number - 1}_bills.csv.{number - 1:08x}" if is_correction else None,
                    size_bytes=9,
                    at=at,
                )
                for record in range(1, rejected + 1):
                    ledger.execute(
                        "INSERT INTO rejected (file_id, record, currency, counted, amount_minor, concerned)"
                        " VALUES (?, ?, 'ZAR', 'ZAR', 100, '')",
                        (row.id, record),
                    )
                for record in (1, 2) if is_correction else ():
                    ledger.execute(
                        "INSERT INTO corrected VALUES (?, ?, ?, ?, 'r', 'c', 1, 'created', 'ZAR', 100)",
                        (row.id - 1, record, row.id, record),
                    )
                state = "loaded_with_rejects" if rejected else "loaded"
                files.finish(row.id, state=state, at=at, summary=summary(number, rejected, state))
        Runs(ledger).end(
            Runs(ledger).begin("r", at=NOW.isoformat()), at=NOW.isoformat(), exit_status=1, states={}
        )
    return path


@pytest.fixture
def full(desk: Desk, made: Path) -> Desk:
    """A desk with that ledger."""
    desk.write_config()
    desk.work_dir.mkdir(mode=0o700, exist_ok=True)
    (desk.work_dir / "ledger.sqlite").write_bytes(made.read_bytes())
    (desk.work_dir / "ledger.sqlite").chmod(0o600)
    if LEDGER == "postgres":
        assert desk.command("ledger", "move").exit_status == 0
    return desk


def document(desk: Desk, *words: str) -> dict[str, Any]:
    said = desk.command("status", "--json", *words)
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_two_thousand_files_are_told_in_less_than_a_second(full: Desk) -> None:
    full.command("status", "--all")
    best = LIMIT_S * 10
    for _ in range(3):
        began = time.process_time()
        said = full.command("status")
        best = min(best, time.process_time() - began)
    assert said.exit_status == 0
    assert best < LIMIT_S


def test_what_is_open_comes_first_and_adds_up(full: Desk) -> None:
    lines = full.command("status").stdout.splitlines()
    (opened,) = [number for number, line in enumerate(lines) if line.startswith("OPEN: ")]
    assert lines[opened] == "OPEN: 200 records of 200 files (ZAR 200.00); correct or write them off"
    assert " ".join(lines[opened + 1].split()) == (
        "loaded with rejects 0_bills.csv (00000000) 416 d ago: 1 of 100 open, ZAR 1.00"
    )
    assert lines[opened + 20].strip().endswith("1 of 100 open, ZAR 1.00")
    assert lines[opened + 21] == "  (180 more; all of them with --open)"
    assert lines[opened + 22].startswith("next run: ")
    every = full.command("status", "--open").stdout.splitlines()
    assert sum("1 of 100 open" in line for line in every) == 200
    assert lines[-21] == "(1780 earlier files; all of them with --all)"
    assert lines[-9].endswith("corrects 1990_bills.csv"), lines[-9]


def test_files_are_chosen_by_what_is_open_day_feed_and_state(full: Desk) -> None:
    assert len(document(full)["files"]) == FILES
    opened = document(full, "--open")
    assert {file["name"] for file in opened["files"]} == {
        f"{number}_bills.csv" for number in range(0, FILES, 10)
    }
    assert opened["open"] == {
        "files": 200,
        "records": 200,
        "amounts_minor": {"ZAR": 20_000},
        "amount_unreadable": 0,
    }
    assert len(document(full, "--state", "loaded with rejects")["files"]) == 200
    bills = document(full, "--feed", "bills")["files"]
    assert len(bills) == FILES // 2
    since = (NOW - timedelta(days=10)).date().isoformat()
    days = {file["landed_at"][:10] for file in document(full, "--since", since)["files"]}
    assert min(days) == since
    assert len(full.command("status", "--all").stdout.splitlines()) > FILES


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--since", "yesterday"], "--since yesterday is not a date"),
        (["--feed", "nope"], "unknown feed 'nope'; use accounts, bills"),
        (
            ["--state", "green"],
            "unknown state 'green'; use loaded, loaded_with_rejects, unfinished, held, refused",
        ),
    ],
)
def test_what_does_not_exist_is_told(full: Desk, words: list[str], says: str) -> None:
    said = full.command("status", *words)
    assert said.exit_status == 2
    assert says in said.stderr


def test_open_alone_answers_with_its_exit_status(full: Desk) -> None:
    assert full.command("status", "--open").exit_status == 1
    assert full.command("status", "--open", "--feed", "bills").exit_status == 0


def test_before_the_first_run_nothing_is_open_or_late(desk: Desk) -> None:
    desk.write_config()
    assert run_command(["status", "--open", "--config", str(desk.config)]) == 0
