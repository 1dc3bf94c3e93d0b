"""What `audit`, `doctor` and `forget` print with `--json`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import JsonValue

from schemas.results import ErrorFacts, Moment, Number
from schemas.shape import Shape


class AuditFile(Shape):
    """A bill file that an entry is about."""

    name: str
    sha256: str


class AuditEntryFacts(Shape):
    """One entry, as it was hashed, and its hash. docs/audit-trail.md documents it."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"run", "files", "options", "config", "result"})
    """Keys that an entry does not have where they would be empty."""

    number: Number
    at: Moment
    user: str
    host: str
    command: str
    event: Literal["begun", "file", "ended", "done", "config", "restored"]
    run: str
    """Id of the run, as in `summary.json`."""
    files: list[AuditFile]
    options: dict[str, JsonValue]
    config: str
    """Print of the config."""
    result: dict[str, JsonValue]
    digest: str
    """SHA-256 over the digest of the entry before and the text of this one."""


class AuditResult(Shape):
    """`audit --json`."""

    timezone: str
    """The times of the lines for people; all times here are in UTC."""
    entries: list[AuditEntryFacts]
    """In their order; with `--since` from that day on."""
    head: str | None
    """`NUMBER:HASH` of the newest entry of the whole trail; null without a ledger."""
    exit_status: Number


class AuditCheckResult(Shape):
    """`audit --verify --json`."""

    entries: Number
    head: str
    """`NUMBER:HASH` of the newest entry."""
    findings: list[str]
    """What was altered, removed or reordered, a sentence each; empty: nothing was."""
    notes: list[str]
    without_end: dict[str, Number]
    """Id of a run that is at work or was killed → number of the entry with its beginning."""
    errors: list[ErrorFacts]
    exit_status: Number


class DoctorCheck(Shape):
    """One check."""

    check: str
    exit_status: Number
    """0: ok; otherwise what a run would exit with."""
    text: str
    """What was found, or what to do."""
    warning: bool
    """It is ok, but worth a thought."""


class ProbeAnswer(Shape):
    """How the API behaves where its contract leaves that open."""

    question: str
    answer: str


class DoctorResult(Shape):
    """`doctor --json`."""

    exit_status: Number
    """The worst of the checks."""
    checks: list[DoctorCheck]
    probe: list[ProbeAnswer]
    """Empty without `--probe`, and where a check is not ok."""


class ForgottenFile(Shape):
    """A bill file that the customer was in."""

    name: str
    sha256: str
    records: Number
    """0 where they can no longer be counted."""


class ForgetReport(Shape):
    """`forget --json`."""

    files: list[ForgottenFile]
    copies: list[str]
    """Files below `work_dir` that were removed."""
    payments_files: list[str]
    """Payments files in `work_dir/payments` whose references of the customer were removed."""
    elsewhere: list[str]
    """What may still hold the data, and was not touched."""
    left: list[str]
    """Files below `work_dir` that still mention the customer: not Billferry's, or still in use."""
    where: str
    """The folder of `copies` and `left`."""
    was_only_looked_at: bool
    """With `--dry-run`: nothing was removed."""
    errors: list[ErrorFacts]
    exit_status: Number
