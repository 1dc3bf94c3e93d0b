"""Writes the audit trail: when a run or command begins, what becomes of each file, how it ends.

An entry is in the same step of the ledger as what it tells, so that neither is there alone. A run that was killed has a
beginning and no end. How entries are chained is `core.audit_chain`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pipeline.core.audit_chain import AuditEntry, AuditHead, Event
from pipeline.core.release_decisions import Person
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.config import config_parts, config_print
from pipeline.edge.ledger.audit import AuditTrail
from pipeline.edge.ledger.door import Ledger
from schemas.results import Summary
from schemas.settings import Settings

NamedFile = tuple[str, str]
"""Name and SHA-256 of a file."""


class HasName(Protocol):
    """A file as the ledger knows it."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...


def named_files(rows: Sequence[HasName]) -> list[NamedFile]:
    """Files of the ledger, as entries name them."""
    return [(row.name, row.sha256) for row in rows]


@dataclass(slots=True)
class AuditLog:
    """The entries of one run or command. Raises DiskFull and LedgerBusy, as every step of the ledger."""

    ledger: Ledger
    settings: Settings
    by: Person
    command: str
    """As on the command line."""
    clock: Callable[[], datetime]
    options: Mapping[str, Any] = field(default_factory=dict)
    waits: bool = False
    """A look of `watch`: there is one every few seconds, so it begins with the first file that it takes up."""
    run: str | None = None
    """Id of the run, once it has begun."""
    _began: bool = False

    def together(self) -> AbstractContextManager[None]:
        """Entries and what they tell as one durable step of the ledger."""
        return AuditTrail(self.ledger).together()

    def head(self) -> str:
        """The newest entry, as reports note it: `NUMBER:HASH`."""
        return str(AuditTrail(self.ledger).head())

    def begin(self, run: str) -> None:
        """The run of that id begins; a look of `watch` is noted only once it takes up a file."""
        self.run = run
        if not self.waits:
            self.take_up()

    def take_up(self) -> None:
        """Something is about to be done: the beginning is noted, if it was not yet, and a config that was changed."""
        if self._began:
            return
        self._began = True
        with self.together():
            config = self._config()
            self._append("begun", options=self.options, config=config)

    def became(self, summary: Summary) -> None:
        """A file came to a state, within the caller's step."""
        self.take_up()
        file, records = summary.file, summary.records
        result = {
            "state": summary.state,
            "records": {outcome: count for outcome, count in records.parts().items() if count},
            "amounts_minor": {
                currency: {outcome: amount for outcome, amount in amounts.parts().items() if amount}
                for currency, amounts in summary.amounts_minor.items()
            },
        }
        self._append("file", files=[(file.name, file.sha256 or "")], result=result)

    def end(self, exit_status: int, states: Mapping[str, int]) -> None:
        """The run has ended, within the caller's step.

        Args:
            states: state of a file → how many files of the run came to it.
        """
        if self._began:
            self._append("ended", result={"exit_status": exit_status, "states": dict(states)})

    def done(
        self, files: Sequence[NamedFile] = (), *, options: Mapping[str, Any] | None = None, **result: Any
    ) -> AuditHead:
        """A command that is one step was done: `release`, `refuse`, `backup`, a write-off …

        For a new command: open the ledger, then, in the same step as what it changes,

            log = AuditLog(ledger, settings, invoking_user(), "write-off", utc_now)
            with log.together():
                …                               # the change itself
                log.done(named_files([row]), options={"records": "3,7-9"}, records=4)

        or, where there is an open run, `opened.history.done(…)`. No value of a record belongs into it,
        and no reason that somebody typed: what is once in here cannot be taken out again.

        Args:
            files: name and SHA-256 of each.
            options: how the command was given.
            result: what it came to, as JSON values.
        """
        return self._append("done", files=files, options=options or {}, result=result)

    def restored(self) -> None:
        """The ledger is not the one that worked here last: entries after its copy was made are not in this trail."""
        self._append("restored")

    def _config(self) -> str:
        """Print of the config; with an entry of its own where it is another one than the last time."""
        parts = config_parts(self.settings)
        now = config_print(parts)
        before, parts_before = AuditTrail(self.ledger).last_config()
        if now != before:
            changed = sorted(
                name for name in parts | parts_before if parts.get(name) != parts_before.get(name)
            )
            self._append("config", config=now, result={"changed": changed, "parts": parts})
        return now

    def _append(self, event: Event, **facts: Any) -> AuditHead:
        at = rfc3339(self.clock())
        entry = AuditEntry(at, self.by, self.command, event, self.run, **facts)
        return AuditTrail(self.ledger).append(entry)
