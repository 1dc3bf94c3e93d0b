"""A ledger that an earlier version filled opens under this one: nothing of it is lost, and a copy of it is kept."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import run_command
from pipeline.core.outcomes import Outcome
from pipeline.edge.ledger.chains import Chains
from pipeline.edge.ledger.decisions import Decisions
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.migrations import MIGRATIONS
from pipeline.edge.ledger.renewals import Renewals
from pipeline.edge.ledger.runs import Runs
from pipeline.edge.ledger.sends import Sends
from pipeline.errors import LedgerOutdated
from pipeline.sandbox.serve import TEST_KEY
from tests.edge.config.config_place import GOOD
from tests.edge.ledger.conftest import opened

AT = "2026-11-{day:02}T06:00:00Z"
RECORDS = dict.fromkeys(Outcome, 0) | {"total": 2, "created": 1, "rejected": 1}
SUMMARY = json.dumps({"records": RECORDS, "amounts_minor": {}})
ROWS: dict[str, list[tuple[Any, ...]]] = {
    "binding": [("citypower", "test")],
    "files": [
        (1, "a" * 64, "1_bills.csv", "sftp", "bills", "p", "{}", None, 10, "loaded", AT.format(day=18),
         AT.format(day=18), SUMMARY),
        (2, "b" * 64, "2_bills.csv", "sftp", "bills", "p", "{}", None, 10, "unfinished", AT.format(day=19), None, None),
        (3, "c" * 64, "fixed.csv", "drop", "bills", "p", "{}", "1_bills.csv.aaaaaaaa", 10, "loaded",
         AT.format(day=21), AT.format(day=21), SUMMARY),
        (4, "d" * 64, "accounts.csv", "drop", "accounts", "p", '{"date": "2026-11-17"}', None, 10, "refused",
         AT.format(day=17), AT.format(day=17), None),
    ],
    "sightings": [("sftp", "2_bills.csv", 10, AT.format(day=19), AT.format(day=19), "b" * 64)],
    "handovers": [(1, "a" * 64, "sftp", "1_bills.csv", 10, AT.format(day=18), "archive", "1_bills.csv.aaaaaaaa")],
    "entities": [("customer", "C1", "bcus_1", None, "ZAR", 1999, '{"name": "x"}', "2026-11-18#1")],
    "intents": [
        ("bill", "B2", 2, 1, "POST", "/billing/bills", b'{"amount_due":1}', "k", "c", 1, "C1", "A1", None, None,
         AT.format(day=19), 3),
    ],
    "generations": [("bill", "B2", "c", 1)],
    "outcomes": [(1, 1, "created", "B1", "", None, "bcus_1", None, "bill_1", 1)],
}  # fmt: skip
"""Table → its rows under version 1, one of each kind that matters."""


def fill_version_1(path: Path) -> None:
    """As a run of version 1 left it: by the SQL of that version alone."""
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("PRAGMA journal_mode = WAL")
        old.executescript(MIGRATIONS[0])
        for table, rows in ROWS.items():
            for row in rows:
                old.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - ours
        old.execute("PRAGMA user_version = 1")
    path.chmod(0o600)


def rows_of(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Rows in the columns of version 1; later ones stand after them."""
    with closing(sqlite3.connect(path)) as ledger:
        return {
            table: [row[: len(ROWS[table][0])] for row in ledger.execute(f"SELECT * FROM {table}")]  # noqa: S608 - ours
            for table in ROWS
        }


@pytest.fixture
def old(path: Path) -> Path:
    fill_version_1(path)
    return path


def test_every_row_of_version_1_is_there_under_the_newest_version(old: Path) -> None:
    with closing(opened(old)) as ledger:
        assert [row.name for row in Files(ledger).unfinished()] == ["2_bills.csv"]
        (intent,) = Sends(ledger).open_intents()
        assert (intent.reference, intent.body, intent.attempts) == ("B2", b'{"amount_due":1}', 3)
        assert ledger.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert ledger.execute("PRAGMA foreign_key_check").fetchall() == []
    assert rows_of(old) == ROWS


def test_a_feed_that_loaded_a_file_before_is_not_new_and_one_that_did_not_is(old: Path) -> None:
    """So that an upgrade holds nothing as the first file of a feed that is well under way."""
    with closing(opened(old)) as ledger:
        assert Decisions(ledger).feeds_loaded() == {"bills"}
        assert Decisions(ledger).past("bills", "ZAR", beside=None) == []


def test_when_each_feed_last_got_a_file_is_taken_from_what_was_landed(old: Path) -> None:
    """Without corrected rejects: nobody waits for those."""
    with closing(opened(old)) as ledger:
        assert Runs(ledger).arrivals() == {
            "bills": datetime(2026, 11, 19, 6, tzinfo=UTC),
            "accounts": datetime(2026, 11, 17, 6, tzinfo=UTC),
        }
        assert Runs(ledger).last() is None


def test_the_copy_before_it_is_whole_private_and_of_version_1(old: Path) -> None:
    opened(old).close()
    copy = old.with_name(f"ledger.sqlite.before-v{len(MIGRATIONS)}")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert rows_of(copy) == ROWS
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("PRAGMA user_version").fetchone()[0] == 1
        assert kept.execute("SELECT count(*) FROM sqlite_master WHERE name = 'runs'").fetchone()[0] == 0
    before = copy.read_bytes()
    opened(old).close()
    assert copy.read_bytes() == before, "a later opening makes no other"


def test_the_copy_put_back_is_a_ledger_again(old: Path) -> None:
    opened(old).close()
    for path in (old, *old.parent.glob("ledger.sqlite-*")):
        path.unlink()
    old.with_name(f"ledger.sqlite.before-v{len(MIGRATIONS)}").rename(old)
    opened(old).close()
    assert rows_of(old) == ROWS


def test_who_only_reads_waits_for_a_run_and_calls_nothing_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the morning after an update `status` must not send anybody to the backups."""
    monkeypatch.chdir(tmp_path)
    for folder in ("var", "drop"):
        (tmp_path / folder).mkdir(mode=0o700)
    Path("api.key").touch(mode=0o600)
    Path("api.key").write_text(TEST_KEY)
    Path("config.yaml").write_text(
        json.dumps(GOOD | {"api": {"base_url": "http://127.0.0.1:9", "key_file": "api.key"}})
    )
    fill_version_1(tmp_path / "var" / "ledger.sqlite")
    with pytest.raises(LedgerOutdated):
        opened(tmp_path / "var" / "ledger.sqlite", read_only=True)
    for words in (["status"], ["run", "--dry-run"], ["doctor"]):
        assert run_command(words) == 3
        said = capsys.readouterr()
        assert "the next billferry run upgrades it" in said.out + said.err
        assert "damaged" not in said.out + said.err
    assert rows_of(tmp_path / "var" / "ledger.sqlite") == ROWS
    run_command(["run"])
    assert run_command(["status"]) == 0
    assert "UNFINISHED: 1 (2_bills.csv)" in capsys.readouterr().out


def test_a_chain_of_an_earlier_version_is_counted_and_its_report_is_owed(path: Path) -> None:
    """As version 9 left it: records 2 and 3 of a file rejected, 2 corrected, the outcomes of the correction kept."""
    with closing(sqlite3.connect(path)) as old, old:
        for script in MIGRATIONS[:9]:
            old.executescript(script)
        old.execute("INSERT INTO binding VALUES ('citypower', 'test')")
        zeros = dict.fromkeys(Outcome, 0)
        money = {"ZAR": zeros | {"total": 600, "created": 100, "rejected": 200, "refused": 300}}
        counts = zeros | {"total": 4, "created": 1, "rejected": 2, "refused": 1}
        first = {"records": counts, "amounts_minor": money, "amount_unreadable": 1}
        for number, name, of, summary in ((1, "a.csv", None, first), (2, "b.csv", "a.csv.11111111", {})):
            old.execute(
                "INSERT INTO files (id, sha256, name, source, feed, feed_print, name_parts, rejects_of, size_bytes,"
                " state, landed_at, finished_at, summary, landing)"
                " VALUES (?1,?2,?3,'drop','bills','p','{}',?4,9,'loaded',?5,?5,?6,?1)",
                (number, str(number) * 64, name, of, AT.format(day=18), json.dumps(summary)),
            )
        for record, currency, amount, concerned in (
            (2, "ZAR", 200, ";bill_reference;"),
            (3, "XXY", None, ";currency;"),
            (4, "ZAR", 300, ""),
        ):
            old.execute(
                "INSERT INTO rejected (file_id, record, currency, amount_minor, concerned) VALUES (1,?,?,?,?)",
                (record, currency, amount, concerned),
            )
        old.execute("INSERT INTO corrected VALUES (1, 2, 2, 1, 'B-2', 'c', 1)")
        old.execute(
            "INSERT INTO outcomes (file_id, record, outcome, reference) VALUES (2, 1, 'updated', 'B-2')"
        )
        old.execute("PRAGMA user_version = 9")
    with closing(opened(path)) as ledger:
        (chain,) = Chains(ledger).all()
        assert {name: (each.records, each.amounts_minor) for name, each in chain.by_outcome.items()} == {
            "created": (1, {"ZAR": 100}),
            "updated": (1, {"ZAR": 200}),
            "rejected": (1, {}),
            "refused": (1, {"ZAR": 300}),
        }
        assert (chain.open.records, chain.open.amounts_minor, chain.open.unreadable) == (2, {"ZAR": 300}, 1)
        assert [row.name for row in chain.corrections] == ["b.csv"]
        assert [row.name for row in Renewals(ledger).owed()] == ["a.csv"]
