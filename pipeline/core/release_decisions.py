"""Held files: what a person decided about one, and what that decision covers (design §4, `held`).

A decision is bound to what the person saw: the file's bytes, the feed it was read with, its totals, and the reasons it
was held for. Whatever changes voids it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from pipeline.core.file_stages import Hold
from pipeline.core.totals import Totals
from pipeline.core.values.timestamps import local_time

Word = Literal["release", "refuse"]
Fate = Literal["pending", "taken", "void", "replaced", "expired"]
"""What became of a decision: a run has not come to it yet, followed it, or found that the file had changed; a later one
of the same person came before any run; or no run came to it in time."""
_FATES: dict[Fate, str] = {
    "void": "; void, because the file, its feed or what it is held for has changed since",
    "replaced": "; replaced by a later decision before a run came to it",
    "expired": "; void, because no run came to it in time (page.approval_days)",
}

FIRST = "file.first_of_feed"
ALWAYS = "file.release_always"
LIMITED = "file.limited"
REFUSED = "file.refused_by_person"
RESTORED = "file.restored"
STOPPED = "file.stopped"
UPLOADED = "file.uploaded"
"""Codes of holds and of a refusal by a person; their words are in the catalogue (`file_rules`)."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a file was when somebody looked at it."""

    feed_print: str
    totals: str
    """As `totals_text`."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides, and where."""

    user_name: str
    host: str

    def __str__(self) -> str:
        return f"{self.user_name} on {self.host}"

    def is_same_as(self, other: Person) -> bool:
        """Whether both are one person: by the user name alone, in small or capital letters, wherever it was typed."""
        return self.user_name.casefold() == other.user_name.casefold()


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about the file of that SHA-256. `at` is RFC 3339."""

    sha256: str
    word: Word
    at: str
    by: Person
    basis: Basis
    holds: frozenset[str]
    """Prints of the reasons that the person was shown (`print_of`)."""
    accept_changes: bool = False
    up_to: int | None = None
    """So many records of the file may be settled in all; None: every one."""
    why: str | None = None

    def covers(self, basis: Basis, holds: Iterable[Hold]) -> bool:
        """Whether it was made about this file, and, as a release, for all of these reasons."""
        if basis != self.basis:
            return False
        return self.word == "refuse" or all(
            print_of(hold) in self.holds and (self.accept_changes or not hold.changes) for hold in holds
        )

    def has_expired(self, now: datetime, days: int | None) -> bool:
        """Whether it is a release that no run took up for so many days; None: releases do not expire."""
        if days is None or self.word != "release":
            return False
        return now - datetime.fromisoformat(self.at) > timedelta(days=days)

    def told(self, zone: tzinfo, fate: Fate = "taken") -> str:
        """`released on 2026-11-24 08:00 SAST by thandi on billing1`, how far, why, and what became of it."""
        parts = [f"{self.word}d on {local_time(self.at, zone)} by {self.by}"]
        if self.up_to is not None:
            parts.append(f", up to {self.up_to} record{'' if self.up_to == 1 else 's'} of it in all")
        if self.accept_changes:
            parts.append(", with its changes")
        if self.why:
            parts.append(f": {self.why}")
        return "".join(parts) + _FATES.get(fate, "")


def print_of(hold: Hold) -> str:
    """A hash of a reason: its code and what it would change, but not its words, whose figures move with the history."""
    return hashlib.sha256("\n".join([hold.code, *hold.changes]).encode()).hexdigest()


def totals_text(totals: Totals) -> str:
    """What a check counted, as text: records and minor units by currency and outcome."""
    counted = {
        currency: {
            str(outcome): [number, totals.amounts_minor[currency].get(outcome, 0)]
            for outcome, number in sorted(by_outcome.items())
        }
        for currency, by_outcome in totals.records.items()
    }
    return json.dumps(counted, sort_keys=True)


def is_first_person(by: Person, dropped_by: Collection[Person]) -> bool:
    """Whether somebody who decides has dropped the file on the page, so that a second person has to release it."""
    return any(by.is_same_as(each) for each in dropped_by)


def uploaded(by: Person) -> Hold:
    """A file that came by the page."""
    return Hold(UPLOADED, f"dropped on the page by {by.user_name}: it is loaded once it is released")


def first_of_feed(feed: str) -> Hold:
    """A feed with `release: first`, none of whose files has been loaded."""
    return Hold(FIRST, f"no file of feed {feed} has been loaded yet")


def always() -> Hold:
    """A feed with `release: always`."""
    return Hold(ALWAYS, "each file of this feed waits for a person (feed.release: always)")


def restored() -> Hold:
    return Hold(
        RESTORED,
        "it was already held in the copy of the ledger that was restored, and may have been refused since;"
        " ask who decides, then release or refuse it",
    )


def stopped(by: Person, sent: int, left: int) -> Hold:
    """A person has stopped the load of the file on the page. `sent` and `left`: records."""
    return Hold(STOPPED, f"stopped on the page by {by.user_name}: {sent} sent, {left} left")


def limited(sent: int, left: int) -> Hold:
    """`--limit` has stopped the file. `sent` and `left`: records."""
    return Hold(LIMITED, f"only so many records were to be sent (--limit): {sent} sent, {left} left")
