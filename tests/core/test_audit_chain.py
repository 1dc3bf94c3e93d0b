"""The chain of the audit trail, and the recipe that docs/audit-trail.md gives an auditor."""

from __future__ import annotations

import hashlib
import json
import time

import pytest

from pipeline.core.audit_chain import (
    EMPTY,
    AuditEntry,
    AuditHead,
    ChainedEntry,
    NotedHead,
    head_of,
    next_entry,
    verified,
)
from pipeline.core.release_decisions import Person

THANDI = Person("thandi", "billing1")


def entry(**facts: object) -> AuditEntry:
    said = {"at": "2026-11-28T06:00:00Z", "by": THANDI, "command": "run", "event": "done", **facts}
    return AuditEntry(**said)  # type: ignore[arg-type]


def trail(count: int) -> list[ChainedEntry]:
    rows: list[ChainedEntry] = []
    head = EMPTY
    for number in range(count):
        added = next_entry(head, entry(run=f"run-{number}", event="begun" if number % 2 == 0 else "ended"))
        head = AuditHead(added.number, added.digest)
        rows.append(added)
    return rows


def test_an_auditor_recomputes_the_chain_with_a_hash_function_alone() -> None:
    before = "0" * 64
    for number, text, digest in trail(3):
        before = hashlib.sha256(before.encode() + b"\n" + text.encode()).hexdigest()
        assert before == digest
        assert json.loads(text)["number"] == number


def test_the_text_of_an_entry_is_pinned_for_it_is_hashed_for_good() -> None:
    said = entry(
        command="load",
        run="1b2c",
        files=[("june_ü.csv", "ab" * 32)],
        options={"limit": 2, "force": True},
        result={"state": "loaded"},
        event="file",
        config="cd" * 32,
    )
    assert said.text(7) == (
        '{"at":"2026-11-28T06:00:00Z","command":"load","config":"' + "cd" * 32 + '","event":"file","files":'
        '[{"name":"june_ü.csv","sha256":"' + "ab" * 32 + '"}],"host":"billing1","number":7,"options":'
        '{"force":true,"limit":2},"result":{"state":"loaded"},"run":"1b2c","user":"thandi"}'
    )


def test_no_e_mail_key_or_number_of_a_person_gets_into_an_entry() -> None:
    said = entry(
        files=[("jane@example.com_8001015009087_20261120.csv", "ab" * 32)],
        options={"why": "call +27 82 555 0123", "more": ["sk_live_abcdef"]},
        result={"said": {"by": "jane@example.com"}},
    ).text(1)
    assert "[e-mail]" in said
    for personal in ("jane@", "8001015009087", "555", "sk_live", "@example"):
        assert personal not in said
    assert "20261120" in entry(files=[("bills_20261120.csv", "ab" * 32)]).text(1), "a day is nobody's number"


def test_numbers_of_records_are_not_masked() -> None:
    assert '"records":"3,1000001-1000009"' in entry(options={"records": "3,1000001-1000009"}).text(1)
    assert "[number]" in entry(options={"records": "0825550123"}).text(1)


def test_a_sound_trail_leads_to_every_head_that_was_noted() -> None:
    rows = trail(5)
    heads = [NotedHead(AuditHead(row.number, row.digest), "a report") for row in rows]
    found = verified(rows, [*heads, NotedHead(EMPTY, "a report of before")])
    assert (found.findings, found.notes, found.head) == ([], [], AuditHead(5, rows[4].digest))
    assert found.open_runs == {"run-0": 1, "run-2": 3, "run-4": 5}


def test_a_run_without_an_end_is_told() -> None:
    rows = [next_entry(EMPTY, entry(event="begun", run="a"))]
    rows.append(next_entry(AuditHead(1, rows[0].digest), entry(event="ended", run="a")))
    assert verified(rows[:1]).open_runs == {"a": 1}
    assert verified(rows).open_runs == {}


def test_a_restored_ledger_explains_what_reports_of_before_name_and_nothing_later() -> None:
    rows = trail(3)
    lost = NotedHead(AuditHead(9, "e" * 64), "the report june", "2026-11-27T06:00:00Z")
    rows.append(next_entry(AuditHead(3, rows[2].digest), entry(event="restored")))
    found = verified(rows, [lost])
    assert found.findings == []
    assert "restored from a copy" in found.notes[0]
    later = NotedHead(lost.head, lost.where, "2026-11-29T06:00:00Z")
    assert verified(rows, [later]).findings
    by_hand = NotedHead(lost.head, "--head")
    assert verified(rows, [by_hand]).findings, "what a person has noted must be there"


@pytest.mark.parametrize("text", ["", "7", "7:abc", "x:" + "a" * 64, "7:" + "A" * 64, "7:" + "a" * 64 + "\n"])
def test_a_head_is_a_number_and_a_hash(text: str) -> None:
    assert head_of(text) is None
    assert head_of(str(AuditHead(7, "a" * 64))) == AuditHead(7, "a" * 64)


def test_ten_thousand_entries_are_verified_in_less_than_two_seconds() -> None:
    rows = trail(10_000)
    began = time.process_time()
    assert verified(rows).findings == []
    assert time.process_time() - began < 2
