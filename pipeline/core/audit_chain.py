"""The audit trail: what an entry says, and the chain of hashes that shows whether anything in it was changed.

The text of an entry is canonical JSON, kept as it was hashed: keys sorted, no spaces, characters as they are, in UTF-8.
The hash of entry n is SHA-256 over the hash of entry n - 1 (64 zeros before the first), a line feed, and the text.
docs/audit-trail.md documents both, so that anybody can check a trail without this program.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pipeline.core.redact import redact, redact_name
from pipeline.core.release_decisions import Person

BEFORE_THE_FIRST = "0" * 64
MOST_FINDINGS = 20
"""A trail in which one entry was removed breaks at one place; more than these tell nobody more."""
_RECORD_NUMBERS = re.compile(r"[0-9]{1,8}(-[0-9]{1,8})?(,[0-9]{1,8}(-[0-9]{1,8})?)*")
"""`3,7-9`: ranges of records look like numbers of persons and are none; a file has at most 20 million records."""
_HEAD = re.compile(r"([0-9]{1,15}):([0-9a-f]{64})")

Event = Literal["begun", "file", "ended", "done", "config", "restored"]
"""A run began, a file came to a state, a run ended, a command that is one step was done, the config was changed, or the
ledger is not the one that worked here last."""


class AuditHead(NamedTuple):
    """The newest entry of a trail: it stands for all entries until then."""

    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"


class ChainedEntry(NamedTuple):
    """An entry as it is kept."""

    number: int
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What somebody did. Of a bill file its name and SHA-256 are said, of a record and a customer nothing."""

    at: str
    """RFC 3339, UTC."""
    by: Person
    command: str
    """As on the command line: `run`, `release`, …"""
    event: Event
    run: str | None = None
    """Id of the run, as in `summary.json`; None for a command that is no run."""
    files: Sequence[tuple[str, str]] = ()
    """Name and SHA-256 of each file it is about."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """How it was given, such as `{"force": true}`; texts in it are masked."""
    config: str | None = None
    """Print of the config, where a run began."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """What it came to; texts in it are masked."""

    def text(self, number: int) -> str:
        """Canonical JSON; what is empty is left out."""
        files = [{"name": redact_name(name), "sha256": sha256} for name, sha256 in self.files]
        facts = {
            "number": number,
            "at": self.at,
            "user": self.by.user_name,
            "host": self.by.host,
            "command": self.command,
            "event": self.event,
            "run": self.run,
            "files": files,
            "options": _masked(self.options),
            "config": self.config,
            "result": _masked(self.result),
        }
        return canonical_text({name: value for name, value in facts.items() if value not in (None, [], {})})


def _masked(value: Any) -> Any:
    """Without keys, e-mails and long numbers in texts; hashes and ids stay."""
    if isinstance(value, Mapping):
        return {str(key): _masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    is_text = isinstance(value, str) and not _RECORD_NUMBERS.fullmatch(value)
    return redact(value) if is_text else value


def canonical_text(entry: Mapping[str, Any]) -> str:
    """The one text of an entry."""
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def chained(before: str, text: str) -> str:
    """The hash (hex) of an entry after the entry with the hash `before`."""
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()


def next_entry(head: AuditHead, entry: AuditEntry) -> ChainedEntry:
    """An entry as it follows the head of a trail."""
    number = head.number + 1
    text = entry.text(number)
    return ChainedEntry(number, text, chained(head.digest, text))


def head_of(text: str) -> AuditHead | None:
    """The head that `NUMBER:HASH` says; None where it says none."""
    found = _HEAD.fullmatch(text)
    return AuditHead(int(found[1]), found[2]) if found else None


EMPTY = AuditHead(0, BEFORE_THE_FIRST)
"""The head of a trail without entries."""


@dataclass(frozen=True, slots=True)
class NotedHead:
    """A head that something outside the ledger remembers."""

    head: AuditHead
    where: str
    """For messages: the report, or `--head`."""
    at: str = ""
    """When it was noted (RFC 3339); empty: nobody knows."""


@dataclass(slots=True)
class AuditFindings:
    """What a whole trail came to."""

    head: AuditHead = EMPTY
    findings: list[str] = field(default_factory=list)
    """What is wrong, one sentence each, in order; empty: nothing was altered, removed or reordered."""
    notes: list[str] = field(default_factory=list)
    """What explains itself, but should be known."""
    open_runs: dict[str, int] = field(default_factory=dict)
    """Run → number of its first entry, where it has none for its end: killed, or at work."""
    _restored: list[tuple[int, str]] = field(default_factory=list)
    _met: set[AuditHead] = field(default_factory=set)

    def found(self, problem: str) -> None:
        """Note what is wrong."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(problem)


def verified(rows: Iterable[ChainedEntry], noted: Sequence[NotedHead] = ()) -> AuditFindings:
    """Check a whole trail, from its first entry, and that it leads to every head that was noted elsewhere.

    Each break is found once: after it, the chain is followed from the hash that is kept.
    """
    found = AuditFindings()
    wanted = {each.head for each in noted}
    for row in rows:
        _check(row, found)
        found.head = AuditHead(row.number, row.digest)
        if found.head in wanted:
            found._met.add(found.head)
    for each in noted:
        if each.head not in found._met and each.head != EMPTY:
            _missing(each, found)
    return found


def _check(row: ChainedEntry, found: AuditFindings) -> None:
    """One entry against the one before it, which is the head so far."""
    expected = found.head.number + 1
    if row.number != expected:
        gap = (
            f"entry {expected} is"
            if row.number == expected + 1
            else f"entries {expected} to {row.number - 1} are"
        )
        found.found(f"{gap} missing" if row.number > expected else f"entry {row.number} is out of order")
    if chained(found.head.digest, row.text) != row.digest:
        found.found(f"entry {row.number} does not follow the entry before it: one of the two was changed")
    entry = _entry(row.text)
    if entry is None or entry.get("number") != row.number:
        found.found(f"entry {row.number} is not an entry of that number as Billferry writes it")
        return
    run, event = entry.get("run"), entry["event"]
    if run and event == "begun":
        found.open_runs[run] = row.number
    elif run and event == "ended":
        found.open_runs.pop(run, None)
    elif event == "restored":
        found._restored.append((row.number, str(entry["at"])))


def _entry(text: str) -> dict[str, Any] | None:
    """What a text says; None where it is not canonical."""
    try:
        entry = json.loads(text)
    except ValueError:
        return None
    is_entry = isinstance(entry, dict) and {"number", "at", "command", "event"} <= entry.keys()
    return entry if is_entry and canonical_text(entry) == text else None


def _missing(noted: NotedHead, found: AuditFindings) -> None:
    """A head that the trail does not lead to. Explained where the ledger was restored from a copy after it was noted:
    the entries are gone, and the trail says so itself.
    """
    number = noted.head.number
    gone = f"entry {number}, which {noted.where} names, is not in this trail"
    if number > found.head.number:
        gone = f"{gone}: its end was cut off after entry {found.head.number}"
    after = [each for each, at in found._restored if noted.at and at >= noted.at]
    if after:
        found.notes.append(
            f"{gone}; entry {after[0]} says that the ledger was restored from a copy after that"
        )
    else:
        found.found(gone)
