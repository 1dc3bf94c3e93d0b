"""Whoever changes the audit trail in the ledger is found out, whichever way it is done."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.core.audit_chain import AuditEntry, AuditFindings, AuditHead, canonical_text, chained, head_of
from pipeline.core.release_decisions import Person
from pipeline.diagnostics.audit_check import audit_check
from pipeline.edge.config import load_config
from pipeline.edge.ledger.audit import AuditTrail
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.door import Ledger
from schemas.settings import Settings
from tests.world import feed, merchant_config, write_config

Row = tuple[int, str, str]
COUNT = 6


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "drop").mkdir()
    (tmp_path / "var").mkdir()
    config = merchant_config("http://127.0.0.1:1", [feed("bills", "bill", "*.csv")])
    return load_config(write_config(tmp_path, config), folders_may_be_missing=True).settings


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with closing(
        open_sqlite_ledger(settings.work_dir / "ledger.sqlite", merchant="citypower", environment="test")
    ) as opened:
        trail = AuditTrail(opened)
        for number in range(COUNT):
            trail.append(
                AuditEntry("2026-11-28T06:00:00Z", Person("thandi", "h"), "run", "done", f"run-{number}")
            )
        yield opened


def noted_in_a_report(settings: Settings, head: AuditHead, at: str = "2026-11-28T07:00:00Z") -> None:
    folder = settings.work_dir / "reports" / f"june.csv.{head.number:08d}"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps({"run": {"audit_head": str(head), "finished_at": at}}))


def rows_of(ledger: Ledger) -> list[Row]:
    return [tuple(row) for row in ledger.execute("SELECT number, entry, digest FROM audit ORDER BY number")]


def tampered(ledger: Ledger, rows: list[Row], *, guards: bool = True) -> None:
    """What somebody with a SQLite browser does: the guards are taken away, rows replaced, the guards put back."""
    triggers = [
        row[0]
        for row in ledger.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
        )
    ]
    for name in ("audit_is_never_changed", "audit_is_never_shortened"):
        ledger.execute(f"DROP TRIGGER {name}")
    ledger.execute("DELETE FROM audit")
    ledger.executemany("INSERT INTO audit VALUES (?, ?, ?)", rows)
    for trigger in triggers if guards else ():
        ledger.execute(trigger)


def changed(text: str, **facts: object) -> str:
    return canonical_text(json.loads(text) | facts)


def rehashed(rows: list[Row]) -> list[Row]:
    """Numbers and hashes made anew, as whoever knows the recipe does."""
    done: list[Row] = []
    before = "0" * 64
    for number, (_, given, _) in enumerate(rows, start=1):
        text = changed(given, number=number)
        before = chained(before, text)
        done.append((number, text, before))
    return done


def _alter_a_text(rows: list[Row]) -> list[Row]:
    number, text, digest = rows[2]
    return [*rows[:2], (number, changed(text, user="nobody"), digest), *rows[3:]]


def _alter_a_hash(rows: list[Row]) -> list[Row]:
    return [*rows[:2], (rows[2][0], rows[2][1], "f" * 64), *rows[3:]]


def _alter_a_text_and_its_hash(rows: list[Row]) -> list[Row]:
    number, text, _ = rows[2]
    text = changed(text, user="nobody")
    return [*rows[:2], (number, text, chained(rows[1][2], text)), *rows[3:]]


def _alter_a_text_and_every_hash_after_it(rows: list[Row]) -> list[Row]:
    number, text, digest = rows[2]
    return rehashed([*rows[:2], (number, changed(text, user="nobody"), digest), *rows[3:]])


def _remove_one(rows: list[Row]) -> list[Row]:
    return [*rows[:2], *rows[3:]]


def _remove_one_and_close_the_gap(rows: list[Row]) -> list[Row]:
    return [*rows[:2], *((number - 1, text, digest) for number, text, digest in rows[3:])]


def _remove_one_and_make_numbers_and_hashes_anew(rows: list[Row]) -> list[Row]:
    return rehashed(_remove_one(rows))


def _remove_the_first(rows: list[Row]) -> list[Row]:
    return rows[1:]


def _swap_two(rows: list[Row]) -> list[Row]:
    (one, text, digest), (two, other, others) = rows[2:4]
    return [*rows[:2], (one, other, others), (two, text, digest), *rows[4:]]


def _swap_two_and_make_hashes_anew(rows: list[Row]) -> list[Row]:
    return rehashed([*rows[:2], rows[3], rows[2], *rows[4:]])


def _add_one_in_the_middle(rows: list[Row]) -> list[Row]:
    number, text, digest = rows[2]
    return [
        *rows[:2],
        (number, changed(text, user="nobody"), digest),
        *((number + 1, text, digest) for number, text, digest in rows[2:]),
    ]


def _cut_the_end_off(rows: list[Row]) -> list[Row]:
    return rows[:-2]


def _cut_the_end_off_and_write_another(rows: list[Row]) -> list[Row]:
    number, text, _ = rows[3]
    return rehashed([*rows[:4], *((number, changed(text, user="nobody"), "") for _ in range(4))])


def _remove_all(_rows: list[Row]) -> list[Row]:
    return []


def _write_the_same_in_another_form(rows: list[Row]) -> list[Row]:
    number, text, _ = rows[-1]
    spaced = json.dumps(json.loads(text))
    return [*rows[:-1], (number, spaced, chained(rows[-2][2], spaced))]


TAMPERING: list[Callable[[list[Row]], list[Row]]] = [
    _alter_a_text,
    _alter_a_hash,
    _alter_a_text_and_its_hash,
    _alter_a_text_and_every_hash_after_it,
    _remove_one,
    _remove_one_and_close_the_gap,
    _remove_one_and_make_numbers_and_hashes_anew,
    _remove_the_first,
    _swap_two,
    _swap_two_and_make_hashes_anew,
    _add_one_in_the_middle,
    _cut_the_end_off,
    _cut_the_end_off_and_write_another,
    _remove_all,
    _write_the_same_in_another_form,
]


def found(ledger: Ledger, settings: Settings) -> AuditFindings:
    return audit_check(ledger, settings)


def test_a_trail_that_nobody_touched_is_sound(ledger: Ledger, settings: Settings) -> None:
    noted_in_a_report(settings, AuditTrail(ledger).head())
    assert found(ledger, settings).findings == []
    tampered(ledger, rows_of(ledger))
    assert found(ledger, settings).findings == [], "the same rows again are the same trail"


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda tamper: tamper.__name__.strip("_"))
def test_tampering_is_found(
    tamper: Callable[[list[Row]], list[Row]], ledger: Ledger, settings: Settings
) -> None:
    noted_in_a_report(settings, AuditTrail(ledger).head())
    tampered(ledger, tamper(rows_of(ledger)))
    assert found(ledger, settings).findings


def test_the_form_of_an_entry_is_checked_where_no_head_was_noted(ledger: Ledger, settings: Settings) -> None:
    tampered(ledger, _write_the_same_in_another_form(rows_of(ledger)))
    assert "as Billferry writes it" in found(ledger, settings).findings[0]


def test_a_finding_names_the_entry(ledger: Ledger, settings: Settings) -> None:
    rows = rows_of(ledger)
    tampered(ledger, _remove_one(rows))
    assert found(ledger, settings).findings[0] == "entry 3 is missing"
    tampered(ledger, [*rows[:1], *rows[4:]])
    assert found(ledger, settings).findings[0] == "entries 2 to 4 are missing"
    tampered(ledger, _alter_a_text(rows))
    assert "entry 3 does not follow" in found(ledger, settings).findings[0]


@pytest.mark.parametrize("keyword", ["UPDATE audit SET entry = ''", "DELETE FROM audit"])
def test_the_ledger_itself_refuses_to_change_an_entry(keyword: str, ledger: Ledger) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        ledger.execute(keyword)


def test_guards_that_were_taken_away_are_found(ledger: Ledger, settings: Settings) -> None:
    tampered(ledger, rows_of(ledger), guards=False)
    assert len(found(ledger, settings).findings) == 2


def test_an_older_report_is_compared_as_well_as_the_newest(ledger: Ledger, settings: Settings) -> None:
    """Whoever cuts the end off may go on from there: the newest report then fits what is left."""
    rows = rows_of(ledger)
    noted_in_a_report(settings, AuditHead(6, rows[5][2]), "2026-11-28T07:00:00Z")
    tampered(ledger, rows[:3])
    noted_in_a_report(settings, AuditHead(3, rows[2][2]), "2026-11-28T08:00:00Z")
    assert "cut off after entry 3" in found(ledger, settings).findings[0]


def test_a_head_that_a_person_noted_is_compared_without_any_report(
    ledger: Ledger, settings: Settings
) -> None:
    rows = rows_of(ledger)
    head = head_of(f"6:{rows[5][2]}")
    assert head is not None
    assert audit_check(ledger, settings, [head]).findings == []
    tampered(ledger, rows[:3])
    assert audit_check(ledger, settings).findings == [], "a chain alone cannot show that it was longer"
    assert audit_check(ledger, settings, [head]).findings


def test_a_ledger_that_is_gone_is_a_finding_where_reports_tell_of_it(settings: Settings) -> None:
    assert audit_check(None, settings).findings == []
    noted_in_a_report(settings, AuditHead(4, "a" * 64))
    assert audit_check(None, settings).findings


def test_reports_that_cannot_be_read_or_are_of_an_earlier_version_note_nothing(
    ledger: Ledger, settings: Settings
) -> None:
    for number, text in enumerate(["", "[]", '{"run": {}}', '{"run": {"audit_head": null}}', '{"run": 3}']):
        folder = settings.work_dir / "reports" / f"old.{number}"
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(text)
    assert found(ledger, settings).findings == []
